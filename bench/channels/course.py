"""The course: what each kind of customer costs, a steady rate of events, and a burst with what follows."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiohttp
import msgspec

from bench.channels.links import add_links
from bench.channels.people import Kind, Person, make_person
from bench.channels.world import GORGIAS_TALLY_PATH, GorgiasTally
from bench.process import HOST
from bench.snapshot_stack import SnapshotStack, run_snapshot_stack
from bench.stack import fetch
from bench.troubles import fetch_tally
from bench.widgets import LIVE, Answer, ask_widget, make_session

# Each part has shops of its own, so that no part uses up the rate of another.
_SHOP_OF_KIND = {kind: f"shop-{place}" for place, kind in enumerate(Kind)}
STEADY_SHOP, BURST_SHOP = f"shop-{len(Kind)}", f"shop-{len(Kind) + 1}"
# A ticket event takes data that is at most 1 s old.
_STALE_S = 1.1


class ChannelScale(msgspec.Struct, frozen=True, kw_only=True):
    """`each`: customers of each kind, whose calls are counted. `customers`: those with only a phone.

    `per_s`: single events per second. `most_s`: the longest wait until all customers are live.
    """

    each: int = 5
    customers: int = 200
    per_s: float = 1.0
    steady_s: float = 200.0
    burst: int = 500
    most_s: float = 600.0


QUICK_CHANNELS = ChannelScale(each=1, customers=3, per_s=20.0, steady_s=0.2, burst=6, most_s=5.0)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What TRIFFT and Gorgias saw of one shop, and the 429s of all shops."""

    trifft: int
    gorgias: int
    refused_by_trifft: int
    refused_by_gorgias: int

    def since(self, before: "Seen") -> "Seen":
        names = self.__struct_fields__
        return Seen(**{name: getattr(self, name) - getattr(before, name) for name in names})


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Some events: their answers, in the order of sending, and what was seen of them outside."""

    answers: list[Answer]
    seen: Seen


class MeasuredChannels(msgspec.Struct, frozen=True, kw_only=True):
    """`kinds`: the first event of each customer, and another one later. `steady`, `burst`: of customers with a phone.

    `single`: the events after the burst. `all_live_s`: when all customers of the burst had been live; None: never.
    """

    kinds: dict[Kind, tuple[Part, Part]]
    steady: Part
    burst: Part
    single: Part
    all_live_s: float | None


def run_channels_stack(folder: Path) -> AbstractAsyncContextManager[SnapshotStack]:
    """Raises ProcessError."""
    return run_snapshot_stack(
        folder, "sqlite", "memory", replicas=1, shops=len(Kind) + 2, gateway={}, outside="bench.channels.world"
    )


async def measure_channels(stack: SnapshotStack, scale: ChannelScale, note: Callable[[str], None]) -> MeasuredChannels:
    """Raises aiohttp.ClientError."""
    async with make_session() as session:
        course = _Course(stack, session)
        note("channels: the calls for each kind of customer")
        kinds = {}
        for kind in Kind:
            people = [make_person(kind, number) for number in range(scale.each)]
            if kind is Kind.LINK:
                await add_links(stack.plan, _SHOP_OF_KIND[kind], people)
            first = await course.ask_one_by_one(_SHOP_OF_KIND[kind], people)
            await asyncio.sleep(_STALE_S)
            kinds[kind] = first, await course.ask_one_by_one(_SHOP_OF_KIND[kind], people)
        people = [make_person(Kind.PHONE, number) for number in range(scale.customers)]
        note(f"channels: {scale.per_s:g} events a second of {scale.customers} customers, for {scale.steady_s:g} s")
        steady = await course.ask_steadily(STEADY_SHOP, people, scale)
        note(f"channels: {scale.burst} events at once, then single ones")
        burst = await course.ask_at_once(BURST_SHOP, [people[n % len(people)] for n in range(scale.burst)])
        waiting = [person for person in people if not _was_live(person, people, burst.answers)]
        single, all_live_s = await course.ask_until_live(BURST_SHOP, waiting, scale)
    return MeasuredChannels(kinds=kinds, steady=steady, burst=burst, single=single, all_live_s=all_live_s)


def _was_live(person: Person, people: Sequence[Person], answers: Sequence[Answer]) -> bool:
    """Whether any answer for the person was live. The answers are for the people in turn."""
    place = people.index(person)
    return any(answer.outcome == LIVE for answer in answers[place :: len(people)])


class _Course:
    def __init__(self, stack: SnapshotStack, session: aiohttp.ClientSession) -> None:
        self._stack = stack
        self._session = session

    async def ask_one_by_one(self, shop: str, people: Sequence[Person]) -> Part:
        before = await self._look(shop)
        answers = [await self._ask(shop, person) for person in people]
        return await self._finish(shop, before, answers)

    async def ask_at_once(self, shop: str, people: Sequence[Person]) -> Part:
        before = await self._look(shop)
        answers = await asyncio.gather(*(self._ask(shop, person) for person in people))
        return await self._finish(shop, before, answers)

    async def ask_steadily(self, shop: str, people: Sequence[Person], scale: ChannelScale) -> Part:
        """Send an event for each person in turn, without waiting for answers."""
        before, begin_s = await self._look(shop), time.monotonic()
        tasks = []
        for number in range(max(1, round(scale.steady_s * scale.per_s))):
            await asyncio.sleep(begin_s + number / scale.per_s - time.monotonic())
            tasks.append(asyncio.create_task(self._ask(shop, people[number % len(people)])))
        return await self._finish(shop, before, await asyncio.gather(*tasks))

    async def ask_until_live(
        self, shop: str, people: Sequence[Person], scale: ChannelScale
    ) -> tuple[Part, float | None]:
        """Send an event for each person in turn, until all are live. A person who is not live goes to the end."""
        before, begin_s = await self._look(shop), time.monotonic()
        waiting, answers = deque(people), list[Answer]()
        while waiting and time.monotonic() - begin_s < scale.most_s:
            await asyncio.sleep(begin_s + len(answers) / scale.per_s - time.monotonic())
            person = waiting.popleft()
            answers.append(await self._ask(shop, person))
            if answers[-1].outcome != LIVE:
                waiting.append(person)
        took_s = time.monotonic() - begin_s
        return await self._finish(shop, before, answers), None if waiting else took_s

    async def _ask(self, shop: str, person: Person) -> Answer:
        port, credential = self._stack.plan.gateways[0].port, self._stack.credentials[shop]
        return await ask_widget(self._session, port, credential, str(person.ticket_email), str(person.customer_id))

    async def _finish(self, shop: str, before: Seen, answers: Sequence[Answer]) -> Part:
        return Part(answers=list(answers), seen=(await self._look(shop)).since(before))

    async def _look(self, shop: str) -> Seen:
        trifft = await fetch_tally(self._stack.trifft)
        answer = await fetch(f"http://{HOST}:{self._stack.trifft}{GORGIAS_TALLY_PATH}")
        gorgias = msgspec.json.decode(answer, type=GorgiasTally)
        return Seen(
            trifft=trifft.by_token.get(shop, 0),
            gorgias=gorgias.by_shop.get(shop, 0),
            refused_by_trifft=trifft.throttled,
            refused_by_gorgias=gorgias.throttled,
        )
