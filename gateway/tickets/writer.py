"""One row at a time: what became of its award, and the note that says so, once."""

import time
from collections.abc import Callable
from typing import TypeAlias

import msgspec
import structlog
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.errors import LoyaltyCallError
from gateway.gorgias.budget import PERIOD_S
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
from gateway.gorgias.messages import TicketClient
from gateway.loyalty_client import LoyaltyClient
from gateway.merchants import Merchants
from gateway.tickets.accounts import Account, Accounts
from gateway.tickets.metrics import NoteMetrics
from gateway.tickets.progress import NoteKind, find_step, find_wait_after
from gateway.tickets.rows import Note
from gateway.tickets.store import LEASE_S, NoteStore
from gateway.tickets.text import Whom, has_mark, make_mark, render_html, render_note
from gateway.tickets.ticket_id import parse_ticket_id
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.encryption import SecretKeyError

# So long after a press Gorgias' word on whose the ticket is counts.
_FRESH_S = 30.0
# A note that could not be written for so long is given up, so that no row stays for ever.
GIVE_UP_S = 30 * 86_400.0
# Gorgias has been seen to write what it had not answered in time; nothing takes it longer than this.
LATE_S = 60.0
# So soon after an uncertain send its note is looked for, before it may be sent again.
_LATE_LOOKS_S = (2.0, 10.0)
# An award of so long ago is no news.
_JUST_S = 120.0
# So often a row is put off for the account's rate before an operator hears of it.
_THROTTLED_LOOKS = 5
_CALL_TIMEOUT_S = 2.0
# The notes that end a doubt, and who ends it where no person does (the proto: AwardChange.actor).
_SETTLED_KINDS = frozenset({NoteKind.ARRIVED, NoteKind.NEVER, NoteKind.AFTER_ALL})
_SERVICE = "loyalty_service"
_NOT_THERE = frozenset({"AWARD_NOT_FOUND", "MERCHANT_NOT_FOUND"})
# A refused key is not mended by trying; whoever mends it may have the notes hastened.
_CREDENTIALS_WAIT_S = 3600.0
_FIRST_RETRY_S = 2.0
_MAX_RETRY_S = 600.0
# How long a failing account's other rows wait for the one that met it.
_MAX_REST_S = 10.0
_Log: TypeAlias = structlog.typing.FilteringBoundLogger
_LOG = structlog.get_logger()


