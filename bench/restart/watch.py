"""Requests widgets all the time: `python -m bench.restart.watch PLAN ANSWERS`. At SIGTERM it writes the answers.

It is a separate process, so that its cost is not counted as another's.
"""

import asyncio
import itertools
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import msgspec
import uvloop

from bench.widgets import Answer, ask_widget, make_session


class WatchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`connections` clients, each with a request every `pause_s`; one request in `new_every` is for a new member.

    `credentials`: the widgets', by shop. The others are for `held` members of each shop in turn, who are read once
    before.
    """

    port: int
    credentials: dict[str, str]
    held: int
    new_every: int
    connections: int
    pause_s: float


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    answer: Answer
    is_new: bool


class _Watch:
    def __init__(self, plan: WatchPlan, session: aiohttp.ClientSession) -> None:
        self._plan = plan
        self._session = session
        self._stop = asyncio.Event()
        self._visits = self._list_visits()
        self._watched: list[Watched] = []

    async def run(self) -> list[Watched]:
        plan = self._plan
        for shop, email in self._list_held():
            await ask_widget(self._session, plan.port, plan.credentials[shop], email)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stop.set)
        print("watching", flush=True)
        await asyncio.gather(*(self._ask_on(number) for number in range(plan.connections)))
        return self._watched

    async def _ask_on(self, number: int) -> None:
        """Send requests, evenly spread over the pause. Missed ones are not made up for."""
        plan = self._plan
        due_s = time.monotonic() + plan.pause_s * number / plan.connections
        while not self._stop.is_set():
            await asyncio.sleep(due_s - time.monotonic())
            shop, email, is_new = next(self._visits)
            answer = await ask_widget(self._session, plan.port, plan.credentials[shop], email)
            self._watched.append(Watched(answer=answer, is_new=is_new))
            due_s = max(due_s + plan.pause_s, time.monotonic())

    def _list_held(self) -> list[tuple[str, str]]:
        return [
            (shop, f"held-{number}@bench.example")
            for number in range(self._plan.held)
            for shop in self._plan.credentials
        ]

    def _list_visits(self) -> Iterator[tuple[str, str, bool]]:
        held, shops = itertools.cycle(self._list_held()), itertools.cycle(self._plan.credentials)
        for number in itertools.count(1):
            if number % self._plan.new_every == 0:
                yield next(shops), f"new-{number}@bench.example", True
            else:
                yield *next(held), False


async def carry_out(plan: WatchPlan) -> list[Watched]:
    async with make_session() as session:
        return await _Watch(plan, session).run()


def main() -> None:
    plan_file, answers_file = map(Path, sys.argv[1:])
    plan = msgspec.json.decode(plan_file.read_bytes(), type=WatchPlan)
    answers_file.write_bytes(msgspec.json.encode(uvloop.run(carry_out(plan))))


if __name__ == "__main__":
    main()
