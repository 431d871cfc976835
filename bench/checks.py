"""`check --all` beside the check of one shop; and both processes, started with one shop and with many.

`python -m bench.checks` measures this alone, in about a minute.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import msgspec

from bench.aims import Aim
from bench.fleet import Fleet, Plan, make_plan, run_fleet
from bench.process import HOST, ProcessError
from bench.shops import make_shops
from bench.stack import MANY_REQUESTS, Starter, make_widget_path
from bench.table import render_table
from gateway.database import open_database
from gateway.gorgias.client import GorgiasClient
from gateway.installation.buttons import Buttons
from gateway.installation.service import install
from gateway.installation.store import InstallationStore, Target
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.encryption import SecretKeys

COMMAND = Path(sys.executable).with_name("trifft-gorgias")
MANY = 500
QUICK_MANY = 2
SHARE_AIM = 0.1
GROWTH_AIM = 1.5
_TIMEOUT_S = 20.0
_MIB = 2**20


class ChecksRow(msgspec.Struct, frozen=True, kw_only=True):
    """The processes with so many shops, after a widget call for each. `start_cpu_s`: processor time until it listens.

    The machine may be busy, and a process that waits for it uses none.
    """

    shops: int
    loyalty_start_cpu_s: float
    gateway_start_cpu_s: float
    loyalty_bytes: int
    gateway_bytes: int


class ChecksReport(msgspec.Struct, frozen=True, kw_only=True):
    """`one_s`, `all_s`: the time of `check ID` and of `check --all`; `…_cpu_s`: the command's processor time."""

    shops: int
    one_s: float
    one_cpu_s: float
    all_s: float
    all_cpu_s: float
    rows: list[ChecksRow]
    aims: list[Aim]


async def measure_checks(folder: Path, shops: int, note: Callable[[str], None]) -> ChecksReport:
    """Raises ProcessError and aiohttp.ClientError."""
    rows = list[ChecksRow]()
    for count in (1, shops):
        note(f"checks: both processes, shops: {count}")
        (place := folder / f"checks-{count}").mkdir()
        async with AsyncExitStack() as stack:
            outside = f"http://{HOST}:{await Starter(stack, place).start('gorgias', 'bench.gorgias')}"
            urls = (f"sqlite:///{place / 'loyalty.db'}", f"sqlite:///{place / 'gateway.db'}")
            plan = make_plan(*urls, replicas=1, loyalty={}, gateway={})
            fleet = await stack.enter_async_context(run_fleet(plan, place))
            credentials = await _install(plan, make_shops(count), outside)
            rows.append(await _measure_row(plan, fleet, credentials))
            if count == shops:
                note(f"checks: of one shop, and of {shops}")
                one = await _time_check(plan, "shop-0")
                every = await _time_check(plan, "--all")
    return _make_report(shops, one, every, rows)


def render_checks(report: ChecksReport) -> list[str]:
    """Render as Markdown."""
    each = report.all_s / report.shops
    return [
        render_table(
            ("check", "s", "CPU s", "ms a shop"),
            [
                ("of one shop", f"{report.one_s:.2f}", f"{report.one_cpu_s:.2f}", f"{report.one_s * 1000:.0f}"),
                (f"of {report.shops}", f"{report.all_s:.2f}", f"{report.all_cpu_s:.2f}", f"{each * 1000:.0f}"),
            ],
        ),
        render_table(
            ("shops", "loyalty service starts, CPU s", "gateway, CPU s", "loyalty service, MiB", "gateway, MiB"),
            [
                (
                    str(row.shops),
                    f"{row.loyalty_start_cpu_s:.2f}",
                    f"{row.gateway_start_cpu_s:.2f}",
                    f"{row.loyalty_bytes / _MIB:.1f}",
                    f"{row.gateway_bytes / _MIB:.1f}",
                )
                for row in report.rows
            ],
        ),
    ]


async def _install(plan: Plan, shops: Sequence[str], outside: str) -> dict[str, str]:
    """Add the shops to the loyalty service and install them in Gorgias. Returns the widgets' credentials."""
    async with LoyaltyClient(plan.loyalty_target, plan.loyalty_key) as client:
        for shop in shops:
            merchant = pb.Merchant(merchant_id=shop, provider_url=outside, profile=MANY_REQUESTS)
            request = pb.CreateMerchantRequest(merchant=merchant, provider_token=shop, skip_probe=True)
            await client.create_merchant(request, timeout_s=_TIMEOUT_S)
    credentials = {}
    async with open_database(plan.gateway_database_url) as database, aiohttp.ClientSession() as session:
        store = InstallationStore(database, SecretKeys((plan.gateway_keys,)))
        for shop in shops:
            target = Target(
                gorgias_url=f"{outside}/gorgias/{shop}",
                gorgias_user="bench@bench.example",
                gorgias_key="made-up",
                template="list",
                public_url=_make_public_url(plan),
            )
            account = GorgiasClient(session, target.gorgias_url, target.gorgias_user, target.gorgias_key)
            await install(store, account, shop, target, Buttons())
            installation = await store.get(shop)
            assert installation is not None  # noqa: S101 - it was added above
            credentials[shop] = installation.credential
    return credentials


