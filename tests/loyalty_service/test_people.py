"""A person is found by groups of identities: the first group that finds a member decides, and only as a whole."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_status.rpc_status import from_call
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loyalty_service.domain.errors import (
    BadValueError,
    MemberAmbiguousError,
    MemberNotFoundError,
    ProviderUnavailableError,
)
from loyalty_service.domain.member import Identity, IdentityKind, parse_identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.priority import Priority
from loyalty_service.domain.searches import Searches
from loyalty_service.domain.snapshot import Snapshot
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, Failure, catch_failure, read_failure
from tests.loyalty_service.scripted import ScriptedProvider, make_member

# Identities as callers write them. Those with capitals, and Mexico's, are searched in two spellings.
TEXTS: dict[str, IdentityKind] = {
    "jana@example.com": "email",
    "jana@work.example": "email",
    "Zoe@Example.com": "email",
    "+421900000000": "phone",
    "0900 000 001": "phone",
    "+5215512345678": "phone",
    "JN-4821": "support_id",
}
SUPPORT_IDS = {"jana": "JN-4821", "zoe": "ZO-1", "dalibor": ""}
COUNTRY = "SK"
NOW = Duration()

Groups = Sequence[Sequence[str]]


class People(ScriptedProvider):
    """Members by spelling. `failing`: spellings at which the provider fails."""

    def __init__(self) -> None:
        super().__init__()
        self.by_spelling: dict[str, set[str]] = {}
        self.failing: set[str] = set()
        self.searched: Counter[str] = Counter()

    async def fetch(  # noqa: PLR0913 - as in the port
        self,
        merchant: Merchant,  # noqa: ARG002  one project behind every merchant
        identity: Identity,
        *,
        remembered_member_id: str | None,  # noqa: ARG002  part of the port
        searches: Searches,
        priority: Priority,  # noqa: ARG002  part of the port
        timeout_s: float,  # noqa: ARG002  part of the port
    ) -> Snapshot:
        fetch_time = datetime.now(UTC)
        found = self._search(identity.value, searches)
        if not found:
            for spelling in identity.list_spellings()[1:]:
                found |= self._search(spelling, searches)
        if not found:
            raise MemberNotFoundError(fetch_time)
        if len(found) > 1:
            raise MemberAmbiguousError({member_id: SUPPORT_IDS[member_id] for member_id in found}, fetch_time)
        [member_id] = found
        member = make_member(member_id, support_id=SUPPORT_IDS[member_id])
        return Snapshot(member=member, coupons=(), fetch_time=fetch_time)

    def _search(self, spelling: str, searches: Searches) -> set[str]:
        searches.take()
        self.searched[spelling] += 1
        if spelling in self.failing:
            raise ProviderUnavailableError("TRIFFT answers HTTP 500")
        if spelling.startswith("unsearchable"):
            raise BadValueError("identity.support_id", "cannot be searched for in this shop's TRIFFT")
        return set(self.by_spelling.get(spelling, ()))


@pytest.fixture
def provider() -> People:
    return People()


def name(text: str) -> pb.MemberIdentity:
    return pb.MemberIdentity(**{TEXTS.get(text, "support_id"): text})


def make_request(groups: Groups, **fields: Any) -> pb.GetSnapshotRequest:  # noqa: ANN401  any field
    identity_groups = [pb.IdentityGroup(identities=map(name, group)) for group in groups]
    return pb.GetSnapshotRequest(merchant_id="acme", identity_groups=identity_groups, **fields)


async def get(client: Client, groups: Groups, **fields: Any) -> pb.GetSnapshotResponse:  # noqa: ANN401  any field
    return await client.loyalty.GetSnapshot(make_request(groups, **fields))


async def fail(client: Client, groups: Groups, **fields: Any) -> Failure:  # noqa: ANN401  any field
    return await catch_failure(client.loyalty.GetSnapshot(make_request(groups, **fields)))


async def add_shop(client: Client) -> None:
    """Add a shop with a country, in which numbers without one are dialled."""
    await client.add_merchant(country=COUNTRY)


def find(groups: Groups, on_file: Mapping[str, set[str]], limit: int) -> tuple[Any, ...]:
    """Apply the contract's rule; return the answer that the call must give."""
    count, seen = 0, set()
    for number, group in enumerate(groups):
        needed, by_place = 0, dict[int, set[str]]()
        for place, text in enumerate(group):
            identity = parse_identity(TEXTS[text], text, COUNTRY)
            if identity.key in seen:
                continue
            seen.add(identity.key)
            spellings = identity.list_spellings()
            first = on_file.get(spellings[0], set())
            needed += 1 if first else len(spellings)
            by_place[place] = set().union(
                first or set(), *(on_file.get(other, set()) for other in spellings[1:] if not first)
            )
        if count + needed > limit:
            return "SEARCHES_EXHAUSTED", limit
        count += needed
        found = set[str]().union(*by_place.values())
        if len(found) == 1:
            return (*found, number, next(place for place, members in by_place.items() if members))
        if found:
            return "MEMBER_AMBIGUOUS", count, len(found), {SUPPORT_IDS[member_id] for member_id in found} - {""}
    return "MEMBER_NOT_FOUND", count


