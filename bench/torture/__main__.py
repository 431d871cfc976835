"""`make torture`: sends thousands of awards by many agents at once, on SQLite and then on PostgreSQL.

Agents click twice, try again and refresh; TRIFFT and Gorgias fail in every way; the processes are killed every few
seconds. Then the faults end, and the movements, the ledger and the tickets are compared. About ten minutes.
"""

import argparse
import asyncio
import random
import secrets
import signal
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import msgspec

from bench.databases import ENGINES, Engine, open_databases
from bench.fleet import Fleet, Plan, make_plan, run_fleet
from bench.process import HOST, ProcessError, run_process
from bench.shops import add_shops, make_shops
from bench.torture.agents import Agents
from bench.torture.truth import Truth
from bench.torture.verdict import Verdict, judge, render_verdict
from bench.torture.world import PROFILE
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

REST_S = 600.0
# After this time no request is left that could still book anything.
_PATIENCE_S = 30.0
_LOOK_EVERY_S = 5.0
_TIMEOUT_S = 20.0
_PAGE_SIZE = 1000
_LOYALTY = {"LOYALTY_AWARD_TIMEOUT_S": "3", "LOYALTY_AWARD_ANSWER_S": "1.5"}
# A real account would not allow so many clicks and look-ups of tickets.
_GATEWAY = {"GATEWAY_ACTIONS_PER_MINUTE": "1000000", "GATEWAY_GORGIAS_REQUESTS": "1000000"}


def main() -> int:
    """Return 0 if nothing was lost, doubled or left without a note."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--awards", type=int, default=10_000, help="the number of awards that agents want to give, per engine"
    )
    parser.add_argument("--clients", type=int, default=20, help="the number of agents at a time")
    parser.add_argument("--shops", type=int, default=100)
    parser.add_argument("--engine", choices=ENGINES, help="only this engine")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="the seed of all random choices")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    verdicts = []
    for engine in ENGINES if arguments.engine is None else (arguments.engine,):
        try:
            verdict = asyncio.run(torture(engine, arguments))
        except ProcessError as error:
            print(f"torture: {error}", file=sys.stderr)
            return 1
        verdicts.append(verdict)
    return 0 if all(verdict.is_clean for verdict in verdicts) else 1


async def torture(engine: Engine, arguments: argparse.Namespace) -> Verdict:
    """One engine, from an empty database to the verdict. Raises ProcessError."""
    began = time.monotonic()
    chance = random.Random(arguments.seed)  # noqa: S311 - no secret
    with tempfile.TemporaryDirectory(prefix="torture-") as name:
        folder = Path(name)
        async with (
            open_databases(engine, folder) as (loyalty_url, gateway_url),
            run_process(folder / "world.log", "bench.torture.world", str(arguments.seed), settings={}) as world,
        ):
            port = int((await world.wait_for_line("listening")).rpartition(":")[2])
            replicas = 1 if engine == "sqlite" else 2
            plan = make_plan(loyalty_url, gateway_url, replicas=replicas, loyalty=_LOYALTY, gateway=_GATEWAY)
            async with run_fleet(plan, folder) as fleet:
                outside, shops = f"http://{HOST}:{port}", make_shops(arguments.shops)
                credentials = await add_shops(plan, shops, f"{outside}/trifft", f"{outside}/gorgias/{{shop}}", PROFILE)
                ports = tuple(part.port for part in plan.gateways)
                agents = Agents(ports, credentials, chance)
                await _work(fleet, agents, arguments, chance)
                worked_s = time.monotonic() - began
                verdict = await _come_to_rest(plan, agents, credentials, f"http://{HOST}:{port}")
                truth = await _fetch_truth(f"http://{HOST}:{port}")
    print(
        f"{engine}: {len(agents.intents)} awards wanted by {arguments.clients} agents in {worked_s:.0f} s, "
        f"{fleet.kills} kills, at rest after {time.monotonic() - began - worked_s:.0f} s more"
    )
    print(f"calls that met: {', '.join(f'{fate} {count}' for fate, count in sorted(truth.fates.items()))}")
    print(render_verdict(verdict), flush=True)
    return verdict


async def _work(fleet: Fleet, agents: Agents, arguments: argparse.Namespace, chance: random.Random) -> None:
    killer = asyncio.create_task(fleet.kill_at_random(random.Random(chance.random())))  # noqa: S311 - no secret
    working = asyncio.create_task(agents.work(arguments.awards, arguments.clients))
    progress = asyncio.create_task(_show_progress(agents, arguments.awards))
    try:
        await asyncio.wait({killer, working}, return_when=asyncio.FIRST_COMPLETED)
        if killer.done():
            working.cancel()
            await killer
        await working
    finally:
        progress.cancel()
        killer.cancel()
        await asyncio.gather(killer, progress, return_exceptions=True)


async def _show_progress(agents: Agents, awards: int) -> None:
    while True:
        await asyncio.sleep(_LOOK_EVERY_S * 2)
        print(f"  {len(agents.intents)} of {awards}", file=sys.stderr, flush=True)


async def _come_to_rest(plan: Plan, agents: Agents, credentials: dict[str, str], world: str) -> Verdict:
    """After the faults end, every open award must be settled, automatically or by a person who looks it up."""
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        await session.post(f"{world}/calm")
    began = time.monotonic()
    async with LoyaltyClient(plan.loyalty_target, plan.loyalty_key) as client:
        while True:
            ledger = await _fetch_ledger(client, credentials)
            truth = await _fetch_truth(world)
            verdict = judge(agents.intents, ledger, truth)
            waited_s = time.monotonic() - began
            if verdict.is_clean or waited_s > REST_S:
                return verdict
            print(f"  {len(verdict.open)} open, {len(verdict.untraced)} notes to come", file=sys.stderr, flush=True)
            if waited_s > _PATIENCE_S:
                await _settle_as_a_person(client, ledger, truth)
            await asyncio.sleep(_LOOK_EVERY_S)


async def _settle_as_a_person(client: LoyaltyClient, ledger: list[pb.Award], truth: Truth) -> None:
    """Settle, as a person would, the awards that TRIFFT has not booked.

    The booked ones must be found without a person.
    """
    booked = {(shop, one.reference) for shop, movements in truth.movements.items() for one in movements}
    for award in ledger:
        is_booked = (award.merchant_id, f"{award.award_id}:{award.request_id}") in booked
        if award.state == pb.AWARD_STATE_UNKNOWN and not is_booked:
            request = pb.SettleAwardRequest(
                merchant_id=award.merchant_id,
                award_id=award.award_id,
                outcome=pb.AWARD_STATE_NOT_APPLIED,
                because="not in TRIFFT's list",
                settled_by="the torture's person",
            )
            await client.settle_award(request, timeout_s=_TIMEOUT_S)


async def _fetch_ledger(client: LoyaltyClient, credentials: dict[str, str]) -> list[pb.Award]:
    awards: list[pb.Award] = []
    for shop in credentials:
        token = ""
        while True:
            page = await client.list_awards(shop, page_size=_PAGE_SIZE, page_token=token, timeout_s=_TIMEOUT_S)
            awards += page.awards
            token = page.next_page_token
            if not token:
                break
    return awards


async def _fetch_truth(world: str) -> Truth:
    async with aiohttp.ClientSession(raise_for_status=True) as session, session.get(f"{world}/truth") as response:
        return msgspec.json.decode(await response.read(), type=Truth)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    sys.exit(main())
