"""The shop's own e-mail addresses: mail through them is not from them, so they must find no member.

Gorgias names those of its e-mail integrations; an operator may set more.
"""

from gateway.gorgias.client import GorgiasClient
from gateway.gorgias.errors import GorgiasError
from gateway.installation.store import Installation, InstallationStore


async def record_mailboxes(
    store: InstallationStore, client: GorgiasClient, installation: Installation
) -> tuple[str, ...]:
    """Store what Gorgias names. Returns what changed, in words. If Gorgias does not say, what is stored stays."""
    try:
        found = await client.list_mailboxes()
    except GorgiasError as error:
        return (f"the shop's own e-mail addresses could not be read: {error.detail}",)
    if set(found) == set(installation.gorgias_addresses):
        return ()
    await store.record_gorgias_addresses(installation.merchant_id, found)
    return (f"{count_addresses(len(found))} of the shop's own stored, as Gorgias names them",)


def count_addresses(number: int) -> str:
    """Like "2 addresses"."""
    return f"{number} {'address' if number == 1 else 'addresses'}"