async def ask(client: Client, provider: People, groups: Groups, limit: int) -> tuple[Any, ...]:
    """Ask the service; return its answer in the same form. Its count of searches must be true."""
    request = make_request(groups, max_search_count=limit, max_staleness=NOW)
    try:
        response = await client.loyalty.GetSnapshot(request)
    except grpc.aio.AioRpcError as error:
        failure = read_failure(from_call(cast("grpc.Call", error)))
    else:
        identities = list(request.identity_groups[response.found_in_group].identities)
        return response.snapshot.member.member_id, response.found_in_group, identities.index(response.found_by)
    count = int(failure.metadata["search_count"])
    assert count == sum(provider.searched.values())
    if failure.reason != "MEMBER_AMBIGUOUS":
        return failure.reason, count
    return failure.reason, count, int(failure.metadata["member_count"]), {*json.loads(failure.metadata["support_ids"])}


SPELLINGS = sorted(
    {each for text, kind in TEXTS.items() for each in parse_identity(kind, text, COUNTRY).list_spellings()}
)
PEOPLE = st.dictionaries(
    st.sampled_from(SPELLINGS), st.sets(st.sampled_from(sorted(SUPPORT_IDS)), min_size=1), max_size=4
)
GROUPS = st.lists(st.lists(st.sampled_from(sorted(TEXTS)), max_size=4), min_size=1, max_size=4).filter(any)


@settings(max_examples=60)
@given(groups=GROUPS, on_file=PEOPLE, limit=st.integers(1, 5))
@example(groups=[["jana@example.com"], ["+5215512345678"]], on_file={"+5215512345678": {"jana"}}, limit=3)
@example(groups=[["Zoe@Example.com"]], on_file={}, limit=1)
@example(groups=[["jana@example.com", "JN-4821"]], on_file={"jana@example.com": {"jana"}, "JN-4821": {"zoe"}}, limit=5)
@example(groups=[["JN-4821"], ["jana@example.com"]], on_file={"JN-4821": {"jana", "zoe"}}, limit=5)
async def test_person_is_the_member_found_by_the_first_group_that_finds_any(
    service: Client, provider: People, groups: Groups, on_file: Mapping[str, set[str]], limit: int
) -> None:
    if not (await service.merchants.ListMerchants(pb.ListMerchantsRequest())).merchants:
        await add_shop(service)
    provider.by_spelling, expected = dict(on_file), find(groups, on_file, limit)
    provider.searched.clear()
    assert await ask(service, provider, groups, limit) == expected
    assert sum(provider.searched.values()) <= limit


async def test_found_by_is_the_first_identity_that_found_the_member_as_written(
    service: Client, provider: People
) -> None:
    await add_shop(service)
    provider.by_spelling = {"+421900000001": {"zoe"}, "+421900000000": {"zoe"}}
    found = await get(service, [["jana@example.com"], [], ["JN-4821", "0900 000 001", "+421900000000"]])
    assert (found.found_by.phone, found.found_in_group, found.snapshot.member.member_id) == ("0900 000 001", 2, "zoe")
    alone = pb.GetSnapshotRequest(merchant_id="acme", identity=pb.MemberIdentity(phone="0900 000 001"))
    by_one = await service.loyalty.GetSnapshot(alone)
    assert (by_one.found_by.phone, by_one.found_in_group) == ("0900 000 001", 0)


async def test_held_data_costs_no_search(service: Client, provider: People) -> None:
    await add_shop(service)
    provider.by_spelling = {"+421900000000": {"jana"}}
    groups = [["jana@example.com", "Zoe@Example.com", "jana@work.example"], ["+421900000000"]]
    first = await get(service, groups)
    assert sum(provider.searched.values()) == 5
    assert await get(service, groups, max_search_count=1) == first
    assert sum(provider.searched.values()) == 5
    nobody = await fail(service, groups[:1], max_search_count=1)
    assert (nobody.reason, nobody.metadata["search_count"]) == ("MEMBER_NOT_FOUND", "0")


async def test_one_identity_stays_within_the_searches_of_its_call(service: Client, provider: People) -> None:
    await add_shop(service)
    request = pb.GetSnapshotRequest(merchant_id="acme", identity=name("Zoe@Example.com"), max_search_count=1)
    failure = await catch_failure(service.loyalty.GetSnapshot(request))
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SEARCHES_EXHAUSTED")
    assert (failure.metadata, dict(provider.searched)) == ({"search_count": "1"}, {"Zoe@Example.com": 1})
    request.max_search_count = 2
    failure = await catch_failure(service.loyalty.GetSnapshot(request))
    assert (failure.reason, failure.metadata["search_count"]) == ("MEMBER_NOT_FOUND", "2")


