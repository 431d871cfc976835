"""The rows of the outbox: one for each request, and one more if another ticket also gets a note.

A row about a link has "linked:<number>" or "unlinked:<number>" for its request, which is no request of an award.
"""

from datetime import datetime
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, Row, String, Table

from gateway.wording.link_note import LinkNoteKind
from gateway.wording.note import NoteKind

Kind: TypeAlias = NoteKind | LinkNoteKind
_LINK_KINDS = {kind.value: kind for kind in LinkNoteKind}

NOTES = Table(
    "ticket_notes",
    MetaData(),
    Column("merchant_id", String, primary_key=True),
    Column("request_id", String, primary_key=True),
    Column("for_origin", Boolean, primary_key=True),
    Column("ticket_id", BigInteger),
    Column("customer_id", BigInteger),
    Column("expect_time_ms", BigInteger),
    Column("due_time_ms", BigInteger),
    Column("lease_expire_time_ms", BigInteger),
    Column("claim", String),
    Column("last_note", String),
    Column("sending", String),
    Column("send_time_ms", BigInteger),
    Column("look_count", Integer),
    Column("problem", String),
    Column("problem_time_ms", BigInteger),
    Column("close_time_ms", BigInteger),
)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A row that this process has claimed. `last`: the last written note; `sending`: a note that may be written.

    `for_origin`: a reversal's row for the ticket of its award. `customer_id`: the ticket's customer at the press; None
    if Gorgias gave no id. `install_time`: when the shop's installation was last changed; None: there is none. Times are
    the database's; ages are seconds until the claim.
    """

    merchant_id: str
    request_id: str
    for_origin: bool
    ticket_id: int
    customer_id: int | None
    claim: str
    expect_time_ms: int
    claim_time_ms: int
    last: Kind | None
    sending: Kind | None
    send_time_ms: int | None
    look_count: int
    problem: str
    problem_time_ms: int | None
    install_time: datetime | None

    @property
    def link(self) -> tuple[LinkNoteKind, int] | None:
        """The note and the number of the link that the row is about; None: it is about an award."""
        kind, colon, number = self.request_id.partition(":")
        return (_LINK_KINDS[kind], int(number)) if colon else None

    @property
    def press_age_s(self) -> float:
        return (self.claim_time_ms - self.expect_time_ms) / 1000

    @property
    def send_age_s(self) -> float:
        """Seconds since the last send began; 0 without one."""
        return 0.0 if self.send_time_ms is None else (self.claim_time_ms - self.send_time_ms) / 1000

    @property
    def problem_age_s(self) -> float:
        """Seconds for which it could not be written."""
        return 0.0 if self.problem_time_ms is None else (self.claim_time_ms - self.problem_time_ms) / 1000


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """Notes of a shop that could not be written, with one reason (a GorgiasError's name).

    `count` of them have waited since `since`. `failed_count` are not tried again; for `gone_count` the ticket was gone.
    """

    count: int = 0
    since: datetime | None = None
    problem: str = ""
    failed_count: int = 0
    failed_problem: str = ""
    gone_count: int = 0


def parse_entry(row: Row[Any], install_time: datetime | None) -> Entry:
    return Entry(
        merchant_id=row.merchant_id,
        request_id=row.request_id,
        for_origin=row.for_origin,
        ticket_id=row.ticket_id,
        customer_id=row.customer_id,
        claim=row.claim,
        expect_time_ms=row.expect_time_ms,
        claim_time_ms=row.claim_time_ms,
        last=_parse_kind(row.last_note),
        sending=_parse_kind(row.sending),
        send_time_ms=row.send_time_ms,
        look_count=row.look_count,
        problem=row.problem,
        problem_time_ms=row.problem_time_ms,
        install_time=install_time,
    )


def render_link_request(link_id: int, kind: LinkNoteKind) -> str:
    """The request of a row about a link."""
    return f"{kind.value}:{link_id}"


def _parse_kind(text: str) -> Kind | None:
    return (_LINK_KINDS.get(text) or NoteKind(text)) if text else None
