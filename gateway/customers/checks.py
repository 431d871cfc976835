"""Whether Gorgias says whose a ticket is, without which no button works."""

from contextlib import suppress

from gateway.gorgias.errors import GorgiasCredentialsError, GorgiasError, GorgiasNotFoundError
from gateway.gorgias.tickets import ANY_TICKET, TicketClient
from gateway.installation.checks import Check, CheckState, render_reinstall_command
from gateway.installation.store import Installation

# Whether there is such a one is all the same: a key that may not see any is refused either way.
_ANY_CUSTOMER = 1


async def check_buttons(tickets: TicketClient, installation: Installation) -> Check:
    """Whether the API key may see tickets and customers: each button press is refused where Gorgias does not say."""
    try:
        await tickets.has_ticket(ANY_TICKET)
        with suppress(GorgiasNotFoundError):
            await tickets.fetch_emails(_ANY_CUSTOMER)
    except GorgiasCredentialsError as error:
        return Check(
            name="buttons",
            state=CheckState.FAILED,
            detail=f"every press is refused: for tickets and customers, {error.detail}",
            advice=(
                "give the user of the API key tickets:read and customers:read in Gorgias, then: "
                f"{render_reinstall_command(installation)}"
            ),
        )
    except GorgiasError as error:
        return Check(name="buttons", state=CheckState.UNKNOWN, detail=error.detail)
    return Check(name="buttons", state=CheckState.OK, detail="Gorgias says whose a ticket is")
