"""Why a widget is empty: one check for each part that must work, each with advice."""

import asyncio
import enum
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from gateway.errors import LoyaltyCallError
from gateway.gorgias.client import GorgiasClient
from gateway.gorgias.errors import GorgiasError
from gateway.gorgias.wire import TICKET_CONTEXT, Integration, Widget
from gateway.installation.activity import MALFORMED
from gateway.installation.advice import get_advice, render_install_command
from gateway.installation.buttons import Buttons
from gateway.installation.differences import find_integration_differences, find_widget_differences
from gateway.installation.service import render_installed_template
from gateway.installation.store import Installation
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

_TIMEOUT_S = 10.0
_NAMED_AWARDS = 5
_MOST_DOUBTS = 1000
# The age of the last event that is suspicious: a shop's agents work every week.
OLD_AFTER = timedelta(days=7)
# The statuses of a widget without data.
_UNAVAILABLE = "unavailable"


class CheckState(enum.Enum):
    """WARNING: it works, but something should be corrected."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"
    OFF = "off"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One finding. `advice` says what to do; empty: nothing to do."""

    name: str
    state: CheckState
    detail: str
    advice: str = ""


def render_reinstall_command(installation: Installation) -> str:
    """The command that brings an installation up to date."""
    return render_install_command(
        installation.merchant_id,
        url=installation.gorgias_url,
        user=installation.gorgias_user,
        template=installation.template,
    )


async def check_awards(loyalty: LoyaltyClient, merchant_id: str, render_time: Callable[[datetime], str]) -> Check:
    """Check whether awards wait for a person to settle them, and count those that are in doubt."""
    waiting, unknown = pb.AwardFilter(needs_person=True), pb.AwardFilter(states=[pb.AWARD_STATE_UNKNOWN])
    try:
        page, in_doubt = await asyncio.gather(
            loyalty.list_awards(merchant_id, award_filter=waiting, timeout_s=_TIMEOUT_S),
            loyalty.list_awards(merchant_id, award_filter=unknown, page_size=_MOST_DOUBTS, timeout_s=_TIMEOUT_S),
        )
    except LoyaltyCallError as error:
        return _make_unknown("awards", f"the awards could not be read ({error.reason})")
    doubts = _describe_doubts(in_doubt, render_time)
    numbers = [award.award_id for award in page.awards]
    if not numbers:
        return Check(name="awards", state=CheckState.OK, detail=f"none waits for a person{doubts}")
    count = f"more than {len(numbers)}" if page.next_page_token else str(len(numbers))
    named = ", ".join(numbers[:_NAMED_AWARDS]) + (" …" if len(numbers) > _NAMED_AWARDS else "")
    words = "award waits" if len(numbers) == 1 else "awards wait"
    advice = (
        f"trifft-gorgias award show {merchant_id} {numbers[0]}, look for it in TRIFFT, then: "
        f'trifft-gorgias award settle {merchant_id} {numbers[0]} applied|not-applied --because "…"'
    )
    detail = f"{count} {words} for a person: {named}{doubts}"
    return Check(name="awards", state=CheckState.FAILED, detail=detail, advice=advice)


async def check_gorgias(
    client: GorgiasClient, installation: Installation, public_url: str, buttons: Buttons | None
) -> list[Check]:
    """Check Gorgias, the integration and the widget. `public_url`: where Gorgias reaches this gateway now.

    `buttons`: the shop's; None: they could not be read.
    """
    again = render_reinstall_command(installation)
    try:
        listed = await client.list_integrations()
        gorgias = Check(name="Gorgias", state=CheckState.OK, detail=f"{installation.gorgias_url} accepts the API key")
        found = next((one for one in listed if one.integration_id == installation.integration_id), None)
        if found is None:
            missing = Check(name="integration", state=CheckState.FAILED, detail="is not in Gorgias", advice=again)
            return [gorgias, missing, _make_unknown("widget", "cannot work without the integration")]
        integration = _check_integration(found, installation, public_url, again)
        listed_widgets = await client.list_widgets(found.integration_id)
        return [gorgias, integration, _check_widget(found, listed_widgets, installation, buttons, again)]
    except GorgiasError as error:
        gorgias = Check(name="Gorgias", state=CheckState.FAILED, detail=error.detail, advice=error.advice)
        return [gorgias, *(_make_unknown(name, "Gorgias could not be asked") for name in ("integration", "widget"))]


def make_not_installed(merchant_id: str) -> list[Check]:
    """The results of the Gorgias checks for a shop that is not installed."""
    advice = render_install_command(merchant_id)
    checks = [Check(name="Gorgias", state=CheckState.FAILED, detail="is not installed", advice=advice)]
    return checks + [_make_unknown(name, "is not installed") for name in ("integration", "widget", "buttons", "notes")]


def check_activity(
    installation: Installation | None, render_time: Callable[[datetime], str], now: datetime
) -> list[Check]:
    """Check the last call of Gorgias and its answer, the last error, and the last webhook."""
    event = _check_last_event(installation, render_time, now)
    return [event, _check_last_error(installation, render_time), _check_webhooks(installation, render_time)]


