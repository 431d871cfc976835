"""Adds the shops of a fleet to the loyalty service, and installs them in the gateway."""

from collections.abc import Sequence

from bench.fleet import Plan
from bench.stack import install
from gateway.database import open_database
from gateway.installation.store import InstallationStore
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb
from runtime.encryption import SecretKeys

_TIMEOUT_S = 20.0


def make_shops(count: int) -> list[str]:
    return [f"shop-{number}" for number in range(count)]


async def add_shops(plan: Plan, shops: Sequence[str], trifft: str, gorgias: str, profile: str = "") -> dict[str, str]:
    """Return the widgets' credentials by shop.

    A shop's name is its token at TRIFFT, and replaces `{shop}` in `gorgias`.
    """
    async with LoyaltyClient(plan.loyalty_target, plan.loyalty_key) as client:
        for shop in shops:
            merchant = pb.Merchant(merchant_id=shop, provider_url=trifft, profile=profile)
            request = pb.CreateMerchantRequest(merchant=merchant, provider_token=shop, skip_probe=True)
            await client.create_merchant(request, timeout_s=_TIMEOUT_S)
    async with open_database(plan.gateway_database_url) as database:
        store = InstallationStore(database, SecretKeys((plan.gateway_keys,)))
        return {shop: await install(store, shop, gorgias.format(shop=shop)) for shop in shops}
