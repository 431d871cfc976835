"""One shop needs ten times its rate at TRIFFT; another, calm shop must not notice.

`python -m bench.overload` measures this alone, in about two minutes.
"""

import asyncio
import itertools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiohttp
import msgspec

from bench.aims import Aim
from bench.figures import get_percentile
from bench.process import HOST, ProcessError
from bench.shops import make_shops
from bench.snapshot_stack import SnapshotStack, run_snapshot_stack
from bench.stack import make_widget_path
from bench.table import render_table
from bench.trifft import CALL_S
from bench.troubles import fetch_tally
from sandbox.trifft.rate import MAX_REQUESTS, WINDOW_S

BUSY, CALM = make_shops(2)
# A new member takes two requests of TRIFFT.
_READ_SET = 2
ALLOWED_PER_S = MAX_REQUESTS / WINDOW_S
BUSY_PER_S = 10 * ALLOWED_PER_S / _READ_SET
CALM_PER_S = 2.0
SHARE_AIM = 0.9
SLOWDOWN_AIM = 1.1
_READING = """\
All members are new, so each ticket event costs TRIFFT two requests: the busy shop needs ten times its token's rate.
TRIFFT refuses a request above its rate, and then all requests for 60 s. "TRIFFT saw" counts the requests that arrived;
the share is of the requests that the rate allows in that time. The calm shop's answers are all live, so most of their
time is TRIFFT's own."""


class OverloadScale(msgspec.Struct, frozen=True, kw_only=True):
    """The seconds for the calm shop alone, then beside the busy one; the warm-up comes before."""

    warm_up_s: float = 2.0
    seconds: float = 60.0


QUICK_OVERLOAD = OverloadScale(warm_up_s=0.0, seconds=1.0)


class OverloadReport(msgspec.Struct, frozen=True, kw_only=True):
    """`seen` of `allowed` requests of the busy shop arrived at TRIFFT; `refused`: by 429, of both shops.

    `busy_answers`: by status, all of them HTTP 200; `busy_p99_ms`: how long an agent of the busy shop waits.
    """

    seconds: float
    seen: int
    allowed: float
    refused: int
    busy_answers: dict[str, int]
    busy_p99_ms: float
    alone_p50_ms: float
    alone_p99_ms: float
    beside_p50_ms: float
    beside_p99_ms: float
    aims: list[Aim]


class _Answers(msgspec.Struct, kw_only=True):
    latencies_ms: list[float] = []
    statuses: Counter[str] = Counter()


def run_overload_stack(folder: Path) -> AbstractAsyncContextManager[SnapshotStack]:
    """Raises ProcessError."""
    return run_snapshot_stack(folder, "sqlite", "memory", replicas=1, shops=2, gateway={})


async def measure_overload(stack: SnapshotStack, scale: OverloadScale, note: Callable[[str], None]) -> OverloadReport:
    """Raises aiohttp.ClientError for any answer but a 200."""
    if scale.warm_up_s:
        await _load(stack, CALM, CALM_PER_S, scale.warm_up_s, "warm")
        await asyncio.sleep(WINDOW_S)  # the warm-up's permits are free again
    note("overload: a calm shop alone")
    alone = await _load(stack, CALM, CALM_PER_S, scale.seconds, "alone")
    note("overload: beside one that asks for ten times what it is allowed")
    before = await fetch_tally(stack.trifft)
    beside, busy = await asyncio.gather(
        _load(stack, CALM, CALM_PER_S, scale.seconds, "beside"),
        _load(stack, BUSY, BUSY_PER_S, scale.seconds, "busy"),
    )
    after = await fetch_tally(stack.trifft)
    seen = after.by_token.get(BUSY, 0) - before.by_token.get(BUSY, 0)
    return _make_report(scale.seconds, seen, after.throttled - before.throttled, busy=busy, alone=alone, beside=beside)


