"""Gorgias reads records back with another spelling, among records of other programs: the operator's day."""

import msgspec
import pytest

from sandbox.gorgias.read_back import ReadBack
from sandbox.gorgias.switches import Switches
from tests.gateway.cli.operating import Operator
from tests.gateway.helpdesk import Helpdesk

# `ALL` contains the others.
NOT_OF_OTHERS = (ReadBack.AS_WRITTEN, ReadBack.TRIGGER_LIST, ReadBack.WITHOUT_HEADERS, ReadBack.ALL)


@pytest.fixture
def install(added: Operator, helpdesk: Helpdesk) -> list[str]:
    """The arguments that install acme, which was added before."""
    profile = helpdesk.account.profile
    key, url = added.write("key", profile.api_key), f"{helpdesk.url}/gorgias/acme"
    return ["install", "acme", "--gorgias-url", url, "--gorgias-user", profile.api_user, "--gorgias-key-file", key]


async def test_operator_sees_no_difference_where_only_the_spelling_differs(
    added: Operator, helpdesk: Helpdesk, install: list[str]
) -> None:
    state = helpdesk.account.state
    state.switches = Switches(odd_records=True, rate_limit=False)
    assert (await added.run(*install)).code == 0
    helpdesk.clear()
    for how in ReadBack:
        state.switches = msgspec.structs.replace(state.switches, read_back=how)
        if how in NOT_OF_OTHERS:
            again = await added.run(*install)
            assert (again.code, "Nothing had to change" in again.out) == (0, True), (how, again)
        checked = await added.run("check", "acme", "--json")
        states = {one["name"]: one["state"] for one in checked.data["checks"]}
        assert (states["integration"], states["widget"]) == ("ok", "ok"), (how, checked.out)
    assert [write for write in helpdesk.writes if "/" in write] == []  # the other lines ask TRIFFT


async def test_operator_removes_all_our_records_and_no_others(
    added: Operator, helpdesk: Helpdesk, install: list[str]
) -> None:
    state = helpdesk.account.state
    state.switches = Switches(odd_records=True, rate_limit=False, read_back=ReadBack.ALL)
    assert (await added.run(*install)).code == 0
    [integration_id], [widget_id] = state.integrations, state.widgets
    helpdesk.clear()
    removed = await added.run("uninstall", "acme")
    assert (removed.code, removed.err) == (0, "")
    assert set(helpdesk.writes) == {f"DELETE /widgets/{widget_id}", f"DELETE /integrations/{integration_id}"}
    assert (state.integrations, state.widgets) == ({}, {})
