"""Awards through both processes, on SQLite and on PostgreSQL, beside bare commits to the same database."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlencode

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from bench.award_stack import SHOPS, SLOW_SHOP, AwardStack, run_award_stack
from bench.databases import ENGINES, Engine
from bench.load import Plan, Samples, load
from bench.process import HOST, ProcessError, run_process
from bench.stack import fetch
from bench.trifft import NOTES_PATH, make_email, make_member_id, make_ticket_id
from gateway.customers.identity import FoundBy, Identity
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

SHOP_COUNTS = (1, 20)
COMMITS = 6
"""Durable commits of one award and its note: the ticket's pending note, so that no crash loses it; the ledger's row,
before TRIFFT is called; the outcome, before the answer; then the note's claim, its sending, and its end.
"""

_AWARD_PATH = "/gorgias/actions/award-points"
_TIMEOUT_S = 20.0
_NOTES_S = 60.0
_POLL_S = 0.05


class AwardScale(msgspec.Struct, frozen=True, kw_only=True):
    """`awards`: by `connections` clients in a round of one row.

    `slow`: by one client, to measure what an award adds.
    """

    engines: tuple[Engine, ...] = ENGINES
    warm_up_rounds: int = 1
    rounds: int = 5
    connections: int = 16
    awards: int = 600
    slow: int = 20
    commit_seconds: float = 1.0


QUICK_AWARDS = AwardScale(
    engines=("sqlite",), warm_up_rounds=0, rounds=1, connections=2, awards=6, slow=1, commit_seconds=0.1
)


class AwardSamples(msgspec.Struct, frozen=True, kw_only=True):
    """One round of a row. `cpu_s`: of each process, until the last note was written; NaN where it is not known."""

    samples: Samples
    cpu_s: dict[str, float]


class MeasuredAwards(msgspec.Struct, frozen=True, kw_only=True):
    """By engine and round: processor time of a bare commit; awards, by number of shops; awards one by one at 50 ms."""

    commit_cpu_s: dict[Engine, list[float]]
    awards: dict[tuple[Engine, int], list[AwardSamples]]
    slow: dict[Engine, list[Samples]]


async def measure_awards(folder: Path, scale: AwardScale, note: Callable[[str], None]) -> MeasuredAwards:
    """Measure awards. The warm-up rounds are discarded. Raises ProcessError."""
    measured = MeasuredAwards(
        commit_cpu_s={engine: [] for engine in scale.engines},
        awards={(engine, count): [] for engine in scale.engines for count in SHOP_COUNTS},
        slow={engine: [] for engine in scale.engines},
    )
    for engine in scale.engines:
        place = folder / engine
        place.mkdir()
        async with run_award_stack(engine, place) as stack:
            for number in range(scale.warm_up_rounds + scale.rounds):
                kept = number - scale.warm_up_rounds + 1
                note(f"awards on {engine}: {f'round {kept} of {scale.rounds}' if kept > 0 else 'warming up'}")
                commit_cpu_s = await _measure_commits(stack, scale)
                awards = {count: await _award_with_notes(stack, count, scale, number) for count in SHOP_COUNTS}
                slow = await _award_slowly(stack, scale, number)
                if kept > 0:
                    measured.commit_cpu_s[engine].append(commit_cpu_s)
                    measured.slow[engine].append(slow)
                    for count, samples in awards.items():
                        measured.awards[engine, count].append(samples)
    return measured


async def _measure_commits(stack: AwardStack, scale: AwardScale) -> float:
    file = stack.folder / "commits"
    arguments = (stack.loyalty_url, str(scale.connections), str(scale.commit_seconds), str(file))
    async with run_process(stack.folder / "commits.log", "bench.commits", *arguments, settings={}) as process:
        await process.wait()
    return float(file.read_text(encoding="utf-8"))


async def _award_with_notes(stack: AwardStack, shops: int, scale: AwardScale, round_number: int) -> AwardSamples:
    owners = [SHOPS[number % shops] for number in range(scale.awards)]
    customers = _number_customers(shops, round_number, len(owners))
    await _hold(stack, owners, customers)
    noted = await _count_notes(stack) + len(owners)
    before_s = {name: process.read_cpu_s() for name, process in stack.workers.items()}
    samples = await _award(stack, owners, customers, scale.connections)
    await _wait_for_notes(stack, noted)
    cpu_s = {name: process.read_cpu_s() - before_s[name] for name, process in stack.workers.items()}
    return AwardSamples(samples=samples, cpu_s=cpu_s)


async def _wait_for_notes(stack: AwardStack, count: int) -> None:
    try:
        async with asyncio.timeout(_NOTES_S):
            while await _count_notes(stack) < count:  # noqa: ASYNC110 - they are written in another process
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise ProcessError("the gateway did not write all notes in time") from None


async def _count_notes(stack: AwardStack) -> int:
    return int(await fetch(f"http://{HOST}:{stack.quick}{NOTES_PATH}"))


async def _award_slowly(stack: AwardStack, scale: AwardScale, round_number: int) -> Samples:
    owners = [SLOW_SHOP] * scale.slow
    customers = _number_customers(0, round_number, len(owners))
    await _hold(stack, owners, customers)
    return await _award(stack, owners, customers, connections=1)


def _number_customers(row: int, round_number: int, count: int) -> list[int]:
    """Each award is for another member on another ticket."""
    return [((row + 1) * 100 + round_number) * 100_000 + number for number in range(count)]


async def _award(stack: AwardStack, owners: Sequence[str], customers: Sequence[int], connections: int) -> Samples:
    plan = Plan(
        port=stack.gateway,
        paths=[f"{_AWARD_PATH}?token={stack.credentials[shop]}" for shop in owners],
        headers={"Accept": "application/json", "User-Agent": "bench"},
        expect='"status":"applied"',
        connections=connections,
        bodies=[_make_body(stack, shop, customer) for shop, customer in zip(owners, customers, strict=True)],
    )
    return await load(stack.folder, plan)


async def _hold(stack: AwardStack, owners: Sequence[str], customers: Sequence[int]) -> None:
    """Show the panels first, so that their members are held, as when an agent clicks."""
    async with LoyaltyClient(stack.loyalty_target, stack.loyalty_key) as client:
        for shop, customer in zip(owners, customers, strict=True):
            email = make_email(shop, customer)
            await client.get_snapshot(shop, pb.MemberIdentity(email=email), max_staleness_s=None, timeout_s=_TIMEOUT_S)


def _make_body(stack: AwardStack, shop: str, customer: int) -> str:
    """The held snapshot is new enough for the panel."""
    email = make_email(shop, customer)
    found_by = Identity(FoundBy.EMAIL, email)
    token = stack.tokens.make(shop, make_member_id(email), found_by=found_by, fetch_time=Timestamp())
    fields = {
        "award_token": token,
        "points": "100",
        "note": "for your patience",
        "ticket_id": make_ticket_id(1, customer),
        "agent_email": "ana@bench.example",
        "agent_name": "Ana",
    }
    return urlencode(fields)