def render_overload(report: OverloadReport) -> list[str]:
    answers = ", ".join(f"{count} {status}" for status, count in sorted(report.busy_answers.items()))
    return [
        (
            f"Overload: one shop asks for {BUSY_PER_S:g} new members a second, for {report.seconds:g} s, TRIFFT taking "
            f"{CALL_S * 1000:g} ms a call:"
        ),
        render_table(
            ("TRIFFT saw", "of allowed", "share", "429s", "busy shop, p99 ms"),
            [
                (
                    str(report.seen),
                    f"{report.allowed:g}",
                    f"{report.seen / report.allowed:.2f}",
                    str(report.refused),
                    f"{report.busy_p99_ms:.0f}",
                )
            ],
        ),
        render_table(
            ("calm shop", "p50 ms", "p99 ms"),
            [
                ("alone", f"{report.alone_p50_ms:.1f}", f"{report.alone_p99_ms:.1f}"),
                ("beside the busy one", f"{report.beside_p50_ms:.1f}", f"{report.beside_p99_ms:.1f}"),
            ],
        ),
        f"The busy shop's answers, each an HTTP 200: {answers}.",
        _READING,
    ]


def _make_report(  # noqa: PLR0913 - one argument per measured value
    seconds: float, seen: int, refused: int, *, busy: _Answers, alone: _Answers, beside: _Answers
) -> OverloadReport:
    allowed = ALLOWED_PER_S * seconds
    alone_p99_ms, beside_p99_ms = (get_percentile(one.latencies_ms, 99) for one in (alone, beside))
    return OverloadReport(
        seconds=seconds,
        seen=seen,
        allowed=allowed,
        refused=refused,
        busy_answers=dict(busy.statuses),
        busy_p99_ms=get_percentile(busy.latencies_ms, 99),
        alone_p50_ms=get_percentile(alone.latencies_ms, 50),
        alone_p99_ms=alone_p99_ms,
        beside_p50_ms=get_percentile(beside.latencies_ms, 50),
        beside_p99_ms=beside_p99_ms,
        aims=[
            Aim(
                aim=f"overload: TRIFFT sees at least {SHARE_AIM} of what it allows",
                measured=seen / allowed,
                is_met=seen / allowed >= SHARE_AIM,
            ),
            Aim(aim="overload: no 429", measured=refused, is_met=refused == 0),
            Aim(
                aim=f"overload: the other shop's p99 within {SLOWDOWN_AIM} of itself alone",
                measured=beside_p99_ms / alone_p99_ms,
                is_met=beside_p99_ms <= SLOWDOWN_AIM * alone_p99_ms,
            ),
        ],
    )


async def _load(stack: SnapshotStack, shop: str, per_s: float, seconds: float, name: str) -> _Answers:
    """Ask for new members at a steady rate, without waiting for answers."""
    answers = _Answers(latencies_ms=[], statuses=Counter())
    headers = {"Authorization": f"Bearer {stack.credentials[shop]}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector, raise_for_status=True) as session:

        async def ask(number: int) -> None:
            path = make_widget_path(stack.credentials[shop], f"{name}-{number}@bench.example")
            url = f"http://{HOST}:{stack.plan.gateways[0].port}{path}"
            begin_s = time.perf_counter()
            async with session.get(url) as response:
                status = (await response.json())["status"]
            answers.latencies_ms.append((time.perf_counter() - begin_s) * 1000)
            answers.statuses[status] += 1

        begin_s = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in itertools.takewhile(lambda number: number < per_s * seconds, itertools.count()):
                await asyncio.sleep(max(0.0, begin_s + number / per_s - time.perf_counter()))
                group.create_task(ask(number))
    return answers


def main() -> int:
    """Return 0 if everything was measured, whatever the figures; 1, with the reason, if not."""

    async def run(folder: Path) -> OverloadReport:
        async with run_overload_stack(folder) as stack:
            return await measure_overload(stack, OverloadScale(), lambda progress: print(progress, file=sys.stderr))

    try:
        with tempfile.TemporaryDirectory(prefix="overload-") as folder:
            report = asyncio.run(run(Path(folder)))
    except (ProcessError, aiohttp.ClientError) as error:
        print(f"overload: {error}", file=sys.stderr)
        return 1
    print("\n\n".join(render_overload(report)))
    for aim in report.aims:
        print(f"- {aim.aim}: {aim.measured:.2f}, {'met' if aim.is_met else 'not met'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