async def test_support_ids_of_members_who_share_an_identity_are_returned_and_held(
    service: Client, provider: People
) -> None:
    await add_shop(service)
    provider.by_spelling = {"jana@example.com": {"jana", "zoe", "dalibor"}}
    request = pb.GetSnapshotRequest(merchant_id="acme", identity=name("jana@example.com"))
    for search_count in ("1", "0"):
        failure = await catch_failure(service.loyalty.GetSnapshot(request))
        assert (failure.reason, failure.metadata["member_count"]) == ("MEMBER_AMBIGUOUS", "3")
        assert sorted(json.loads(failure.metadata["support_ids"])) == ["JN-4821", "ZO-1"]
        assert failure.metadata["search_count"] == search_count


async def test_group_with_a_failed_search_decides_nothing(service: Client, provider: People) -> None:
    """The failed identity may name another member. Held answers count only if each identity has one."""
    await add_shop(service)
    group = ["jana@example.com", "jana@work.example"]
    provider.by_spelling, provider.failing = {"jana@example.com": {"jana"}}, {"jana@work.example"}
    for groups in ([group], [group[::-1]], [["jana@work.example"], ["jana@example.com"]]):
        assert (await fail(service, groups, max_staleness=NOW)).reason == "PROVIDER_UNAVAILABLE"

    provider.failing = set()
    await get(service, [group])
    provider.failing = set(group)
    assert (await fail(service, [group], max_staleness=NOW)).reason == "PROVIDER_UNAVAILABLE"

    provider.by_spelling["jana@work.example"], provider.failing = {"jana"}, set()
    await get(service, [group], max_staleness=NOW)
    for failing in (set(group), {"jana@work.example"}):
        provider.failing = failing
        found = await get(service, [group], max_staleness=NOW)
        assert (found.snapshot.member.member_id, found.found_by) == ("jana", name("jana@example.com"))
        assert found.snapshot.stale_reason == pb.PROVIDER_UNAVAILABLE


BAD_REQUESTS: list[tuple[dict[str, Any], str]] = [
    ({}, "identity"),
    (
        {"identity": name("JN-4821"), "identity_groups": [pb.IdentityGroup(identities=[name("JN-4821")])]},
        "identity_groups",
    ),
    ({"identity_groups": [pb.IdentityGroup()] * 2}, "identity_groups"),
    ({"identity_groups": [pb.IdentityGroup(identities=[name("JN-4821")])] * 5}, "identity_groups"),
    ({"identity_groups": [pb.IdentityGroup(identities=[name("JN-4821")] * 17)] * 3}, "identity_groups"),
    (
        {"identity_groups": [pb.IdentityGroup(), pb.IdentityGroup(identities=[pb.MemberIdentity(phone="0900")])]},
        "identity_groups[1].identities[0].phone",
    ),
    (
        {"identity_groups": [pb.IdentityGroup(identities=[name("JN-4821"), pb.MemberIdentity()])]},
        "identity_groups[0].identities[1]",
    ),
    (
        {"identity_groups": [pb.IdentityGroup(identities=[pb.MemberIdentity(support_id="unsearchable")])]},
        "identity_groups[0].identities[0].support_id",
    ),
    ({"identity": name("JN-4821"), "max_search_count": -1}, "max_search_count"),
    ({"identity": name("JN-4821"), "max_search_count": 6}, "max_search_count"),
]


async def test_wrong_request_is_refused_by_its_field(service: Client, provider: People) -> None:
    await add_shop(service)
    for fields, field in BAD_REQUESTS:
        failure = await catch_failure(service.loyalty.GetSnapshot(pb.GetSnapshotRequest(merchant_id="acme", **fields)))
        assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE")
        assert failure.field == field
    assert set(provider.searched) <= {"unsearchable"}


async def test_kind_that_cannot_be_searched_for_finds_no_member(service: Client, provider: People) -> None:
    await add_shop(service)
    provider.by_spelling["JN-4821"] = {"jana"}
    groups: Groups = [["unsearchable", "nobody@example.com"], ["JN-4821"]]
    response = await get(service, groups)
    assert (response.snapshot.member.member_id, response.found_in_group) == ("jana", 1)
    assert (await fail(service, groups[:1])).reason == "MEMBER_NOT_FOUND"


async def test_call_may_have_fifty_identities(service: Client, provider: People) -> None:
    await add_shop(service)
    provider.by_spelling = {"JN-4821": {"jana"}}
    groups = [["JN-4821"] * 25, ["ZO-1"] * 25]
    assert (await get(service, groups)).snapshot.member.member_id == "jana"
    assert dict(provider.searched) == {"JN-4821": 1}
