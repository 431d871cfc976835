"""Measures the rows in turn, round after round, so that a drift of the machine affects all rows."""

import json
from collections.abc import Callable
from typing import Literal

import msgspec

from bench.load import Plan, Samples, load
from bench.process import HOST
from bench.stack import Stack, fetch, make_widget_path
from bench.trifft import COUNT_PATH, FIND_PATH

FloorKey = Literal["bare", "relay", "held", "getting", "shared", "unseen", "chain", "peer"]
LiveKey = Literal["alone", "cold", "warm"]
WORKERS: dict[FloorKey, tuple[str, ...]] = {
    "bare": ("bare",),
    "relay": ("relay", "method"),
    "held": ("held", "loyalty_service"),
    "getting": ("getting", "getting_method", "store"),
    "shared": ("shared", "shared_service", "store"),
    "unseen": ("live", "loyalty_service"),
    "chain": ("chain", "chain_method"),
    "peer": ("peer",),
}
"""The processes that work for each row."""
FLOOR_KEYS: tuple[FloorKey, ...] = ("bare", "relay", "held", "getting", "shared")
UNSEEN_KEYS: tuple[FloorKey, ...] = ("unseen", "chain", "peer")
"""Each request of theirs is for a member who was never seen, and makes two calls of the quick TRIFFT."""
_UNSEEN_CALLS = 2
_HELD_KEYS = ("held", "shared")
LIVE_KEYS: tuple[LiveKey, ...] = ("alone", "cold", "warm")
# TRIFFT's calls for one request, and how many of them run one after the other.
CALLS: dict[LiveKey, int] = {"alone": 1, "cold": 2, "warm": 2}
CHAIN: dict[LiveKey, int] = {"alone": 1, "cold": 2, "warm": 1}
_EXPECT = '"status":"member"'


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """The size of a run. `live`: connections, and the members requested over them in a round.

    `unseen_members`: of a round, for each of its rows.
    """

    warm_up_rounds: int = 1
    rounds: int = 7
    seconds: float = 2.0
    connections: int = 16
    held_members: int = 100
    unseen_members: int = 600
    live: tuple[tuple[int, int], ...] = ((1, 15), (8, 160))


QUICK = Scale(warm_up_rounds=0, rounds=1, seconds=0.1, held_members=8, unseen_members=8, live=((1, 2),))
"""For a short run; its figures are useless."""


