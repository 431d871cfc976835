"""Checks of what came last: a call of Gorgias and its answer, an error, a webhook of TRIFFT."""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from gateway.installation.activity import MALFORMED
from gateway.installation.advice import get_advice
from gateway.installation.checks import Check, CheckState, make_unknown
from gateway.installation.store import Installation

# The age of the last event that is suspicious where it is not known whether there were tickets.
OLD_AFTER = timedelta(days=7)
# An event of this age is old if there were tickets. A change without a trigger of ours, such as a survey, follows soon
# after one that has a trigger.
_MISSED_AFTER, _AFTERMATH = timedelta(days=1), timedelta(hours=1)
# The status of a widget without data.
_UNAVAILABLE = "unavailable"
_NAME = "last event"


class Tickets(msgspec.Struct, frozen=True, kw_only=True):
    """When a ticket of the account was changed last; None: it has no ticket. `is_known`: Gorgias told."""

    update_time: datetime | None = None
    is_known: bool = False


def is_recent(installation: Installation, now: datetime) -> bool:
    """Whether Gorgias has called so lately that its tickets need not be looked at."""
    return now - _find_quiet_since(installation) <= _MISSED_AFTER


def check_activity(
    installation: Installation | None, render_time: Callable[[datetime], str], now: datetime, tickets: Tickets
) -> list[Check]:
    """Check the last call of Gorgias and its answer, the last error, and the last webhook."""
    if installation is None:
        return [make_unknown(name, "is not installed") for name in (_NAME, "last error", "webhooks")]
    event = _check_last_event(installation, render_time, now, tickets)
    return [event, _check_last_error(installation, render_time), _check_webhooks(installation, render_time)]


def _check_last_event(
    installation: Installation, render_time: Callable[[datetime], str], now: datetime, tickets: Tickets
) -> Check:
    again = "add a tag to a ticket of a known member, wait some seconds, and check again"
    detail = _say_event(installation, render_time, now)
    if installation.last_status == _UNAVAILABLE:
        return _make(CheckState.FAILED, f"{detail}{_say_reason(installation)}", _advise(installation))
    if (missed := _find_missed(installation, now, tickets)) is not None:
        words = f"Gorgias has tickets since (the last change at {render_time(missed)}) and has not called"
        return _make(CheckState.FAILED, f"{detail}: {words}", f"look at the integration's log in Gorgias; {again}")
    if installation.last_event_time is None:
        return _make(CheckState.UNKNOWN, detail, again)
    if _has_failed_last(installation):
        return _make(CheckState.WARNING, f"{detail}, with old data{_say_reason(installation)}", _advise(installation))
    is_old = now - installation.last_event_time > OLD_AFTER
    if is_old and not tickets.is_known:
        return _make(CheckState.WARNING, f"{detail}; none since", again)
    return _make(CheckState.OK, f"{detail}{'; no ticket has changed since' if is_old else ''}")


def _say_event(installation: Installation, render_time: Callable[[datetime], str], now: datetime) -> str:
    if installation.last_event_time is None:
        return "Gorgias has not called yet"
    age = now - installation.last_event_time
    ago = f", {age.days} days ago" if age > OLD_AFTER else ""
    return f"{render_time(installation.last_event_time)}{ago}, answered: {installation.last_status}"


def _find_missed(installation: Installation, now: datetime, tickets: Tickets) -> datetime | None:
    """When a ticket was changed without a call of Gorgias; None: no such change is known."""
    if is_recent(installation, now) or tickets.update_time is None:
        return None
    is_missed = tickets.update_time - _find_quiet_since(installation) > _AFTERMATH
    return tickets.update_time if is_missed else None


def _find_quiet_since(installation: Installation) -> datetime:
    return installation.last_event_time or installation.create_time


def _has_failed_last(installation: Installation) -> bool:
    """Whether the last error came with the last event, so that nothing has worked since."""
    event_time, error_time = installation.last_event_time, installation.last_error_time
    return error_time is not None and (event_time is None or error_time >= event_time)


def _say_reason(installation: Installation) -> str:
    return f" ({installation.last_error})" if _has_failed_last(installation) and installation.last_error else ""


def _advise(installation: Installation) -> str:
    """The error is noted as a reason, or as "REASON: message"."""
    error = (installation.last_error or "") if _has_failed_last(installation) else ""
    return get_advice(error.partition(":")[0], installation.merchant_id)


def _check_last_error(installation: Installation, render_time: Callable[[datetime], str]) -> Check:
    if installation.last_error_time is None:
        return Check(name="last error", state=CheckState.OK, detail="none")
    detail = f"{render_time(installation.last_error_time)}: {installation.last_error}"
    if not _has_failed_last(installation):
        return Check(name="last error", state=CheckState.OK, detail=f"{detail} (it has worked since then)")
    return Check(name="last error", state=CheckState.FAILED, detail=detail, advice=_advise(installation))


def _check_webhooks(installation: Installation, render_time: Callable[[datetime], str]) -> Check:
    """A shop without webhooks is no warning: each ticket event reads TRIFFT anyway.

    A refused webhook is no failure: it may be a stranger's.
    """
    advice = f"paste what this prints into TRIFFT's Admin: trifft-gorgias webhook show {installation.merchant_id}"
    time, refused_time = installation.last_webhook_time, installation.refused_webhook_time
    detail = "" if time is None else f"{render_time(time)}: {installation.last_webhook}"
    if time is not None and installation.last_webhook == MALFORMED:
        return Check(name="webhooks", state=CheckState.FAILED, detail=detail, advice=advice)
    if refused_time is not None and (time is None or refused_time > time):
        refused = f"{installation.refused_webhook_count} refused, the last at {render_time(refused_time)}"
        words = f"{refused}: the secret was missing or wrong{f'; before that, {detail}' if detail else ''}"
        return Check(name="webhooks", state=CheckState.WARNING, detail=words, advice=advice)
    if time is None:
        detail = "none yet: the sidebar still refreshes with each ticket event"
        return Check(name="webhooks", state=CheckState.OFF, detail=detail, advice=advice)
    return Check(name="webhooks", state=CheckState.OK, detail=detail)


def _make(state: CheckState, detail: str, advice: str = "") -> Check:
    return Check(name=_NAME, state=state, detail=detail, advice=advice)
