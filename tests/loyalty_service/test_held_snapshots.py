"""Held data over the wire: shown and dropped without the provider."""

from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import Client, catch_failure
from tests.loyalty_service.scripted import JANA, ScriptedProvider

IDENTITY = pb.MemberIdentity(member_id=JANA)
NOBODY = pb.MemberIdentity(email="nobody@example.com")


async def look(client: Client, identity: pb.MemberIdentity) -> pb.GetHeldSnapshotResponse:
    return await client.loyalty.GetHeldSnapshot(pb.GetHeldSnapshotRequest(merchant_id="acme", identity=identity))


async def read(client: Client, identity: pb.MemberIdentity) -> pb.Snapshot:
    request = pb.GetSnapshotRequest(merchant_id="acme", identity=identity)
    return (await client.loyalty.GetSnapshot(request)).snapshot


async def test_shown_held_data_is_what_a_reader_gets(client: Client, provider: ScriptedProvider) -> None:
    assert await look(client, IDENTITY) == pb.GetHeldSnapshotResponse()
    snapshot = await read(client, IDENTITY)
    await catch_failure(read(client, NOBODY))
    held, nobody = await look(client, IDENTITY), await look(client, NOBODY)
    assert (held.snapshot, held.fetch_time) == (snapshot, snapshot.fetch_time)
    assert (held.hold_time.seconds, held.stale_if_error.seconds, held.age.seconds) == (900, 86_400, 0)
    assert (nobody.WhichOneof("held"), nobody.member_count) == ("member_count", 0)
    assert len(provider.fetches) == 2


async def test_data_dropped_by_an_identity_is_no_longer_held(client: Client) -> None:
    await read(client, IDENTITY)
    await catch_failure(read(client, NOBODY))
    for identity in (IDENTITY, NOBODY):
        request = pb.InvalidateSnapshotRequest(merchant_id="acme", identity=identity)
        await client.loyalty.InvalidateSnapshot(request)
        assert await look(client, identity) == pb.GetHeldSnapshotResponse()


async def test_invalidation_needs_a_member_or_an_identity(client: Client) -> None:
    both = pb.InvalidateSnapshotRequest(merchant_id="acme", member_id=JANA, identity=IDENTITY)
    neither = pb.InvalidateSnapshotRequest(merchant_id="acme")
    failures = [await catch_failure(client.loyalty.InvalidateSnapshot(request)) for request in (both, neither)]
    assert [(failure.reason, failure.field) for failure in failures] == [
        ("BAD_VALUE", "identity"),
        ("BAD_VALUE", "member_id"),
    ]
