"""Credits and debits of a wallet: sent once, with an outcome that is known or said to be unknown."""

from datetime import datetime
from typing import Literal

from loyalty_service.domain.award import Receipt
from loyalty_service.domain.errors import BookingContradictedError, BookingUnknownError
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking, Clock
from loyalty_service.outbound.service import Outbound
from loyalty_service.outbound.transport import Answer, Request
from loyalty_service.trifft.answers import (
    explain_contract,
    log_contract,
    parse_data,
    raise_for_booking,
    read_refusal,
)
from loyalty_service.trifft.mapping.fields import FieldReader
from loyalty_service.trifft.mapping.movements import parse_booked_points, parse_receipt
from loyalty_service.trifft.observations.service import Observations
from loyalty_service.trifft.profile import Profile
from loyalty_service.trifft.wire import WireError

BookingKind = Literal["credit", "debit"]


class Bookings:
    """Sends each booking at most once."""

    def __init__(self, outbound: Outbound, clock: Clock, observations: Observations) -> None:
        self._outbound = outbound
        self._clock = clock
        self._observations = observations

    async def send(
        self, merchant: Merchant, profile: Profile, kind: BookingKind, booking: Booking, *, timeout_s: float
    ) -> Receipt:
        """Send a booking; none of its bytes leaves after `timeout_s` from now.

        Raises what the port's `credit` raises.
        """
        request = _make_request(kind, profile, booking, self._clock.now())
        try:
            answer = await self._outbound.book(merchant, profile.rate, request, timeout_s=timeout_s)
        except BookingUnknownError:
            self._observations.open(merchant).fail(kind)
            raise
        if refusal := read_refusal(answer, profile, merchant, request):
            self._observations.open(merchant).refuse(refusal, profile)
            raise_for_booking(refusal, profile, self._clock.now())
        return self._read_receipt(answer, merchant, profile, kind, booking)

    def _read_receipt(
        self, answer: Answer, merchant: Merchant, profile: Profile, kind: BookingKind, booking: Booking
    ) -> Receipt:
        """Read the receipt in a 2xx. Raises BookingUnknownError, BookingContradictedError."""
        lines, reader, observed = profile.get_booking(kind), FieldReader(), self._observations.open(merchant)
        observed.accept(kind)
        try:
            data = parse_data(answer, profile)
            receipt, points = parse_receipt(data, lines, kind, reader), parse_booked_points(data, lines, kind)
        except WireError as error:
            sentence = explain_contract(profile, kind, error)
            log_contract(merchant, kind, sentence)
            observed.contradict(kind, sentence)
            raise BookingUnknownError(sentence) from error
        finally:
            observed.lines.note(reader.found, reader.unreadable)
        observed.confirm(kind)
        problem = "" if points in {None, booking.points} else _explain_points(profile, kind)
        observed.note_booking(problem)
        if problem:
            raise BookingContradictedError(problem)
        return receipt


def _explain_points(profile: Profile, kind: BookingKind) -> str:
    return f"TRIFFT's answer names other points ({profile.quote_line(f'{kind}.answered_points')})"


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
