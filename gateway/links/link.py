"""A link of a Gorgias customer to a member, and the tables of links."""

import enum
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, MetaData, Row, String, Table, Text

_TABLES = MetaData()
LINKS = Table(
    "customer_links",
    _TABLES,
    Column("id", BigInteger, primary_key=True),
    Column("merchant_id", String),
    Column("customer_id", BigInteger),
    Column("member_id", Text),
    Column("support_id", Text),
    Column("agent_name", Text),
    Column("agent_email", Text),
    Column("agent_key", Text),
    Column("ticket_id", BigInteger),
    Column("link_time_ms", BigInteger),
    Column("moved_from_id", BigInteger),
    Column("end_kind", String),
    Column("end_name", Text),
    Column("end_email", Text),
    Column("end_ticket_id", BigInteger),
    Column("end_time_ms", BigInteger),
)
CHANNELS = Table(
    "customer_link_channels",
    _TABLES,
    Column("link_id", BigInteger, primary_key=True),
    Column("channel_hash", String, primary_key=True),
    Column("merchant_id", String),
)


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """Who pressed, as Gorgias says: a claim. Texts may be empty."""

    name: str = ""
    email: str = ""


class EndKind(enum.Enum):
    """Why a link ended: an agent unlinked it, an operator removed it, or its customer was merged into another one."""

    UNLINKED = "unlinked"
    REMOVED = "removed"
    MERGED = "merged"


class LinkEnd(msgspec.Struct, frozen=True, kw_only=True):
    """`agent`: of REMOVED, the operator; of MERGED, nobody. `ticket_id`: where "Unlink" was pressed."""

    kind: EndKind
    agent: Agent
    ticket_id: int | None
    time: datetime


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A customer of a shop's Gorgias account, and the member whom `agent` linked them to on a ticket.

    `support_id`: as TRIFFT had it then. `moved_from_id`: the link that it continues since two customers were merged;
    agent, ticket and time are that link's. `end`: None while the link stands.
    """

    link_id: int
    merchant_id: str
    customer_id: int
    member_id: str
    support_id: str
    agent: Agent
    ticket_id: int
    link_time: datetime
    moved_from_id: int | None = None
    end: LinkEnd | None = None


class NewLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link to be made. `channels`: the customer's, as (type, address); a merged customer is recognised by them."""

    merchant_id: str
    customer_id: int
    member_id: str
    support_id: str
    agent: Agent
    ticket_id: int
    channels: frozenset[tuple[str, str]] = frozenset()


def parse_link(row: Row[Any]) -> Link:
    end = None
    if row.end_time_ms is not None:
        end = LinkEnd(
            kind=EndKind(row.end_kind),
            agent=Agent(name=row.end_name, email=row.end_email),
            ticket_id=row.end_ticket_id,
            time=parse_ms(row.end_time_ms),
        )
    return Link(
        link_id=row.id,
        merchant_id=row.merchant_id,
        customer_id=row.customer_id,
        member_id=row.member_id,
        support_id=row.support_id,
        agent=Agent(name=row.agent_name, email=row.agent_email),
        ticket_id=row.ticket_id,
        link_time=parse_ms(row.link_time_ms),
        moved_from_id=row.moved_from_id,
        end=end,
    )


def parse_ms(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def render_ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
