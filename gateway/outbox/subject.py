"""What a row's notes are about: an award, or a link of a customer. It knows the next note, its text and its ticket."""

from typing import Protocol

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.errors import LoyaltyCallError
from gateway.gorgias.tickets import parse_ticket_id
from gateway.links.link import Agent, Link
from gateway.loyalty_client import LoyaltyClient
from gateway.merchants import Merchants
from gateway.notes.progress import Step, find_step
from gateway.notes.service import TIMEOUT_S, Notes
from gateway.outbox.entries import Entry, Kind
from gateway.wording.link_note import LinkNoteKind, say_link_note, say_link_reference
from gateway.wording.note import NoteKind, say_reference
from protos.loyalty.v1 import loyalty_pb2 as pb

_NOT_THERE = frozenset({"AWARD_NOT_FOUND", "MERCHANT_NOT_FOUND"})


class Subject(Protocol):
    """`name`: for the log; empty while nothing is on record."""

    @property
    def name(self) -> str: ...

    def move(self, entry: Entry) -> Entry:
        """Return the row with the ticket that the notes belong to."""

    def say_reference(self, kind: Kind) -> str:
        """The last line of the note, by which a written one is found."""

    def find_step(self, entry: Entry) -> Step: ...

    async def compose(self, entry: Entry, kind: Kind, *, has_left: bool) -> str:
        """`has_left`: the ticket has another customer now. Raises LoyaltyCallError."""

    async def find_origin(self, entry: Entry) -> int | None:
        """Another ticket that gets a note, too. Raises LoyaltyCallError."""


class AwardSubject:
    """`award`: None while none is on record for the row's request."""

    def __init__(self, award: pb.Award | None, client: LoyaltyClient, notes: Notes) -> None:
        self._award = award
        self._client = client
        self._notes = notes

    @property
    def name(self) -> str:
        return self._award.award_id if self._award else ""

    def move(self, entry: Entry) -> Entry:
        """A later press for the same request may have named another ticket than the award's."""
        ticket_id = parse_ticket_id(self._award.ticket_id) if self._award and not entry.for_origin else None
        return entry if ticket_id is None else msgspec.structs.replace(entry, ticket_id=ticket_id)

    def say_reference(self, kind: Kind) -> str:
        return say_reference(*self._read(kind))

    def find_step(self, entry: Entry) -> Step:
        award = self._award
        return find_step(
            award,
            NoteKind(entry.last.value) if entry.last else None,
            press_age_s=entry.press_age_s,
            settled_age_s=_find_age_s(entry, award.update_time) if award else 0.0,
            look_count=entry.look_count,
        )

    async def compose(self, entry: Entry, kind: Kind, *, has_left: bool) -> str:
        award, award_kind = self._read(kind)
        age_s = _find_age_s(entry, award.create_time)
        return await self._notes.compose(
            award, award_kind, ticket_id=entry.ticket_id, award_age_s=age_s, has_left=has_left
        )

    async def find_origin(self, entry: Entry) -> int | None:
        """The ticket of the award that was undone, if "Undo" was pressed on another ticket."""
        award = self._award
        if award is None or not award.reverses or entry.for_origin or entry.last is not None:
            return None
        request = pb.GetAwardRequest(merchant_id=entry.merchant_id, award_id=award.reverses)
        origin = await fetch_award(self._client, request)
        ticket_id = parse_ticket_id(origin.ticket_id) if origin else None
        return None if ticket_id == entry.ticket_id else ticket_id

    def _read(self, kind: Kind) -> tuple[pb.Award, NoteKind]:
        if self._award is None:
            raise AssertionError("no note is written about an award that is not on record")
        return self._award, NoteKind(kind.value)


class LinkSubject:
    """`link`: None if it was deleted since, because its person is forgotten."""

    def __init__(self, link: Link | None, kind: LinkNoteKind, merchants: Merchants) -> None:
        self._link = link
        self._kind = kind
        self._merchants = merchants

    @property
    def name(self) -> str:
        return f"L-{self._link.link_id}" if self._link else ""

    def move(self, entry: Entry) -> Entry:
        return entry

    def say_reference(self, _kind: Kind) -> str:
        return say_link_reference(self._read().link_id, self._kind)

    def find_step(self, entry: Entry) -> Step:
        return Step(kind=self._kind) if self._link is not None and entry.last is None else Step()

    async def compose(self, entry: Entry, _kind: Kind, *, has_left: bool) -> str:
        link = self._read()
        agent, time = link.agent, link.link_time
        if self._kind is LinkNoteKind.UNLINKED:
            agent, time = (link.end.agent, link.end.time) if link.end else (Agent(), time)
        return say_link_note(
            link.link_id,
            self._kind,
            support_id=link.support_id,
            agent=(agent.name, agent.email),
            time=time,
            shop=await self._merchants.get(entry.merchant_id),
            has_left=has_left,
        )

    async def find_origin(self, _entry: Entry) -> int | None:
        return None

    def _read(self) -> Link:
        if self._link is None:
            raise AssertionError("no note is written about a link that is not on record")
        return self._link


async def fetch_award(client: LoyaltyClient, request: pb.GetAwardRequest) -> pb.Award | None:
    """Fetch the award; None: there is none. Raises LoyaltyCallError."""
    try:
        return (await client.get_award(request, timeout_s=TIMEOUT_S)).award
    except LoyaltyCallError as error:
        if error.reason in _NOT_THERE:
            return None
        raise


def _find_age_s(entry: Entry, time: Timestamp) -> float:
    return (entry.claim_time_ms - time.ToMilliseconds()) / 1000
