"""`POST /gorgias/actions/award-points`: one click, one award, one sentence."""

from collections.abc import Mapping
from typing import ClassVar

from aiohttp import web

from gateway.actions.award_replies import render_award, render_award_lost, render_award_refusal
from gateway.actions.boundary import Press, answer_press
from gateway.actions.parameters import AwardForm, has_reason_field, parse_award_form, parse_award_token
from gateway.actions.replies import Reply, say_note
from gateway.actions.ticket import prepare_ticket, send
from gateway.actions.token import TOKENS, Panel
from gateway.errors import GatewayError, LoyaltyCallError
from gateway.loyalty_client import CLIENT
from protos.loyalty.v1 import loyalty_pb2 as pb


async def handle_award_points(request: web.Request) -> web.Response:
    return await answer_press(request, _AwardAction())


class _AwardAction:
    name: ClassVar[str] = "award_points"

    def __init__(self) -> None:
        self._points = 0
        self._asks_reason = False

    async def act(self, press: Press, parameters: Mapping[str, str]) -> Reply:
        panel = press.app[TOKENS].parse(parse_award_token(parameters), press.merchant_id, press.now)
        press.member_id = panel.member_id
        form = parse_award_form(parameters)
        self._points, self._asks_reason = form.points, has_reason_field(parameters)
        request = _make_request(panel, form)
        await prepare_ticket(press, form.ticket_id, request.request_id, panel.owner)
        call = press.app[CLIENT].award_points(request, timeout_s=press.left_s, request_id=press.request_id)
        response = await send(press, request.request_id, call)
        reversal = await _fetch_reversal(press, response.award)
        return render_award(
            response,
            request.request_id,
            reversal,
            press.shop,
            press.now,
            note=say_note(press.note_ticket_id, press.ticket_id),
        )

    def render_refusal(self, error: GatewayError, press: Press) -> Reply:
        note = say_note(press.note_ticket_id, press.ticket_id)
        return render_award_refusal(error, press.shop, press.now, asks_reason=self._asks_reason, note=note)

    def render_lost(self, press: Press) -> Reply:
        return render_award_lost(self._points, press.shop, is_noted=press.note_ticket_id != "")


def _make_request(panel: Panel, form: AwardForm) -> pb.AwardPointsRequest:
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
        ticket_verified=True,  # or it is not sent
    )
    request.member_fetch_time.FromNanoseconds(panel.fetch_time_ns)
    return request


async def _fetch_reversal(press: Press, award: pb.Award) -> pb.Award | None:
    """An award names its reversal before that one is booked, so its state has to be asked for. None: not known."""
    if not award.reversed_by:
        return None
    request = pb.GetAwardRequest(merchant_id=press.merchant_id, award_id=award.reversed_by)
    try:
        response = await press.app[CLIENT].get_award(request, timeout_s=press.left_s)
    except LoyaltyCallError:
        return None
    return response.award
