"""A read's request is tried again only if it failed quickly."""

from typing import Any

import pytest

from loyalty_service.metrics import Metrics
from loyalty_service.outbound.circuit_breaker import Attempt
from loyalty_service.outbound.retry import ReadRequests
from loyalty_service.outbound.transport import Answer, Request
from tests.loyalty_service.scripted import make_merchant
from tests.loyalty_service.snapshots.scripted import FakeClock


class FailingTransport:
    """Answers 503 each time, after `took_s`. It is also its own permits, which never run out."""

    def __init__(self, clock: FakeClock, took_s: float) -> None:
        self._clock = clock
        self._took_s = took_s
        self.count = 0

    async def fetch(self, *_: object) -> Answer:
        self.count += 1
        self._clock.advance(self._took_s)
        return Answer(status=503, is_json=True, is_cut=False, body=b"")

    async def send(self, call: Any) -> Any:  # noqa: ANN401  as Permits
        return await call()

    async def add(self, **_: object) -> None:
        pass


@pytest.mark.parametrize(("took_s", "count"), [(0.25, 3), (0.35, 1)])
async def test_only_quick_failures_are_tried_again(monkeypatch: pytest.MonkeyPatch, took_s: float, count: int) -> None:
    monkeypatch.setattr("loyalty_service.outbound.retry.PAUSES_S", (0.0, 0.0))
    clock = FakeClock()
    transport: Any = FailingTransport(clock, took_s)
    requests = ReadRequests(
        transport=transport,
        merchant=make_merchant(),
        permits=transport,
        attempt=Attempt(is_probe=False),
        clock=clock,
        deadline_s=clock.monotonic() + 60,
        metrics=Metrics(),
    )

    answer = await requests.send(Request(operation="find_member", method="GET", path="/"))

    assert (answer.status, transport.count) == (503, count)
