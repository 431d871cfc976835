"""For each line of `check`, what is broken on purpose: something is missing, wrong, or refused by the other side.

Where a case cannot exist, its reason stands instead. `test_check_lines.py` fails for a line without all three. The
lines about TRIFFT's answers have their own table, in `test_trifft_lines.py`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from sandbox.gorgias.account import EmailIntegration
from sandbox.gorgias.faults import Fault as GorgiasFault
from sandbox.trifft.faults import Fault
from tests.gateway.cli.operating import Result
from tests.gateway.cli.prepared import PROFILE
from tests.gateway.cli.whole_shop import JANA, WholeShop
from tests.statements import execute

Step = Callable[[WholeShop], Awaitable[None]]
Mend = Callable[[WholeShop], Awaitable[Result | None]]


@dataclass(frozen=True)
class Case:
    """`red`: the lines that are not ok then, with their states. `mend`: what the line advises, or --fix.

    `mend` returns the lines after it, if it has printed them.
    """

    breaks: Step
    red: dict[str, str]
    mend: Mend


async def fix(shop: WholeShop) -> Result:
    fixed = await shop.run("check", "acme", "--fix", "--json")
    assert (fixed.code, bool(fixed.data["mended"])) == (0, True), fixed.out
    return fixed


async def fix_notes(shop: WholeShop) -> None:
    """The gateway writes the notes at once, but only after the command."""
    shop.helpdesk.clear()
    shop.helpdesk.account.faults.clear()
    fixed = await shop.run("check", "acme", "--fix", "--json")
    assert fixed.data["mended"] == ["1 note is tried again now"]

    await shop.wait_for_notes(fail=False)


async def answer_again(shop: WholeShop) -> None:
    """Let the other side work again: no command of ours can do that."""
    shop.helpdesk.clear()
    shop.helpdesk.account.faults.clear()
    shop.project.faults.clear()
    shop.front.mode = "pass"


async def tag(shop: WholeShop) -> None:
    """Follow the line's advice, and add a tag."""
    await answer_again(shop)
    await shop.tag()


def stand_in_front(mode: str) -> Step:
    async def breaks(shop: WholeShop) -> None:
        shop.front.mode = mode

    return breaks


def answer_gorgias(request: str, status: int) -> Step:
    async def breaks(shop: WholeShop) -> None:
        shop.helpdesk.answer(request, {"error": {"msg": "made up"}}, status=status)

    return breaks


async def replace_key(shop: WholeShop) -> None:
    account = shop.helpdesk.account
    account.profile = msgspec.structs.replace(account.profile, api_key="another-key")


async def install_with_new_key(shop: WholeShop) -> None:
    done = await shop.follow_advice("Gorgias", F="another-key")
    assert done.code == 0, done.err


async def remove_integration(shop: WholeShop) -> None:
    shop.helpdesk.account.state.integrations.clear()


async def drop_triggers(shop: WholeShop) -> None:
    [integration] = shop.helpdesk.account.state.integrations.values()
    integration.http = msgspec.structs.replace(integration.http, triggers={"ticket-created": True})


async def switch_integration_off(shop: WholeShop) -> None:
    [integration] = shop.helpdesk.account.state.integrations.values()
    integration.deactivated_datetime = shop.helpdesk.account.get_time()


async def remove_widget(shop: WholeShop) -> None:
    shop.helpdesk.account.state.widgets.clear()


async def edit_widget(shop: WholeShop) -> None:
    [widget] = shop.helpdesk.account.state.widgets.values()
    widget.template = {"type": "wrapper", "widgets": []}


async def switch_widget_off(shop: WholeShop) -> None:
    [widget] = shop.helpdesk.account.state.widgets.values()
    widget.deactivated_datetime = shop.helpdesk.account.get_time()


def press_while(status: int) -> Step:
    """Gorgias refuses the note of a press. No other press has the same points."""

    async def breaks(shop: WholeShop) -> None:
        shop.helpdesk.account.faults.set(GorgiasFault(kind="status", status=status, operation="create_message"))
        assert (await shop.press(status - 390))["status"] == "applied"
        await shop.wait_for_notes(fail=True)

    return breaks


async def hide_events(shop: WholeShop) -> None:
    """Gorgias has not called for three days, and a ticket was changed just now."""
    past = (await shop.get_installation()).create_time - timedelta(days=3)
    await execute(shop.database, f"UPDATE installations SET last_event_time = '{past:%Y-%m-%d %H:%M:%S.%f}'")  # noqa: S608 - a time of ours
    shop.helpdesk.account.state.tickets[4713].updated_datetime = shop.helpdesk.account.get_time()


def call_while(fault: Fault, ticket_id: int) -> Step:
    """TRIFFT fails while a ticket event is answered, and works again before the check."""

    async def breaks(shop: WholeShop) -> None:
        shop.project.faults.set(fault)
        await shop.tag(ticket_id)
        shop.project.faults.clear()

    return breaks


async def send_malformed_webhook(shop: WholeShop) -> None:
    assert await shop.send_webhook(body=b"event=wallet_credited") == 400


async def send_refused_webhook(shop: WholeShop) -> None:
    assert await shop.send_webhook(secret="of-another-shop") == 401


async def send_right_webhook(shop: WholeShop) -> None:
    """Send a webhook made of what the line's command prints."""
    assert "X-Webhook-Secret" in (await shop.follow_advice("webhooks")).out
    assert await shop.send_webhook() == 202


async def change_profile(shop: WholeShop) -> None:
    lines = shop.operator.write("other", f'{PROFILE}[member]\npoints = "points || points"\n')
    assert (await shop.run("merchant", "update", "acme", "--profile", lines)).code == 0


