"""Whose ticket it is: asked of the shop's own account, within its rate, however busy notes are."""

import pytest

from gateway.errors import OtherCustomerError, TicketNotCheckedError, TicketNotFoundError
from gateway.gorgias.rate_limiter import REQUESTS, WINDOW_S
from gateway.installation.store import InstallationStore
from sandbox.gorgias.faults import Fault
from tests.gateway.outbox.room import REQUEST, JanasPanel, Room, make_award
from tests.gateway.patience import PATIENCE_S
from tests.statements import execute


async def check(room: Room, ticket_id: str = "4711", *, merchant_id: str = "acme") -> None:
    await room.ownership.check(merchant_id, ticket_id, JanasPanel(), country="", timeout_s=PATIENCE_S)


async def test_each_press_is_one_request_where_the_ticket_says_it(room: Room) -> None:
    for _ in range(3):
        await check(room)
    assert room.helpdesk.requests == ["GET /tickets/4711"] * 3


async def test_channels_are_asked_for_only_where_the_ticket_names_another_address(room: Room) -> None:
    with pytest.raises(OtherCustomerError):
        await check(room, "4713")
    assert room.helpdesk.requests == ["GET /tickets/4713", "GET /customers/103"]


NO_NUMBERS: list[str] = ["", "chat-1", "0", "-1", "04711", "4711.0", "9" * 19, "٤٧١١", "../users"]


async def test_what_cannot_be_a_tickets_number_is_not_asked_for(room: Room, subtests: pytest.Subtests) -> None:
    """A second spelling of a ticket would have limits of its own."""
    for ticket_id in NO_NUMBERS:
        with subtests.test(ticket_id=ticket_id):
            with pytest.raises(TicketNotFoundError):
                await check(room, ticket_id)
            assert room.helpdesk.requests == []


async def test_shop_that_is_not_installed_has_nobody_to_ask(room: Room) -> None:
    with pytest.raises(TicketNotCheckedError):
        await check(room, merchant_id="bloom")
    assert room.helpdesk.requests == []


async def test_ticket_of_another_shop_is_not_in_this_account(room: Room, installations: InstallationStore) -> None:
    await installations.add("bloom", room.helpdesk.make_target("bloom"))
    await check(room)
    with pytest.raises(TicketNotFoundError):
        await check(room, merchant_id="bloom")


async def test_nobody_can_be_asked_while_the_database_is_gone(room: Room) -> None:
    await execute(room.database, "DROP TABLE installations")
    with pytest.raises(TicketNotCheckedError):
        await check(room)


async def test_presses_keep_to_our_share_of_the_rate(room: Room) -> None:
    """Then nobody is asked, and the press is refused until there is room."""
    room.helpdesk.make_room()
    for number in range(REQUESTS):
        with pytest.raises(TicketNotFoundError):
            await check(room, str(9_000_000 + number))
    with pytest.raises(TicketNotCheckedError) as caught:
        await check(room)
    assert caught.value.retry_after_s is not None
    assert 0 < caught.value.retry_after_s <= WINDOW_S
    assert len(room.helpdesk.requests) == REQUESTS
    room.clock.ahead_s += WINDOW_S
    await check(room)


async def test_press_does_not_wait_for_notes(room: Room) -> None:
    """A note hangs in Gorgias, and the agent is answered."""
    room.helpdesk.account.faults.set(Fault(kind="hang", operation="create_message"))
    room.loyalty.awards[REQUEST] = make_award()
    await room.press()
    await room.wait_for_look()
    await check(room)
    room.helpdesk.account.faults.clear()
    await room.wait_for_marks("Award A-10482 · added")
