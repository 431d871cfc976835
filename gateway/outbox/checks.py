"""Checks that notes reach their tickets."""

from collections.abc import Callable
from datetime import datetime

from gateway.gorgias.errors import (
    GorgiasCredentialsError,
    GorgiasError,
    GorgiasRefusedError,
    GorgiasThrottledError,
    GorgiasTooLongError,
)
from gateway.gorgias.tickets import ANY_TICKET, TicketClient
from gateway.installation.checks import Check, CheckState, advise_new_key, render_reinstall_command
from gateway.installation.store import Installation
from gateway.outbox.entries import Backlog

_WAITS = {
    GorgiasCredentialsError.__name__: "Gorgias refuses them",
    GorgiasThrottledError.__name__: "the account's rate limit is used up",
}
_FAILURES = {
    GorgiasRefusedError.__name__: "Gorgias calls them bad",
    GorgiasTooLongError.__name__: "their tickets have too many messages to be looked through",
}


async def check_notes(
    tickets: TicketClient,
    installation: Installation,
    backlog: Backlog,
    render_time: Callable[[datetime], str],
) -> Check:
    """Check that notes are written; if none is pending, check that Gorgias lets us read tickets."""
    if not installation.writes_notes:
        return Check(name="notes", state=CheckState.OFF, detail="this shop wants none (install --notes turns them on)")
    mend = (
        "give the user of the API key tickets:read and tickets:write in Gorgias, then (with --no-notes where the shop "
        f"wants none): {render_reinstall_command(installation)}"
    )
    is_refused = backlog.problem == GorgiasCredentialsError.__name__
    if backlog.count and backlog.since is not None:
        words = "note waits" if backlog.count == 1 else "notes wait"
        why = _WAITS.get(backlog.problem, f"Gorgias fails ({backlog.problem})")
        detail = f"{backlog.count} {words} since {render_time(backlog.since)}: {why}"
        advice = mend if is_refused else "nothing: they are written as soon as Gorgias takes them"
        return Check(name="notes", state=CheckState.FAILED, detail=detail, advice=advice)
    if backlog.failed_count:
        return _make_failed(installation, backlog)
    try:
        await tickets.has_ticket(ANY_TICKET)
    except GorgiasCredentialsError as error:
        advice = advise_new_key(installation) if error.is_unknown_key else mend
        return Check(name="notes", state=CheckState.FAILED, detail=f"for tickets, {error.detail}", advice=advice)
    except GorgiasError as error:
        return Check(name="notes", state=CheckState.UNKNOWN, detail=f"none waits; {error.detail}")
    gone = f"; {backlog.gone_count} had no ticket any more" if backlog.gone_count else ""
    return Check(name="notes", state=CheckState.OK, detail=f"none waits, and Gorgias shows tickets{gone}")


def _make_failed(installation: Installation, backlog: Backlog) -> Check:
    words = "note was" if backlog.failed_count == 1 else "notes were"
    why = _FAILURES.get(backlog.failed_problem, backlog.failed_problem)
    detail = f"{backlog.failed_count} {words} given up: {why}"
    again = render_reinstall_command(installation)
    advice = f"see what the gateway logged as note_refused, correct it, then try them again: {again}"
    return Check(name="notes", state=CheckState.FAILED, detail=detail, advice=advice)
