"""Delivers one row at a time: looks up what it is about, and writes the note about that once."""

import time
from collections.abc import Callable
from typing import TypeAlias

import msgspec
import structlog

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
from gateway.gorgias.tickets import TicketClient
from gateway.installation.accounts import Account, Accounts
from gateway.notes.progress import find_wait_after
from gateway.notes.service import has_reference
from gateway.outbox.entries import Entry, Kind
from gateway.outbox.metrics import OutboxMetrics
from gateway.outbox.statements import LEASE_S
from gateway.outbox.store import OutboxStore
from gateway.outbox.subject import Subject
from gateway.outbox.subjects import Subjects
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
# Retrying does not correct a refused key. After correcting it, an operator can retry the notes at once.
_CREDENTIALS_WAIT_S = 3600.0
_FIRST_RETRY_S = 2.0
_MAX_RETRY_S = 600.0
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
        subjects: Subjects,
        metrics: OutboxMetrics,
        *,
        late_s: float = LATE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self.subjects = subjects
        self._metrics = metrics
        self._late_s = late_s
        self._clock = clock

    async def deliver(self, entry: Entry) -> float:
        """Take the next step of a claimed row. Returns the seconds for which its shop's account must not be called."""
        log = _LOG.bind(merchant_id=entry.merchant_id, ticket_id=entry.ticket_id)
        try:
            account = await self._accounts.get_as_of(entry.merchant_id, entry.install_time)
            if account is None or not account.writes_notes:
                await self._reschedule(entry, None)
                return 0.0
            subject = await self.subjects.fetch(entry)
            return await self._advance(subject.move(entry), subject, account, log)
        except (LoyaltyCallError, SecretKeyError) as error:
            log.warning("note_delayed", error=type(error).__name__)
            await self._reschedule(entry, _make_retry_s(entry))
            return 0.0

    async def _advance(self, entry: Entry, subject: Subject, account: Account, log: _Log) -> float:
        log = log.bind(about=subject.name)
        if entry.sending is not None and subject.name:
            try:
                entry = await self._resolve(entry, entry.sending, subject, account.for_notes)
            except GorgiasError as error:
                return await self._fail(entry, error, account, log)
            if entry.sending is not None:
                await self._reschedule(entry, self._find_wait_for_late(entry), problem=entry.problem)
                return 0.0
        step = subject.find_step(entry)
        if step.kind is not None:
            return await self._write(entry, subject, step.kind, account, log)
        await self._reschedule(entry, step.wait_s)
        return 0.0

    async def _resolve(self, entry: Entry, sending: Kind, subject: Subject, client: TicketClient) -> Entry:
        """After an uncertain send, search the ticket for the note.

        `sending` stays set as long as the note may come late. Raises GorgiasError.
        """
        reference = subject.say_reference(sending)
        if await client.find_message(entry.ticket_id, lambda message: has_reference(message, reference)):
            return msgspec.structs.replace(entry, last=sending, sending=None)
        return entry if entry.send_age_s < self._late_s else msgspec.structs.replace(entry, sending=None)

    def _find_wait_for_late(self, entry: Entry) -> float:
        age_s = entry.send_age_s
        return next((look_s for look_s in _LATE_LOOKS_S if age_s < look_s < self._late_s), self._late_s) - age_s

    async def _write(self, entry: Entry, subject: Subject, kind: Kind, account: Account, log: _Log) -> float:
        # This happens before the first note is written, so that both are sure to come.
        origin = await subject.find_origin(entry)
        if origin is not None:
            await self._store.enqueue_for_origin(entry, origin)
        try:
            has_left = await _has_left(entry, account.for_notes)
        except GorgiasError as error:
            return await self._fail(entry, error, account, log)
        text = await subject.compose(entry, kind, has_left=has_left)
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


async def _has_left(entry: Entry, tickets: TicketClient) -> bool:
    """Whether the ticket has another customer than at the press. Raises GorgiasError."""
    if entry.customer_id is None or (entry.press_age_s < _FRESH_S and not entry.for_origin):
        return False
    return (await tickets.fetch_ticket(entry.ticket_id)).customer_id != entry.customer_id


async def _explain_not_found(entry: Entry, error: GorgiasNotFoundError, account: Account) -> GorgiasError:
    """Return the error if the ticket is gone, otherwise the error of reading the ticket."""
    try:
        is_there = await account.for_notes.has_ticket(entry.ticket_id)
    except GorgiasError as other:
        return other
    return GorgiasRefusedError(error.detail, error.advice) if is_there else error


def _make_retry_s(entry: Entry) -> float:
    return float(min(_FIRST_RETRY_S * 2 ** min(entry.look_count, 10), _MAX_RETRY_S))
