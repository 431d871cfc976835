import msgspec
import pytest

from gateway.gorgias.client import GorgiasClient
from gateway.gorgias.errors import GorgiasCredentialsError, GorgiasError, GorgiasUnavailableError
from gateway.gorgias.widget_url import render_widget_url
from gateway.installation.buttons import Buttons
from gateway.installation.service import InstallError, install, uninstall
from gateway.installation.store import InstallationStore, Target
from tests.gateway.helpdesk import PUBLIC_URL, Helpdesk

CALLS_OF_INSTALL = ["GET /integrations", "POST /integrations", "GET /widgets", "POST /widgets", "GET /integrations"]
CALLS_OF_UNINSTALL = 5


async def test_install_makes_one_integration_and_one_widget(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    changes = await install(store, gorgias, "acme", target, Buttons())
    installation = await store.get("acme")
    assert installation is not None
    assert helpdesk.requests == CALLS_OF_INSTALL
    [integration] = helpdesk.account.state.integrations.values()
    [widget] = helpdesk.account.state.widgets.values()
    assert (installation.integration_id, installation.widget_id) == (integration.id, widget.id)
    assert integration.http.url == render_widget_url(PUBLIC_URL, installation.credential)
    assert integration.http.headers == {"Authorization": f"Bearer {installation.credential}"}
    assert widget.integration_id == integration.id
    own = "2 addresses of the shop's own stored, as Gorgias names them"
    assert changes.words == (f"integration {integration.id} created", f"widget {widget.id} created", own)
    assert installation.gorgias_addresses == ("support@acme.example", "orders@acme.example")


async def test_own_addresses_outlive_an_unreadable_answer_of_gorgias(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    """Odd records are not read as mailboxes. Addresses set by an operator stay beside Gorgias' own."""
    target = msgspec.structs.replace(target, own_addresses=("shop@acme.example",))
    await install(store, gorgias, "acme", target, Buttons())
    names = ("support@acme.example", "orders@acme.example")
    assert set(await store.list_own_addresses("acme")) == {"shop@acme.example", *names}
    records: list[object] = [
        None,
        5,
        {"type": "email"},
        {"type": "email", "meta": {"address": "no address"}},
        {"meta": []},
    ]
    records += [{"type": "http", "meta": {"address": "a@x.example"}}, {"type": "gmail", "meta": {"address": names[0]}}]
    helpdesk.answer("GET /integrations", {"data": records, "meta": {"next_cursor": None}})
    assert await gorgias.list_mailboxes() == [names[0]]


async def test_install_repeated_writes_nothing(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    await install(store, gorgias, "acme", target, Buttons())
    helpdesk.clear()
    changes = await install(store, gorgias, "acme", target, Buttons())
    assert changes.words == ()
    assert helpdesk.writes == []


async def test_install_keeps_the_credential_of_existing_widgets(
    store: InstallationStore, gorgias: GorgiasClient, target: Target
) -> None:
    await install(store, gorgias, "acme", target, Buttons())
    before = await store.get("acme")
    await install(store, gorgias, "acme", msgspec.structs.replace(target, public_url="https://new.example"), Buttons())
    after = await store.get("acme")
    assert before is not None
    assert after is not None
    assert before.credential == after.credential


async def test_install_with_a_new_public_url_updates_integration_and_button(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    await install(store, gorgias, "acme", target, Buttons())
    helpdesk.clear()
    changes = await install(
        store, gorgias, "acme", msgspec.structs.replace(target, public_url="https://new.example"), Buttons()
    )
    [integration] = helpdesk.account.state.integrations.values()
    [widget] = helpdesk.account.state.widgets.values()
    assert integration.http.url.startswith("https://new.example/gorgias/widget?")
    assert "https://new.example/gorgias/actions/award-points" in msgspec.json.encode(widget.template).decode()
    assert changes.words == (
        f"integration {integration.id} updated: its URL",
        f"widget {widget.id} updated: its template",
    )


async def test_install_replaces_an_old_url(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    """In old URLs the e-mail comes first, which costs a call of Gorgias for each call of the widget."""
    await install(store, gorgias, "acme", target, Buttons())
    [integration] = helpdesk.account.state.integrations.values()
    new_url = integration.http.url
    token = new_url.partition("token=")[2].partition("&")[0]
    old_url = (
        f"{PUBLIC_URL}/gorgias/widget?email={{{{ticket.customer.email}}}}&ticket_id={{{{ticket.id}}}}&token={token}"
    )
    integration.http = msgspec.structs.replace(integration.http, url=old_url)
    changes = await install(store, gorgias, "acme", target, Buttons())
    [integration] = helpdesk.account.state.integrations.values()
    assert integration.http.url == new_url
    assert changes.words == (f"integration {integration.id} updated: its URL is from an older version",)


async def test_install_with_another_template_updates_the_widget_alone(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    await install(store, gorgias, "acme", target, Buttons())
    helpdesk.clear()
    await install(store, gorgias, "acme", msgspec.structs.replace(target, template="conservative"), Buttons())
    [widget] = helpdesk.account.state.widgets.values()
    assert helpdesk.writes == [f"PUT /widgets/{widget.id}"]
    assert '"list"' not in msgspec.json.encode(widget.template).decode()


async def test_install_with_other_reasons_updates_the_button_alone(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    await install(store, gorgias, "acme", target, Buttons())
    helpdesk.clear()
    await install(store, gorgias, "acme", target, Buttons(reasons=("Late parcel", "Goodwill")))
    [widget] = helpdesk.account.state.widgets.values()
    assert helpdesk.writes == [f"PUT /widgets/{widget.id}"]
    assert "Late parcel" in msgspec.json.encode(widget.template).decode()


async def test_install_in_a_shop_that_lets_support_remove_points_adds_the_button(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    await install(store, gorgias, "acme", target, Buttons())
    helpdesk.clear()
    changes = await install(store, gorgias, "acme", target, Buttons(removes_points=True))
    [widget] = helpdesk.account.state.widgets.values()
    assert changes.words == (f"widget {widget.id} updated: its template",)
    assert "Remove points" in msgspec.json.encode(widget.template).decode()
    assert (await install(store, gorgias, "acme", target, Buttons(removes_points=True))).words == ()


async def test_install_switches_the_integration_on_again(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    await install(store, gorgias, "acme", target, Buttons())
    [integration] = helpdesk.account.state.integrations.values()
    [widget] = helpdesk.account.state.widgets.values()
    integration.deactivated_datetime = "2026-11-23T12:00:00"
    helpdesk.account.state.widgets[widget.id] = msgspec.structs.replace(widget, deactivated_datetime="2026-11-23")
    await install(store, gorgias, "acme", target, Buttons())
    assert helpdesk.account.state.integrations[integration.id].deactivated_datetime is None
    assert helpdesk.account.state.widgets[widget.id].deactivated_datetime is None


async def test_install_accepts_triggers_with_underscores(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    """Older objects have this spelling, so it is not a difference."""
    await install(store, gorgias, "acme", target, Buttons())
    [integration] = helpdesk.account.state.integrations.values()
    triggers = {name.replace("-", "_"): is_set for name, is_set in integration.http.triggers.items()}
    integration.http = msgspec.structs.replace(integration.http, triggers=triggers)
    helpdesk.clear()
    await install(store, gorgias, "acme", target, Buttons())
    assert helpdesk.writes == []


@pytest.mark.parametrize("what", ["integration", "widget"])
async def test_install_recreates_deleted_records(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target, what: str
) -> None:
    await install(store, gorgias, "acme", target, Buttons())
    helpdesk.account.state.widgets.clear()
    if what == "integration":
        helpdesk.account.state.integrations.clear()
    await install(store, gorgias, "acme", target, Buttons())
    installation = await store.get("acme")
    assert installation is not None
    assert list(helpdesk.account.state.integrations) == [installation.integration_id]
    assert list(helpdesk.account.state.widgets) == [installation.widget_id]


@pytest.mark.parametrize(
    "fault", [(call, is_done) for call in range(len(CALLS_OF_INSTALL)) for is_done in (False, True)]
)
async def test_install_interrupted_anywhere_is_finished_by_the_next_run(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target, fault: tuple[int, bool]
) -> None:
    """The broken call took effect or not. In the end there is one integration and one widget."""
    call, is_done = fault
    helpdesk.lose_answer, helpdesk.lose_request = (call, None) if is_done else (None, call)
    # The HTTP client itself repeats a GET, but never a POST.
    if CALLS_OF_INSTALL[call].startswith("POST"):
        with pytest.raises(GorgiasUnavailableError):
            await install(store, gorgias, "acme", target, Buttons())
    helpdesk.clear()
    await install(store, gorgias, "acme", target, Buttons())
    installation = await store.get("acme")
    assert installation is not None
    assert list(helpdesk.account.state.integrations) == [installation.integration_id]
    assert list(helpdesk.account.state.widgets) == [installation.widget_id]


async def test_install_removes_duplicates_of_lost_answers(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    await install(store, gorgias, "acme", target, Buttons())
    state = helpdesk.account.state
    [integration], [widget] = list(state.integrations.values()), list(state.widgets.values())
    state.integrations[90_001] = msgspec.structs.replace(integration, id=90_001)
    state.widgets[90_002] = msgspec.structs.replace(widget, id=90_002, integration_id=90_001)
    state.widgets[90_003] = msgspec.structs.replace(widget, id=90_003)
    await install(store, gorgias, "acme", target, Buttons())
    assert list(state.integrations) == [integration.id]
    assert list(state.widgets) == [widget.id]


async def test_install_takes_over_records_without_an_installation(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    """The database is new, but not the account: the old integration gets the new credential."""
    await install(store, gorgias, "acme", target, Buttons())
    [integration] = helpdesk.account.state.integrations.values()
    await store.delete("acme")
    await install(store, gorgias, "acme", target, Buttons())
    installation = await store.get("acme")
    assert installation is not None
    assert list(helpdesk.account.state.integrations) == [integration.id] == [installation.integration_id]
    assert installation.credential in helpdesk.account.state.integrations[integration.id].http.url
    assert len(helpdesk.account.state.widgets) == 1


async def test_install_leaves_another_merchant_in_the_same_account_alone(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    await install(store, gorgias, "acme", target, Buttons())
    await install(store, gorgias, "acme-outlet", target, Buttons())
    assert len(helpdesk.account.state.integrations) == len(helpdesk.account.state.widgets) == 2
    outlet = await store.get("acme-outlet")
    assert outlet is not None
    await uninstall(store, gorgias, outlet)
    acme = await store.get("acme")
    assert acme is not None
    assert list(helpdesk.account.state.integrations) == [acme.integration_id]


async def test_install_in_a_second_account_is_refused(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    await install(store, gorgias, "acme", target, Buttons())
    helpdesk.clear()
    with pytest.raises(InstallError, match="uninstall it there first"):
        await install(store, gorgias, "acme", helpdesk.make_target("bloom"), Buttons())
    assert helpdesk.requests == []


async def test_install_with_a_refused_key_keeps_the_one_that_works(
    store: InstallationStore, refused_gorgias: GorgiasClient, gorgias: GorgiasClient, target: Target
) -> None:
    await install(store, gorgias, "acme", target, Buttons())
    wrong = msgspec.structs.replace(target, gorgias_key="wrong")
    with pytest.raises(GorgiasCredentialsError, match="make a new key"):
        await install(store, refused_gorgias, "acme", wrong, Buttons())
    installation = await store.get("acme")
    assert installation is not None
    assert installation.gorgias_key == target.gorgias_key


async def test_install_with_a_refused_key_leaves_no_record(
    store: InstallationStore, refused_gorgias: GorgiasClient, target: Target
) -> None:
    with pytest.raises(GorgiasCredentialsError):
        await install(store, refused_gorgias, "acme", target, Buttons())
    assert await store.get("acme") is None


async def test_uninstall_leaves_nothing(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    await install(store, gorgias, "acme", target, Buttons())
    installation = await store.get("acme")
    assert installation is not None
    await uninstall(store, gorgias, installation)
    assert helpdesk.account.state.integrations == {}
    assert helpdesk.account.state.widgets == {}
    assert await store.get("acme") is None


async def test_install_replaces_the_widget_whose_integration_somebody_deleted(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    await install(store, gorgias, "acme", target, Buttons())
    helpdesk.account.state.integrations.clear()
    await install(store, gorgias, "acme", target, Buttons())
    [integration] = helpdesk.account.state.integrations.values()
    [widget] = helpdesk.account.state.widgets.values()
    assert widget.integration_id == integration.id


async def test_uninstall_removes_the_widget_whose_integration_somebody_deleted(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target
) -> None:
    await install(store, gorgias, "acme", target, Buttons())
    installation = await store.get("acme")
    assert installation is not None
    helpdesk.account.state.integrations.clear()
    await uninstall(store, gorgias, installation)
    assert helpdesk.account.state.widgets == {}


@pytest.mark.parametrize("fault", [(call, is_done) for call in range(CALLS_OF_UNINSTALL) for is_done in (False, True)])
async def test_uninstall_interrupted_anywhere_is_finished_by_the_next_run(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target, fault: tuple[int, bool]
) -> None:
    await install(store, gorgias, "acme", target, Buttons())
    installation = await store.get("acme")
    assert installation is not None
    helpdesk.clear()
    call, is_done = fault
    helpdesk.lose_answer, helpdesk.lose_request = (call, None) if is_done else (None, call)
    try:
        await uninstall(store, gorgias, installation)
    except GorgiasError:
        helpdesk.clear()
        await uninstall(store, gorgias, installation)
    assert helpdesk.account.state.integrations == {}
    assert helpdesk.account.state.widgets == {}
    assert await store.get("acme") is None
