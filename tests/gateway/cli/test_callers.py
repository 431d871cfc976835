"""`trifft-gorgias caller` with the real loyalty service, and what a command prints if its own key may not call."""

import csv
import io
import re

from tests.gateway.cli.books import make_award
from tests.gateway.cli.desk import Desk
from tests.gateway.cli.operating import Operator


async def test_operator_adds_a_caller_sees_it_and_removes_it(added: Operator) -> None:
    none = await added.run("caller", "list")
    made = await added.run("caller", "add", "crm", "--role", "award", "--merchant", "acme")
    of_all = await added.run("caller", "add", "reports", "--role", "read", "--json")
    listed = await added.run("caller", "list", "--json")
    shown = await added.run("caller", "list")
    removed = await added.run("caller", "remove", "crm")
    left = await added.run("caller", "list", "--json")

    assert "caller add NAME --role" in none.out
    key = made.out.strip()
    assert made.out == f"{key}\n"  # only the key goes into FILE with `> FILE`
    assert key.startswith("tlk_")
    assert made.err == "crm added: role award, shop acme. This is its key; it is not shown again.\n"
    assert set(of_all.data) == {"name", "role", "merchant_id", "create_time", "key"}
    assert [(one["name"], one["role"], one["merchant_id"]) for one in listed.data] == [
        ("crm", "award", "acme"),
        ("reports", "read", None),
    ]
    rows = [line.split()[:3] for line in shown.out.splitlines()]
    assert [row for row in rows if row[:1] in (["crm"], ["reports"])] == [
        ["crm", "award", "acme"],
        ["reports", "read", "all"],
    ]
    assert (removed.code, removed.out) == (0, "crm removed. Its key is refused within 5 s.\n")
    assert [one["name"] for one in left.data] == ["reports"]
    for result in (listed, shown, removed, left):
        assert key not in result.out + result.err


async def test_impossible_caller_is_refused_in_a_line(operator: Operator) -> None:
    first = await operator.run("caller", "add", "crm", "--role", "read")
    twice = await operator.run("caller", "add", "crm", "--role", "admin")
    missing = await operator.run("caller", "remove", "till")
    no_shop = await operator.run("caller", "add", "till", "--role", "read", "--merchant", "acme")
    no_name = await operator.run("caller", "add", "A B", "--role", "read")
    no_role = await operator.run("caller", "add", "till")
    wrong_role = await operator.run("caller", "add", "till", "--role", "owner")
    wrong_shop = await operator.run("caller", "add", "till", "--role", "read", "--merchant", "A_B")

    assert first.code == 0
    assert (twice.code, twice.out) == (1, "")
    assert "caller crm already exists (CALLER_EXISTS): for a new key: trifft-gorgias caller remove NAME" in twice.err
    assert (missing.code, no_shop.code) == (1, 1)
    assert "trifft-gorgias caller list" in missing.err
    assert "trifft-gorgias merchant add acme" in no_shop.err
    assert [one.code for one in (no_name, no_role, wrong_role, wrong_shop)] == [2, 2, 2, 2]
    assert no_name.err.startswith("trifft-gorgias: NAME must be")
    assert wrong_shop.err.startswith("trifft-gorgias: --merchant must be")


async def test_command_with_a_key_of_too_low_a_role_says_which_key_it_needs(operator: Operator) -> None:
    key = (await operator.run("caller", "add", "reports", "--role", "read")).out.strip()
    listed = await operator.run("merchant", "list", GATEWAY_LOYALTY_KEY=key)
    refused = await operator.run("caller", "list", GATEWAY_LOYALTY_KEY=key)

    assert listed.code == 0
    assert (refused.code, refused.out) == (1, "")
    assert "this key's role is too low: the call needs admin (CALLER_FORBIDDEN)" in refused.err
    assert "GATEWAY_LOYALTY_KEY" in refused.err
    assert key not in refused.err


def test_award_shows_the_caller_that_asked_for_it(desk: Desk) -> None:
    desk.books.awards = [make_award(2, caller="till"), make_award(1)]
    shown, without = desk.award("show", "A-2"), desk.award("show", "A-1")
    listed = desk.award("list", "--json").data
    rows = list(csv.reader(io.StringIO(desk.award("export", "--to", "-").out)))

    assert re.search(r"^With the key of +till *$", shown.out, re.MULTILINE)
    assert "With the key of" not in without.out
    assert [one["caller"] for one in listed] == ["till", None]
    place = rows[0].index("caller")
    assert [row[place] for row in rows[1:]] == ["till", ""]
