"""What Gorgias reads back, compared with what was installed: spelled differently, changed, or another program's."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.gorgias.client import GorgiasClient
from gateway.gorgias.errors import GorgiasError
from gateway.installation.buttons import Buttons
from gateway.installation.checks import check_gorgias
from gateway.installation.service import install, uninstall
from gateway.installation.store import Installation, InstallationStore, Target
from sandbox.gorgias.account import Account
from sandbox.gorgias.foreign import ForeignRecords
from sandbox.gorgias.read_back import ReadBack
from sandbox.gorgias.switches import Switches
from tests.gateway.helpdesk import PUBLIC_URL, Helpdesk

Json = dict[str, Any]


@dataclass(frozen=True)
class Shop:
    """The shop acme, installed in the stand-in's account."""

    helpdesk: Helpdesk
    store: InstallationStore
    client: GorgiasClient
    installation: Installation

    @property
    def account(self) -> Account:
        return self.helpdesk.account

    async def install(self) -> tuple[str, ...]:
        """Install again; return the changes."""
        return (await install(self.store, self.client, "acme", self.helpdesk.make_target(), Buttons())).words

    async def check(self) -> str:
        """Check, and return all findings in one text."""
        checks = await check_gorgias(self.store, self.client, self.installation, PUBLIC_URL, Buttons())
        return "; ".join(f"{check.state.value}: {check.detail}" for check in checks)

    def read_back(self, how: ReadBack) -> None:
        self.account.state.switches = Switches(read_back=how, odd_records=True, rate_limit=False)


@pytest_asyncio.fixture(loop_scope="session")
async def shop(store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, target: Target) -> Shop:
    await install(store, gorgias, "acme", target, Buttons())
    installation = await store.get("acme")
    assert installation is not None
    return Shop(helpdesk=helpdesk, store=store, client=gorgias, installation=installation)


def change_http(**changes: Any) -> Callable[[Account], None]:  # noqa: ANN401 - any field
    def change(account: Account) -> None:
        [integration] = account.state.integrations.values()
        integration.http = msgspec.structs.replace(integration.http, **changes)

    return change


def find_button(template: Json) -> Json:
    """Find the button for points, in the card of its list."""
    [card] = next(node["widgets"] for node in template["widgets"][0]["widgets"] if node["path"] == "add_points")
    [button] = card["meta"]["custom"]["buttons"]
    found: Json = button
    return found


def move_the_button(account: Account) -> None:
    """Move it to the outer card, where earlier releases have it."""
    [widget] = account.state.widgets.values()
    template = msgspec.json.decode(msgspec.json.encode(widget.template))
    root = template["widgets"][0]
    root["meta"]["custom"]["buttons"] = [find_button(template)]
    root["widgets"] = [node for node in root["widgets"] if node["path"] != "add_points"]
    account.state.widgets[widget.id] = msgspec.structs.replace(widget, template=template)


def change_button(**changes: Any) -> Callable[[Account], None]:  # noqa: ANN401 - any field
    """Change the action of "Add Loyalty Points"."""

    def change(account: Account) -> None:
        [widget] = account.state.widgets.values()
        template = msgspec.json.decode(msgspec.json.encode(widget.template))
        button = find_button(template)
        button["action"] |= changes
        account.state.widgets[widget.id] = msgspec.structs.replace(widget, template=template)

    return change


def change_parameter(number: int, **changes: Any) -> Callable[[Account], None]:  # noqa: ANN401 - any field
    def change(account: Account) -> None:
        [widget] = account.state.widgets.values()
        template = msgspec.json.decode(msgspec.json.encode(widget.template))
        button = find_button(template)
        button["action"]["body"]["application/x-www-form-urlencoded"][number] |= changes
        account.state.widgets[widget.id] = msgspec.structs.replace(widget, template=template)

    return change


def drop_trigger(account: Account) -> None:
    [integration] = account.state.integrations.values()
    triggers = {name: is_on for name, is_on in integration.http.triggers.items() if name != "ticket-assignment-updated"}
    change_http(triggers=triggers)(account)


