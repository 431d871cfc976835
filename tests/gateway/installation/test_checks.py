from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from gateway.gorgias.client import GorgiasClient
from gateway.installation.activity import IGNORED, MALFORMED, Activity
from gateway.installation.buttons import Buttons
from gateway.installation.checks import Check, check_gorgias, make_not_installed
from gateway.installation.last_events import Tickets, check_activity
from gateway.installation.provider import check_provider
from gateway.installation.service import install
from gateway.installation.store import Installation, InstallationStore, Target
from gateway.loyalty_client import LoyaltyClient
from tests.gateway.helpdesk import PUBLIC_URL, Helpdesk

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest_asyncio.fixture(loop_scope="session")
async def installation(store: InstallationStore, gorgias: GorgiasClient, target: Target) -> Installation:
    await install(store, gorgias, "acme", target, Buttons())
    return await get(store)


async def get(store: InstallationStore) -> Installation:
    installation = await store.get("acme")
    assert installation is not None
    return installation


def list_states(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.state.value for check in checks}


async def test_checks_of_a_whole_installation_are_ok(
    store: InstallationStore, gorgias: GorgiasClient, installation: Installation
) -> None:
    checks = await check_gorgias(store, gorgias, installation, PUBLIC_URL, Buttons())
    assert list_states(checks) == {"Gorgias": "ok", "integration": "ok", "widget": "ok"}
    assert [check.advice for check in checks] == ["", "", ""]


async def test_checks_name_what_differs_at_the_integration(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, installation: Installation
) -> None:
    [integration] = helpdesk.account.state.integrations.values()
    integration.deactivated_datetime = "2026-11-23T12:00:00"
    triggers = integration.http.triggers | {"ticket-updated": False}
    integration.http = msgspec.structs.replace(integration.http, triggers=triggers, headers={})
    found = (await check_gorgias(store, gorgias, installation, "https://new.example", Buttons()))[1]
    assert found.detail == (
        f"{integration.id} is not as installed: it is switched off since 2026-11-23T12:00:00, its URL, its headers, "
        "its triggers"
    )
    assert found.advice == "trifft-gorgias install acme"


async def test_checks_name_a_url_of_an_older_version(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, installation: Installation
) -> None:
    [integration] = helpdesk.account.state.integrations.values()
    old_url = f"{PUBLIC_URL}/gorgias/widget?email={{{{ticket.customer.email}}}}&token={installation.credential}"
    integration.http = msgspec.structs.replace(integration.http, url=old_url)
    found = (await check_gorgias(store, gorgias, installation, PUBLIC_URL, Buttons()))[1]
    assert (found.state.value, found.detail) == (
        "failed",
        f"{integration.id} is not as installed: its URL is from an older version",
    )
    assert found.advice == "trifft-gorgias install acme"


async def test_checks_name_a_widget_whose_template_was_edited(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, installation: Installation
) -> None:
    [widget] = helpdesk.account.state.widgets.values()
    edited = msgspec.structs.replace(widget, template={"type": "wrapper", "widgets": []})
    helpdesk.account.state.widgets[widget.id] = edited
    checks = await check_gorgias(store, gorgias, installation, PUBLIC_URL, Buttons())
    assert list_states(checks) == {"Gorgias": "ok", "integration": "ok", "widget": "failed"}
    assert "its template" in checks[2].detail


async def test_checks_name_what_was_deleted_in_gorgias(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, installation: Installation
) -> None:
    for gone, states in (
        ("widgets", {"Gorgias": "ok", "integration": "ok", "widget": "failed"}),
        ("integrations", {"Gorgias": "ok", "integration": "failed", "widget": "unknown"}),
    ):
        getattr(helpdesk.account.state, gone).clear()
        assert list_states(await check_gorgias(store, gorgias, installation, PUBLIC_URL, Buttons())) == states


async def test_checks_with_a_refused_key_leave_the_rest_unknown(
    store: InstallationStore, refused_gorgias: GorgiasClient, installation: Installation
) -> None:
    checks = await check_gorgias(store, refused_gorgias, installation, PUBLIC_URL, Buttons())
    assert list_states(checks) == {"Gorgias": "failed", "integration": "unknown", "widget": "unknown"}
    assert checks[0].advice.endswith("then: trifft-gorgias install acme --gorgias-key-file F")


def test_checks_of_a_shop_that_is_not_installed_say_how_to_install() -> None:
    checks = make_not_installed("acme")
    assert list_states(checks) == {
        "Gorgias": "failed",
        "integration": "unknown",
        "widget": "unknown",
        "own addresses": "unknown",
        "buttons": "unknown",
        "notes": "unknown",
    }
    assert "trifft-gorgias install acme" in checks[0].advice


async def test_checks_name_a_button_that_asks_for_other_reasons(
    store: InstallationStore, gorgias: GorgiasClient, installation: Installation
) -> None:
    widget = (await check_gorgias(store, gorgias, installation, PUBLIC_URL, Buttons(reasons=("Late parcel",))))[2]
    assert (widget.state.value, "its template" in widget.detail) == ("failed", True)
    assert widget.advice == "trifft-gorgias install acme"


