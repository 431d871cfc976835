"""Delivers one row at a time: looks up its award, and writes the note about it once."""

import time
from collections.abc import Callable
from typing import TypeAlias

import msgspec
import structlog
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.errors import LoyaltyCallError
from gateway.gorgias.errors import (
    GorgiasContractError,
    GorgiasCredentialsError,
    GorgiasError,
    GorgiasNotFoundError,
    GorgiasRefusedError,
    GorgiasThrottledError,
    GorgiasTooLongError,
    GorgiasUnavailableError,
)
from gateway.gorgias.rate_limiter import WINDOW_S
from gateway.gorgias.tickets import TicketClient, parse_ticket_id
from gateway.installation.accounts import Account, Accounts
from gateway.loyalty_client import LoyaltyClient
from gateway.notes.progress import find_step, find_wait_after
from gateway.notes.service import TIMEOUT_S, Notes, has_reference
from gateway.outbox.entries import Entry
from gateway.outbox.metrics import OutboxMetrics
from gateway.outbox.statements import LEASE_S
from gateway.outbox.store import OutboxStore
from gateway.wording.note import NoteKind, say_reference
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.encryption import SecretKeyError

# How long after a press Gorgias' answer about the ticket's customer counts.
_FRESH_S = 30.0
# A note that could not be written for this time is given up, so that no row stays forever.
GIVE_UP_S = 30 * 86_400.0
# Gorgias may write a note after its answer timed out, but not later than this.
LATE_S = 60.0
# After an uncertain send, the note is searched for after this time, before it may be sent again.
_LATE_LOOKS_S = (2.0, 10.0)
# A row is delayed this often for the account's rate before an operator sees a problem.
_THROTTLED_LOOKS = 5
_NOT_THERE = frozenset({"AWARD_NOT_FOUND", "MERCHANT_NOT_FOUND"})
# Retrying does not correct a refused key. After correcting it, an operator can retry the notes at once.
_CREDENTIALS_WAIT_S = 3600.0
_FIRST_RETRY_S = 2.0
_MAX_RETRY_S = 600.0
# How long an award that was told counts. Later, it may be undone, or its member erased.
_TOLD_S = 5.0
# How long a failing account's other rows wait.
_MAX_REST_S = 10.0
_Log: TypeAlias = structlog.typing.FilteringBoundLogger
_LOG = structlog.get_logger()


