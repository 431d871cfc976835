"""A shop's country, in which its phone numbers are dialled. Data found by a phone in another country is not shown."""

import shutil
from pathlib import Path
from typing import Any

import grpc
import msgspec
from sqlalchemy import text

from loyalty_service.database import SCHEMA, open_database
from loyalty_service.domain.limits import LIMIT_FIELDS
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.database import open_database as open_with_schema
from tests.loyalty_service.running import Client, catch_failure
from tests.loyalty_service.scripted import ScriptedProvider, make_member
from tests.loyalty_service.test_merchant_limits import get, update

SLOVAK = "+421900000001"
MERCHANT: dict[str, Any] = {
    "merchant_id": "acme",
    "provider_url": "https://api.trifft.io",
    "provider_token_encrypted": "x",
    "admin_member_url": "",
    "time_zone": "UTC",
    "locale": "en",
    "profile": "",
    "award_reasons": "[]",
    "generation": "1",
    "create_time_ms": 1,
    "update_time_ms": 1,
    "hold_time_s": 0,
    "stale_if_error_s": 0,
    **dict.fromkeys(LIMIT_FIELDS, 0),
}


async def find(client: Client, phone: str) -> str:
    request = pb.GetSnapshotRequest(merchant_id="acme", identity=pb.MemberIdentity(phone=phone))
    return (await client.loyalty.GetSnapshot(request)).snapshot.member.member_id


async def is_held(client: Client, **identity: str) -> bool:
    request = pb.GetHeldSnapshotRequest(merchant_id="acme", identity=pb.MemberIdentity(**identity))
    return (await client.loyalty.GetHeldSnapshot(request)).WhichOneof("held") is not None


async def test_country_is_stored_and_any_other_word_is_refused(client: Client) -> None:
    assert (await get(client, "acme")).country == ""
    assert (await client.add_merchant("bloom", country=" sk ")).country == "SK"
    await update(client, "country", country="AT")
    assert (await get(client, "acme")).country == "AT"
    for country in ("XX", "AQ", "SVK", "Slovakia", "001"):
        failure = await catch_failure(update(client, "country", country=country))
        assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, "merchant.country")
    await update(client, "country")
    assert (await get(client, "acme")).country == ""


async def test_number_is_dialled_in_the_shop_s_country_or_else_in_its_time_zone_s(
    client: Client, provider: ScriptedProvider
) -> None:
    provider.members = {SLOVAK: make_member("jana"), "+43900000001": make_member("zoe")}
    failure = await catch_failure(find(client, "0900 000 001"))
    assert (failure.reason, failure.field) == ("BAD_VALUE", "identity.phone")
    assert failure.message.startswith("identity.phone must be a valid number, international, without extension")
    await update(client, "time_zone", time_zone="Europe/Bratislava")
    assert await find(client, "0900 000 001") == "jana"
    await update(client, "country", country="AT")
    assert await find(client, "0900 000 001") == "zoe"
    assert await find(client, SLOVAK) == "jana"


async def test_data_found_by_a_phone_in_another_country_is_no_longer_held(
    client: Client, provider: ScriptedProvider
) -> None:
    """The members' numbers were read in that country, too. Data found by an e-mail does not depend on it."""
    provider.members = {SLOVAK: make_member("jana"), "jana@example.com": make_member("jana")}
    await find(client, SLOVAK)
    by_email = pb.GetSnapshotRequest(merchant_id="acme", identity=pb.MemberIdentity(email="jana@example.com"))
    await client.loyalty.GetSnapshot(by_email)
    await update(client, "locale", locale="sk")
    assert await is_held(client, phone=SLOVAK)
    for field, value in (("country", "AT"), ("country", ""), ("time_zone", "Europe/Bratislava")):
        await update(client, field, **{field: value})
        assert await is_held(client, phone=SLOVAK) is (value == "")
        assert await is_held(client, email="jana@example.com")


async def test_shop_of_an_earlier_version_has_its_zone_s_country(empty_database_url: str, tmp_path: Path) -> None:
    """A process of that version still adds shops after the migration, since both run during a deployment."""
    for path in SCHEMA.migrations.glob("v000[123]_*.py"):
        shutil.copy(path, tmp_path)
    insert = f"INSERT INTO merchants ({', '.join(MERCHANT)}) VALUES (:{', :'.join(MERCHANT)})"  # noqa: S608  names above
    older = msgspec.structs.replace(SCHEMA, migrations=tmp_path)
    async with open_with_schema(empty_database_url, older) as database:
        await database.write(lambda connection: connection.execute(text(insert), MERCHANT))
    async with open_database(empty_database_url) as database:
        later = MERCHANT | {"merchant_id": "bloom"}
        await database.write(lambda connection: connection.execute(text(insert), later))
        query = text("SELECT country FROM merchants")
        countries = await database.read(lambda connection: connection.execute(query).scalars().all())
    assert countries == ["", ""]
