"""What time it is, for people: a value of the application, so that tests can say it."""

from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web


class Clock:
    """`now` is UTC."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.now = now


CLOCK = web.AppKey("clock", Clock)
