"""A shop's own hold times: stored as given, 0 for the service's own, and each changed alone."""

import grpc

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, catch_failure
from tests.loyalty_service.scripted import JANA
from tests.loyalty_service.test_merchant_limits import get, update


async def read_hold_times(client: Client) -> tuple[int, int]:
    merchant = await get(client, "acme")
    return merchant.hold_time_s, merchant.stale_if_error_s


async def test_hold_times_are_stored_as_given_and_changed_one_by_one(client: Client) -> None:
    assert await read_hold_times(client) == (0, 0)
    generous = await client.add_merchant("most", hold_time_s=86_400, stale_if_error_s=604_800)
    assert (generous.hold_time_s, generous.stale_if_error_s) == (86_400, 604_800)
    await update(client, "hold_time_s", hold_time_s=60, stale_if_error_s=7)
    assert await read_hold_times(client) == (60, 0)
    await update(client, "stale_if_error_s", stale_if_error_s=3_600)
    assert await read_hold_times(client) == (60, 3_600)
    await update(client, "hold_time_s")
    assert await read_hold_times(client) == (0, 3_600)


async def test_hold_times_out_of_range_are_refused_by_name(client: Client) -> None:
    bad = [("hold_time_s", -1), ("hold_time_s", 86_401), ("stale_if_error_s", -1), ("stale_if_error_s", 604_801)]
    failures = [await catch_failure(update(client, name, **{name: seconds})) for name, seconds in bad]
    assert {(failure.code, failure.reason) for failure in failures} == {(grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE")}
    assert [failure.field for failure in failures] == [f"merchant.{name}" for name, _ in bad]


async def test_held_data_stays_held_and_shows_the_new_hold_time(client: Client) -> None:
    identity = pb.MemberIdentity(member_id=JANA)
    await client.loyalty.GetSnapshot(pb.GetSnapshotRequest(merchant_id="acme", identity=identity))
    await update(client, "hold_time_s", hold_time_s=60)
    held = await client.loyalty.GetHeldSnapshot(pb.GetHeldSnapshotRequest(merchant_id="acme", identity=identity))
    assert (held.WhichOneof("held"), held.hold_time.seconds, held.stale_if_error.seconds) == ("snapshot", 60, 86_400)
