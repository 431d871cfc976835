"""The shops of a torture run: known to the loyalty service, installed in the gateway."""

from bench.torture.fleet import Plan
from bench.torture.world import PROFILE
from gateway.database import open_database
from gateway.installation.store import InstallationStore, Target
from gateway.keys import SecretKeys
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

_TIMEOUT_S = 20.0


async def add_shops(plan: Plan, count: int, world: str) -> dict[str, str]:
    """The widget's credential by shop. A shop's token at TRIFFT is its name."""
    shops = [f"shop-{number}" for number in range(count)]
    async with LoyaltyClient(plan.loyalty_target, plan.loyalty_key) as client:
        for shop in shops:
            merchant = pb.Merchant(merchant_id=shop, provider_url=f"{world}/trifft", profile=PROFILE)
            request = pb.CreateMerchantRequest(merchant=merchant, provider_token=shop, skip_probe=True)
            await client.create_merchant(request, timeout_s=_TIMEOUT_S)
    async with open_database(plan.gateway_database_url) as database:
        store = InstallationStore(database, SecretKeys((plan.gateway_keys,)))
        return {shop: await _install(store, shop, f"{world}/gorgias/{shop}") for shop in shops}


async def _install(store: InstallationStore, shop: str, account: str) -> str:
    target = Target(
        gorgias_url=account, gorgias_user="ops@torture.example", gorgias_key=shop, template="list", public_url=account
    )
    await store.add(shop, target)
    installation = await store.get(shop)
    assert installation is not None  # noqa: S101 - it was added above
    return installation.credential
