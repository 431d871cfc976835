"""A process that was frozen, or a machine that slept: what was to be sent by then is not sent any more."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from loyalty_service.domain.errors import ProviderUnavailableError
from loyalty_service.domain.ports import Booking
from loyalty_service.trifft.client import TrifftProvider
from tests.loyalty_service.trifft.servers import MakeMerchant

CREDIT = Booking(member_id="jana", points=100, note="", reference="A-10482")


class FrozenClock:
    """From its second look after `begin` on, `monotonic_s` and `wall_s` have passed at once."""

    def __init__(self, *, monotonic_s: float = 0, wall_s: float = 0) -> None:
        self.begin()
        self._monotonic_s = monotonic_s
        self._wall_s = wall_s

    def begin(self) -> None:
        self._monotonic = iter([0.0])
        self._wall = iter([datetime(2026, 11, 23, tzinfo=UTC)])

    def monotonic(self) -> float:
        return next(self._monotonic, self._monotonic_s)

    def now(self) -> datetime:
        start = datetime(2026, 11, 23, tzinfo=UTC)
        return next(self._wall, start + timedelta(seconds=self._wall_s))


@pytest.fixture
async def received() -> bytearray:
    return bytearray()


@pytest.fixture
async def listener_url(received: bytearray) -> AsyncIterator[str]:
    """Accepts, keeps what comes, and answers nothing."""

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            received.extend(data)
        writer.close()

    async with await asyncio.start_server(keep, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("passed", [{"monotonic_s": 10.0}, {"wall_s": 10.0}], ids=["monotonic", "wall"])
@pytest.mark.parametrize("kind", ["credit", "debit"])
async def test_booking_whose_time_is_over_when_its_connection_stands_is_not_sent_and_not_in_doubt(
    make_merchant: MakeMerchant, listener_url: str, received: bytearray, passed: dict[str, float], kind: str
) -> None:
    clock = FrozenClock(**passed)
    async with TrifftProvider(clock) as provider:
        clock.begin()
        book = provider.credit if kind == "credit" else provider.debit
        with pytest.raises(ProviderUnavailableError):
            await book(make_merchant(listener_url), CREDIT, timeout_s=10)
    assert received == b""
