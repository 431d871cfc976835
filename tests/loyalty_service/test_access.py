"""What surrounds every call: keys, request ids, errors without details, health and reflection."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import grpc
import pytest
import structlog
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from structlog.testing import LogCapture

from loyalty_service.domain.member import Identity, NoBalance
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.logs import drop_error_texts
from tests.loyalty_service.running import Client, StartService, catch_failure, read_failure
from tests.loyalty_service.scripted import JANA, ScriptedProvider, make_member

API_KEY = "made-up-caller-key"
GET_JANA = pb.GetSnapshotRequest(merchant_id="acme", identity=pb.MemberIdentity(member_id=JANA))


@pytest.fixture
async def guarded(start_service: StartService) -> AsyncIterator[Client]:
    async with start_service(api_key=API_KEY) as client:
        yield client


async def test_caller_without_a_valid_key_is_refused_with_the_same_words(guarded: Client) -> None:
    wrong = ["Bearer wrong", API_KEY, f"bearer {API_KEY}", f"Bearer  {API_KEY}", ""]
    given = [(), *((("authorization", value),) for value in wrong)]

    failures = [await catch_failure(guarded.loyalty.GetSnapshot(GET_JANA, metadata=metadata)) for metadata in given]

    assert {(failure.code, failure.reason, failure.message) for failure in failures} == {
        (grpc.StatusCode.UNAUTHENTICATED, "CALLER_UNKNOWN", "the bearer key is missing or wrong")
    }


async def test_every_call_checks_the_key_before_its_request(guarded: Client) -> None:
    services = pb.DESCRIPTOR.services_by_name.values()
    methods = [f"/{service.full_name}/{method.name}" for service in services for method in service.methods]
    calls: list[grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]]
    calls = [guarded.channel.unary_unary(name) for name in methods]

    reasons = [(await catch_failure(call(sent))).reason for call in calls for sent in (b"", b"\xff\xff")]

    assert reasons == ["CALLER_UNKNOWN"] * 2 * len(methods)


async def test_caller_with_the_key_is_accepted(guarded: Client) -> None:
    request = pb.ListMerchantsRequest()

    answer = await guarded.merchants.ListMerchants(request, metadata=(("authorization", f"Bearer {API_KEY}"),))

    assert list(answer.merchants) == []


@pytest.mark.parametrize("sent", [b"\x0a\x02\xff\xfe", b"\xff\xff"], ids=["not UTF-8", "no message"])
async def test_unreadable_request_is_a_bad_value(client: Client, sent: bytes) -> None:
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = client.channel.unary_unary(
        "/loyalty.v1.LoyaltyService/GetSnapshot"
    )

    failure = await catch_failure(call(sent))

    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE")
    assert failure.field == "request"


async def test_health_and_reflection_need_no_key(guarded: Client) -> None:
    check: Any = health_pb2_grpc.HealthStub(guarded.channel)
    states = [
        (await check.Check(health_pb2.HealthCheckRequest(service=service))).status
        for service in ("", "loyalty.v1.LoyaltyService", "loyalty.v1.MerchantService")
    ]
    reflection: Any = reflection_pb2_grpc.ServerReflectionStub(cast("grpc.Channel", guarded.channel))
    question = reflection_pb2.ServerReflectionRequest(list_services="")
    answers = [answer async for answer in reflection.ServerReflectionInfo(iter([question]))]

    assert states == [health_pb2.HealthCheckResponse.SERVING] * 3
    names = {service.name for service in answers[0].list_services_response.service}
    assert {"loyalty.v1.LoyaltyService", "loyalty.v1.MerchantService", "grpc.health.v1.Health"} <= names


async def test_error_for_a_bug_has_the_request_id_and_nothing_else(client: Client, provider: ScriptedProvider) -> None:
    async def fail(_: Identity) -> None:
        raise RuntimeError("jana@example.com has the token made-up-token")

    provider.on_fetch = fail

    failure = await catch_failure(client.loyalty.GetSnapshot(GET_JANA, metadata=(("x-request-id", "panel-7"),)))

    assert (failure.code, failure.reason, failure.message) == (
        grpc.StatusCode.INTERNAL,
        "INTERNAL_ERROR",
        "internal error",
    )
    assert failure.metadata == {"request_id": "panel-7"}


async def test_unusable_request_id_is_replaced(client: Client, provider: ScriptedProvider) -> None:
    async def fail(_: Identity) -> None:
        raise RuntimeError

    provider.on_fetch = fail
    for given in ("", "spaces are not allowed", "x" * 65):
        failure = await catch_failure(client.loyalty.GetSnapshot(GET_JANA, metadata=(("x-request-id", given),)))

        assert failure.metadata["request_id"] not in {"", given}


@pytest.fixture
def log() -> Iterator[LogCapture]:
    """The log lines of this test, cleaned as in the process."""
    capture, before = LogCapture(), structlog.get_config()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, drop_error_texts, capture])
    yield capture
    structlog.configure(**before)


async def test_log_has_one_line_per_call_without_personal_data(
    log: LogCapture, client: Client, provider: ScriptedProvider
) -> None:
    async def fail(_: Identity) -> None:
        cause = LookupError("jana@example.com is not there")
        raise RuntimeError("jana@example.com has the token made-up-token") from cause

    provider.on_fetch = fail
    identity = pb.MemberIdentity(email="jana@example.com")
    request = pb.GetSnapshotRequest(merchant_id="acme", identity=identity)

    await catch_failure(client.loyalty.GetSnapshot(request, metadata=(("x-request-id", "panel-7"),)))
    await catch_failure(client.loyalty.GetSnapshot(pb.GetSnapshotRequest(merchant_id="jana@example.com")))

    calls = [line for line in log.entries if line["event"] == "call" and line["method"] == "GetSnapshot"]
    assert [(line["code"], line["reason"], line["merchant_id"]) for line in calls] == [
        ("INTERNAL", "INTERNAL_ERROR", "acme"),
        ("NOT_FOUND", "MERCHANT_NOT_FOUND", None),
    ]
    assert calls[0]["request_id"] == "panel-7"
    bug = next(line for line in log.entries if line["event"] == "call_failed")
    assert (bug["error"], bug["cause"], bug["request_id"]) == ("RuntimeError", "LookupError", "panel-7")
    assert any(place.endswith(" fail") for place in bug["traceback"])
    text = json.dumps(log.entries, default=repr)
    assert "jana@example.com" not in text
    assert "made-up-token" not in text


async def test_batch_answers_each_identity_in_order_and_fails_only_those_that_fail(
    client: Client, provider: ScriptedProvider
) -> None:
    members = [f"m{number}" for number in range(40)]
    provider.members |= {member_id: make_member(member_id) for member_id in members}
    identities = [pb.MemberIdentity(member_id=member_id) for member_id in [*members, "nobody"]]
    identities.append(pb.MemberIdentity())

    answer = await client.loyalty.BatchGetSnapshots(
        pb.BatchGetSnapshotsRequest(merchant_id="acme", identities=identities)
    )

    assert [result.snapshot.member.member_id for result in answer.results[:40]] == members
    errors = [read_failure(result.error) for result in answer.results[40:]]
    assert [(error.code, error.reason) for error in errors] == [
        (grpc.StatusCode.NOT_FOUND, "MEMBER_NOT_FOUND"),
        (grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE"),
    ]


async def test_batch_of_none_or_too_many_is_refused(client: Client) -> None:
    for count in (0, 101):
        identities = [pb.MemberIdentity(member_id=JANA)] * count
        request = pb.BatchGetSnapshotsRequest(merchant_id="acme", identities=identities)

        failure = await catch_failure(client.loyalty.BatchGetSnapshots(request))

        assert (failure.reason, failure.field) == ("BAD_VALUE", "identities")


async def test_caller_may_name_the_staleness(client: Client, provider: ScriptedProvider) -> None:
    async def read(max_staleness: Duration | None = None) -> int:
        request = pb.GetSnapshotRequest(merchant_id="acme", identity=GET_JANA.identity, max_staleness=max_staleness)
        snapshot = (await client.loyalty.GetSnapshot(request)).snapshot
        return snapshot.member.wallet.points_balance

    first = await read()
    provider.members[JANA] = make_member(wallet=NoBalance.DISABLED)

    assert (first, await read()) == (1240, 1240)
    assert await read(max_staleness=Duration()) == 0


async def test_negative_staleness_is_refused(client: Client) -> None:
    request = pb.GetSnapshotRequest(merchant_id="acme", identity=GET_JANA.identity, max_staleness=Duration(seconds=-1))

    failure = await catch_failure(client.loyalty.GetSnapshot(request))

    assert (failure.reason, failure.field) == ("BAD_VALUE", "max_staleness")


async def test_invalidated_member_is_read_again(client: Client, provider: ScriptedProvider) -> None:
    await client.loyalty.GetSnapshot(GET_JANA)
    provider.members[JANA] = make_member(full_name="Jana Horváthová")

    await client.loyalty.InvalidateSnapshot(pb.InvalidateSnapshotRequest(merchant_id="acme", member_id=JANA))

    assert (await client.loyalty.GetSnapshot(GET_JANA)).snapshot.member.full_name == "Jana Horváthová"
    failure = await catch_failure(client.loyalty.InvalidateSnapshot(pb.InvalidateSnapshotRequest(merchant_id="acme")))
    assert (failure.reason, failure.field) == ("BAD_VALUE", "member_id")
