"""Whether Gorgias has called since tickets changed, and webhooks that were refused."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.gorgias.client import GorgiasClient
from gateway.installation.activity import MALFORMED, Activity
from gateway.installation.buttons import Buttons
from gateway.installation.checks import Check, check_gorgias
from gateway.installation.last_events import Tickets, check_activity, is_recent
from gateway.installation.service import install
from gateway.installation.store import Installation, InstallationStore, Target
from sandbox.gorgias.integration import Integration, Widget
from tests.gateway.helpdesk import PUBLIC_URL, Helpdesk

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def get(store: InstallationStore) -> Installation:
    installation = await store.get("acme")
    assert installation is not None
    return installation


async def check(store: InstallationStore, after: timedelta, tickets: Tickets) -> Check:
    return check_activity(await get(store), datetime.isoformat, NOON + after, tickets)[0]


@pytest.mark.parametrize(
    ("after", "changed_after", "state", "words"),
    [
        (2 * DAY, DAY, "failed", "Gorgias has tickets since (the last change at 2026-11-24T12:00:00+00:00) and has"),
        (30 * DAY, 2 * HOUR, "failed", "30 days ago, answered: member: Gorgias has tickets since"),
        (2 * DAY, HOUR, "ok", "answered: member"),  # a change soon after an event may have no trigger of ours
        (DAY, 20 * HOUR, "ok", "answered: member"),  # not old
        (30 * DAY, -DAY, "ok", "30 days ago, answered: member; no ticket has changed since"),
        (30 * DAY, None, "ok", "no ticket has changed since"),
    ],
)
async def test_old_event_is_a_failure_only_if_tickets_changed_since(
    installations: InstallationStore, after: timedelta, changed_after: timedelta | None, state: str, words: str
) -> None:
    await installations.record_activity({"acme": Activity(event_time=NOON, status="member")})
    changed = None if changed_after is None else NOON + changed_after
    found = await check(installations, after, Tickets(update_time=changed, is_known=True))
    assert (found.state.value, words in found.detail) == (state, True), found
    assert ("look at the integration's log in Gorgias" in found.advice) == (state == "failed")


async def test_shop_that_gorgias_never_called_fails_once_it_has_tickets(installations: InstallationStore) -> None:
    created = (await get(installations)).create_time
    now = created + 2 * DAY
    assert not is_recent(await get(installations), now)
    for changed, state in ((created - DAY, "unknown"), (created + 2 * HOUR, "failed")):
        tickets = Tickets(update_time=changed, is_known=True)
        [found, *_] = check_activity(await get(installations), datetime.isoformat, now, tickets)
        assert (found.state.value, found.detail.startswith("Gorgias has not called yet")) == (state, True)
    assert is_recent(await get(installations), created + HOUR)


async def test_refused_webhooks_are_counted_until_one_is_taken(installations: InstallationStore) -> None:
    async def check_webhooks() -> Check:
        return check_activity(await get(installations), datetime.isoformat, NOON, Tickets())[2]

    await installations.record_activity({"acme": Activity(refused_time=NOON, refused_count=2), "nobody": Activity()})
    await installations.record_activity({"acme": Activity(refused_time=NOON + HOUR, refused_count=3)})
    found = await check_webhooks()
    refused = "5 refused, the last at 2026-11-23T13:00:00+00:00: the secret was missing or wrong"
    assert (found.state.value, found.detail) == ("warning", refused)
    assert found.advice.endswith("trifft-gorgias webhook show acme")
    taken = Activity(webhook_time=NOON + 2 * HOUR, webhook="wallet_credited")
    await installations.record_activity({"acme": taken})
    assert (await check_webhooks()).state.value == "ok"
    both = taken.add(Activity(refused_time=NOON + 3 * HOUR, refused_count=1))
    await installations.record_activity({"acme": both})
    found = await check_webhooks()
    assert found.detail.startswith("1 refused, the last at 2026-11-23T15:00:00+00:00")
    assert found.detail.endswith("before that, 2026-11-23T14:00:00+00:00: wallet_credited")
    await installations.record_activity({"acme": Activity(webhook_time=NOON + 4 * HOUR, webhook=MALFORMED)})
    assert (await check_webhooks()).state.value == "failed"


def test_activities_add_up_in_their_order() -> None:
    refused = Activity(refused_time=NOON, refused_count=1)
    taken = Activity(webhook_time=NOON, webhook="wallet_credited")
    assert refused.add(refused).refused_count == 2
    assert refused.add(taken).refused_count == 0
    assert taken.add(refused) == Activity(
        webhook_time=NOON, webhook="wallet_credited", refused_time=NOON, refused_count=1
    )
    assert Activity(event_time=NOON, status="member").add(Activity(status="ambiguous")).event_time == NOON


async def test_second_integration_or_widget_of_ours_is_a_difference(
    store: InstallationStore, gorgias: GorgiasClient, target: Target, helpdesk: Helpdesk
) -> None:
    """Each event would cause two calls, and agents would see two panels."""
    await install(store, gorgias, "acme", target, Buttons())
    state = helpdesk.account.state
    [integration], [widget] = state.integrations.values(), state.widgets.values()
    double = Integration(
        id=77, name=integration.name, description=None, http=integration.http, created_datetime="", updated_datetime=""
    )
    state.integrations[77] = double
    state.widgets[78] = Widget(
        id=78,
        type=widget.type,
        template=widget.template,
        context="ticket",
        integration_id=integration.id,
        app_id=None,
        order=0,
        created_datetime="",
        updated_datetime="",
    )
    _, *found = await check_gorgias(store, gorgias, await get(store), PUBLIC_URL, Buttons())
    assert [one.state.value for one in found] == ["failed", "failed"]
    assert [one.detail.rpartition(": ")[2] for one in found] == ["77 is a duplicate of it", "78 is a duplicate of it"]
    await install(store, gorgias, "acme", target, Buttons())
    _, *found = await check_gorgias(store, gorgias, await get(store), PUBLIC_URL, Buttons())
    assert [one.state.value for one in found] == ["ok", "ok"]