def _check_last_event(
    installation: Installation | None, render_time: Callable[[datetime], str], now: datetime
) -> Check:
    again = "add a tag to a ticket of a known member, wait some seconds, and check again"
    if installation is None or installation.last_event_time is None:
        return Check(name="last event", state=CheckState.UNKNOWN, detail="Gorgias has not called yet", advice=again)
    age, status = now - installation.last_event_time, installation.last_status
    ago = f", {age.days} days ago" if age > OLD_AFTER else ""
    detail = f"{render_time(installation.last_event_time)}{ago}, answered: {status}"
    if status == _UNAVAILABLE or _has_failed_last(installation):
        state = CheckState.FAILED if status == _UNAVAILABLE else CheckState.WARNING
        reason = (installation.last_error or "") if _has_failed_last(installation) else ""
        why = f" ({reason})" if reason else ""
        old_data = "" if status == _UNAVAILABLE else ", with old data"
        advice = _advise(reason, installation)
        return Check(name="last event", state=state, detail=f"{detail}{old_data}{why}", advice=advice)
    if ago:
        return Check(name="last event", state=CheckState.WARNING, detail=f"{detail}; none since", advice=again)
    return Check(name="last event", state=CheckState.OK, detail=detail)


def _has_failed_last(installation: Installation) -> bool:
    """Whether the last error came with the last event, so that nothing has worked since."""
    event_time, error_time = installation.last_event_time, installation.last_error_time
    return error_time is not None and (event_time is None or error_time >= event_time)


def _advise(error: str, installation: Installation) -> str:
    """`error`: as noted, a reason or "REASON: message"."""
    return get_advice(error.partition(":")[0], installation.merchant_id)


def _describe_doubts(page: pb.ListAwardsResponse, render_time: Callable[[datetime], str]) -> str:
    """Describe the awards in doubt: "; 4 in doubt, since 2026-11-23 13:55:04 CET"; empty where there are none."""
    times = [award.update_time.ToDatetime(UTC) for award in page.awards if not award.needs_person]
    if not times:
        return ""
    least = "more than " if page.next_page_token else ""
    return f"; {least}{len(times)} in doubt, since {render_time(min(times))}"


def _check_last_error(installation: Installation | None, render_time: Callable[[datetime], str]) -> Check:
    if installation is None or installation.last_error_time is None:
        return Check(name="last error", state=CheckState.OK, detail="none")
    detail = f"{render_time(installation.last_error_time)}: {installation.last_error}"
    if not _has_failed_last(installation):
        return Check(name="last error", state=CheckState.OK, detail=f"{detail} (it has worked since then)")
    advice = _advise(installation.last_error or "", installation)
    return Check(name="last error", state=CheckState.FAILED, detail=detail, advice=advice)


def _check_webhooks(installation: Installation | None, render_time: Callable[[datetime], str]) -> Check:
    """A shop without webhooks is no warning: each ticket event reads TRIFFT anyway."""
    if installation is None:
        return _make_unknown("webhooks", "is not installed")
    advice = f"paste what this prints into TRIFFT's Admin: trifft-gorgias webhook show {installation.merchant_id}"
    if installation.last_webhook_time is None:
        detail = "none yet: the sidebar still refreshes with each ticket event"
        return Check(name="webhooks", state=CheckState.OFF, detail=detail, advice=advice)
    detail = f"{render_time(installation.last_webhook_time)}: {installation.last_webhook}"
    if installation.last_webhook == MALFORMED:
        return Check(name="webhooks", state=CheckState.FAILED, detail=detail, advice=advice)
    return Check(name="webhooks", state=CheckState.OK, detail=detail)


def _check_integration(found: Integration, installation: Installation, public_url: str, again: str) -> Check:
    differences = find_integration_differences(found, public_url=public_url, credential=installation.credential)
    if differences:
        detail = f"{found.integration_id} is not as installed: {', '.join(differences)}"
        return Check(name="integration", state=CheckState.FAILED, detail=detail, advice=again)
    return Check(name="integration", state=CheckState.OK, detail=f"{found.integration_id} calls {public_url}")


def _check_widget(
    integration: Integration,
    listed: Sequence[Widget],
    installation: Installation,
    buttons: Buttons | None,
    again: str,
) -> Check:
    ours = (one for one in listed if one.context == TICKET_CONTEXT and one.widget_id == installation.widget_id)
    found = next(ours, None)
    if found is None:
        return Check(name="widget", state=CheckState.FAILED, detail="is not in Gorgias", advice=again)
    if buttons is None:
        return _make_unknown("widget", f"{found.widget_id} is there, but the shop's buttons could not be read")
    differences = find_widget_differences(
        found,
        template=render_installed_template(installation, buttons),
        is_credential_ours=integration.credential == installation.credential,
    )
    if differences:
        detail = f"{found.widget_id} is not as installed: {', '.join(differences)}"
        return Check(name="widget", state=CheckState.FAILED, detail=detail, advice=again)
    return Check(name="widget", state=CheckState.OK, detail=f"{found.widget_id}, template {installation.template}")


def _make_unknown(name: str, detail: str) -> Check:
    return Check(name=name, state=CheckState.UNKNOWN, detail=detail)
