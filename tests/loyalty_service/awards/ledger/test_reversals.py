"""Points are taken back once, in time and from the named award. Unknown outcomes stay unknown."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
import pytest_asyncio

from loyalty_service.awards.ledger.read import History
from loyalty_service.awards.ledger.settle import Settlement
from loyalty_service.domain.award import AwardState
from loyalty_service.domain.award_filter import AwardFilter, AwardGrouping
from loyalty_service.domain.errors import (
    AwardInDoubtError,
    AwardNotFoundError,
    AwardStateError,
    BookingUnknownError,
    ProviderRefusedError,
    ProviderUnavailableError,
    RequestIdReusedError,
    ReversalTooLateError,
)
from loyalty_service.domain.member import Tier
from loyalty_service.domain.ports import Booking
from tests.loyalty_service.kept import KeptDatabase
from tests.loyalty_service.ledgers import (
    APPLIED,
    LOST,
    NOT_REACHED,
    REFUSED,
    UTC_ZONE,
    Book,
    Desk,
    catch,
    make_request,
    open_desk,
    run_desk,
)
from tests.loyalty_service.scripted import JANA, ScriptedProvider, make_member


@pytest_asyncio.fixture(loop_scope="session")
async def desk(open_sqlite: KeptDatabase, provider: ScriptedProvider) -> AsyncIterator[Desk]:
    """A desk on one engine: it reads the ledger's answers in the same way on both."""
    async with run_desk(open_sqlite.database, provider) as desk:
        yield desk


async def test_undo_takes_the_points_back_and_both_awards_name_each_other(
    desk: Desk, provider: ScriptedProvider
) -> None:
    provider.members[JANA] = make_member(tier=Tier(tier_id="gold", display_name="Gold"))
    await desk.award(100, note="sorry")
    await desk.show()

    answer = await desk.undo(note="a slip", ticket_id="4711", claimed_agent_name="Ana", ticket_verified=True)

    undone, reversal = await desk.read(1), await desk.read(2)
    assert (answer.award, answer.replayed, answer.member_name) == (reversal, False, "Jana Nováková")
    assert (reversal.state, reversal.request.reverses, undone.reversed_by) == (AwardState.APPLIED, 1, 2)
    assert undone.reverse_expire_time is reversal.reverse_expire_time is None
    assert (reversal.request.points, reversal.request.member_id, reversal.request.note) == (100, JANA, "a slip")
    assert (reversal.request.is_ticket_verified, reversal.request.tier_before) == (True, "Gold")
    assert [(debit.points, debit.note, debit.reference) for debit in provider.debits] == [
        (100, "a slip", f"A-2:{reversal.request.request_id}")
    ]


async def test_request_keeps_its_answer_after_the_award_is_taken_back(book: Book) -> None:
    """A copy of the request may arrive late. A panel made after the undo has its own request."""
    given = await book.give(ticket_id="4711")
    repeated = await book.open(ticket_id="4711", request_id="repeated")
    await book.take_back(given)
    late = await book.open(ticket_id="4711", request_id="repeated")
    again = await book.open(ticket_id="4711", request_id="new")

    assert [(one.award.number, one.is_ours) for one in (repeated, late, again)] == [(1, False), (1, False), (3, True)]

    await book.settle(again, APPLIED)
    other = await book.give(50, ticket_id="4711", request_id="repeated")
    copies = [await book.open(points, ticket_id="4711", request_id="repeated") for points in (100, 50)]
    assert [(one.award.number, one.is_ours) for one in copies] == [(1, False), (other.number, False)]
    await catch(RequestIdReusedError, book.open(60, ticket_id="4711", request_id="repeated"))


async def test_award_names_the_time_until_which_it_can_be_taken_back(book: Book) -> None:
    pending = (await book.open()).award
    given = await book.give(member_id="boris")
    read = await book.read(given.number)
    await book.let_pass(1801)

    late = await book.read(given.number)

    assert pending.reverse_expire_time is late.reverse_expire_time is None
    assert read.reverse_expire_time is not None
    assert read == given
    assert (read.reverse_expire_time - read.update_time).total_seconds() == 1800


