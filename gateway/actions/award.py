"""`POST /gorgias/actions/award-points` and `deduct-points`: one click, one award or deduction, one sentence."""

from collections.abc import Mapping

from aiohttp import web

from gateway.actions.boundary import Press, answer_press
from gateway.actions.parameters import AwardForm, has_reason_field, parse_award_form, parse_award_token
from gateway.actions.reply import Reply, make_refused_reply, make_reply
from gateway.actions.ticket import prepare_ticket, send
from gateway.actions.token import TOKENS, Panel
from gateway.customers.identity import IDENTIFIED_BY
from gateway.errors import GatewayError, LoyaltyCallError
from gateway.loyalty_client import CLIENT
from gateway.wording.answers.award import say_award, say_award_lost, say_award_refusal
from gateway.wording.answers.facts import say_note_place
from gateway.wording.directions import ADD, REMOVE
from protos.loyalty.v1 import loyalty_pb2 as pb


async def handle_award_points(request: web.Request) -> web.Response:
    return await answer_press(request, _AwardAction(debit=False))


async def handle_deduct_points(request: web.Request) -> web.Response:
    return await answer_press(request, _AwardAction(debit=True))


class _AwardAction:
    """`debit`: the points are removed."""

    def __init__(self, *, debit: bool) -> None:
        self._debit = debit
        self._direction = REMOVE if debit else ADD
        self._points = 0
        self._asks_reason = False

    @property
    def name(self) -> str:
        return "deduct_points" if self._debit else "award_points"

    async def act(self, press: Press, parameters: Mapping[str, str]) -> Reply:
        token = parse_award_token(parameters, debit=self._debit)
        panel = press.app[TOKENS].parse(token, press.merchant_id, press.now, debit=self._debit)
        press.member_id = panel.member_id
        form = parse_award_form(parameters, needs_reason=self._debit)
        self._points, self._asks_reason = form.points, has_reason_field(parameters)
        request = _make_request(panel, form, debit=self._debit)
        await prepare_ticket(press, form.ticket_id, request.request_id, panel.owner)
        call = press.app[CLIENT].award_points(request, timeout_s=press.left_s, request_id=press.request_id)
        response = await send(press, request.request_id, call)
        reversal = await _fetch_reversal(press, response.award)
        note = say_note_place(press.note_ticket_id, press.ticket_id)
        said = say_award(response, request.request_id, reversal, press.shop, press.now, note=note)
        return make_reply(response, said)

    def render_refusal(self, error: GatewayError, press: Press) -> Reply:
        said = say_award_refusal(
            error,
            press.shop,
            press.now,
            direction=self._direction,
            asks_reason=self._asks_reason,
            note=say_note_place(press.note_ticket_id, press.ticket_id),
        )
        return make_refused_reply(error, said)

    def render_lost(self, press: Press) -> Reply:
        is_noted = press.note_ticket_id != ""
        said = say_award_lost(self._points, press.shop, direction=self._direction, is_noted=is_noted)
        return Reply(status="checking", message=said)


def _make_request(panel: Panel, form: AwardForm, *, debit: bool) -> pb.AwardPointsRequest:
    request = pb.AwardPointsRequest(
        merchant_id=panel.merchant_id,
        request_id=panel.make_request_id(form.ticket_id, form.agent_email or form.agent_name),
        member_id=panel.member_id,
        points=form.points,
        note=form.note,
        reason=form.reason,
        ticket_id=form.ticket_id,
        claimed_agent_email=form.agent_email,
        claimed_agent_name=form.agent_name,
        ticket_verified=True,  # otherwise it is not sent
        debit=debit,
        identified_by=IDENTIFIED_BY[panel.owner.kind],
    )
    request.member_fetch_time.FromNanoseconds(panel.fetch_time_ns)
    return request


async def _fetch_reversal(press: Press, award: pb.Award) -> pb.Award | None:
    """Fetch the award's reversal: it may not be booked. None: no reversal, or not known."""
    if not award.reversed_by:
        return None
    request = pb.GetAwardRequest(merchant_id=press.merchant_id, award_id=award.reversed_by)
    try:
        response = await press.app[CLIENT].get_award(request, timeout_s=press.left_s)
    except LoyaltyCallError:
        return None
    return response.award
