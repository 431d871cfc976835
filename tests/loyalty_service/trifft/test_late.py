"""After a process was frozen or a machine slept, requests that are too late are not sent any more."""

import select
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from loyalty_service.domain.errors import ProviderUnavailableError
from loyalty_service.domain.ports import Booking
from loyalty_service.trifft.client import TrifftProvider
from tests.loyalty_service.trifft.servers import MakeMerchant

CREDIT = Booking(member_id="jana", points=100, note="", reference="A-10482")
_START = datetime(2026, 11, 23, tzinfo=UTC)


class FrozenClock:
    """Lets `monotonic_s` and `wall_s` pass at once when a connection to `listener` exists."""

    def __init__(self, listener: socket.socket, *, monotonic_s: float = 0, wall_s: float = 0) -> None:
        self._listener = listener
        self._monotonic_s = monotonic_s
        self._wall_s = wall_s

    def monotonic(self) -> float:
        return self._monotonic_s if self._is_connected() else 0.0

    def now(self) -> datetime:
        return _START + timedelta(seconds=self._wall_s if self._is_connected() else 0)

    def _is_connected(self) -> bool:
        return bool(select.select([self._listener], [], [], 0)[0])


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A listener that accepts no connection: clients connect, and get no answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.mark.parametrize("passed", [{"monotonic_s": 10.0}, {"wall_s": 10.0}], ids=["monotonic", "wall"])
@pytest.mark.parametrize("kind", ["credit", "debit"])
async def test_booking_that_is_too_late_once_connected_is_not_sent_and_not_in_doubt(
    make_merchant: MakeMerchant, listener: socket.socket, passed: dict[str, float], kind: str
) -> None:
    merchant = make_merchant(f"http://127.0.0.1:{listener.getsockname()[1]}")
    async with TrifftProvider(FrozenClock(listener, **passed)) as provider:
        book = provider.credit if kind == "credit" else provider.debit
        with pytest.raises(ProviderUnavailableError):
            await book(merchant, CREDIT, timeout_s=10)

    connection, _ = listener.accept()
    with connection:
        assert connection.recv(1024) == b""