class Writer:
    """Brings rows on. Raises DatabaseError: the row then comes again when its lease is over.

    `late_s`: how long after an uncertain send Gorgias may still write it.
    """

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        store: NoteStore,
        accounts: Accounts,
        client: LoyaltyClient,
        merchants: Merchants,
        metrics: NoteMetrics,
        *,
        late_s: float = LATE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._client = client
        self._merchants = merchants
        self._metrics = metrics
        self._late_s = late_s
        self._clock = clock

    async def bring_on(self, note: Note) -> float:
        """Take the next step of a claimed row. Returns seconds for which its shop's account is to be left alone."""
        log = _LOG.bind(merchant_id=note.merchant_id, ticket_id=note.ticket_id)
        try:
            account = await self._accounts.get_as_of(note.merchant_id, note.install_time)
            if account is None or not account.writes_notes:
                await self._look_again(note, None)
                return 0.0
            request = pb.GetAwardRequest(merchant_id=note.merchant_id, request_id=note.request_id)
            award = await self._fetch_award(request)
            return await self._advance(_move(note, award), award, account, log)
        except (LoyaltyCallError, SecretKeyError) as error:
            log.warning("note_put_off", error=type(error).__name__)
            await self._look_again(note, _make_retry_s(note))
            return 0.0

    async def _advance(self, note: Note, award: pb.Award | None, account: Account, log: _Log) -> float:
        log = log.bind(award_id=award.award_id if award else "")
        if note.sending is not None and award is not None:
            try:
                note = await self._resolve(note, note.sending, award, account.notes)
            except GorgiasError as error:
                return await self._fail(note, error, account, log)
            if note.sending is not None:
                await self._look_again(note, self._find_wait_for_late(note), problem=note.problem)
                return 0.0
        step = find_step(
            award,
            note.last,
            click_age_s=note.click_age_s,
            settled_age_s=_find_age_s(note, award.update_time) if award else 0.0,
            look_count=note.look_count,
        )
        if step.kind is not None and award is not None:
            return await self._write(note, award, step.kind, account, log)
        await self._look_again(note, step.wait_s)
        return 0.0

    async def _resolve(self, note: Note, sending: NoteKind, award: pb.Award, client: TicketClient) -> Note:
        """After an uncertain send: look whether the note is in the ticket. `sending` stays as long as it may come late.

        Raises GorgiasError.
        """
        mark = make_mark(award, sending)
        if await client.find_message(note.ticket_id, lambda message: has_mark(message, mark)):
            return msgspec.structs.replace(note, last=sending, sending=None)
        return note if note.send_age_s < self._late_s else msgspec.structs.replace(note, sending=None)

    def _find_wait_for_late(self, note: Note) -> float:
        age_s = note.send_age_s
        return next((look_s for look_s in _LATE_LOOKS_S if age_s < look_s < self._late_s), self._late_s) - age_s

    async def _write(self, note: Note, award: pb.Award, kind: NoteKind, account: Account, log: _Log) -> float:
        await self._tell_origin(note, award)
        try:
            has_left = await _has_left(note, account.notes)
        except GorgiasError as error:
            return await self._fail(note, error, account, log)
        text = await self._render(note, award, kind, has_left=has_left)
        began = self._clock()
        if not await self._store.mark_sending(note, kind):
            return 0.0  # its lease ran out, and another worker has it
        if self._clock() - began >= LEASE_S:
            return 0.0  # this process has slept: another may have it by now, and looks for this note first
        try:
            await account.notes.create_note(note.ticket_id, text=text, html=render_html(text))
        except (GorgiasUnavailableError, GorgiasContractError) as error:
            return await self._fail(msgspec.structs.replace(note, sending=kind), error, account, log)
        except GorgiasError as error:
            return await self._fail(note, error, account, log)
        self._metrics.written.labels(kind.value).inc()
        log.info("note_written", kind=kind.value)
        wait_s = find_wait_after(kind)
        await self._store.finish(note, last=kind, sending=None, wait_s=wait_s, look_count=0)
        return 0.0

    async def _tell_origin(self, note: Note, award: pb.Award) -> None:
        """Where an undo was pressed on another ticket than its award, that one gets a row, too.

        Before the first note is written, so that none goes without the other. Raises LoyaltyCallError.
        """
        if not award.reverses or note.for_origin or note.last is not None:
            return
        request = pb.GetAwardRequest(merchant_id=note.merchant_id, award_id=award.reverses)
        origin = await self._fetch_award(request)
        ticket_id = parse_ticket_id(origin.ticket_id) if origin else None
        if ticket_id is not None and ticket_id != note.ticket_id:
            await self._store.expect_for_origin(note, ticket_id)

    async def _fail(self, note: Note, error: GorgiasError, account: Account, log: _Log) -> float:
        """Put the row off, or close it, as the error says; see `bring_on` for what is returned."""
        if isinstance(error, GorgiasNotFoundError):
            error = await _explain_not_found(note, error, account)
        name = type(error).__name__
        if isinstance(error, GorgiasThrottledError):
            # A ticket of many pages needs room for all of them, or it would be begun again and again.
            wait_s = error.retry_after_s if note.sending is None else max(error.retry_after_s, PERIOD_S)
            problem = name if note.look_count >= _THROTTLED_LOOKS else note.problem
            await self._look_again(note, wait_s, problem=problem)
            return wait_s
        self._metrics.failures.labels(name).inc()
        if isinstance(error, GorgiasNotFoundError | GorgiasRefusedError | GorgiasTooLongError):
            log.warning("note_refused", error=name)
            await self._look_again(note, None, problem=name)
            return 0.0
        log.warning("note_put_off", error=name)
        if not isinstance(error, GorgiasCredentialsError):
            wait_s = _make_retry_s(note)
            await self._look_again(note, wait_s, problem=name)
            return min(wait_s, _MAX_REST_S)
        renewed = await self._accounts.fetch(note.merchant_id)
        if renewed is not None and renewed.update_time != account.update_time:
            await self._look_again(note, 0.0)
            return 0.0
        await self._look_again(note, _CREDENTIALS_WAIT_S, problem=name)
        return _MAX_REST_S

    async def _look_again(self, note: Note, wait_s: float | None, *, problem: str = "") -> None:
        """None: close it. So is what could not be written for a month."""
        if problem and wait_s is not None and note.problem_age_s > GIVE_UP_S:
            _LOG.error("note_given_up", merchant_id=note.merchant_id, ticket_id=note.ticket_id, error=problem)
            wait_s = None
        count = note.look_count + 1
        await self._store.finish(
            note, last=note.last, sending=note.sending, wait_s=wait_s, look_count=count, problem=problem
        )

    async def _fetch_award(self, request: pb.GetAwardRequest) -> pb.Award | None:
        """None: there is none. Raises LoyaltyCallError."""
        try:
            return (await self._client.get_award(request, timeout_s=_CALL_TIMEOUT_S)).award
        except LoyaltyCallError as error:
            if error.reason in _NOT_THERE:
                return None
            raise

    async def _render(self, note: Note, award: pb.Award, kind: NoteKind, *, has_left: bool) -> str:
        # Later on, something else may have changed the tier.
        is_just_done = kind is NoteKind.DONE and _find_age_s(note, award.create_time) < _JUST_S
        if has_left:
            whom = Whom(has_left=True)
        else:
            whom = await self._fetch_whom(award, says_tier=is_just_done and not award.reversed_by)
        settled = await self._fetch_settling(award) if kind in _SETTLED_KINDS and not has_left else None
        shop = await self._merchants.get(award.merchant_id)
        return render_note(award, kind, whom, shop, settled, ticket_id=note.ticket_id)

    async def _fetch_settling(self, award: pb.Award) -> pb.AwardChange | None:
        """How a person settled it; None: nobody did. Raises LoyaltyCallError."""
        request = pb.GetAwardRequest(merchant_id=award.merchant_id, award_id=award.award_id)
        changes = (await self._client.get_award(request, timeout_s=_CALL_TIMEOUT_S)).changes
        return changes[-1] if changes and changes[-1].actor != _SERVICE else None

    async def _fetch_whom(self, award: pb.Award, *, says_tier: bool) -> Whom:
        """The member as they are now; what is not known is left out."""
        try:
            snapshot = await self._client.get_member(award.merchant_id, award.member_id, timeout_s=_CALL_TIMEOUT_S)
        except LoyaltyCallError:
            return Whom()
        member = snapshot.member
        says_tier = says_tier and snapshot.stale_reason == pb.ERROR_REASON_UNSPECIFIED
        return Whom(
            name=member.full_name, support_id=member.support_id, tier=member.tier.display_name if says_tier else None
        )


