"""Whether the notes of a shop's awards reach their tickets."""

from collections.abc import Callable
from datetime import datetime

from gateway.gorgias.errors import GorgiasCredentialsError, GorgiasError
from gateway.gorgias.messages import TicketClient
from gateway.installation.checks import Check, CheckState, render_reinstall_command
from gateway.installation.store import Installation
from gateway.tickets.rows import Backlog

# Whether there is such a ticket is all the same: a key that may not see tickets is refused either way.
_ANY_TICKET = 1


async def check_notes(
    tickets: TicketClient,
    installation: Installation,
    backlog: Backlog,
    render_time: Callable[[datetime], str],
) -> Check:
    """Whether awards leave their note in the ticket; where none waits, whether Gorgias lets us see tickets at all."""
    if not installation.writes_notes:
        return Check(name="notes", state=CheckState.OFF, detail="this shop wants none (install --notes turns them on)")
    mend = (
        "give the user of the API key tickets:read and tickets:write in Gorgias, then: "
        f"{render_reinstall_command(installation)} (with --no-notes where the shop wants none)"
    )
    is_refused = backlog.problem == GorgiasCredentialsError.__name__
    if backlog.count and backlog.since is not None:
        words = "note waits" if backlog.count == 1 else "notes wait"
        why = "Gorgias refuses them" if is_refused else f"Gorgias fails ({backlog.problem})"
        detail = f"{backlog.count} {words} since {render_time(backlog.since)}: {why}"
        advice = mend if is_refused else "nothing: they are written as soon as Gorgias takes them"
        return Check(name="notes", state=CheckState.FAILED, detail=detail, advice=advice)
    try:
        await tickets.has_ticket(_ANY_TICKET)
    except GorgiasCredentialsError as error:
        return Check(name="notes", state=CheckState.FAILED, detail=f"for tickets, {error.detail}", advice=mend)
    except GorgiasError as error:
        return Check(name="notes", state=CheckState.UNKNOWN, detail=f"none waits; {error.detail}")
    return Check(name="notes", state=CheckState.OK, detail="none waits, and Gorgias shows tickets")
