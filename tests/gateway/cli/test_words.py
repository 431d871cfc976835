"""Operators read "TRIFFT" and "shop", whatever the code calls them, and the names of options, never of fields."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from cyclopts import App

from gateway.cli.main import make_app
from tests.gateway.cli.books import Refusal, make_award
from tests.gateway.cli.desk import Desk
from tests.gateway.cli.operating import Operator
from tests.gateway.helpdesk import Helpdesk

PROJECT = Path(__file__).parents[3]
OURS = re.compile(r"\b(provider|merchant)('?s)?\b", re.IGNORECASE)
# As an operator types it.
COMMAND = re.compile(
    r"trifft-gorgias merchant\b|--merchant\b|\bmerchant (add|list|update|remove)\b|^\W*merchant  .*$", re.MULTILINE
)


def find_ours(text: str) -> list[str]:
    return [found.group() for found in OURS.finditer(COMMAND.sub("", text))]


def list_commands(app: App, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name in app:
        if not name.startswith("-"):
            yield from list_commands(app[name], (*path, name))


def list_sentences(path: Path) -> Iterator[tuple[str, int, str]]:
    """Texts of a module that are more than a word, and not there for its readers."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    docs = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and " " in node.value
            and id(node) not in docs
        ):
            yield str(path.relative_to(PROJECT)), node.lineno, node.value


COMMANDS = list(list_commands(make_app()))


def test_every_command_is_looked_at() -> None:
    assert {("merchant", "update"), ("award", "settle"), ("check",), ()} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_of_a_command_names_things_as_operators_do(desk: Desk, command: tuple[str, ...]) -> None:
    shown = desk.run(*command, "--help")
    assert (shown.code, find_ours(shown.out)) == (0, [])
    assert re.findall(r"default: (?:None|False|\(\))", shown.out) == []


@pytest.mark.parametrize("room", ["gateway", "loyalty_service", "runtime", "deploy"])
def test_messages_name_things_as_operators_do(room: str) -> None:
    """Errors that are printed or cross the API, advice, settings, metrics, what is kept with an award."""
    modules = [path for path in (PROJECT / room).rglob("*.py") if "migrations" not in path.parts]
    sentences = [one for path in modules for one in list_sentences(path)]
    assert sentences
    assert [one for one in sentences if find_ours(one[2])] == []


@pytest.mark.parametrize(
    ("field", "words"), [("filter.ticket_id", "--ticket"), ("filter.odd_part", "odd part"), ("page_size", "page size")]
)
def test_refused_value_is_named_by_its_option_or_in_words(desk: Desk, field: str, words: str) -> None:
    desk.books.refusal = Refusal(grpc.StatusCode.INVALID_ARGUMENT, "BAD_VALUE", f"{field} is odd", field_name=field)
    desk.books.awards = [make_award(1)]
    refused = desk.award("list", "--ticket", "4711")
    assert (refused.code, refused.err) == (2, f"trifft-gorgias: {words} is odd\n")


async def test_value_that_the_service_refuses_is_named_by_its_option(operator: Operator, helpdesk: Helpdesk) -> None:
    token = operator.write("token", "acme-write\n")
    place = ("--trifft-token-file", token, "--trifft-url", helpdesk.url)
    without_support_ids = operator.write("profile.toml", '[find_member]\nsupport_id = ""\n')
    added = await operator.run("merchant", "add", "acme", *place, "--profile", without_support_ids)
    assert added.code == 0
    long_id, forgotten = "x" * 321, "erased-0123456789abcdef"
    for option, command in (
        ("--member", ("award", "list", "acme", "--member", f"{long_id}@example.com")),
        ("--member", ("award", "list", "acme", "--member", long_id)),
        ("--agent", ("award", "list", "acme", "--agent", long_id)),
        ("--member", ("member", "forget", "acme", "--member", forgotten, "--yes")),
        ("--support-id", ("member", "show", "acme", "--support-id", "JN-4821")),
        ("--hold-time-s", ("merchant", "update", "acme", "--hold-time-s", "0")),
        ("--admin-member-url", ("merchant", "update", "acme", "--admin-member-url", "https://admin.example")),
    ):
        refused = await operator.run(*command)
        assert (refused.code, refused.out) == (2, ""), command
        assert refused.err.startswith(f"trifft-gorgias: {option} "), command
    listed = await operator.run("award", "list", "acme", "--member", "77")
    assert (listed.code, listed.out) == (0, "acme has no such awards.\n"), "it may be an id of TRIFFT's"
