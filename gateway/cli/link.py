"""`trifft-gorgias link`: which customers agents linked to which members, by whom, and until when."""

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import App, Parameter

from gateway.cli.arguments import Json, MerchantId
from gateway.cli.errors import CommandError, UsageError
from gateway.cli.installation import open_stores
from gateway.cli.loyalty import find_merchant, get_login, open_loyalty
from gateway.cli.output import print_hint, print_json, print_line, print_table
from gateway.cli.settings import load_config
from gateway.cli.times import Zone, find_zone, show_time
from gateway.gorgias.tickets import parse_ticket_id
from gateway.links.errors import LinkGoneError
from gateway.links.link import Agent, EndKind, Link, LinkEnd
from gateway.links.store import LinkFilter
from runtime.text import isolate

_COLUMNS = ("Link", "Customer", "Member", "Linked by", "When", "Ticket", "Until")
_STANDS = "stands"
_SHOWN, _MOST = 100, 1_000_000

app = App(name="link")


@app.command(name="list", help="List links, newest first, also those that ended.")
async def list_links(  # noqa: PLR0913 - one argument per option
    merchant_id: MerchantId,
    /,
    *,
    member: Annotated[str | None, Parameter(help="TRIFFT's id or support ID of the member.")] = None,
    customer: Annotated[str | None, Parameter(help="Gorgias' id of the customer.")] = None,
    agent: Annotated[str | None, Parameter(help="The agent's whole e-mail or name, as claimed.")] = None,
    limit: Annotated[int, Parameter(help="The most links to list.")] = _SHOWN,
    json: Json = False,
) -> None:
    if not 1 <= limit <= _MOST:
        raise UsageError(f"--limit must be 1 to {_MOST}: not {limit}")
    customer_id = None if customer is None else _parse_customer(customer, "--customer")
    wanted = LinkFilter(member=member, customer_id=customer_id, agent=agent)
    async with open_stores(load_config()) as stores:
        links = await stores.links.list_links(merchant_id, wanted, limit=limit)
        if not links and await stores.installations.get(merchant_id) is None:
            raise CommandError(f"{merchant_id} is not installed, so it has no links")
    zone = await _fetch_zone(merchant_id)
    if json:
        print_json([_render(link, zone) for link in links])
    elif not links:
        print_line(f"{merchant_id} has no links yet." if wanted == LinkFilter() else "No such link is on record.")
    else:
        print_table(_COLUMNS, (_list_cells(link, zone) for link in links))
        if len(links) == limit:
            print_hint(f"These are the newest {limit}: --limit {min(limit * 10, _MOST)} shows more.")


@app.command(help="End a customer's link. It stays on record, as removed by you.")
async def remove(
    merchant_id: MerchantId,
    customer: Annotated[str, Parameter(name="CUSTOMER", help="Gorgias' id of the customer.")],
    /,
    *,
    json: Json = False,
) -> None:
    customer_id = _parse_customer(customer, "CUSTOMER")
    end = LinkEnd(kind=EndKind.REMOVED, agent=Agent(name=get_login()), ticket_id=None, time=datetime.now(UTC))
    async with open_stores(load_config()) as stores:
        try:
            change = await stores.links.end(merchant_id, customer_id, None, end)
        except LinkGoneError:
            raise CommandError(f"customer {customer_id} of {merchant_id} is not linked: see link list") from None
    if json:
        print_json(_render(change.link, await _fetch_zone(merchant_id)))
        return
    print_line(f"L-{change.link.link_id} is removed: customer {customer_id} is not linked any more.")
    print_line("Their sidebar keeps what it shows until the next ticket event, and no button of it pays the member.")


def _parse_customer(text: str, argument: str) -> int:
    """Gorgias numbers customers as it numbers tickets. Raises UsageError."""
    customer_id = parse_ticket_id(text.strip())
    if customer_id is None:
        raise UsageError(f"{argument} must be the number of a customer in Gorgias: not {text[:40]!r}")
    return customer_id


async def _fetch_zone(merchant_id: str) -> Zone:
    """UTC if the loyalty service does not say."""
    async with open_loyalty(merchant_id) as loyalty:
        merchant = await find_merchant(loyalty, merchant_id)
    return find_zone(merchant.time_zone) if merchant else UTC


def _render(link: Link, zone: Zone) -> dict[str, object]:
    """For scripts."""
    end = link.end
    return {
        "link_id": f"L-{link.link_id}",
        "customer_id": link.customer_id,
        "member_id": link.member_id,
        "support_id": link.support_id or None,
        "claimed_agent_name": link.agent.name or None,
        "claimed_agent_email": link.agent.email or None,
        "ticket_id": link.ticket_id,
        "link_time": _render_time(link.link_time, zone),
        "moved_from": f"L-{link.moved_from_id}" if link.moved_from_id else None,
        "end": {
            "kind": end.kind.value,
            "name": end.agent.name or None,
            "email": end.agent.email or None,
            "ticket_id": end.ticket_id,
            "time": _render_time(end.time, zone),
        }
        if end
        else None,
    }


def _render_time(time: datetime, zone: Zone) -> str:
    return time.astimezone(zone or UTC).isoformat(timespec="milliseconds")


def _list_cells(link: Link, zone: Zone) -> tuple[str, ...]:
    moved = f", was L-{link.moved_from_id}" if link.moved_from_id else ""
    return (
        f"L-{link.link_id}{moved}",
        str(link.customer_id),
        link.support_id or link.member_id,
        _name(link.agent),
        show_time(link.link_time, zone),
        str(link.ticket_id),
        _say_end(link.end, zone),
    )


def _say_end(end: LinkEnd | None, zone: Zone) -> str:
    if end is None:
        return _STANDS
    by = f" by {_name(end.agent)}" if end.kind is not EndKind.MERGED else ""
    return f"{show_time(end.time, zone)}, {end.kind.value}{by}"


def _name(agent: Agent) -> str:
    return isolate(agent.name or agent.email) or "–"
