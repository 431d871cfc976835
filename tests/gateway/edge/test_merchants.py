"""The gateway asks for a shop's settings and remembers them for a time."""

from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio

from gateway.loyalty_client import LoyaltyClient
from gateway.merchants import REVALIDATE_S, Merchants
from gateway.wording.shop import DEFAULT_SHOP
from tests.gateway.edge.scripted import ScriptedLoyalty

Loyalty = tuple[ScriptedLoyalty, str, grpc.aio.Server]


class Clock:
    def __init__(self) -> None:
        self.time_s = 0.0

    def __call__(self) -> float:
        return self.time_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="session")
async def merchants(loyalty: Loyalty, clock: Clock) -> AsyncIterator[Merchants]:
    async with LoyaltyClient(loyalty[1], "inner-key") as client, Merchants(client, timeout_s=20, clock=clock) as opened:
        yield opened


async def test_change_is_seen_by_the_first_request_after_5_seconds(
    merchants: Merchants, scripted: ScriptedLoyalty, clock: Clock
) -> None:
    assert (await merchants.get("acme")).zone.key == "Europe/Bratislava"
    scripted.merchant.time_zone = "America/New_York"
    clock.time_s += REVALIDATE_S - 1
    assert (await merchants.get("acme")).zone.key == "Europe/Bratislava"
    clock.time_s += 1
    assert (await merchants.get("acme")).zone.key == "America/New_York"


async def test_shop_stays_known_while_the_loyalty_service_is_gone(
    merchants: Merchants, loyalty: Loyalty, clock: Clock
) -> None:
    known = await merchants.get("acme")
    await loyalty[2].stop(None)
    clock.time_s += REVALIDATE_S
    assert await merchants.get("acme") == known
    assert await merchants.get("bloom") == DEFAULT_SHOP


@pytest.mark.parametrize(("time_zone", "locale"), [("Mars/Olympus", "en"), ("UTC", "qq"), ("UTC", "")])
async def test_shop_that_cannot_be_read_has_the_defaults(
    merchants: Merchants, scripted: ScriptedLoyalty, time_zone: str, locale: str
) -> None:
    """A newer loyalty service may know zones and locales that this machine does not."""
    scripted.merchant.time_zone, scripted.merchant.locale = time_zone, locale
    assert await merchants.get("acme") == DEFAULT_SHOP