async def _has_left(note: Note, tickets: TicketClient) -> bool:
    """Whether the ticket is another customer's than when the button was pressed. Raises GorgiasError."""
    if note.customer_id is None or (note.click_age_s < _FRESH_S and not note.for_origin):
        return False
    return (await tickets.fetch_ticket(note.ticket_id)).customer_id != note.customer_id


def _move(note: Note, award: pb.Award | None) -> Note:
    """To the ticket that the award is on record with: a later click for the same request may have named another."""
    ticket_id = parse_ticket_id(award.ticket_id) if award and not note.for_origin else None
    return note if ticket_id is None else msgspec.structs.replace(note, ticket_id=ticket_id)


async def _explain_not_found(note: Note, error: GorgiasNotFoundError, account: Account) -> GorgiasError:
    """The same where the ticket is gone; what was met instead where it is not."""
    try:
        is_there = await account.notes.has_ticket(note.ticket_id)
    except GorgiasError as other:
        return other
    return GorgiasRefusedError(error.detail, error.advice) if is_there else error


def _find_age_s(note: Note, time: Timestamp) -> float:
    return (note.claim_time_ms - time.ToMilliseconds()) / 1000


def _make_retry_s(note: Note) -> float:
    return float(min(_FIRST_RETRY_S * 2 ** min(note.look_count, 10), _MAX_RETRY_S))
