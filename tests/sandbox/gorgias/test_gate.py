"""Authentication, error bodies and rate limits of the REST API."""

import aiohttp
import pytest

from tests.sandbox.gorgias.helpdesk import AUTH, Clock, Helpdesk

LIMIT_HEADER = "X-Gorgias-Account-Api-Call-Limit"
BEARER = {"Authorization": "Bearer sandbox-acme-gorgias-oauth"}


async def ask(helpdesk: Helpdesk, **options: object) -> aiohttp.ClientResponse:
    response = await helpdesk.client.get("/gorgias/acme/api/integrations", **options)  # type: ignore[arg-type]
    await response.read()
    return response


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"headers": {"Authorization": aiohttp.encode_basic_auth("admin@acme.example", "wrong")}},
        {"headers": {"Authorization": aiohttp.encode_basic_auth("admin@bloom.example", "sandbox-bloom-gorgias-key")}},
        {"headers": {"Authorization": "Bearer wrong"}},
        {"headers": {"Authorization": "Basic not-base64"}},
        {"headers": {"Authorization": "Basic /w=="}},
    ],
)
async def test_request_without_the_account_s_credential_is_refused(
    helpdesk: Helpdesk, options: dict[str, object]
) -> None:
    response = await ask(helpdesk, **options)
    assert response.status == 401
    assert await response.json() == {"error": {"msg": "Authorization required.", "data": {}}}


async def test_credential_is_accepted_as_basic_and_as_bearer(helpdesk: Helpdesk) -> None:
    assert (await ask(helpdesk, headers=AUTH)).status == 200
    assert (await ask(helpdesk, headers=BEARER)).status == 200


async def test_unknown_account_and_path_answer_in_the_error_shape(helpdesk: Helpdesk) -> None:
    for path in ("/gorgias/nobody/api/integrations", "/gorgias/acme/api/nothing"):
        async with helpdesk.client.get(path, headers=AUTH) as response:
            assert response.status == 404
            assert (await response.json())["error"]["data"] == {}


async def test_api_key_beyond_40_requests_is_refused_with_a_time_to_wait(helpdesk: Helpdesk) -> None:
    levels = [(await ask(helpdesk, headers=AUTH)).headers[LIMIT_HEADER] for _ in range(40)]
    refused = await ask(helpdesk, headers=AUTH)
    assert (levels[0], levels[-1]) == ("1/40", "40/40")
    assert (refused.status, refused.headers["Retry-after"]) == (429, "5")
    assert refused.headers[LIMIT_HEADER] == "40/40"


async def test_bucket_leaks_two_requests_a_second(helpdesk: Helpdesk, clock: Clock) -> None:
    for _ in range(40):
        await ask(helpdesk, headers=AUTH)
    clock.time += 1.0
    statuses = [(await ask(helpdesk, headers=AUTH)).status for _ in range(3)]
    assert statuses == [200, 200, 429]
    clock.time += 20.0
    assert (await ask(helpdesk, headers=AUTH)).headers[LIMIT_HEADER] == "1/40"


async def test_oauth_token_has_a_bucket_of_80_of_its_own(helpdesk: Helpdesk) -> None:
    for _ in range(41):
        await ask(helpdesk, headers=AUTH)
    responses = [await ask(helpdesk, headers=BEARER) for _ in range(81)]
    assert [response.status for response in responses].count(200) == 80
    assert responses[0].headers[LIMIT_HEADER] == "1/80"
    assert responses[-1].status == 429


async def test_refused_credential_takes_nothing_from_the_bucket(helpdesk: Helpdesk) -> None:
    for _ in range(3):
        await ask(helpdesk)
    assert (await ask(helpdesk, headers=AUTH)).headers[LIMIT_HEADER] == "1/40"


async def test_rate_limit_can_be_switched_off(helpdesk: Helpdesk) -> None:
    await helpdesk.switch(rate_limit=False)
    assert {(await ask(helpdesk, headers=AUTH)).status for _ in range(50)} == {200}
