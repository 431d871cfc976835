"""The rows of the outbox: one per click's request."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Integer, MetaData, Row, String, Table

from gateway.tickets.progress import NoteKind

NOTES = Table(
    "ticket_notes",
    MetaData(),
    Column("merchant_id", String, primary_key=True),
    Column("request_id", String, primary_key=True),
    Column("ticket_id", BigInteger),
    Column("expect_time_ms", BigInteger),
    Column("due_time_ms", BigInteger),
    Column("lease_expire_time_ms", BigInteger),
    Column("claim", String),
    Column("last_note", String),
    Column("sending", String),
    Column("look_count", Integer),
    Column("problem", String),
    Column("problem_time_ms", BigInteger),
    Column("close_time_ms", BigInteger),
)


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A row that this process has claimed. `last`: what the ticket was told; `sending`: what it may have been told.

    Ages in seconds: since the last click, by the database's clock. `claim_time_ms` is that clock's, too.
    """

    merchant_id: str
    request_id: str
    ticket_id: int
    claim: str
    expect_time_ms: int
    claim_time_ms: int
    last: NoteKind | None
    sending: NoteKind | None
    look_count: int

    @property
    def click_age_s(self) -> float:
        return (self.claim_time_ms - self.expect_time_ms) / 1000


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """Notes of a shop that could not be written: how many, since when, and one reason (a GorgiasError's name)."""

    count: int
    since: datetime | None
    problem: str


def parse_note(row: Row[Any]) -> Note:
    return Note(
        merchant_id=row.merchant_id,
        request_id=row.request_id,
        ticket_id=row.ticket_id,
        claim=row.claim,
        expect_time_ms=row.expect_time_ms,
        claim_time_ms=row.claim_time_ms,
        last=NoteKind(row.last_note) if row.last_note else None,
        sending=NoteKind(row.sending) if row.sending else None,
        look_count=row.look_count,
    )
