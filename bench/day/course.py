"""A simulated day: the fleet, its load, and its two bad hours."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec

from bench.databases import Engine
from bench.day.driver import Answers, DayPlan
from bench.day.events import DayScale, make_day
from bench.limited_trifft import Mood, Tally
from bench.process import run_process
from bench.snapshot_stack import SnapshotStack, run_snapshot_stack
from bench.troubles import fetch_counters, fetch_tally, turn_trifft

HOURS = 24
TRIFFT_HOUR, STORE_HOUR = 8, 15
"""The hours in which TRIFFT, and then the shared store, is down: the first half in one way, the second in another."""
# The time for the driver to read its plan and open its channels.
_BEFORE_S = 3.0


class MeasuredDay(msgspec.Struct, frozen=True, kw_only=True):
    """`counters`: of the loyalty services, without those of processes that were killed."""

    answers: Answers
    tally: Tally
    counters: Counter[str]


def run_day_stack(folder: Path, scale: DayScale) -> AbstractAsyncContextManager[SnapshotStack]:
    """Start the stack of a day. Several replicas need PostgreSQL. Raises ProcessError."""
    engine: Engine = "sqlite" if scale.replicas == 1 else "postgresql"
    return run_snapshot_stack(folder, engine, "valkey", replicas=scale.replicas, shops=scale.shops, gateway={})


async def measure_day(stack: SnapshotStack, scale: DayScale, note: Callable[[str], None]) -> MeasuredDay:
    """Raises ProcessError."""
    note(f"a day of {scale.shops} shops in {scale.seconds:g} s")
    answers = await _live(stack, scale, note)
    return MeasuredDay(
        answers=answers,
        tally=await fetch_tally(stack.trifft),
        counters=await fetch_counters(stack.plan.loyalty),
    )


def get_hour(scale: DayScale, hour: int) -> tuple[float, float]:
    """The start and the end of an hour, in seconds of the simulated day."""
    return scale.seconds * hour / HOURS, scale.seconds * (hour + 1) / HOURS


_Trouble = tuple[float, str, Callable[[], Awaitable[None]]]


def _plan_troubles(scale: DayScale, stack: SnapshotStack) -> list[_Trouble]:
    """The troubles, by their time in seconds of the day."""
    store, trifft = stack.store, stack.trifft
    assert store is not None  # noqa: S101 - a day's stack has one
    trifft_s, well_s = get_hour(scale, TRIFFT_HOUR)
    store_s, back_s = get_hour(scale, STORE_HOUR)
    return [
        (trifft_s, "TRIFFT refuses", lambda: turn_trifft(trifft, Mood.REFUSES)),
        ((trifft_s + well_s) / 2, "TRIFFT hangs", lambda: turn_trifft(trifft, Mood.HANGS)),
        (well_s, "TRIFFT works again", lambda: turn_trifft(trifft, Mood.WELL)),
        (store_s, "the store hangs", store.hang),
        ((store_s + back_s) / 2, "the store is killed", store.kill),
        (back_s, "the store is back, empty", store.start),
    ]


def _plan_day(stack: SnapshotStack, scale: DayScale) -> DayPlan:
    plan = stack.plan
    return DayPlan(
        start_s=time.monotonic() + _BEFORE_S,
        gateways=[part.port for part in plan.gateways],
        loyalty_target=plan.loyalty_target,
        loyalty_key=plan.loyalty_key,
        credentials=stack.credentials,
        events=make_day(scale),
    )


async def _live(stack: SnapshotStack, scale: DayScale, note: Callable[[str], None]) -> Answers:
    folder, day = stack.folder, _plan_day(stack, scale)
    plan_file, answers_file = folder / "day.json", folder / "answers.json"
    plan_file.write_bytes(msgspec.json.encode(day))
    arguments = (str(plan_file), str(answers_file))
    async with run_process(folder / "driver.log", "bench.day.driver", *arguments, settings={}) as driver:
        for at_s, what, turn in _plan_troubles(scale, stack):
            await asyncio.sleep(day.start_s + at_s - time.monotonic())
            note(f"at {at_s:.0f} s of {scale.seconds:g}: {what}")
            await turn()
        await asyncio.sleep(day.start_s + scale.seconds - time.monotonic())
        await driver.wait()
    return msgspec.json.decode(answers_file.read_bytes(), type=Answers)