async def test_checks_say_that_the_buttons_cannot_be_compared(
    store: InstallationStore, gorgias: GorgiasClient, installation: Installation
) -> None:
    widget = (await check_gorgias(store, gorgias, installation, PUBLIC_URL, None))[2]
    assert (widget.state.value, "buttons could not be read" in widget.detail) == ("unknown", True)


@pytest.mark.parametrize(
    ("activity", "states"),
    [
        (Activity(), {"last event": "unknown", "last error": "ok"}),
        (Activity(event_time=NOON, status="member"), {"last event": "ok", "last error": "ok"}),
        (
            Activity(event_time=NOON, status="unavailable", error_time=NOON, error="PROVIDER_TIMEOUT"),
            {"last event": "failed", "last error": "failed"},
        ),
        (  # answered with held data
            Activity(event_time=NOON, status="member", error_time=NOON, error="PROVIDER_TIMEOUT"),
            {"last event": "warning", "last error": "failed"},
        ),
        (
            Activity(event_time=NOON, status="member", error_time=NOON - timedelta(hours=1), error="PROVIDER_TIMEOUT"),
            {"last event": "ok", "last error": "ok"},
        ),
    ],
)
async def test_checks_of_activity_fail_while_the_last_answer_was_an_error(
    store: InstallationStore, installation: Installation, activity: Activity, states: dict[str, str]
) -> None:
    await store.record_activity({installation.merchant_id: activity})
    checks = check_activity(await get(store), datetime.isoformat, NOON, Tickets())
    assert list_states(checks) == {**states, "webhooks": "off"}


FAILED = {"error_time": NOON, "error": "PROVIDER_CONTRACT: [member] id"}
MEND = "correct that line, or --trifft-url: trifft-gorgias merchant update acme --profile F"
TRY = "add a tag to a ticket of a known member, wait some seconds, and check again"


@pytest.mark.parametrize(
    ("activity", "days", "found"),
    [
        ({"status": "member"}, 7, ("ok", "member", "")),
        ({"status": "member"}, 8, ("warning", "member; none since", TRY)),
        ({"status": "not_member"}, 400, ("warning", "not_member; none since", TRY)),
        ({"status": "unavailable"} | FAILED, 0, ("failed", "unavailable (PROVIDER_CONTRACT: [member] id)", MEND)),
        ({"status": "unavailable"} | FAILED, 9, ("failed", "unavailable (PROVIDER_CONTRACT: [member] id)", MEND)),
        ({"status": "unavailable"}, 0, ("failed", "unavailable", "look for this in the log of the loyalty service")),
        ({"status": "member"} | FAILED, 1, ("warning", "member, with old data (PROVIDER_CONTRACT: [member] id)", MEND)),
    ],
)
async def test_check_of_the_last_event_says_whether_it_is_old_and_whether_it_had_an_answer(
    store: InstallationStore, installation: Installation, activity: dict[str, Any], days: int, found: tuple[str, ...]
) -> None:
    await store.record_activity({installation.merchant_id: Activity(event_time=NOON, **activity)})
    check, *_ = check_activity(await get(store), datetime.isoformat, NOON + timedelta(days=days), Tickets())
    ago = f", {days} days ago" if days > 7 else ""
    state, answer, advice = found
    assert (check.name, check.state.value, check.advice) == ("last event", state, advice)
    assert check.detail == f"{NOON.isoformat()}{ago}, answered: {answer}"


@pytest.mark.parametrize(
    ("webhook", "state"), [("wallet_credited", "ok"), (IGNORED, "ok"), (MALFORMED, "failed"), (None, "off")]
)
async def test_check_of_webhooks_names_the_last_one(
    store: InstallationStore, installation: Installation, webhook: str | None, state: str
) -> None:
    time = NOON if webhook else None
    await store.record_activity({installation.merchant_id: Activity(webhook_time=time, webhook=webhook)})
    *_, check = check_activity(await get(store), datetime.isoformat, NOON, Tickets())
    found = (
        f"{NOON.isoformat()}: {webhook}" if webhook else "none yet: the sidebar still refreshes with each ticket event"
    )
    assert (check.name, check.state.value, check.detail) == ("webhooks", state, found)
    assert ("trifft-gorgias webhook show acme" in check.advice) == (state != "ok")


async def test_checks_without_the_loyalty_service_name_the_setting() -> None:
    async with LoyaltyClient("127.0.0.1:1", "inner-key") as loyalty:
        check, *others = await check_provider(loyalty, "acme", datetime.isoformat)
    assert (check.state.value, "GATEWAY_LOYALTY_TARGET" in check.advice) == ("failed", True)
    names = ("token", "rate", "breaker", "fields", "statuses", "contract")
    assert list_states(others) == dict.fromkeys(names, "unknown")
