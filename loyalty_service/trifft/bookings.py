"""Points put on a wallet or taken from it: sent once, and the truth about whether."""

import asyncio
from datetime import datetime
from typing import Literal

import aiohttp

from loyalty_service.domain.award import Receipt
from loyalty_service.domain.errors import (
    BookingContradictedError,
    BookingUnknownError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking, Clock
from loyalty_service.domain.priority import Priority
from loyalty_service.trifft.answers import (
    explain_contract,
    log_contract,
    log_unreachable,
    parse_data,
    raise_for_booking,
)
from loyalty_service.trifft.breaker import Breaker
from loyalty_service.trifft.budget import Budget
from loyalty_service.trifft.fields import FieldReader
from loyalty_service.trifft.mapping import parse_booked_points, parse_receipt
from loyalty_service.trifft.profile import Profile
from loyalty_service.trifft.transport import Answer, BodyTooLargeError, Request, Sending, Transport
from loyalty_service.trifft.unreadable import UnreadableFields
from loyalty_service.trifft.wire import WireError

# How long an award waits for a slot: who clicked is answered within LOYALTY_AWARD_ANSWER_S.
SLOT_WAIT_S = 1.5

BookingKind = Literal["credit", "debit"]


class Bookings:
    """Sends each booking once, on a connection of its own.

    One for which there is no slot in time is not sent, and neither is one while the provider fails: where it hangs,
    each would be a doubt. Past the breaker's wait one goes: in a shop without readers nothing else would find out.
    """

    def __init__(
        self, transport: Transport, budget: Budget, breaker: Breaker, clock: Clock, unreadable: UnreadableFields
    ) -> None:
        self._transport = transport
        self._budget = budget
        self._breaker = breaker
        self._clock = clock
        self._unreadable = unreadable

    async def send(
        self, merchant: Merchant, profile: Profile, kind: BookingKind, booking: Booking, *, timeout_s: float
    ) -> Receipt:
        """No byte of it leaves later than `timeout_s` from now. Raises what the port's `credit` raises."""
        sending = Sending(self._clock, timeout_s)
        request = _make_request(kind, profile, booking, self._clock.now())
        try:
            with self._breaker.attempt(merchant) as attempt:
                answer = await self._exchange(merchant, profile, request, sending)
                if answer.status // 100 == 5:  # noqa: PLR2004 - HTTP's own number
                    attempt.fail()
        except ProviderTimeoutError as error:  # the breaker's word for what others have met: nothing was sent
            raise ProviderUnavailableError(error.message) from error
        except (aiohttp.ClientError, BodyTooLargeError, OSError) as error:  # TimeoutError is an OSError
            log_unreachable(merchant, request, error)
            if sending.may_have_left:
                raise BookingUnknownError("TRIFFT's answer was lost") from error
            raise ProviderUnavailableError(self._transport.explain(error)) from error
        raise_for_booking(answer, profile, merchant, request, self._clock.now())
        return self._read_receipt(answer, merchant, profile, kind, booking)

    def _read_receipt(
        self, answer: Answer, merchant: Merchant, profile: Profile, kind: BookingKind, booking: Booking
    ) -> Receipt:
        """Of a 2xx. Raises BookingUnknownError, BookingContradictedError."""
        lines, reader = profile.get_booking(kind), FieldReader()
        try:
            data = parse_data(answer, profile)
            receipt, points = parse_receipt(data, lines, kind, reader), parse_booked_points(data, lines, kind)
        except WireError as error:
            sentence = explain_contract(profile, kind, error)
            log_contract(merchant, kind, sentence)
            raise BookingUnknownError(sentence) from error
        finally:
            self._unreadable.note(merchant, reader.unreadable)
        if points not in {None, booking.points}:
            line = profile.quote_line(f"{kind}.answered_points")
            raise BookingContradictedError(f"TRIFFT's answer names other points ({line})")
        return receipt

    async def _exchange(self, merchant: Merchant, profile: Profile, request: Request, sending: Sending) -> Answer:
        """Raises ProviderThrottledError, and what the transport raises."""
        wait_s = min(SLOT_WAIT_S, sending.timeout_s / 2)
        async with (
            asyncio.timeout(sending.timeout_s),
            self._budget.take(
                merchant, profile.rate, Priority.AWARD, count=1, wait_s=wait_s, timeout_s=sending.timeout_s
            ) as permit,
        ):
            with permit.send() as sent:
                try:
                    answer = await self._transport.fetch(merchant, request, sending)
                finally:
                    if not sending.may_have_left:
                        sent.stay()
                sent.answer(answer.status)
        return answer


def _make_request(kind: BookingKind, profile: Profile, booking: Booking, now: datetime) -> Request:
    lines = profile.get_booking(kind)
    body = {
        lines.points: booking.points * lines.point_scale,
        lines.note: booking.note,
        lines.reference: booking.reference,
    }
    if profile.wallet.chosen:
        body[lines.wallet] = profile.wallet.chosen
    path = lines.make_path(booking.member_id, now)
    headers = {lines.idempotency_header: booking.reference} if lines.idempotency_header else {}
    return Request(operation=kind, method=lines.method, path=path, headers=headers, body=body)
