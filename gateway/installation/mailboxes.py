"""The shop's own e-mail addresses: mail through them is not from them, so they must find no member.

Gorgias names those of its e-mail integrations; an operator may set more.
"""

from gateway.gorgias.client import GorgiasClient
from gateway.gorgias.errors import GorgiasError
from gateway.installation.checks import Check, CheckState, render_reinstall_command
from gateway.installation.store import Installation, InstallationStore
from runtime.addresses import make_email_key

NAME = "own addresses"


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
    return (f"{_count(len(found))} of the shop's own stored, as Gorgias names them",)


async def check_own_addresses(client: GorgiasClient, installation: Installation) -> Check:
    """Check that those are stored that Gorgias names now: a ticket with another one could show another's points."""
    again = render_reinstall_command(installation)
    try:
        found = await client.list_mailboxes()
    except GorgiasError as error:
        return Check(name=NAME, state=CheckState.UNKNOWN, detail=error.detail)
    stored = {make_email_key(one) for one in (*installation.own_addresses, *installation.gorgias_addresses)}
    missing = sum(make_email_key(one) not in stored for one in found)
    if missing:
        detail = f"Gorgias names {_count(missing)} of the shop's own that {'is' if missing == 1 else 'are'} not stored"
        return Check(name=NAME, state=CheckState.FAILED, detail=detail, advice=again)
    return Check(name=NAME, state=CheckState.OK, detail=f"{_count(len(stored))} of the shop's own: they find no member")


def _count(number: int) -> str:
    return f"{number} {'address' if number == 1 else 'addresses'}"
