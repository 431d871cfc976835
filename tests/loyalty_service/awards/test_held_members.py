"""Held data decides who gets no points: it must be as new as the panel that the agent saw."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from loyalty_service.domain.errors import ProviderUnavailableError
from loyalty_service.domain.member import Identity, MemberStatus
from loyalty_service.domain.snapshot import Snapshot
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, StartService, catch_failure
from tests.loyalty_service.scripted import JANA, ScriptedProvider, make_member


async def fetch_held(client: Client) -> pb.Snapshot:
    request = pb.GetSnapshotRequest(merchant_id="acme", identity=pb.MemberIdentity(member_id=JANA))
    return (await client.loyalty.GetSnapshot(request)).snapshot


def add_to(time: Timestamp, seconds: float) -> Timestamp:
    moved = Timestamp()
    moved.FromDatetime(time.ToDatetime() + timedelta(seconds=seconds))
    return moved


async def check_press(
    client: Client, provider: ScriptedProvider, panel_is_newer_by_s: float | None, *, is_read: bool
) -> None:
    """Block the member after this process read them. Another process's panel, which may be newer, is pressed."""
    held = await fetch_held(client)
    provider.members[JANA] = make_member(status=MemberStatus.BLOCKED)
    seen: dict[str, Any] = {}
    if panel_is_newer_by_s is not None:
        seen["member_fetch_time"] = add_to(held.fetch_time, panel_is_newer_by_s)

    if is_read:
        assert (await catch_failure(client.award(**seen))).reason == "MEMBER_BLOCKED"
        assert provider.credits == []
    else:
        assert (await client.award(**seen)).award.state == pb.AWARD_STATE_APPLIED
    assert len(provider.fetches) == 1 + is_read


@pytest.mark.parametrize(
    ("panel_is_newer_by_s", "is_read"), [(0, False), (-60, False), (0.001, True), (60, True), (None, False)]
)
async def test_held_data_lets_a_press_through_only_if_as_new_as_the_panel(
    client: Client, provider: ScriptedProvider, panel_is_newer_by_s: float | None, *, is_read: bool
) -> None:
    await check_press(client, provider, panel_is_newer_by_s, is_read=is_read)


@pytest.mark.parametrize(("panel_is_newer_by_s", "is_read"), [(None, True), (0, False)])
async def test_data_older_than_the_hold_time_counts_only_for_a_panel_of_the_same_age(
    start_service: StartService, provider: ScriptedProvider, panel_is_newer_by_s: float | None, *, is_read: bool
) -> None:
    async with start_service(hold_time_s=1e-6) as client:
        await client.add_merchant()
        await check_press(client, provider, panel_is_newer_by_s, is_read=is_read)


@pytest.mark.parametrize(("age_s", "is_read"), [(600, False), (1000, True)])
async def test_held_data_counts_for_the_hold_time_without_a_panel(
    start_service: StartService,
    provider: ScriptedProvider,
    monkeypatch: pytest.MonkeyPatch,
    age_s: float,
    *,
    is_read: bool,
) -> None:
    fetch = provider.fetch

    async def fetch_earlier(*arguments: Any, **named: Any) -> Snapshot:  # noqa: ANN401  the port's
        snapshot = await fetch(*arguments, **named)
        return msgspec.structs.replace(snapshot, fetch_time=snapshot.fetch_time - timedelta(seconds=age_s))

    monkeypatch.setattr(provider, "fetch", fetch_earlier)
    async with start_service(hold_time_s=900.0) as client:
        await client.add_merchant()
        await check_press(client, provider, None, is_read=is_read)


async def test_older_data_lets_no_press_through_while_trifft_fails(client: Client, provider: ScriptedProvider) -> None:
    async def fail(_: Identity) -> None:
        raise ProviderUnavailableError("TRIFFT did not answer")

    held = await fetch_held(client)
    provider.on_fetch = fail
    failure = await catch_failure(client.award(member_fetch_time=add_to(held.fetch_time, 1)))
    assert failure.reason == "PROVIDER_UNAVAILABLE"
    assert provider.credits == []


async def test_award_on_record_is_answered_for_any_panel(client: Client, provider: ScriptedProvider) -> None:
    held = await fetch_held(client)
    first = await client.award(request_id="request-1")
    provider.members[JANA] = make_member(status=MemberStatus.UNKNOWN, status_word="suspended")
    seen = add_to(held.fetch_time, 3600)
    again = await client.award(request_id="request-1", member_fetch_time=seen)
    assert (again.replayed, again.award.award_id) == (True, first.award.award_id)


async def test_panel_of_an_impossible_time_is_refused(client: Client) -> None:
    failure = await catch_failure(client.award(member_fetch_time=Timestamp(seconds=10**15)))
    assert (failure.reason, failure.field) == ("BAD_VALUE", "member_fetch_time")
