"""Links of customers to members, written as the "Link to member" button does."""

from collections.abc import Sequence
from datetime import UTC, datetime

from bench.channels.people import Person
from bench.fleet import Plan
from gateway.database import open_database
from gateway.links.link import Agent, NewLink
from gateway.links.store import LinkLimit, LinkStore
from runtime.encryption import SecretKeys

_SUPPORT_ID = "JN-4821"


async def add_links(plan: Plan, shop: str, people: Sequence[Person]) -> None:
    """Link each of the shop's customers to their member. The shop must be installed."""
    now = datetime.now(UTC)
    limit = LinkLimit(most=len(people), day_start=now)
    async with open_database(plan.gateway_database_url) as database:
        store = LinkStore(database, SecretKeys((plan.gateway_keys,)))
        for person in people:
            new = NewLink(
                merchant_id=shop,
                customer_id=person.customer_id,
                member_id=person.member_id or "",
                support_id=_SUPPORT_ID,
                agent=Agent(name="Bench"),
                ticket_id=person.customer_id,
            )
            await store.add(new, now, limit, lambda *_: False)
