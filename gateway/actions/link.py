"""`POST /gorgias/actions/link-member`: a customer is linked to the member whose support ID the agent types."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from gateway.actions.boundary import Press, answer_press
from gateway.actions.link_token import LINK_TOKENS
from gateway.actions.parameters import parse_link_form, parse_link_token
from gateway.actions.refusals import name_customer
from gateway.actions.reply import Reply, make_refused_reply
from gateway.config import CONFIG
from gateway.customers.ticket_customer import TICKET_CUSTOMERS
from gateway.errors import GatewayError, TicketMissingError, name_reason
from gateway.gorgias.tickets import parse_ticket_id
from gateway.links.errors import LinkExistsError
from gateway.links.link import Agent, Link, NewLink
from gateway.links.service import LINKS
from gateway.links.store import Change, LinkLimit
from gateway.loyalty_client import CLIENT
from gateway.outbox.service import OUTBOX
from gateway.wording.answers.link import (
    say_already_linked,
    say_by,
    say_link_refusal,
    say_linked,
    say_linked_elsewhere,
    say_lost,
)
from gateway.wording.times import find_day_start
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import DatabaseError

_LEAST_TIMEOUT_S = 0.05


async def handle_link_member(request: web.Request) -> web.Response:
    return await answer_press(request, _LinkAction())


class _LinkAction:
    name = "link_member"

    def __init__(self) -> None:
        self._support_id = ""

    async def act(self, press: Press, parameters: Mapping[str, str]) -> Reply:
        customer_id = press.app[LINK_TOKENS].parse_link(parse_link_token(parameters), press.merchant_id, press.now)
        press.whose = name_customer(customer_id)
        form = parse_link_form(parameters)
        self._support_id, press.ticket_id = form.support_id, form.ticket_id
        if not form.ticket_id:
            raise TicketMissingError
        channels = await press.app[TICKET_CUSTOMERS].fetch_channels(
            press.merchant_id,
            form.ticket_id,
            customer_id,
            timeout_s=press.gorgias_timeout_s,
        )
        member = await _fetch_member(press, form.support_id)
        new = NewLink(
            merchant_id=press.merchant_id,
            customer_id=customer_id,
            member_id=member.member_id,
            support_id=member.support_id or form.support_id,
            agent=Agent(name=form.agent_name, email=form.agent_email),
            ticket_id=parse_ticket_id(form.ticket_id) or 0,  # Gorgias has just shown the ticket
            channels=channels,
        )
        try:
            change = await _write(press, new)
        except (DatabaseError, TimeoutError):
            return Reply(status="checking", message=say_lost())
        return _render(change, member.full_name, press)

    def render_refusal(self, error: GatewayError, press: Press) -> Reply:
        if isinstance(error, LinkExistsError):
            message = say_linked_elsewhere(error.link.support_id, _say_by(error.link, press))
        else:
            message = say_link_refusal(error, self._support_id, press.shop, press.now)
        return make_refused_reply(error, message)

    def render_lost(self, _press: Press) -> Reply:
        return Reply(status="checking", message=say_lost())


async def _fetch_member(press: Press, support_id: str) -> pb.Member:
    """Fetch the member as TRIFFT has them now. Raises LoyaltyCallError, also if TRIFFT does not say."""
    snapshot = await press.app[CLIENT].find_member(
        press.merchant_id,
        pb.MemberIdentity(support_id=support_id),
        max_staleness_s=0,
        timeout_s=max(_LEAST_TIMEOUT_S, press.left_s - press.database_timeout_s),
    )
    if snapshot.stale_reason != pb.ERROR_REASON_UNSPECIFIED:
        raise GatewayError(name_reason(snapshot.stale_reason) or "PROVIDER_UNAVAILABLE", "the member is not known now")
    return snapshot.member


async def _write(press: Press, new: NewLink) -> Change:
    """Raises LinkExistsError, LinkLimitError, and DatabaseError or TimeoutError: then it may be written or not."""
    config, outbox, press.is_asked = press.app[CONFIG], press.app[OUTBOX], True
    limit = LinkLimit(most=config.links_per_agent_day, day_start=find_day_start(press.now, press.shop))
    async with asyncio.timeout(press.database_timeout_s):
        change = await press.app[LINKS].link(new, press.now, limit, outbox.put_link_note)
    outbox.look()
    return change


def _render(change: Change, name: str, press: Press) -> Reply:
    link = change.link
    if change.is_new:
        return Reply(status="applied", message=say_linked(name, link.support_id, has_note=change.is_noted))
    return Reply(status="replayed", message=say_already_linked(name, link.support_id, _say_by(link, press)))


def _say_by(link: Link, press: Press) -> str:
    return say_by(link.agent.name or link.agent.email, link.link_time, press.shop, press.now)