def show_the_inner_card(account: Account) -> None:
    """Remove the flag that hides the frame of the inner cards, which makes them look different."""
    [widget] = account.state.widgets.values()
    template = msgspec.json.decode(msgspec.json.encode(widget.template))
    for node in template["widgets"][0]["widgets"]:
        for card in node.get("widgets", []):
            card["meta"].pop("displayCard")
    account.state.widgets[widget.id] = msgspec.structs.replace(widget, template=template)


# Changes of the integration, by the words that report each.
OF_HTTP = {
    "its URL": change_http(url="https://elsewhere.example/gorgias/widget?token=tg_other"),
    "its triggers": drop_trigger,
    "its method": change_http(method="POST"),
    "its content types": change_http(request_content_type="text/plain"),
}
# Changes of the widget, which all are reported with the same words.
OF_TEMPLATE = {
    "button's URL": change_button(url="https://elsewhere.example/"),
    "button's content type": change_button(body={"contentType": "application/json"}),
    "button's query": change_button(params=[{"key": "points", "value": "1000"}]),
    "button's place": move_the_button,
    "parameter's value": change_parameter(1, value="1000"),
    "parameter's label": change_parameter(1, label="Cents"),
    "parameter's flag": change_parameter(0, editable=True),
    "card": show_the_inner_card,
}
SPELLINGS_OF_HTTP = {ReadBack.UNDERSCORES, ReadBack.TRIGGER_LIST, ReadBack.HEADER_LIST, ReadBack.WITHOUT_HEADERS}
# The other spellings leave a widget as it was written.
SPELLINGS_OF_TEMPLATE = [how for how in ReadBack if how not in SPELLINGS_OF_HTTP]


async def test_each_difference_of_the_integration_is_found_in_any_spelling(shop: Shop) -> None:
    for change in OF_HTTP.values():
        change(shop.account)
    for how in ReadBack:
        shop.read_back(how)
        found = await shop.check()
        assert [words for words in OF_HTTP if words not in found] == [], how
    changed = str(await shop.install())
    assert [words for words in OF_HTTP if words not in changed] == []
    assert await shop.install() == ()


@pytest.mark.parametrize("name", OF_TEMPLATE)
async def test_difference_of_the_template_is_found_in_any_spelling(shop: Shop, name: str) -> None:
    OF_TEMPLATE[name](shop.account)
    for how in SPELLINGS_OF_TEMPLATE:
        shop.read_back(how)
        assert "its template" in await shop.check(), how
    assert any("its template" in one for one in await shop.install())
    assert await shop.install() == ()


@pytest.mark.parametrize("how", ReadBack)
async def test_real_difference_is_mended_once_in_any_spelling(shop: Shop, how: ReadBack) -> None:
    for change in (OF_HTTP["its URL"], OF_HTTP["its triggers"], OF_TEMPLATE["parameter's value"]):
        change(shop.account)
    shop.read_back(how)
    changed = str(await shop.install())
    assert [words in changed for words in ("its URL", "its triggers", "its template")] == [True] * 3
    assert await shop.install() == ()


@pytest.mark.parametrize("how", [ReadBack.AS_WRITTEN, ReadBack.HEADER_LIST, ReadBack.MASKED_HEADERS])
async def test_missing_header_is_a_difference(shop: Shop, how: ReadBack) -> None:
    change_http(headers={"X-Other": "Bearer other"})(shop.account)
    shop.read_back(how)
    assert "its headers" in await shop.check()


@pytest.mark.parametrize("how", [ReadBack.MASKED_HEADERS, ReadBack.WITHOUT_HEADERS])
@pytest.mark.parametrize("lost", range(1, 5))
async def test_button_gets_the_new_credential_although_its_header_is_masked(
    shop: Shop, how: ReadBack, lost: int
) -> None:
    """The record is lost, but not the account. The run that takes the account over breaks after each of its calls."""
    shop.read_back(how)
    await shop.store.delete("acme")
    shop.helpdesk.clear()
    shop.helpdesk.lose_answer = lost
    with contextlib.suppress(GorgiasError):
        await shop.install()
    shop.helpdesk.clear()
    await shop.install()
    renewed = await shop.store.get("acme")
    assert renewed is not None
    [integration], [widget] = shop.account.state.integrations.values(), shop.account.state.widgets.values()
    assert renewed.credential in integration.http.url
    written = msgspec.json.encode(widget.template).decode()
    assert (renewed.credential in written, shop.installation.credential in written) == (True, False)


