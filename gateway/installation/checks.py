"""Why a widget is empty: one check for each part that must work, each with advice."""

import asyncio
import enum
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from gateway.errors import LoyaltyCallError
from gateway.gorgias.client import GorgiasClient
from gateway.gorgias.errors import GorgiasCredentialsError, GorgiasError, GorgiasNotFoundError
from gateway.gorgias.wire import TICKET_CONTEXT, Integration, Widget
from gateway.installation.advice import render_install_command, render_settle_words
from gateway.installation.buttons import Buttons
from gateway.installation.differences import find_integration_differences, find_widget_differences
from gateway.installation.service import find_ours, render_installed_template
from gateway.installation.store import Installation, InstallationStore
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

_TIMEOUT_S = 10.0
_NAMED_AWARDS = 5
_MOST_DOUBTS = 1000


class CheckState(enum.Enum):
    """WARNING: it works, but something should be corrected."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"
    OFF = "off"


# Worst first. What could not be asked may be broken; a warning works.
WORST_FIRST = (CheckState.FAILED, CheckState.UNKNOWN, CheckState.WARNING, CheckState.OK)


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One finding. `advice` says what to do; empty: nothing to do."""

    name: str
    state: CheckState
    detail: str
    advice: str = ""


def find_worst(checks: Iterable[Check]) -> CheckState:
    """The worst state; OK where nothing is worse, or all is off."""
    states = {one.state for one in checks}
    return next((state for state in WORST_FIRST if state in states), CheckState.OK)


def render_reinstall_command(installation: Installation) -> str:
    """The command that brings an installation up to date, with what is stored of it."""
    return f"trifft-gorgias install {installation.merchant_id}"


def advise_new_key(installation: Installation) -> str:
    """Advise a new key: no rights of its user help a key that Gorgias does not know."""
    again = render_reinstall_command(installation)
    return f"make a new key of an administrator in Gorgias, then: {again} --gorgias-key-file F"


async def check_awards(loyalty: LoyaltyClient, merchant_id: str, render_time: Callable[[datetime], str]) -> Check:
    """Check whether awards wait for a person to settle them, and count those that are in doubt."""
    waiting, unknown = pb.AwardFilter(needs_person=True), pb.AwardFilter(states=[pb.AWARD_STATE_UNKNOWN])
    try:
        page, in_doubt = await asyncio.gather(
            loyalty.list_awards(merchant_id, award_filter=waiting, timeout_s=_TIMEOUT_S),
            loyalty.list_awards(merchant_id, award_filter=unknown, page_size=_MOST_DOUBTS, timeout_s=_TIMEOUT_S),
        )
    except LoyaltyCallError as error:
        return make_unknown("awards", f"the awards could not be read ({error.reason})")
    doubts = _describe_doubts(in_doubt, render_time)
    numbers = [award.award_id for award in page.awards]
    if not numbers:
        return Check(name="awards", state=CheckState.OK, detail=f"none waits for a person{doubts}")
    count = f"more than {len(numbers)}" if page.next_page_token else str(len(numbers))
    named = ", ".join(numbers[:_NAMED_AWARDS]) + (" …" if len(numbers) > _NAMED_AWARDS else "")
    words = "award waits" if len(numbers) == 1 else "awards wait"
    advice = (
        f"look for it in TRIFFT (what is known: trifft-gorgias award show {merchant_id} {numbers[0]}), then "
        f"{render_settle_words(merchant_id, numbers[0])}"
    )
    detail = f"{count} {words} for a person: {named}{doubts}"
    return Check(name="awards", state=CheckState.FAILED, detail=detail, advice=advice)