class Delivery:
    """Delivers rows. Raises DatabaseError; then the row comes again when its lease ends.

    `late_s`: how long after an uncertain send Gorgias may still write it.
    """

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        store: OutboxStore,
        accounts: Accounts,
        client: LoyaltyClient,
        notes: Notes,
        metrics: OutboxMetrics,
        *,
        late_s: float = LATE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._client = client
        self._notes = notes
        self._metrics = metrics
        # Awards by merchant and request, each with the time when it was told, oldest first.
        self._told: dict[tuple[str, str], tuple[pb.Award, float]] = {}
        self._late_s = late_s
        self._clock = clock

    def tell(self, award: pb.Award) -> None:
        """Keep an award that has just become APPLIED, its last state, so that its note does not ask for it."""
        self._forget_old()
        self._told.pop((award.merchant_id, award.request_id), None)
        self._told[award.merchant_id, award.request_id] = award, self._clock()

    async def deliver(self, entry: Entry) -> float:
        """Take the next step of a claimed row. Returns the seconds for which its shop's account must not be called."""
        log = _LOG.bind(merchant_id=entry.merchant_id, ticket_id=entry.ticket_id)
        try:
            account = await self._accounts.get_as_of(entry.merchant_id, entry.install_time)
            if account is None or not account.writes_notes:
                await self._reschedule(entry, None)
                return 0.0
            # Another process may have taken the row that it was told for, and a later press opened it again.
            self._forget_old()
            award, _ = self._told.pop((entry.merchant_id, entry.request_id), (None, 0.0))
            if award is None:
                request = pb.GetAwardRequest(merchant_id=entry.merchant_id, request_id=entry.request_id)
                award = await self._fetch_award(request)
            return await self._advance(_move(entry, award), award, account, log)
        except (LoyaltyCallError, SecretKeyError) as error:
            log.warning("note_delayed", error=type(error).__name__)
            await self._reschedule(entry, _make_retry_s(entry))
            return 0.0

    def _forget_old(self) -> None:
        oldest_s = self._clock() - _TOLD_S
        while self._told and next(iter(self._told.values()))[1] < oldest_s:
            del self._told[next(iter(self._told))]

    async def _advance(self, entry: Entry, award: pb.Award | None, account: Account, log: _Log) -> float:
        log = log.bind(award_id=award.award_id if award else "")
        if entry.sending is not None and award is not None:
            try:
                entry = await self._resolve(entry, entry.sending, award, account.for_notes)
            except GorgiasError as error:
                return await self._fail(entry, error, account, log)
            if entry.sending is not None:
                await self._reschedule(entry, self._find_wait_for_late(entry), problem=entry.problem)
                return 0.0
        step = find_step(
            award,
            entry.last,
            press_age_s=entry.press_age_s,
            settled_age_s=_find_age_s(entry, award.update_time) if award else 0.0,
            look_count=entry.look_count,
        )
        if step.kind is not None and award is not None:
            return await self._write(entry, award, step.kind, account, log)
        await self._reschedule(entry, step.wait_s)
        return 0.0

    async def _resolve(self, entry: Entry, sending: NoteKind, award: pb.Award, client: TicketClient) -> Entry:
        """After an uncertain send, search the ticket for the note.

        `sending` stays set as long as the note may come late. Raises GorgiasError.
        """
        reference = say_reference(award, sending)
        if await client.find_message(entry.ticket_id, lambda message: has_reference(message, reference)):
            return msgspec.structs.replace(entry, last=sending, sending=None)
        return entry if entry.send_age_s < self._late_s else msgspec.structs.replace(entry, sending=None)

    def _find_wait_for_late(self, entry: Entry) -> float:
        age_s = entry.send_age_s
        return next((look_s for look_s in _LATE_LOOKS_S if age_s < look_s < self._late_s), self._late_s) - age_s

    async def _write(self, entry: Entry, award: pb.Award, kind: NoteKind, account: Account, log: _Log) -> float:
        await self._tell_origin(entry, award)
        try:
            has_left = await _has_left(entry, account.for_notes)
        except GorgiasError as error:
            return await self._fail(entry, error, account, log)
        age_s = _find_age_s(entry, award.create_time)
        text = await self._notes.compose(award, kind, ticket_id=entry.ticket_id, award_age_s=age_s, has_left=has_left)
        began = self._clock()
        if not await self._store.mark_sending(entry, kind):
            return 0.0  # its lease ran out, so another worker has it
        if self._clock() - began >= LEASE_S:
            return 0.0  # this process was stopped: another worker may have it, and searches for this note first
        try:
            await account.for_notes.create_note(entry.ticket_id, text)
        except (GorgiasUnavailableError, GorgiasContractError) as error:
            return await self._fail(msgspec.structs.replace(entry, sending=kind), error, account, log)
        except GorgiasError as error:
            return await self._fail(entry, error, account, log)
        self._metrics.written.labels(kind.value).inc()
        log.info("note_written", kind=kind.value)
        wait_s = find_wait_after(kind)
        await self._store.finish(entry, last=kind, sending=None, wait_s=wait_s, look_count=0)
        return 0.0

    async def _tell_origin(self, entry: Entry, award: pb.Award) -> None:
        """If an undo was pressed on another ticket than its award, add a row for the award's ticket.

        This happens before the first note is written, so that both are sure to come. Raises LoyaltyCallError.
        """
        if not award.reverses or entry.for_origin or entry.last is not None:
            return
        request = pb.GetAwardRequest(merchant_id=entry.merchant_id, award_id=award.reverses)
        origin = await self._fetch_award(request)
        ticket_id = parse_ticket_id(origin.ticket_id) if origin else None
        if ticket_id is not None and ticket_id != entry.ticket_id:
            await self._store.enqueue_for_origin(entry, ticket_id)

    async def _fail(self, entry: Entry, error: GorgiasError, account: Account, log: _Log) -> float:
        """Delay the row or close it, depending on the error; returns as `deliver` does."""
        if isinstance(error, GorgiasNotFoundError):
            error = await _explain_not_found(entry, error, account)
        name = type(error).__name__
        if isinstance(error, GorgiasThrottledError):
            # A ticket with many pages needs a rate for all of them, otherwise reading it would never end.
            wait_s = error.retry_after_s if entry.sending is None else max(error.retry_after_s, WINDOW_S)
            problem = name if entry.look_count >= _THROTTLED_LOOKS else entry.problem
            await self._reschedule(entry, wait_s, problem=problem)
            return wait_s
        self._metrics.failures.labels(name).inc()
        if isinstance(error, GorgiasNotFoundError | GorgiasRefusedError | GorgiasTooLongError):
            log.warning("note_refused", error=name)
            await self._reschedule(entry, None, problem=name)
            return 0.0
        log.warning("note_delayed", error=name)
        if not isinstance(error, GorgiasCredentialsError):
            wait_s = _make_retry_s(entry)
            await self._reschedule(entry, wait_s, problem=name)
            return min(wait_s, _MAX_REST_S)
        renewed = await self._accounts.fetch(entry.merchant_id)
        if renewed is not None and renewed.update_time != account.update_time:
            await self._reschedule(entry, 0.0)
            return 0.0
        await self._reschedule(entry, _CREDENTIALS_WAIT_S, problem=name)
        return _MAX_REST_S

    async def _reschedule(self, entry: Entry, wait_s: float | None, *, problem: str = "") -> None:
        """Set the row's next time; None closes it. A row that could not be written for a month is closed too."""
        if problem and wait_s is not None and entry.problem_age_s > GIVE_UP_S:
            _LOG.error("note_given_up", merchant_id=entry.merchant_id, ticket_id=entry.ticket_id, error=problem)
            wait_s = None
        count = entry.look_count + 1
        await self._store.finish(
            entry, last=entry.last, sending=entry.sending, wait_s=wait_s, look_count=count, problem=problem
        )

    async def _fetch_award(self, request: pb.GetAwardRequest) -> pb.Award | None:
        """Fetch the award; None: there is none. Raises LoyaltyCallError."""
        try:
            return (await self._client.get_award(request, timeout_s=TIMEOUT_S)).award
        except LoyaltyCallError as error:
            if error.reason in _NOT_THERE:
                return None
            raise