async def test_second_undo_is_the_first_one_with_any_request_id(desk: Desk, provider: ScriptedProvider) -> None:
    await desk.award()
    first = await desk.undo(request_id="undo-0001")

    replay, again = await desk.undo(request_id="undo-0001"), await desk.undo(request_id="undo-0002")

    assert [answer.award for answer in (replay, again)] == [first.award] * 2
    assert (replay.replayed, again.replayed) == (True, True)
    assert len(provider.debits) == 1


async def test_twenty_simultaneous_undos_in_two_processes_are_one(
    database_url: str, provider: ScriptedProvider
) -> None:
    async with open_desk(database_url, provider) as one, open_desk(database_url, provider) as other:
        await one.award()

        answers = await asyncio.gather(*(desk.undo() for desk in [one, other] * 10))

    assert {answer.award.award_id for answer in answers} == {"A-2"}
    assert {answer.award.state for answer in answers} == {AwardState.APPLIED}
    assert [answer.replayed for answer in answers].count(False) == 1
    assert len(provider.debits) == 1


async def test_undo_after_the_points_were_spent_is_refused_and_may_be_asked_for_again(
    desk: Desk, provider: ScriptedProvider
) -> None:
    async def refuse(_: Booking) -> None:
        raise ProviderRefusedError("402")

    async def allow(_: Booking) -> None:
        pass

    await desk.award()
    provider.on_debit = refuse
    refused = (await desk.undo(request_id="undo-0001")).award
    provider.on_debit = allow
    replay = (await desk.undo(request_id="undo-0001")).award
    again = (await desk.undo(request_id="undo-0002")).award

    assert (refused.state, refused.rejection_reason, refused.retryable) == (
        AwardState.REJECTED,
        "PROVIDER_REFUSED",
        False,
    )
    assert replay == refused
    assert (again.award_id, again.state) == ("A-3", AwardState.APPLIED)


async def test_undo_that_did_not_reach_the_provider_is_tried_again_under_its_number(
    desk: Desk, provider: ScriptedProvider
) -> None:
    async def fail(_: Booking) -> None:
        raise ProviderUnavailableError("connection refused")

    async def allow(_: Booking) -> None:
        pass

    await desk.award()
    provider.on_debit = fail
    first = (await desk.undo(request_id="undo-0001")).award
    provider.on_debit = allow

    again = await desk.undo(request_id="undo-0001")

    assert (first.state, first.retryable) == (AwardState.REJECTED, True)
    assert (again.award.award_id, again.award.state, again.replayed) == ("A-2", AwardState.APPLIED, False)


async def test_undo_whose_answer_was_lost_is_unknown_and_never_repeated(desk: Desk, provider: ScriptedProvider) -> None:
    async def lose(_: Booking) -> None:
        raise BookingUnknownError("reset")

    await desk.award()
    provider.on_debit = lose
    first = await desk.undo()

    again = await desk.undo()

    assert (first.award.state, again.award, again.replayed) == (AwardState.UNKNOWN, first.award, True)
    assert (await catch(AwardInDoubtError, desk.award(50)))["award_id"] == "A-2"
    assert len(provider.debits) == 1


async def test_undo_after_the_window_is_refused_with_its_end(book: Book) -> None:
    given = await book.give()
    await book.let_pass(1801)
    moved = await book.read(given.number)

    refusal = await catch(ReversalTooLateError, book.open_reversal(given))

    end_time = moved.update_time.timestamp() + 1800
    assert refusal["award_id"] == "A-1"
    assert refusal["expire_time"].endswith("Z")
    assert abs(datetime.fromisoformat(refusal["expire_time"]).timestamp() - end_time) < 0.001


async def test_window_begins_when_the_award_became_applied(book: Book) -> None:
    unknown = await book.settle(await book.open(), LOST)
    await book.let_pass(3600)
    found = await book.ledger.settle_by_person("acme", unknown.number, AwardState.APPLIED, "Eva", "seen in Admin")

    assert (await book.open_reversal(found)).is_ours


async def test_undo_that_was_begun_in_time_is_found_after_the_window(book: Book) -> None:
    given = await book.give()
    reversal = await book.take_back(given)
    await book.let_pass(3600)

    opening = await book.open_reversal(given)

    assert (opening.award.number, opening.is_ours) == (reversal.number, False)