async def check_gorgias(
    store: InstallationStore,
    client: GorgiasClient,
    installation: Installation,
    public_url: str,
    buttons: Buttons | None,
) -> list[Check]:
    """Check Gorgias, the integration and the widget. `public_url`: where Gorgias reaches this gateway now.

    `buttons`: the shop's; None: they could not be read. Raises DatabaseError.
    """
    again = render_reinstall_command(installation)
    try:
        listed = await client.list_integrations()
        gorgias = Check(name="Gorgias", state=CheckState.OK, detail=f"{installation.gorgias_url} accepts the API key")
        ours = await find_ours(store, installation, listed)
        found = next((one for one in ours if one.integration_id == installation.integration_id), None)
        if found is None:
            missing = Check(name="integration", state=CheckState.FAILED, detail="is not in Gorgias", advice=again)
            return [gorgias, missing, make_unknown("widget", "cannot work without the integration")]
        doubles = [one.integration_id for one in ours if one is not found]
        integration = _check_integration(found, doubles, installation, public_url)
        listed_widgets = await client.list_widgets(found.integration_id)
        return [gorgias, integration, _check_widget(found, listed_widgets, installation, buttons)]
    except GorgiasError as error:
        advice = _advise_on_account(error, installation)
        gorgias = Check(name="Gorgias", state=CheckState.FAILED, detail=error.detail, advice=advice)
        return [gorgias, *(make_unknown(name, "Gorgias could not be asked") for name in ("integration", "widget"))]


def make_not_installed(merchant_id: str) -> list[Check]:
    """The results of the Gorgias checks for a shop that is not installed."""
    advice = render_install_command(merchant_id)
    checks = [Check(name="Gorgias", state=CheckState.FAILED, detail="is not installed", advice=advice)]
    return checks + [
        make_unknown(name, "is not installed")
        for name in ("integration", "widget", "own addresses", "buttons", "notes")
    ]


def _describe_doubts(page: pb.ListAwardsResponse, render_time: Callable[[datetime], str]) -> str:
    """Describe the awards in doubt: "; 4 in doubt, since 2026-11-23 13:55:04 CET"; empty where there are none."""
    times = [award.update_time.ToDatetime(UTC) for award in page.awards if not award.needs_person]
    if not times:
        return ""
    least = "more than " if page.next_page_token else ""
    return f"; {least}{len(times)} in doubt, since {render_time(min(times))}"


def _advise_on_account(error: GorgiasError, installation: Installation) -> str:
    """Commands use stored values again, so the advice names only what changes."""
    merchant_id = installation.merchant_id
    if isinstance(error, GorgiasCredentialsError):
        return advise_new_key(installation)
    if isinstance(error, GorgiasNotFoundError):
        again = render_install_command(merchant_id)
        return f"if the account has another address: trifft-gorgias uninstall {merchant_id} --forget, then {again}"
    return error.advice


def _check_integration(
    found: Integration, doubles: Sequence[int], installation: Installation, public_url: str
) -> Check:
    """`doubles`: other integrations of this shop, which call for each event once more."""
    differences = list(find_integration_differences(found, public_url=public_url, credential=installation.credential))
    differences += [f"{one} is a duplicate of it" for one in doubles]
    if differences:
        detail = f"{found.integration_id} is not as installed: {', '.join(differences)}"
        again = render_reinstall_command(installation)
        return Check(name="integration", state=CheckState.FAILED, detail=detail, advice=again)
    return Check(name="integration", state=CheckState.OK, detail=f"{found.integration_id} calls {public_url}")


def _check_widget(
    integration: Integration,
    listed: Sequence[Widget],
    installation: Installation,
    buttons: Buttons | None,
) -> Check:
    again = render_reinstall_command(installation)
    ours = [one for one in listed if one.context == TICKET_CONTEXT]
    found = next((one for one in ours if one.widget_id == installation.widget_id), None)
    if found is None:
        return Check(name="widget", state=CheckState.FAILED, detail="is not in Gorgias", advice=again)
    if buttons is None:
        return make_unknown("widget", f"{found.widget_id} is there, but the shop's buttons could not be read")
    differences = find_widget_differences(
        found,
        template=render_installed_template(installation, buttons),
        is_credential_ours=integration.credential == installation.credential,
    )
    differences += tuple(f"{one.widget_id} is a duplicate of it" for one in ours if one is not found)
    if differences:
        detail = f"{found.widget_id} is not as installed: {', '.join(differences)}"
        return Check(name="widget", state=CheckState.FAILED, detail=detail, advice=again)
    return Check(name="widget", state=CheckState.OK, detail=f"{found.widget_id}, template {installation.template}")


def make_unknown(name: str, detail: str) -> Check:
    return Check(name=name, state=CheckState.UNKNOWN, detail=detail)