class FloorSamples(msgspec.Struct, frozen=True, kw_only=True):
    """One round of a floor row. `cpu_s`: its processes' processor time, NaN if the system does not say."""

    samples: Samples
    cpu_s: float


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The samples of each round, by row; for a live row also by connections."""

    floors: dict[FloorKey, list[FloorSamples]]
    live: dict[tuple[LiveKey, int], list[Samples]]


class MeasureError(Exception):
    """A row did other work than it should. The message says why."""


async def measure(stack: Stack, scale: Scale, note: Callable[[str], None]) -> Measured:
    """Measure all rows. The warm-up rounds are discarded. Raises MeasureError and ProcessError."""
    measured = Measured(
        floors={key: [] for key in (*FLOOR_KEYS, *UNSEEN_KEYS)},
        live={(key, count): [] for count, _ in scale.live for key in LIVE_KEYS},
    )
    for number in range(scale.warm_up_rounds + scale.rounds):
        kept = number - scale.warm_up_rounds + 1
        note(f"round {kept} of {scale.rounds}" if kept > 0 else "warming up")
        floors = {key: await _measure_floor(stack, key, scale) for key in FLOOR_KEYS}
        floors |= {key: await _measure_unseen(stack, key, scale, number) for key in UNSEEN_KEYS}
        live = await _measure_live(stack, scale, number)
        if kept > 0:
            for floor_key, floor in floors.items():
                measured.floors[floor_key].append(floor)
            for live_key, samples in live.items():
                measured.live[live_key].append(samples)
    return measured


async def _measure_floor(stack: Stack, key: FloorKey, scale: Scale) -> FloorSamples:
    """Measure a floor row. All rows get the same requests, byte for byte."""
    emails = [f"member-{number}@bench.example" for number in range(scale.held_members)]
    paths = [make_widget_path(stack.credential, email) for email in emails]
    port = _get_port(stack, key)
    if key in _HELD_KEYS:  # each member once before, so that all are held
        await load(stack.folder, _make_plan(stack, port, paths, scale.connections))
    before, cpu_before_s = await _count_calls(stack.trifft), _read_cpu_s(stack, key)
    samples = await load(stack.folder, _make_plan(stack, port, paths, scale.connections, scale.seconds))
    cpu_s = _read_cpu_s(stack, key) - cpu_before_s
    if await _count_calls(stack.trifft) != before:
        raise MeasureError(f"row {key} must not reach TRIFFT, and did")
    return FloorSamples(samples=samples, cpu_s=cpu_s)


async def _measure_unseen(stack: Stack, key: FloorKey, scale: Scale, round_number: int) -> FloorSamples:
    emails = [f"{key}-{round_number}-{number}@bench.example" for number in range(scale.unseen_members)]
    paths = [make_widget_path(stack.quick_credential, email) for email in emails]
    headers = _make_headers(stack.quick_credential)
    plan = _make_plan(stack, _get_port(stack, key), paths, scale.connections)
    plan = msgspec.structs.replace(plan, headers=headers)
    before, cpu_before_s = await _count_calls(stack.quick_trifft), _read_cpu_s(stack, key)
    samples = await load(stack.folder, plan)
    cpu_s = _read_cpu_s(stack, key) - cpu_before_s
    calls = await _count_calls(stack.quick_trifft) - before
    if calls != _UNSEEN_CALLS * scale.unseen_members:
        raise MeasureError(f"row {key} made {calls} calls of TRIFFT for {scale.unseen_members} members")
    return FloorSamples(samples=samples, cpu_s=cpu_s)


def _get_port(stack: Stack, key: FloorKey) -> int:
    ports: dict[FloorKey, int] = {
        "bare": stack.bare,
        "relay": stack.relay,
        "held": stack.held,
        "getting": stack.getting,
        "shared": stack.shared,
        "unseen": stack.live,
        "chain": stack.chain,
        "peer": stack.peer,
    }
    return ports[key]


def _read_cpu_s(stack: Stack, key: FloorKey) -> float:
    return sum(stack.workers[name].read_cpu_s() for name in WORKERS[key])


async def _measure_live(stack: Stack, scale: Scale, round_number: int) -> dict[tuple[LiveKey, int], Samples]:
    measured = {}
    for connections, members in scale.live:
        emails = [f"live-{round_number}-{connections}-{number}@bench.example" for number in range(members)]
        for key in LIVE_KEYS:
            before = await _count_calls(stack.trifft)
            if key == "alone":
                plan = _make_plan(stack, stack.trifft, [f"{FIND_PATH}?email={email}" for email in emails], connections)
                plan = msgspec.structs.replace(plan, expect='"support_id"')
            else:
                paths = [make_widget_path(stack.credential, email) for email in emails]
                plan = _make_plan(stack, stack.live, paths, connections)
            measured[key, connections] = await load(stack.folder, plan)
            calls = await _count_calls(stack.trifft) - before
            if calls != CALLS[key] * members:
                raise MeasureError(f"row {key} made {calls} calls of TRIFFT for {members} members")
    return measured


def _make_plan(stack: Stack, port: int, paths: list[str], connections: int, duration_s: float | None = None) -> Plan:
    headers = _make_headers(stack.credential)
    return Plan(port=port, paths=paths, headers=headers, expect=_EXPECT, connections=connections, duration_s=duration_s)


def _make_headers(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}", "Accept": "application/json", "User-Agent": "bench"}


async def _count_calls(trifft: int) -> int:
    return int(json.loads(await fetch(f"http://{HOST}:{trifft}{COUNT_PATH}")))
