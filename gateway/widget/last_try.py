"""The last refused press of a panel: Gorgias may have hidden its answer."""

from aiohttp import web

from gateway.actions.refusals import REFUSALS
from gateway.clock import CLOCK
from gateway.wording.panel.last_try import say_last_try
from gateway.wording.shop import Shop


def find_last_try(app: web.Application, merchant_id: str, whose: str, shop: Shop) -> str:
    """Its sentence, or "". `whose`: the panel's member, or its customer: see `name_customer`."""
    refusal = app[REFUSALS].find(merchant_id, whose, app[CLOCK].now())
    if refusal is None:
        return ""
    return say_last_try(refusal.message, refusal.time, shop, ticket_id=refusal.ticket_id, agent=refusal.agent)
