"""`POST /gorgias/actions/undo-award`: the award or deduction that the panel names is undone, once."""

from collections.abc import Mapping

from aiohttp import web

from gateway.actions.boundary import Press, answer_press
from gateway.actions.parameters import UndoForm, parse_undo_form, parse_undo_token
from gateway.actions.reply import Reply, make_refused_reply, make_reply
from gateway.actions.ticket import prepare_ticket, send
from gateway.actions.token import TOKENS, UndoPanel
from gateway.errors import GatewayError
from gateway.loyalty_client import CLIENT
from gateway.wording.answers.facts import say_note_place
from gateway.wording.answers.undo import say_undo, say_undo_lost, say_undo_refusal
from protos.loyalty.v1 import loyalty_pb2 as pb


async def handle_undo_award(request: web.Request) -> web.Response:
    return await answer_press(request, _UndoAction())


class _UndoAction:
    name = "undo_award"

    def __init__(self) -> None:
        self._award_id = ""

    async def act(self, press: Press, parameters: Mapping[str, str]) -> Reply:
        panel = press.app[TOKENS].parse_undo(parse_undo_token(parameters), press.merchant_id, press.now)
        self._award_id, press.member_id = panel.award_id, panel.member_id
        form = parse_undo_form(parameters)
        request = _make_request(panel, form)
        await prepare_ticket(press, form.ticket_id, request.request_id, panel.owner)
        call = press.app[CLIENT].reverse_award(request, timeout_s=press.left_s, request_id=press.request_id)
        response = await send(press, request.request_id, call)
        note = say_note_place(press.note_ticket_id, press.ticket_id)
        return make_reply(response, say_undo(response, press.shop, press.now, note=note))

    def render_refusal(self, error: GatewayError, press: Press) -> Reply:
        note = say_note_place(press.note_ticket_id, press.ticket_id)
        return make_refused_reply(error, say_undo_refusal(error, self._award_id, press.shop, press.now, note=note))

    def render_lost(self, _press: Press) -> Reply:
        return Reply(status="checking", message=say_undo_lost(self._award_id))


def _make_request(panel: UndoPanel, form: UndoForm) -> pb.ReverseAwardRequest:
    return pb.ReverseAwardRequest(
        merchant_id=panel.merchant_id,
        request_id=panel.make_request_id(),
        award_id=panel.award_id,
        ticket_id=form.ticket_id,
        claimed_agent_email=form.agent_email,
        claimed_agent_name=form.agent_name,
        ticket_verified=True,  # otherwise it is not sent
    )