async def verify(shop: WholeShop) -> None:
    shown = (await shop.run("member", "show", "acme", *JANA, "--json")).data["points"]
    done = await shop.run("merchant", "verify", "acme", *JANA, "--points", str(shown), "--give", "1")
    assert done.code == 0, done.out + done.err


async def lose_award(shop: WholeShop) -> None:
    """An answer is lost, and the shop's token is replaced before the award is settled."""
    shop.project.faults.set(Fault(kind="status", status=500, operation="credit"))
    shop.project.faults.set(Fault(kind="status", status=500, operation="movements"))
    await shop.press(7)
    token = shop.operator.write("token", "acme-write\n")
    assert (await shop.run("merchant", "update", "acme", "--trifft-token-file", token)).code == 0
    await shop.wait_for_doubt()


async def settle_award(shop: WholeShop) -> None:
    await answer_again(shop)
    [waiting] = (await shop.run("award", "list", "acme", "--needs-person", "--json")).data
    done = await shop.run("award", "settle", "acme", waiting["award_id"], "not-applied", "--because", "looked")
    assert done.code == 0, done.err


async def press_as_json(shop: WholeShop) -> None:
    assert (await shop.press(21, as_json=True))["status"] == "applied"
    await shop.flush()


async def press_as_form(shop: WholeShop) -> None:
    assert (await shop.press(22))["status"] == "applied"
    await shop.flush()


async def forget_own_addresses(shop: WholeShop) -> None:
    """Make the record as it is after an update from a release that did not store these addresses."""
    await execute(shop.database, "UPDATE installations SET gorgias_addresses = NULL")


async def add_mailbox(shop: WholeShop) -> None:
    account = shop.helpdesk.account
    mailbox = EmailIntegration(id=account.make_id(), name="Sales", address="sales@acme.example")
    account.profile = msgspec.structs.replace(account.profile, mailboxes=(*account.profile.mailboxes, mailbox))


NO_GORGIAS = {"Gorgias": "failed", "integration": "unknown", "widget": "unknown", "own addresses": "unknown"}
Lines = dict[str, tuple[Case | str, Case | str, Case | str]]
LINES: Lines = {
    "verified": (
        "a shop on the loopback is verified when it is added; elsewhere it is as a proof that is outdated",
        Case(change_profile, {"verified": "failed"}, verify),
        "a proof that TRIFFT refuses is told by merchant verify, and the line stays as it was",
    ),
    "awards": (
        "where no award is on record, none waits",
        Case(lose_award, {"awards": "failed"}, settle_award),
        "an award that TRIFFT refused is settled, and waits for nobody",
    ),
    "public URL": (
        Case(stand_in_front("hang up"), {"public URL": "failed"}, answer_again),
        Case(stand_in_front("another server"), {"public URL": "failed"}, answer_again),
        Case(stand_in_front("no gateway"), {"public URL": "failed"}, answer_again),
    ),
    "Gorgias": (
        Case(answer_gorgias("GET /integrations", 404), NO_GORGIAS, answer_again),
        Case(replace_key, NO_GORGIAS | {"buttons": "failed", "notes": "failed"}, install_with_new_key),
        Case(answer_gorgias("GET /integrations", 403), NO_GORGIAS, answer_again),
    ),
    "integration": (
        Case(remove_integration, {"integration": "failed", "widget": "unknown"}, fix),
        Case(drop_triggers, {"integration": "failed"}, fix),
        Case(switch_integration_off, {"integration": "failed"}, fix),
    ),
    "widget": (
        Case(remove_widget, {"widget": "failed"}, fix),
        Case(edit_widget, {"widget": "failed"}, fix),
        Case(switch_widget_off, {"widget": "failed"}, fix),
    ),
    "own addresses": (
        Case(forget_own_addresses, {"own addresses": "failed"}, fix),
        Case(add_mailbox, {"own addresses": "failed"}, fix),
        "a key that may not list integrations is refused the widget's, too: that is told by the line Gorgias",
    ),
    "buttons": (
        Case(answer_gorgias("GET /customers/1", 503), {"buttons": "unknown"}, answer_again),
        Case(answer_gorgias("GET /customers/1", 302), {"buttons": "unknown"}, answer_again),
        Case(answer_gorgias("GET /customers/1", 403), {"buttons": "failed"}, answer_again),
    ),
    "notes": (
        Case(answer_gorgias("GET /tickets/1", 403), {"buttons": "failed", "notes": "failed"}, answer_again),
        Case(press_while(400), {"notes": "failed"}, fix_notes),
        Case(press_while(403), {"notes": "failed"}, fix_notes),
    ),
    "last event": (
        Case(hide_events, {"last event": "failed"}, tag),
        Case(call_while(Fault(kind="status", status=503), 4713), {"last event": "failed", "last error": "failed"}, tag),
        Case(
            call_while(Fault(kind="status", status=401), 4711), {"last event": "warning", "last error": "failed"}, tag
        ),
    ),
    "last error": (
        "no error is none",
        "it comes with the last event: see there",
        "it comes with the last event: see there",
    ),
    "webhooks": (
        "a shop may have none: that is off, and no line is red",
        Case(send_malformed_webhook, {"webhooks": "failed"}, send_right_webhook),
        Case(send_refused_webhook, {"webhooks": "warning"}, send_right_webhook),
    ),
    "Gorgias' contract": (
        "what was not seen is no fault: a shop may have no such call",
        Case(press_as_json, {"Gorgias' contract": "warning"}, press_as_form),
        "what Gorgias refuses is told by the other lines",
    ),
}
