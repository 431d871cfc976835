"""Merchants over the wire: added, changed and removed, and what a removal leaves."""

from collections.abc import Awaitable
from typing import Any

import grpc
import pytest
from sqlalchemy import text

from loyalty_service.database import open_database
from loyalty_service.domain.errors import ProviderCredentialsError, ProviderThrottledError
from loyalty_service.domain.merchant import Merchant
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.loyalty_service.running import ON_THIS_MACHINE, Client, StartService, catch_failure, make_request_id
from tests.loyalty_service.scripted import JANA, ScriptedProvider, make_member

TOKEN = "made-up-token"
GET_JANA = pb.GetSnapshotRequest(merchant_id="acme", identity=pb.MemberIdentity(member_id=JANA))


async def refuse(_: Merchant) -> None:
    raise ProviderCredentialsError("TRIFFT refuses the token")


def create(client: Client, token: str = TOKEN, **fields: Any) -> Awaitable[pb.CreateMerchantResponse]:  # noqa: ANN401  any field
    merchant = pb.Merchant(**({"merchant_id": "bloom", "provider_url": "https://api.trifft.io"} | fields))
    return client.merchants.CreateMerchant(pb.CreateMerchantRequest(merchant=merchant, provider_token=token))


def update(client: Client, token: str = "", **fields: Any) -> Awaitable[pb.UpdateMerchantResponse]:  # noqa: ANN401  any field
    request = pb.UpdateMerchantRequest(merchant=pb.Merchant(merchant_id="acme", **fields), provider_token=token)
    request.update_mask.paths.extend(fields)
    return client.merchants.UpdateMerchant(request)


async def get(client: Client, merchant_id: str = "acme") -> pb.Merchant:
    return (await client.merchants.GetMerchant(pb.GetMerchantRequest(merchant_id=merchant_id))).merchant


async def test_merchant_with_all_fields_is_stored_as_given(client: Client, provider: ScriptedProvider) -> None:
    fields: dict[str, Any] = {
        "provider_url": "https://api.trifft.io/stand-in",
        "admin_member_url": "https://admin.trifft.io/member/{member_id}",
        "time_zone": "Europe/Bratislava",
        "locale": "sk",
        "max_points_per_award": 1000,
    }

    created = (await create(client, **fields)).merchant

    assert created == await get(client, "bloom")
    assert {name: getattr(created, name) for name in fields} == fields
    assert created.create_time == created.update_time
    assert provider.probes[-1].provider_token == TOKEN


async def test_merchant_with_only_required_fields_has_defaults(client: Client) -> None:
    created = (await create(client, provider_url="https://api.trifft.io/")).merchant

    assert (created.time_zone, created.locale, created.max_points_per_award) == ("UTC", "en", 500)
    assert (created.provider_url, created.profile) == ("https://api.trifft.io", "")


async def test_token_is_encrypted_at_rest(database_url: str, start_service: StartService) -> None:
    async with start_service() as client, open_database(database_url) as database:
        await client.add_merchant()
        row = await database.read(lambda connection: connection.execute(text("SELECT * FROM merchants")).one())
        assert (await get(client)).merchant_id == "acme"

    assert row.merchant_id == "acme"
    assert TOKEN not in repr(row)


async def test_merchant_whose_probe_fails_is_not_added(client: Client, provider: ScriptedProvider) -> None:
    provider.on_probe = refuse

    failure = await catch_failure(create(client))

    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PROVIDER_CREDENTIALS")
    assert (await catch_failure(get(client, "bloom"))).reason == "MERCHANT_NOT_FOUND"


async def test_merchant_is_added_without_a_probe_on_request(client: Client, provider: ScriptedProvider) -> None:
    provider.on_probe = refuse
    merchant = pb.Merchant(merchant_id="bloom", provider_url="https://api.trifft.io")

    await client.merchants.CreateMerchant(
        pb.CreateMerchantRequest(merchant=merchant, provider_token=TOKEN, skip_probe=True)
    )

    assert (await get(client, "bloom")).merchant_id == "bloom"


async def test_existing_merchant_is_not_added_again(client: Client) -> None:
    failure = await catch_failure(create(client, merchant_id="acme"))

    assert (failure.code, failure.reason) == (grpc.StatusCode.ALREADY_EXISTS, "MERCHANT_EXISTS")


async def test_update_changes_what_the_mask_names_and_nothing_else(client: Client, provider: ScriptedProvider) -> None:
    before = await get(client)
    probes = len(provider.probes)

    changed = (await update(client, time_zone="America/New_York", max_points_per_award=None)).merchant

    assert changed == await get(client)
    assert (changed.time_zone, changed.max_points_per_award) == ("America/New_York", 500)
    assert (changed.provider_url, changed.create_time) == (before.provider_url, before.create_time)
    assert len(provider.probes) == probes