@pytest.mark.parametrize(
    "odd",
    [
        {"name": None},
        {"name": 5},
        {"http": {"headers": None}},
        {"http": {"headers": [{"key": "authorization", "value": "Bearer \u2022\u2022\u2022"}]}},
        {"http": {"triggers": None}},
        {"http": {"triggers": ["ticket_created"]}},
        {"http": {"request_content_type": None}},
        {"id": "TEXT"},
        {"deactivated_datetime": ""},
        {"meta": None},
    ],
)
@pytest.mark.parametrize("recorded", ["its number", "another"])
async def test_our_record_is_found_by_its_id_or_credential_whatever_else_is_odd(
    shop: Shop, odd: Json, recorded: str
) -> None:
    state = shop.account.state
    [ours] = state.integrations.values()
    record: Json = msgspec.to_builtins(ours)
    record |= {name: value for name, value in odd.items() if name != "http"}
    record["http"] |= odd.get("http", {})
    record["id"] = str(ours.id) if "id" in odd else ours.id
    if recorded == "another":
        await shop.store.record("acme", integration_id=4, widget_id=shop.installation.widget_id or 0)
    state.integrations.clear()
    state.foreign = ForeignRecords(integrations=[record])
    shop.helpdesk.clear()
    found = await shop.store.get("acme")
    assert found is not None
    await uninstall(shop.store, shop.client, found)
    assert f"DELETE /integrations/{ours.id}" in shop.helpdesk.writes
    assert state.widgets == {}


texts = st.text(max_size=8) | st.sampled_from(
    ["http://[", "TRIFFT Loyalty", f"{PUBLIC_URL}/gorgias/widget?token=x", "***"]
)
leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | texts
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
https = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("url", "method", "headers", "triggers", "request_content_type", "response_content_type"), values
    ),
)
# Our records have higher numbers.
ids = st.integers(1, 9_999)
no_ids = values.filter(lambda one: not str(one).strip().isdigit())
foreign_integrations = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("name", "type", "meta", "deactivated_datetime"), values),
        "id": ids | ids.map(str) | no_ids,
        "http": https | values,
    },
)
foreign_widgets = st.fixed_dictionaries(
    {},
    optional={
        "id": ids | no_ids,
        "integration_id": ids | ids.map(str) | st.none() | st.lists(values, max_size=2),
        "context": values,
        "template": values,
        "type": values,
        "deactivated_datetime": values,
    },
)
foreign_records = st.builds(
    ForeignRecords,
    integrations=st.lists(foreign_integrations | values, max_size=4),
    widgets=st.lists(foreign_widgets | values, max_size=4),
)


@given(foreign=foreign_records, how=st.sampled_from(ReadBack))
@settings(max_examples=15)
async def test_records_of_others_are_ignored_in_any_shape(
    store: InstallationStore, gorgias: GorgiasClient, helpdesk: Helpdesk, foreign: ForeignRecords, how: ReadBack
) -> None:
    state, target = helpdesk.account.state, helpdesk.make_target()
    state.foreign, state.switches = foreign, Switches(rate_limit=False, read_back=how)
    await store.delete("acme")  # left by a failed example
    state.integrations.clear()
    state.widgets.clear()
    await install(store, gorgias, "acme", target, Buttons())
    installed = await store.get("acme")
    assert installed is not None
    helpdesk.clear()
    assert (await install(store, gorgias, "acme", target, Buttons())).words == ()
    checks = await check_gorgias(store, gorgias, installed, PUBLIC_URL, Buttons())
    assert [check.state.value for check in checks] == ["ok", "ok", "ok"]
    assert helpdesk.writes == []
    await uninstall(store, gorgias, installed)
    assert (state.integrations, state.widgets) == ({}, {})
    ours = {f"DELETE /integrations/{installed.integration_id}", f"DELETE /widgets/{installed.widget_id}"}
    assert set(helpdesk.writes) == ours


async def test_widget_of_another_page_is_ours_if_it_shows_our_integration(shop: Shop) -> None:
    state = shop.account.state
    [widget] = state.widgets.values()
    state.widgets[90_001] = msgspec.structs.replace(widget, id=90_001, context="customer", template={"widgets": []})
    await uninstall(shop.store, shop.client, shop.installation)
    assert state.widgets == {}
