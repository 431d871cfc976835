"""Checks that Gorgias says whose a ticket is: without that no button works."""

from contextlib import suppress

from gateway.gorgias.errors import GorgiasCredentialsError, GorgiasError, GorgiasNotFoundError
from gateway.gorgias.tickets import ANY_TICKET, TicketClient
from gateway.installation.checks import Check, CheckState, advise_new_key, render_reinstall_command
from gateway.installation.store import Installation

# Ticket and customer 1 need not exist: a key without permission is refused either way.
_ANY_CUSTOMER = 1


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
