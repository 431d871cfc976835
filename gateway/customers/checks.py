"""Checks that Gorgias says whose a ticket is, and which e-mail addresses are the shop's own."""

from contextlib import suppress

from gateway.gorgias.client import GorgiasClient
from gateway.gorgias.errors import GorgiasCredentialsError, GorgiasError, GorgiasNotFoundError
from gateway.gorgias.tickets import ANY_TICKET, TicketClient
from gateway.installation.checks import Check, CheckState, advise_new_key, render_reinstall_command
from gateway.installation.mailboxes import count_addresses
from gateway.installation.store import Installation
from runtime.addresses import make_email_key

# Ticket and customer 1 need not exist: a key without permission is refused either way.
_ANY_CUSTOMER = 1
OWN_ADDRESSES = "own addresses"


async def check_buttons(tickets: TicketClient, installation: Installation) -> Check:
    """Check that the API key may read tickets and customers: otherwise each button press is refused."""
    try:
        await tickets.has_ticket(ANY_TICKET)
        with suppress(GorgiasNotFoundError):
            await tickets.fetch_addresses(_ANY_CUSTOMER)
    except GorgiasCredentialsError as error:
        rights = (
            "give the user of the API key tickets:read and customers:read in Gorgias, then: "
            f"{render_reinstall_command(installation)}"
        )
        return Check(
            name="buttons",
            state=CheckState.FAILED,
            detail=f"every press is refused: for tickets and customers, {error.detail}",
            advice=advise_new_key(installation) if error.is_unknown_key else rights,
        )
    except GorgiasError as error:
        return Check(name="buttons", state=CheckState.UNKNOWN, detail=error.detail)
    return Check(name="buttons", state=CheckState.OK, detail="Gorgias says whose a ticket is")


async def check_own_addresses(client: GorgiasClient, installation: Installation) -> Check:
    """Check that each mailbox that Gorgias names is stored: one that is not could show a stranger's points."""
    again = render_reinstall_command(installation)
    try:
        found = await client.list_mailboxes()
    except GorgiasError as error:
        return Check(name=OWN_ADDRESSES, state=CheckState.UNKNOWN, detail=error.detail)
    stored = {make_email_key(one) for one in (*installation.own_addresses, *installation.gorgias_addresses)}
    missing = sum(make_email_key(one) not in stored for one in found)
    if missing:
        verb = "is" if missing == 1 else "are"
        detail = f"Gorgias names {count_addresses(missing)} of the shop's own that {verb} not stored"
        return Check(name=OWN_ADDRESSES, state=CheckState.FAILED, detail=detail, advice=again)
    detail = f"{count_addresses(len(stored))} of the shop's own: they find no member"
    return Check(name=OWN_ADDRESSES, state=CheckState.OK, detail=detail)