async def test_update_with_a_new_token_probes_it_and_drops_held_data(
    client: Client, provider: ScriptedProvider
) -> None:
    await client.loyalty.GetSnapshot(GET_JANA)
    provider.members[JANA] = make_member(full_name="Another Project's")

    await update(client, token="another-token")

    assert provider.probes[-1].provider_token == "another-token"
    assert (await client.loyalty.GetSnapshot(GET_JANA)).snapshot.member.full_name == "Another Project's"


async def test_update_whose_probe_fails_changes_nothing(client: Client, provider: ScriptedProvider) -> None:
    provider.on_probe = refuse

    failure = await catch_failure(update(client, provider_url="https://api.trifftloyalty.com"))

    assert failure.reason == "PROVIDER_CREDENTIALS"
    assert (await get(client)).provider_url == ON_THIS_MACHINE


async def test_update_of_an_unknown_field_or_of_nothing_is_refused(client: Client) -> None:
    unknown = pb.UpdateMerchantRequest(merchant=pb.Merchant(merchant_id="acme"))
    unknown.update_mask.paths.append("merchant_id")

    failures = [
        await catch_failure(client.merchants.UpdateMerchant(unknown)),
        await catch_failure(update(client)),
    ]

    assert [(failure.reason, failure.field) for failure in failures] == [("BAD_VALUE", "update_mask")] * 2


async def test_update_takes_effect_at_once_in_its_own_process(client: Client) -> None:
    await update(client, max_points_per_award=10)

    assert (await catch_failure(client.award(points=11))).reason == "LIMIT_EXCEEDED"


async def test_merchant_of_another_process_is_found_at_once(start_service: StartService) -> None:
    async with start_service() as one, start_service() as other:
        assert (await catch_failure(get(other))).reason == "MERCHANT_NOT_FOUND"

        await one.add_merchant()

        assert (await get(other)).merchant_id == "acme"


async def test_merchant_added_again_has_its_old_awards_and_no_held_member(
    client: Client, provider: ScriptedProvider
) -> None:
    request_id = make_request_id()
    await client.award(request_id=request_id)
    await client.loyalty.GetSnapshot(GET_JANA)
    await client.merchants.DeleteMerchant(pb.DeleteMerchantRequest(merchant_id="acme"))
    gone = await catch_failure(client.loyalty.GetSnapshot(GET_JANA))
    provider.members[JANA] = make_member(full_name="Another Project's")

    await client.add_merchant()

    assert gone.reason == "MERCHANT_NOT_FOUND"
    assert (await client.loyalty.GetSnapshot(GET_JANA)).snapshot.member.full_name == "Another Project's"
    assert (await client.award(request_id=request_id)).replayed
    assert (await client.award()).award.award_id == "A-2"


@pytest.mark.parametrize("call", ["GetMerchant", "DeleteMerchant", "CheckMerchant"])
async def test_unknown_merchant_is_not_found(client: Client, call: str) -> None:
    request = getattr(pb, f"{call}Request")(merchant_id="nobody")

    failure = await catch_failure(getattr(client.merchants, call)(request))

    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "MERCHANT_NOT_FOUND")


async def test_check_says_whether_the_token_works(client: Client, provider: ScriptedProvider) -> None:
    async def throttle(_: Merchant) -> None:
        raise ProviderThrottledError("TRIFFT throttles", 30.0)

    await client.merchants.CheckMerchant(pb.CheckMerchantRequest(merchant_id="acme"))
    provider.on_probe = throttle

    failure = await catch_failure(client.merchants.CheckMerchant(pb.CheckMerchantRequest(merchant_id="acme")))

    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "PROVIDER_THROTTLED")
    assert failure.retry_s == 30.0

    tolerant = pb.CheckMerchantRequest(merchant_id="acme", tolerate_failure=True)
    answer = await client.merchants.CheckMerchant(tolerant)
    assert answer.probe_failure == pb.ProbeFailure(reason=pb.PROVIDER_THROTTLED, message="TRIFFT throttles")
    assert (answer.rate.permits_limit, answer.HasField("breaker")) == (50, False)


async def test_merchants_are_listed_by_id_page_by_page(client: Client) -> None:
    for merchant_id in ("zeta", "bloom"):
        await client.add_merchant(merchant_id)

    first = await client.merchants.ListMerchants(pb.ListMerchantsRequest(page_size=2))
    last = await client.merchants.ListMerchants(pb.ListMerchantsRequest(page_size=2, page_token=first.next_page_token))

    assert [merchant.merchant_id for merchant in first.merchants] == ["acme", "bloom"]
    assert [merchant.merchant_id for merchant in last.merchants] == ["zeta"]
    assert last.next_page_token == ""
