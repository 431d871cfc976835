"""What was revoked in the database is refused at the door as soon as it is not believed any more, on its first use."""

from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from gateway.installation import credentials
from gateway.installation.store import InstallationStore
from tests.gateway.edge.running import Gateway
from tests.gateway.edge.shared import Shop
from tests.gateway.edge.shops import KEYS

Request = Callable[[Gateway], Awaitable[aiohttp.ClientResponse]]


async def send_webhook(gateway: Gateway) -> aiohttp.ClientResponse:
    url, secret = f"{gateway.url}/trifft/webhooks/{gateway.merchant_id}", gateway.webhook_secret
    return await gateway.session.post(url, json={}, headers={"X-Webhook-Secret": secret})


REQUESTS: dict[str, Request] = {
    "widget": lambda gateway: gateway.get_widget("email=jana@example.com"),
    "award": lambda gateway: gateway.press(),
    "undo": lambda gateway: gateway.press_undo(),
    "webhook": send_webhook,
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_revoked_secret_is_refused_on_its_first_use(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(credentials, "BELIEVED_S", 0.0)
    before = await REQUESTS[name](shop.gateway)
    await InstallationStore(shop.database, KEYS).delete(shop.gateway.merchant_id)
    after = await REQUESTS[name](shop.gateway)

    assert before.status != 401
    assert after.status == 401
