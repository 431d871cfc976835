"""One row at a time: what became of its award, and the note that says so, once."""

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
    GorgiasUnavailableError,
)
from gateway.gorgias.messages import TicketClient
from gateway.keys import SecretKeyError
from gateway.loyalty_client import LoyaltyClient
from gateway.merchants import Merchants
from gateway.tickets.accounts import Accounts
from gateway.tickets.lookup import parse_ticket_id
from gateway.tickets.metrics import NoteMetrics
from gateway.tickets.progress import NoteKind, find_step, find_wait_after
from gateway.tickets.rows import Note
from gateway.tickets.store import NoteStore
from gateway.tickets.text import Whom, has_mark, make_mark, render_html, render_note
from protos.loyalty.v1 import loyalty_pb2 as pb

# A note that could not be written for so long is given up, so that no row stays for ever.
GIVE_UP_S = 30 * 86_400.0
_CALL_TIMEOUT_S = 2.0
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
    """Brings rows on. Raises DatabaseError: the row then comes again when its lease is over."""

    def __init__(
        self, store: NoteStore, accounts: Accounts, client: LoyaltyClient, merchants: Merchants, metrics: NoteMetrics
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._client = client
        self._merchants = merchants
        self._metrics = metrics

    async def bring_on(self, note: Note) -> float:
        """Take the next step of a claimed row. Returns seconds for which its shop's account is to be left alone."""
        log = _LOG.bind(merchant_id=note.merchant_id, ticket_id=note.ticket_id)
        try:
            account = await self._accounts.get(note.merchant_id)
            if account is None or not account.writes_notes:
                return await self._close(note)
            award = await self._fetch_award(note)
            note = _move(note, award)
        except (LoyaltyCallError, SecretKeyError) as error:
            log.warning("note_put_off", error=type(error).__name__)
            await self._look_again(note, _make_retry_s(note))
            return 0.0
        log = log.bind(award_id=award.award_id if award else "")
        if note.click_age_s > GIVE_UP_S:
            log.error("note_given_up")
            return await self._close(note)
        try:
            note = await self._resolve(note, award, account.notes)
        except GorgiasError as error:
            return await self._fail(note, error, log)
        step = find_step(
            award,
            note.last,
            click_age_s=note.click_age_s,
            settled_age_s=_find_settled_age_s(note, award),
            look_count=note.look_count,
        )
        if step.kind is not None and award is not None:
            return await self._write(note, award, step.kind, account.notes, log)
        await self._look_again(note, step.wait_s)
        return 0.0

    async def _resolve(self, note: Note, award: pb.Award | None, client: TicketClient) -> Note:
        """After an uncertain send: look whether the note is in the ticket. Raises GorgiasError."""
        if note.sending is None or award is None:
            return note
        mark = make_mark(award, note.sending)
        found = await client.find_message(note.ticket_id, lambda message: has_mark(message, mark))
        return msgspec.structs.replace(note, last=note.sending if found else note.last, sending=None)

    async def _write(self, note: Note, award: pb.Award, kind: NoteKind, client: TicketClient, log: _Log) -> float:
        text = await self._render(award, kind)
        if not await self._store.mark_sending(note, kind):
            return 0.0  # its lease ran out, and another worker has it
        try:
            await client.create_note(note.ticket_id, text=text, html=render_html(text))
        except (GorgiasUnavailableError, GorgiasContractError) as error:
            return await self._fail(msgspec.structs.replace(note, sending=kind), error, log)
        except GorgiasError as error:
            return await self._fail(note, error, log)
        self._metrics.written.labels(kind.value).inc()
        log.info("note_written", kind=kind.value)
        wait_s = find_wait_after(kind)
        await self._store.finish(note, last=kind, sending=None, wait_s=wait_s, look_count=0)
        return 0.0

    async def _fail(self, note: Note, error: GorgiasError, log: _Log) -> float:
        """Put the row off, or close it, as the error says; see `bring_on` for what is returned."""
        if isinstance(error, GorgiasThrottledError):
            await self._look_again(note, error.retry_after_s)
            return error.retry_after_s
        name = type(error).__name__
        self._metrics.failures.labels(name).inc()
        if isinstance(error, GorgiasNotFoundError | GorgiasRefusedError):
            log.warning("note_refused", error=name)
            return await self._close(note)
        log.warning("note_put_off", error=name)
        if isinstance(error, GorgiasCredentialsError):
            await self._look_again(note, _CREDENTIALS_WAIT_S, problem=name)
            return 0.0
        wait_s = _make_retry_s(note)
        await self._look_again(note, wait_s, problem=name)
        return min(wait_s, _MAX_REST_S)

    async def _look_again(self, note: Note, wait_s: float | None, *, problem: str = "") -> None:
        """None: close it."""
        count = note.look_count + 1
        await self._store.finish(
            note, last=note.last, sending=note.sending, wait_s=wait_s, look_count=count, problem=problem
        )

    async def _close(self, note: Note) -> float:
        await self._look_again(note, None)
        return 0.0

    async def _fetch_award(self, note: Note) -> pb.Award | None:
        """None: there is none under this request. Raises LoyaltyCallError."""
        request = pb.GetAwardRequest(merchant_id=note.merchant_id, request_id=note.request_id)
        try:
            return (await self._client.get_award(request, timeout_s=_CALL_TIMEOUT_S)).award
        except LoyaltyCallError as error:
            if error.reason in _NOT_THERE:
                return None
            raise

    async def _render(self, award: pb.Award, kind: NoteKind) -> str:
        return render_note(award, kind, await self._fetch_whom(award), await self._merchants.get(award.merchant_id))

    async def _fetch_whom(self, award: pb.Award) -> Whom:
        """The member as they are now, since the note says what followed; what is not known is left out."""
        try:
            snapshot = await self._client.get_member(award.merchant_id, award.member_id, timeout_s=_CALL_TIMEOUT_S)
        except LoyaltyCallError:
            return Whom()
        member = snapshot.member
        is_fresh = snapshot.stale_reason == pb.ERROR_REASON_UNSPECIFIED
        return Whom(
            name=member.full_name, support_id=member.support_id, tier=member.tier.display_name if is_fresh else None
        )


def _move(note: Note, award: pb.Award | None) -> Note:
    """To the ticket that the award is on record with: a later click for the same request may have named another."""
    ticket_id = parse_ticket_id(award.ticket_id) if award else None
    return note if ticket_id is None else msgspec.structs.replace(note, ticket_id=ticket_id)


def _find_settled_age_s(note: Note, award: pb.Award | None) -> float:
    return 0.0 if award is None else (note.claim_time_ms - award.update_time.ToMilliseconds()) / 1000


def _make_retry_s(note: Note) -> float:
    return float(min(_FIRST_RETRY_S * 2 ** min(note.look_count, 10), _MAX_RETRY_S))
