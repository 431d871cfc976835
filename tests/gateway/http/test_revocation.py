"""What was revoked in the database is refused at the door as soon as it is not believed any more, on its first use."""

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from gateway.installation import credentials
from tests.gateway.edge.running import Gateway

Request = Callable[[Gateway], Awaitable[aiohttp.ClientResponse]]


async def send_webhook(gateway: Gateway) -> aiohttp.ClientResponse:
    url, secret = f"{gateway.url}/trifft/webhooks/acme", gateway.webhook_secret
    return await gateway.session.post(url, json={}, headers={"X-Webhook-Secret": secret})


REQUESTS: dict[str, Request] = {
    "widget": lambda gateway: gateway.get_widget("email=jana@example.com"),
    "award": lambda gateway: gateway.press(),
    "undo": lambda gateway: gateway.press_undo(),
    "webhook": send_webhook,
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_revoked_secret_is_refused_on_its_first_use(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(credentials, "BELIEVED_S", 0.0)
    monkeypatch.setattr(credentials, "WAIT_S", 10.0)
    before = await REQUESTS[name](gateway)
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as database:
        database.execute("DELETE FROM installations")
        database.commit()
    after = await REQUESTS[name](gateway)

    assert before.status != 401
    assert after.status == 401
