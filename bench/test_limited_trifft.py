"""The stand-in of TRIFFT that the bench lets fail. The report quotes its counts."""

import asyncio
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from bench.limited_trifft import MOOD_PATH, TALLY_PATH, Mood, Tally, create_limited_app
from bench.trifft import FIND_PATH

Client = TestClient[Any, Any]


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(create_limited_app())


async def find(client: Client, token: str) -> int:
    async with client.get(f"{FIND_PATH}?email=a@b.example", headers={"Authorization": f"Bearer {token}"}) as response:
        return response.status


async def fetch_tally(client: Client) -> Tally:
    async with client.get(TALLY_PATH) as response:
        return msgspec.json.decode(await response.read(), type=Tally)


async def test_the_51st_request_of_a_token_is_refused_and_counted(client: Client) -> None:
    statuses = await asyncio.gather(*(find(client, "one") for _ in range(51)), find(client, "other"))
    tally = await fetch_tally(client)
    assert sorted(statuses) == [200] * 51 + [429]
    assert (tally.reads, tally.throttled, tally.peak) == (51, 1, 50)
    assert tally.by_token == {"one": 50, "other": 1}


async def test_a_mood_ends_when_it_is_told_to(client: Client) -> None:
    async with client.post(f"{MOOD_PATH}/{Mood.REFUSES}"):
        assert await find(client, "one") == 503
    async with client.post(f"{MOOD_PATH}/{Mood.HANGS}"):
        hanging = asyncio.create_task(find(client, "one"))
    while (await fetch_tally(client)).reads < 2:  # noqa: ASYNC110 - it is another server's event
        await asyncio.sleep(0)
    assert not hanging.done()
    async with client.post(f"{MOOD_PATH}/{Mood.WELL}"):
        with pytest.raises(aiohttp.ClientError):
            await hanging
    assert await find(client, "one") == 200