async def _measure_row(plan: Plan, fleet: Fleet, credentials: dict[str, str]) -> ChecksRow:
    """Start both again, on databases that are there, and call each shop's widget once."""
    starts_s = []
    for part in (*plan.loyalty, *plan.gateways):
        await fleet.restart(part)
        starts_s.append(fleet.get_process(part).read_cpu_s())
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        for credential in credentials.values():
            async with session.get(_make_public_url(plan) + make_widget_path(credential, "None")) as response:
                await response.read()
    parts = (*plan.loyalty, *plan.gateways)
    loyalty_bytes, gateway_bytes = (fleet.get_process(part).read_resident_bytes() for part in parts)
    return ChecksRow(
        shops=len(credentials),
        loyalty_start_cpu_s=starts_s[0],
        gateway_start_cpu_s=starts_s[1],
        loyalty_bytes=loyalty_bytes,
        gateway_bytes=gateway_bytes,
    )


async def _time_check(plan: Plan, which: str) -> tuple[float, float]:
    """The time and the processor time of one command. Raises ProcessError if it finds anything wrong."""
    settings = {**plan.gateways[0].settings, "GATEWAY_PUBLIC_URL": _make_public_url(plan)}
    begin_s, begin_cpu_s = time.perf_counter(), _read_children_cpu_s()
    process = await asyncio.create_subprocess_exec(
        *(COMMAND, "check", which, "--json"), env=os.environ | settings, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    spent_s, spent_cpu_s = time.perf_counter() - begin_s, _read_children_cpu_s() - begin_cpu_s
    if process.returncode != 0:
        raise ProcessError(f"check {which} ended with {process.returncode}: {_find_first(out)}")
    return spent_s, spent_cpu_s


def _find_first(out: bytes) -> str:
    """The first finding."""
    data = json.loads(out or b"{}")
    checks = [one for shop in data.get("shops", [data]) for one in shop.get("checks", ())]
    return next((f"{one['name']}: {one['detail']}" for one in checks if one["state"] == "failed"), "nothing failed")


def _read_children_cpu_s() -> float:
    """Of children that have ended: the servers run on."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _make_public_url(plan: Plan) -> str:
    return f"http://{HOST}:{plan.gateways[0].port}"


def _make_report(
    shops: int, one: tuple[float, float], every: tuple[float, float], rows: list[ChecksRow]
) -> ChecksReport:
    few, many = rows
    share = every[1] / shops / one[1]
    growth = max(
        many.loyalty_start_cpu_s / few.loyalty_start_cpu_s,
        many.gateway_start_cpu_s / few.gateway_start_cpu_s,
        many.loyalty_bytes / few.loyalty_bytes,
        many.gateway_bytes / few.gateway_bytes,
    )
    return ChecksReport(
        shops=shops,
        one_s=one[0],
        one_cpu_s=one[1],
        all_s=every[0],
        all_cpu_s=every[1],
        rows=rows,
        aims=[
            Aim(
                aim=f"check --all costs at most {SHARE_AIM} of one shop's check for each shop, by CPU",
                measured=share,
                is_met=share <= SHARE_AIM,
            ),
            Aim(
                aim=f"start and memory with {shops} shops within {GROWTH_AIM} of those with one, the worst",
                measured=growth,
                is_met=growth <= GROWTH_AIM,
            ),
        ],
    )


def main() -> int:
    """Return 0 if everything was measured, whatever the figures; 1, with the reason, if not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", type=int, default=MANY)
    shops = parser.parse_args().shops

    def note(progress: str) -> None:
        print(progress, file=sys.stderr)

    try:
        with tempfile.TemporaryDirectory(prefix="checks-") as folder:
            report = asyncio.run(measure_checks(Path(folder), shops, note))
    except (ProcessError, aiohttp.ClientError) as error:
        print(f"checks: {error}", file=sys.stderr)
        return 1
    print("\n\n".join(render_checks(report)))
    for aim in report.aims:
        print(f"- {aim.aim}: {aim.measured:.2f}, {'met' if aim.is_met else 'not met'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
