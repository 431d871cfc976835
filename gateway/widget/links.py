"""The rows of a panel that are about links: the button "Link to member", or who linked the customer."""

import msgspec
from aiohttp import web

from gateway.actions.link_token import LINK_TOKENS
from gateway.actions.refusals import name_customer
from gateway.clock import CLOCK
from gateway.customers.finding import Finding
from gateway.errors import NoTokenReason
from gateway.events.event import Event
from gateway.links.link import Link
from gateway.widget.last_try import find_last_try
from gateway.widget.view import Line, LinkButton, LinkedRow, View
from gateway.wording.panel.link import say_link
from gateway.wording.shop import Shop

# Where nobody or several were found, an agent who knows the support ID can help.
_LINKABLE = frozenset({"not_member", "no_identity", "ambiguous"})


def add_link_rows(view: View, app: web.Application, event: Event, finding: Finding, shop: Shop) -> View:
    """`event`: names the ticket's customer, if known."""
    merchant_id, customer_id = event.merchant_id, event.customer_id
    if finding.link is not None:
        view = _show_link(view, app, finding.link, shop)
        return _add_last_try(view, app, merchant_id, finding.link.customer_id, shop)
    if view.status not in _LINKABLE and not finding.is_partly_known:
        return view
    if customer_id is None:
        return msgspec.structs.replace(view, link_token=NoTokenReason.NO_CUSTOMER)
    token = app[LINK_TOKENS].make_link(merchant_id, customer_id)
    view = msgspec.structs.replace(view, link_member=(LinkButton(link_token=token),), link_token=token)
    return _add_last_try(view, app, merchant_id, customer_id, shop)


def _add_last_try(view: View, app: web.Application, merchant_id: str, customer_id: int, shop: Shop) -> View:
    """Add the last refusal of "Link to member" or "Unlink"; one of the member's own stands."""
    last_try = find_last_try(app, merchant_id, name_customer(customer_id), shop)
    if not last_try or view.last_try:
        return view
    return msgspec.structs.replace(view, last_try=(Line(last_try),), last_try_text=last_try)


def _show_link(view: View, app: web.Application, link: Link, shop: Shop) -> View:
    """Also where the member cannot be read: a wrong link must be removable."""
    title = say_link(link.agent.name, link.agent.email, link.link_time, shop, app[CLOCK].now())
    token = app[LINK_TOKENS].make_unlink(link.merchant_id, link.customer_id, link.link_id)
    return msgspec.structs.replace(
        view,
        linked=(LinkedRow(title=title, unlink_token=token),),
        linked_text=title,
        link_token=NoTokenReason.LINKED,
        unlink_token=token,
    )