async def _has_left(entry: Entry, tickets: TicketClient) -> bool:
    """Whether the ticket has another customer than at the press. Raises GorgiasError."""
    if entry.customer_id is None or (entry.press_age_s < _FRESH_S and not entry.for_origin):
        return False
    return (await tickets.fetch_ticket(entry.ticket_id)).customer_id != entry.customer_id


def _move(entry: Entry, award: pb.Award | None) -> Entry:
    """Move the row to the award's ticket: a later press for the same request may have named another ticket."""
    ticket_id = parse_ticket_id(award.ticket_id) if award and not entry.for_origin else None
    return entry if ticket_id is None else msgspec.structs.replace(entry, ticket_id=ticket_id)


async def _explain_not_found(entry: Entry, error: GorgiasNotFoundError, account: Account) -> GorgiasError:
    """Return the error if the ticket is gone, otherwise the error of reading the ticket."""
    try:
        is_there = await account.for_notes.has_ticket(entry.ticket_id)
    except GorgiasError as other:
        return other
    return GorgiasRefusedError(error.detail, error.advice) if is_there else error


def _find_age_s(entry: Entry, time: Timestamp) -> float:
    return (entry.claim_time_ms - time.ToMilliseconds()) / 1000


def _make_retry_s(entry: Entry) -> float:
    return float(min(_FIRST_RETRY_S * 2 ** min(entry.look_count, 10), _MAX_RETRY_S))
