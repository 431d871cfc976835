"""Points put on a wallet or taken from it: sent once, and the truth about whether."""

import asyncio
from datetime import datetime
from typing import Literal

import aiohttp

from loyalty_service.domain.award import Receipt
from loyalty_service.domain.errors import BookingContradictedError, BookingUnknownError, ProviderUnavailableError
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking, Clock
from loyalty_service.trifft.answers import log_unreachable, parse_data, raise_for_booking
from loyalty_service.trifft.mapping import parse_booked_points, parse_receipt
from loyalty_service.trifft.profile import BookPoints, Profile
from loyalty_service.trifft.transport import BodyTooLargeError, Request, Sending, Transport
from loyalty_service.trifft.wire import WireError

BookingKind = Literal["credit", "debit"]


class Bookings:
    """Sends each booking once, on a connection of its own."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock

    async def send(
        self, merchant: Merchant, profile: Profile, kind: BookingKind, booking: Booking, *, timeout_s: float
    ) -> Receipt:
        """No byte of it leaves later than `timeout_s` from now. Raises what the port's `credit` raises."""
        sending = Sending(self._clock, timeout_s)
        lines = profile.credit if kind == "credit" else profile.debit
        request = _make_request(kind, lines, booking, self._clock.now())
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._transport.fetch(merchant, request, sending)
        except (aiohttp.ClientError, BodyTooLargeError, OSError) as error:  # TimeoutError is an OSError
            log_unreachable(merchant, request, error)
            if sending.may_have_left:
                raise BookingUnknownError(f"the {kind} may have been sent, and no answer came") from error
            raise ProviderUnavailableError("the provider cannot be reached") from error
        raise_for_booking(answer, profile, merchant, request, self._clock.now())
        try:
            data = parse_data(answer, profile)
            receipt, points = parse_receipt(data, lines), parse_booked_points(data, lines)
        except WireError as error:
            raise BookingUnknownError(f"the receipt cannot be read: {error}") from error
        if points not in {None, booking.points}:
            raise BookingContradictedError(f"the receipt of a {kind} names other points")
        return receipt


def _make_request(kind: BookingKind, lines: BookPoints, booking: Booking, now: datetime) -> Request:
    body = {
        lines.points: booking.points * lines.point_scale,
        lines.note: booking.note,
        lines.reference: booking.reference,
    }
    return Request(operation=kind, method=lines.method, path=lines.make_path(booking.member_id, now), body=body)
