"""Real calls show parts of Gorgias' contract: each sight is kept once, and reported."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway.customers.address import Customer, parse_customer
from gateway.events.contract import NAMES, NoteEvents, check_contract, count_note_events
from gateway.events.service import Events
from gateway.events.sights import Sight, SightStore, read_call, read_email, read_press
from gateway.events.store import EventStore
from gateway.gorgias.widget_url import parse_widget_call, render_widget_url
from gateway.installation.store import InstallationStore
from runtime.database import Database
from runtime.encryption import SecretKeys

CREDENTIAL = "tg_" + "x" * 43
ROOT = Path(__file__).parents[3]


def read(sent: str, *, said: str | None = "", has_header: bool = True, end: bool = True) -> set[Sight]:
    """Read as the widget does. `sent`: the address in the URL, as it arrives.

    `said`: Gorgias' answer if it is asked.
    """
    url = render_widget_url("", CREDENTIAL).replace("{{ticket.customer.email}}", sent)
    call = parse_widget_call(url if end else url.partition("&end=")[0], CREDENTIAL)
    customer = parse_customer(call)
    email = customer.email if isinstance(customer, Customer) else said
    return {*read_call(call, has_header=has_header), *read_email(call.email, email)}


@pytest.mark.parametrize(
    ("sent", "said", "sights"),
    [
        ("jana@example.com", "", set()),
        ("None", None, {Sight.ABSENT_AS_NONE}),
        ("", None, {Sight.ABSENT_AS_EMPTY}),
        ("{{ticket.customer.email}}", None, {Sight.ABSENT_AS_WRITTEN}),
        ("%7B%7Bticket.customer.email%7D%7D", None, {Sight.ABSENT_AS_WRITTEN}),
        ("null", None, {Sight.ABSENT_AS_OTHER}),
        ("a+b@example.com", "", {Sight.PLUS}),
        ("a%2Bb%40example.com", "", {Sight.PLUS_ENCODED}),
        ("a%20b@example.com", "a+b@example.com", {Sight.PLUS_AS_SPACE}),
        ("a%20b@example.com", "a b@example.com", set()),
        ("odd@example.com&@x", None, set()),
    ],
)
def test_call_shows_how_values_arrive(sent: str, said: str | None, sights: set[Sight]) -> None:
    assert read(sent, said=said) == {Sight.HEADER, Sight.END, *sights}


def test_call_shows_which_characters_were_lost() -> None:
    assert read("jana@example.com", has_header=False, end=False) == {Sight.NO_HEADER, Sight.NO_END}
    assert read_call(parse_widget_call("/gorgias/widget?odd", CREDENTIAL), has_header=True) == [Sight.HEADER]
    assert read_press("application/x-www-form-urlencoded") == [Sight.PRESS_FORM]
    assert (read_press("application/json"), read_press("text/plain")) == ([Sight.PRESS_JSON], [])


async def test_sight_is_kept_once_for_each_shop_and_goes_with_its_installation(
    installations: InstallationStore, database: Database, keys: SecretKeys
) -> None:
    store = SightStore(database)
    async with Events(EventStore(database, keys), installations, CollectorRegistry()) as events:
        for _ in range(3):
            events.note_sights("acme", [Sight.HEADER, Sight.END])
            events.note_sights("nobody", [Sight.HEADER])
            await events.flush()
    assert [await store.list_all(shop) for shop in ("acme", "nobody")] == [{"header", "end"}, set()]
    await store.add([("acme", Sight.HEADER)], 1)
    assert await store.list_all("acme") == {"header", "end"}
    await installations.delete("acme")
    assert await store.list_all("acme") == frozenset()


def test_contract_is_confirmed_contradicted_or_not_seen() -> None:
    unseen = check_contract((), NoteEvents())
    assert (unseen.state.value, unseen.advice) == ("ok", "")
    assert unseen.detail == f"not seen: {', '.join(NAMES)}"
    good = check_contract({"header", "end", "plus", "plus_as_space", "of_a_newer_version"}, NoteEvents(followed=1))
    confirmed = "header (arrives), end-mark (arrives), plus (as +, as a space: then Gorgias is asked), note-trigger"
    assert good.detail == f"confirmed: {confirmed}; not seen: absent-variable, button-type"
    bad = check_contract({"no_header", "end", "no_end", "absent_as_other", "press_json"}, NoteEvents(alone=3))
    assert (bad.state.value, "docs/assumptions.md" in bad.advice) == ("warning", True)
    assert bad.detail == (
        "confirmed: end-mark (arrives); contradicted: header (does not arrive), absent-variable (another word), "
        "button-type (JSON), note-trigger; not seen: plus"
    )


def test_note_is_followed_by_an_event_of_its_ticket_within_a_minute() -> None:
    notes = [(1, 1000), (2, 1000), (3, 1000)]
    assert count_note_events(notes, [(1, 61_000), (2, 61_001), (2, 999), (4, 1000)]) == NoteEvents(followed=1, alone=2)
    assert count_note_events([], [(1, 1000)]) == NoteEvents()


def test_page_of_assumptions_names_each() -> None:
    page = (ROOT / "docs" / "assumptions.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"({name})" not in page] == []