@pytest.mark.parametrize(
    ("settlement", "state"), [(None, "pending"), (LOST, "unknown"), (REFUSED, "rejected"), (NOT_REACHED, "rejected")]
)
async def test_award_that_is_not_applied_cannot_be_taken_back(
    book: Book, settlement: Settlement | None, state: str
) -> None:
    opening = await book.open()
    if settlement is not None:
        await book.settle(opening, settlement)

    refusal = await catch(AwardStateError, book.open_reversal(opening.award))

    assert refusal == {"award_id": "A-1", "state": state}


async def test_reversal_cannot_be_taken_back(book: Book) -> None:
    reversal = await book.take_back(await book.give())

    assert await catch(AwardStateError, book.open_reversal(reversal)) == {"award_id": "A-2", "state": "reversal"}


async def test_undo_of_an_award_that_is_not_there_is_refused(desk: Desk) -> None:
    for award_id in ("A-9", "9", "", "A-9\x00"):
        await catch(AwardNotFoundError, desk.undo(award_id))


async def test_undo_waits_for_the_member_s_other_award(book: Book) -> None:
    given = await book.give()
    await book.open(50)

    assert (await catch(AwardInDoubtError, book.open_reversal(given)))["award_id"] == "A-2"


async def test_request_id_names_one_award_or_one_undo(desk: Desk, provider: ScriptedProvider) -> None:
    await desk.award(100, request_id="award-0001")
    await desk.award(50)
    await desk.undo("A-1", request_id="undo-0001")

    refusals = [
        await catch(RequestIdReusedError, desk.undo("A-2", request_id="undo-0001")),
        await catch(RequestIdReusedError, desk.undo("A-2", request_id="award-0001")),
        await catch(RequestIdReusedError, desk.award(100, request_id="undo-0001")),
    ]

    assert refusals == [{"award_id": "A-3"}, {"award_id": "A-1"}, {"award_id": "A-3"}]
    assert (len(provider.credits), len(provider.debits)) == (2, 1)


async def test_points_that_were_taken_back_may_be_given_again_on_the_same_ticket(book: Book) -> None:
    given = await book.give(100, ticket_id="4711")
    reversal = await book.open_reversal(given, ticket_id="4711")
    in_doubt = await catch(AwardInDoubtError, book.open(100, ticket_id="4711"))
    await book.settle(reversal, APPLIED)

    again = await book.open(100, ticket_id="4711")

    assert (in_doubt["award_id"], in_doubt["ticket_id"]) == ("A-2", "4711")
    assert (again.award.number, again.is_ours) == (3, True)


async def test_refused_undo_leaves_the_award_as_the_answer_to_repeats(book: Book) -> None:
    given = await book.give(100, ticket_id="4711")
    await book.settle(await book.open_reversal(given, ticket_id="4711"), REFUSED)

    repeat = await book.open(100, ticket_id="4711")

    assert (repeat.award.number, repeat.is_ours) == (1, False)


async def test_undo_that_turns_up_late_is_recorded_although_another_was_booked(book: Book) -> None:
    """The member lost the points twice, and the record must show that."""
    given = await book.give(100)
    lost = await book.settle(await book.open_reversal(given), LOST)
    await book.ledger.settle_by_person("acme", lost.number, AwardState.NOT_APPLIED, "Eva", "not in Admin")
    await book.take_back(given)

    found = await book.settle_by_movements(lost.number, AwardState.APPLIED, movement_id="m-1", why="reference")

    history = History(book.database, reversal_window_s=1800.0)
    [total] = await history.sum_awards("acme", AwardFilter(), AwardGrouping.DAY)
    assert found.state is AwardState.APPLIED
    assert (await book.read(given.number)).reversed_by == lost.number
    assert (total.award_count, total.points, total.reversed_points) == (1, 100, 200)
    assert (await book.open_reversal(given)).award == found


async def test_undo_of_another_shop_s_award_is_not_found(book: Book) -> None:
    given = await book.give(merchant_id="bloom")

    await catch(AwardNotFoundError, book.ledger.open_reversal(make_request(100, reverses=given.number), UTC_ZONE))
