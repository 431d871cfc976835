"""Awards through both processes, on SQLite and on PostgreSQL, beside bare commits to the same database."""

from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlencode

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from bench.award_stack import SHOPS, SLOW_SHOP, AwardStack, run_award_stack
from bench.databases import ENGINES, Engine
from bench.load import Plan, Samples, load
from bench.process import run_process
from bench.trifft import make_email, make_member_id, make_ticket_id
from gateway.loyalty_client import LoyaltyClient

SHOP_COUNTS = (1, 20)
COMMITS = 3
"""Durable commits of one award: the ticket's pending note, so that no crash loses it; the ledger's row, before TRIFFT
is called; the outcome, before the answer. The note is closed later.
"""

_AWARD_PATH = "/gorgias/actions/award-points"
_TIMEOUT_S = 20.0


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


class MeasuredAwards(msgspec.Struct, frozen=True, kw_only=True):
    """By engine and round: bare commits a second; awards, by number of shops; awards one by one at 50 ms."""

    commits_per_s: dict[Engine, list[float]]
    awards: dict[tuple[Engine, int], list[Samples]]
    slow: dict[Engine, list[Samples]]


async def measure_awards(folder: Path, scale: AwardScale, note: Callable[[str], None]) -> MeasuredAwards:
    """Measure awards. The warm-up rounds are discarded. Raises ProcessError."""
    measured = MeasuredAwards(
        commits_per_s={engine: [] for engine in scale.engines},
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
                commits_per_s = await _measure_commits(stack, scale)
                awards = {count: await _award(stack, SHOPS[:count], scale, number) for count in SHOP_COUNTS}
                slow = await _award(stack, (SLOW_SHOP,), scale, number)
                if kept > 0:
                    measured.commits_per_s[engine].append(commits_per_s)
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


async def _award(stack: AwardStack, shops: Sequence[str], scale: AwardScale, round_number: int) -> Samples:
    """Send awards, each for another member on another ticket, with the shops in turn."""
    is_slow = shops == (SLOW_SHOP,)
    owners = [shops[number % len(shops)] for number in range(scale.slow if is_slow else scale.awards)]
    customers = [int(f"{len(shops)}{round_number}{number:05}") for number in range(len(owners))]
    await _hold(stack, owners, customers)
    plan = Plan(
        port=stack.gateway,
        paths=[f"{_AWARD_PATH}?token={stack.credentials[shop]}" for shop in owners],
        headers={"Accept": "application/json", "User-Agent": "bench"},
        expect='"status":"applied"',
        connections=1 if is_slow else scale.connections,
        bodies=[_make_body(stack, shop, customer) for shop, customer in zip(owners, customers, strict=True)],
    )
    return await load(stack.folder, plan)


async def _hold(stack: AwardStack, owners: Sequence[str], customers: Sequence[int]) -> None:
    """Show the panels first, so that their members are held, as when an agent clicks."""
    async with LoyaltyClient(stack.loyalty_target, stack.loyalty_key) as client:
        for shop, customer in zip(owners, customers, strict=True):
            email = make_email(shop, customer)
            await client.get_snapshot(shop, email, max_staleness_s=None, timeout_s=_TIMEOUT_S)


def _make_body(stack: AwardStack, shop: str, customer: int) -> str:
    """The held snapshot is new enough for the panel."""
    email = make_email(shop, customer)
    fields = {
        "award_token": stack.tokens.make(shop, make_member_id(email), email=email, fetch_time=Timestamp()),
        "points": "100",
        "note": "for your patience",
        "ticket_id": make_ticket_id(1, customer),
        "agent_email": "ana@bench.example",
        "agent_name": "Ana",
    }
    return urlencode(fields)
