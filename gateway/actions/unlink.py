"""`POST /gorgias/actions/unlink-member`: the link by which the panel's member was found is removed."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from gateway.actions.boundary import Press, answer_press
from gateway.actions.link_token import LINK_TOKENS
from gateway.actions.parameters import parse_undo_form, parse_unlink_token
from gateway.actions.refusals import name_customer
from gateway.actions.reply import Reply, make_refused_reply
from gateway.customers.ticket_customer import TICKET_CUSTOMERS
from gateway.errors import GatewayError, TicketMissingError
from gateway.gorgias.tickets import parse_ticket_id
from gateway.links.errors import LinkGoneError
from gateway.links.link import Agent, EndKind, LinkEnd
from gateway.links.service import LINKS
from gateway.links.store import Change
from gateway.outbox.service import OUTBOX
from gateway.wording.answers.link import say_already_unlinked, say_by, say_lost, say_unlink_refusal, say_unlinked
from runtime.database import DatabaseError


async def handle_unlink_member(request: web.Request) -> web.Response:
    return await answer_press(request, _UnlinkAction())


class _UnlinkAction:
    name = "unlink_member"

    async def act(self, press: Press, parameters: Mapping[str, str]) -> Reply:
        tokens = press.app[LINK_TOKENS]
        customer_id, link_id = tokens.parse_unlink(parse_unlink_token(parameters), press.merchant_id, press.now)
        press.whose = name_customer(customer_id)
        form = parse_undo_form(parameters)
        press.ticket_id = form.ticket_id
        if not form.ticket_id:
            raise TicketMissingError
        await press.app[TICKET_CUSTOMERS].check(
            press.merchant_id, form.ticket_id, customer_id, timeout_s=press.gorgias_timeout_s
        )
        end = LinkEnd(
            kind=EndKind.UNLINKED,
            agent=Agent(name=form.agent_name, email=form.agent_email),
            ticket_id=parse_ticket_id(form.ticket_id),
            time=press.now,
        )
        outbox, press.is_asked = press.app[OUTBOX], True
        try:
            async with asyncio.timeout(press.database_timeout_s):
                change = await press.app[LINKS].unlink(
                    press.merchant_id, customer_id, link_id, end, outbox.put_link_note
                )
        except (DatabaseError, TimeoutError):
            return Reply(status="checking", message=say_lost())
        outbox.look()
        return _render(change, press)

    def render_refusal(self, error: GatewayError, press: Press) -> Reply:
        return make_refused_reply(error, say_unlink_refusal(error, press.shop, press.now))

    def render_lost(self, _press: Press) -> Reply:
        return Reply(status="checking", message=say_lost())


def _render(change: Change, press: Press) -> Reply:
    """Raises LinkGoneError if a merge moved the link to another customer."""
    link, end = change.link, change.link.end
    if change.is_new:
        return Reply(status="applied", message=say_unlinked(link.support_id, has_note=change.is_noted))
    if end is None or end.kind is EndKind.MERGED:
        raise LinkGoneError
    said_by = say_by(end.agent.name or end.agent.email, end.time, press.shop, press.now)
    return Reply(status="replayed", message=say_already_unlinked(said_by))
