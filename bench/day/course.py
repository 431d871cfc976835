"""A simulated day from its start to its end: the fleet, its load, its two bad hours."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from bench.databases import Engine, open_databases
from bench.day.driver import Answers, DayPlan
from bench.day.events import DayScale, make_day
from bench.fleet import Plan, make_plan, run_fleet
from bench.limited_trifft import Mood, Tally
from bench.process import HOST, Process, find_free_ports, run_process
from bench.shops import add_shops, make_shops
from bench.troubles import fetch_counters, fetch_tally, turn_trifft
from bench.valkey import run_valkey

HOURS = 24
TRIFFT_HOUR, STORE_HOUR = 8, 15
"""In which TRIFFT is down, and the shared store: the first half of each in one way, the second in another."""
# For the driver to read its plan and open its channels.
_BEFORE_S = 3.0


class MeasuredDay(msgspec.Struct, frozen=True, kw_only=True):
    """`counters`: of the loyalty services, without those of a start that was killed."""

    answers: Answers
    tally: Tally
    counters: Counter[str]


async def measure_day(folder: Path, scale: DayScale, note: Callable[[str], None]) -> MeasuredDay:
    """Raises ProcessError."""
    engine: Engine = "sqlite" if scale.replicas == 1 else "postgresql"
    async with AsyncExitStack() as stack:
        loyalty_url, gateway_url = await stack.enter_async_context(open_databases(engine, folder))
        (store_port,) = find_free_ports(1)
        store = _Store(folder, store_port)
        await store.start()
        stack.push_async_callback(store.stop)
        world = run_process(folder / "trifft.log", "bench.limited_trifft", settings={})
        trifft = int((await (await stack.enter_async_context(world)).wait_for_line("listening")).rpartition(":")[2])
        loyalty = {"LOYALTY_SNAPSHOTS_URL": f"redis://{HOST}:{store_port}"}
        plan = make_plan(loyalty_url, gateway_url, replicas=scale.replicas, loyalty=loyalty, gateway={})
        await stack.enter_async_context(run_fleet(plan, folder))
        origin = f"http://{HOST}:{trifft}"
        credentials = await add_shops(plan, make_shops(scale.shops), origin, f"{origin}/gorgias/{{shop}}")
        note(f"a day of {scale.shops} shops in {scale.seconds:g} s")
        day = _plan_day(plan, credentials, scale)
        answers = await _live(folder, day, scale, [*_plan_troubles(scale, store, trifft)], note)
        return MeasuredDay(
            answers=answers, tally=await fetch_tally(trifft), counters=await fetch_counters(plan.loyalty)
        )


def get_hour(scale: DayScale, hour: int) -> tuple[float, float]:
    """When it begins and ends, in seconds of the simulated day."""
    return scale.seconds * hour / HOURS, scale.seconds * (hour + 1) / HOURS


class _Store:
    """The shared store, which forgets everything when it is killed."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port

    async def start(self) -> None:
        self._running = AsyncExitStack()
        self._process: Process = await self._running.enter_async_context(run_valkey(self._folder, self._port))

    async def hang(self) -> None:
        self._process.pause()

    async def kill(self) -> None:
        await self._process.kill()
        await self._running.aclose()

    async def stop(self) -> None:
        await self._running.aclose()


_Trouble = tuple[float, str, Callable[[], Awaitable[None]]]


def _plan_troubles(scale: DayScale, store: _Store, trifft: int) -> list[_Trouble]:
    """When, in seconds of the day, what happens to the outside."""
    trifft_s, well_s = get_hour(scale, TRIFFT_HOUR)
    store_s, back_s = get_hour(scale, STORE_HOUR)
    return [
        (trifft_s, "TRIFFT refuses", lambda: turn_trifft(trifft, Mood.REFUSES)),
        ((trifft_s + well_s) / 2, "TRIFFT hangs", lambda: turn_trifft(trifft, Mood.HANGS)),
        (well_s, "TRIFFT is well", lambda: turn_trifft(trifft, Mood.WELL)),
        (store_s, "the store hangs", store.hang),
        ((store_s + back_s) / 2, "the store is killed", store.kill),
        (back_s, "the store is back, empty", store.start),
    ]


def _plan_day(plan: Plan, credentials: dict[str, str], scale: DayScale) -> DayPlan:
    return DayPlan(
        start_s=time.monotonic() + _BEFORE_S,
        gateways=[part.port for part in plan.gateways],
        loyalty_target=plan.loyalty_target,
        loyalty_key=plan.loyalty_key,
        credentials=credentials,
        events=make_day(scale),
    )


async def _live(
    folder: Path, day: DayPlan, scale: DayScale, troubles: list[_Trouble], note: Callable[[str], None]
) -> Answers:
    plan_file, answers_file = folder / "day.json", folder / "answers.json"
    plan_file.write_bytes(msgspec.json.encode(day))
    arguments = (str(plan_file), str(answers_file))
    async with run_process(folder / "driver.log", "bench.day.driver", *arguments, settings={}) as driver:
        for at_s, what, turn in troubles:
            await asyncio.sleep(day.start_s + at_s - time.monotonic())
            note(f"at {at_s:.0f} s of {scale.seconds:g}: {what}")
            await turn()
        await asyncio.sleep(day.start_s + scale.seconds - time.monotonic())
        await driver.wait()
    return msgspec.json.decode(answers_file.read_bytes(), type=Answers)
