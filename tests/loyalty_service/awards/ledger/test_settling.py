"""The outcome of an award is found out later by a person, a movement or an expired lease. Every change is recorded."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs

from loyalty_service.awards.ledger.settle import MovementUsedError, Settlement
from loyalty_service.awards.ledger.tables import awards
from loyalty_service.domain.award import ALLOWED_CHANGES, Award, AwardState, Receipt
from loyalty_service.domain.errors import AwardNotFoundError, AwardStateError, BadValueError
from loyalty_service.domain.limits import NO_LIMITS
from tests.loyalty_service.books import refused_by_database
from tests.loyalty_service.kept import KeptDatabase
from tests.loyalty_service.ledgers import (
    APPLIED,
    BOOKED,
    LOST,
    NOT_REACHED,
    REFUSED,
    UTC_ZONE,
    WINDOWS_S,
    Book,
    catch,
    make_request,
    run_desk,
)
from tests.loyalty_service.scripted import JANA, ScriptedProvider

PENDING, UNKNOWN = AwardState.PENDING, AwardState.UNKNOWN
DONE, NOT_DONE = AwardState.APPLIED, AwardState.NOT_APPLIED
EMPTY_RECEIPT = Receipt(provider_reference="", balance=None, delayed=False)
# The changes that a person may make. The sender itself settles pending awards.
BY_PERSON = {(state, to) for state in (UNKNOWN, NOT_DONE) for to in ALLOWED_CHANGES[state]}


async def make_award(book: Book, state: AwardState, member_id: str = JANA) -> Award:
    opening = await book.open(member_id=member_id)
    if state is PENDING:
        return opening.award
    if state is NOT_DONE:
        unknown = await book.settle(opening, LOST)
        return await book.settle_by_movements(unknown.number, NOT_DONE, why="not in the list")
    settlements = {DONE: APPLIED, UNKNOWN: LOST, AwardState.REJECTED: REFUSED}
    return await book.settle(opening, settlements[state])


@pytest.mark.parametrize("outcome", [DONE, NOT_DONE])
async def test_person_settles_awards_in_doubt_and_no_others(book: Book, outcome: AwardState) -> None:
    made = {state: await make_award(book, state, member_id=state.value) for state in AwardState}

    for state, award in made.items():
        settling = book.ledger.settle_by_person("acme", award.number, outcome, "Eva", "seen in Admin")
        if state is outcome:
            assert await settling == award
        elif (state, outcome) not in BY_PERSON:
            refusal = await catch(AwardStateError, settling)
            assert refusal == {"award_id": award.award_id, "state": state.value}
        else:
            settled = await settling
            assert settled.state is outcome
            assert settled.receipt == (EMPTY_RECEIPT if outcome is DONE else None)
            assert await book.read(award.number) == settled
            change = (state.value, outcome.value, "Eva", "seen in Admin")
            assert (await book.list_changes(award.number))[-1] == change


async def test_award_that_does_not_exist_cannot_be_settled(book: Book) -> None:
    await catch(AwardNotFoundError, book.ledger.settle_by_person("acme", 9, DONE, "Eva", "seen in Admin"))
    await catch(AwardNotFoundError, book.settle_by_movements(9, DONE, why="its reference"))


async def test_movements_settle_unknown_awards_and_those_that_turn_up_late(book: Book) -> None:
    award = await make_award(book, NOT_DONE)

    settled = await book.settle_by_movements(1, DONE, receipt=BOOKED, movement_id="m-1", why="its reference")
    again = await book.settle_by_movements(1, NOT_DONE, why="not in the list")

    assert (settled.state, settled.receipt) == (DONE, BOOKED)
    assert again == settled
    assert settled.reverse_expire_time == settled.update_time + timedelta(seconds=WINDOWS_S["reversal_window_s"])
    assert await book.list_changes(award.number) == [
        (None, "pending", "", "asked for"),
        ("pending", "unknown", "loyalty_service", LOST.why),
        ("unknown", "not_applied", "loyalty_service", "not in the list"),
        ("not_applied", "applied", "loyalty_service", "its reference"),
    ]


async def test_one_movement_settles_one_award(book: Book) -> None:
    first = await make_award(book, UNKNOWN)
    await book.settle_by_movements(first.number, DONE, receipt=BOOKED, movement_id="m-1", why="it fits")
    second = await make_award(book, UNKNOWN)

    with pytest.raises(IntegrityError):
        await book.settle_by_movements(second.number, DONE, receipt=BOOKED, movement_id="m-1", why="it fits")

    assert (await book.read(second.number)).state is UNKNOWN
    assert [to for _, to, _, _ in await book.list_changes(second.number)] == ["pending", "unknown"]


async def test_movement_that_confirmed_an_award_settles_no_second(book: Book) -> None:
    """The provider's answer named this movement for the first award."""
    await make_award(book, DONE)
    second = await make_award(book, UNKNOWN)
    movement_id = BOOKED.provider_reference

    with pytest.raises(MovementUsedError):
        await book.settle_by_movements(second.number, DONE, receipt=BOOKED, movement_id=movement_id, why="fits")

    assert (await book.read(second.number)).state is UNKNOWN


async def test_movement_of_another_member_with_the_same_id_settles_an_award(book: Book) -> None:
    """A provider may number the movements of each wallet separately."""
    await make_award(book, DONE, member_id="zoe")
    award = await make_award(book, UNKNOWN)
    movement_id = BOOKED.provider_reference
    await book.settle_by_movements(award.number, DONE, receipt=BOOKED, movement_id=movement_id, why="fits")
    assert (await book.read(award.number)).state is DONE


async def test_award_waits_for_a_person_until_it_is_settled(book: Book) -> None:
    await make_award(book, UNKNOWN)
    await book.ledger.mark_needs_person("acme", 1)
    waiting = await book.read(1)

    settled = await book.ledger.settle_by_person("acme", 1, NOT_DONE, "Eva", "not in Admin")

    assert (waiting.needs_person, settled.needs_person) == (True, False)
    await book.ledger.mark_needs_person("acme", 1)
    assert not (await book.read(1)).needs_person


async def test_award_in_doubt_is_looked_for_after_five_seconds_until_it_is_settled(book: Book) -> None:
    award = await make_award(book, UNKNOWN)
    due_ms = await book.read_column(1, "next_check_time_ms")

    await book.ledger.settle_by_person("acme", 1, DONE, "Eva", "seen in Admin")

    assert due_ms - award.update_time.timestamp() * 1000 == pytest.approx(5000, abs=1.0)
    assert await book.read_column(1, "next_check_time_ms") is None


async def test_every_change_is_recorded_with_actor_and_reason(book: Book) -> None:
    request = make_request(claimed_agent_email="ana@shop.example", claimed_agent_name="Ana")
    first = await book.ledger.open(request, NO_LIMITS, UTC_ZONE)
    await book.settle(first, NOT_REACHED)
    given = await book.settle(await book.ledger.open(request, NO_LIMITS, UTC_ZONE), APPLIED)
    reversal = await book.open_reversal(given, claimed_agent_name="Ben")
    await book.settle(reversal, REFUSED)

    assert await book.list_changes(1) == [
        (None, "pending", "ana@shop.example", "asked for"),
        ("pending", "rejected", "loyalty_service", "TRIFFT was not reached"),
        ("rejected", "pending", "ana@shop.example", "asked for again"),
        ("pending", "applied", "loyalty_service", "TRIFFT confirmed it"),
    ]
    assert await book.list_changes(2) == [
        (None, "pending", "Ben", "asked to take A-1 back"),
        ("pending", "rejected", "loyalty_service", "TRIFFT refused it"),
    ]


async def execute(book: Book, statement: str) -> None:
    await book.database.write(lambda connection: connection.execute(text(statement)))


async def test_record_of_changes_is_neither_changed_nor_deleted(book: Book) -> None:
    await make_award(book, UNKNOWN)

    for statement in ("UPDATE award_changes SET why = ''", "DELETE FROM award_changes"):
        with refused_by_database("append-only"):
            await execute(book, statement)


@pytest.mark.parametrize(
    ("table", "refusal"), [("award_changes", "append-only"), ("awards", "stay as they were asked for")]
)
async def test_record_of_awards_is_not_emptied(open_postgres: KeptDatabase, table: str, refusal: str) -> None:
    """SQLite has no TRUNCATE."""
    book = Book(open_postgres.database)
    await make_award(book, UNKNOWN)

    with refused_by_database(refusal):
        await execute(book, f"TRUNCATE {table}")


PAST_THE_LEDGER = [
    "DELETE FROM awards",
    "UPDATE awards SET merchant_id = 'bloom'",
    "UPDATE awards SET number = 7",
    "UPDATE awards SET request_id = 'another-request'",
    "UPDATE awards SET member_id = 'boris'",
    "UPDATE awards SET points = 7",
    "UPDATE awards SET ticket_id = '4711'",
    "UPDATE awards SET reverses = 7",
    "UPDATE awards SET is_debit = true",
    "UPDATE awards SET is_debit = NULL",
]


async def test_award_is_neither_deleted_nor_changed_into_another(book: Book) -> None:
    """The database refuses statements that bypass the ledger, too."""
    award = await make_award(book, DONE)

    for statement in PAST_THE_LEDGER:
        with refused_by_database("stay as they were asked for"):
            await execute(book, statement)

        assert await book.read(1) == award


@pytest.mark.parametrize("is_debit", [True, False])
async def test_reversal_in_the_same_direction_is_impossible_in_the_database(book: Book, *, is_debit: bool) -> None:
    """It would give, or take, the points a second time."""
    award = await book.give(is_debit=is_debit)

    wrong = make_request(award.request.points, reverses=award.number, is_debit=is_debit)
    with refused_by_database("a reversal goes the other way"):
        await book.ledger.open_reversal(wrong, UTC_ZONE)

    assert (await book.open_reversal(award)).award.request.is_debit is not is_debit


async def test_refused_award_may_be_tried_again_although_awards_cannot_be_changed(book: Book) -> None:
    request = make_request(ticket_id="4711")
    await book.settle(await book.ledger.open(request, NO_LIMITS, UTC_ZONE), NOT_REACHED)

    again = await book.ledger.open(request, NO_LIMITS, UTC_ZONE)

    assert (again.award.attempt, again.is_ours) == (2, True)


@pytest.mark.parametrize("changed", ["request_id", "number"])
async def test_award_is_not_replaced(sqlite_book: Book, changed: str) -> None:
    """SQLite's REPLACE deletes without a DELETE."""
    award = await make_award(sqlite_book, DONE)

    with refused_by_database("stay as they were asked for"):
        await execute(sqlite_book, make_replacement(changed))

    assert await sqlite_book.read(1) == award


def make_replacement(changed: str) -> str:
    columns = [column.name for column in awards.columns]
    values = [f"{name} + 1" if name == changed == "number" else name for name in columns]
    values = [f"{name} || 'x'" if name == changed == "request_id" else name for name in values]
    return f"INSERT OR REPLACE INTO awards ({', '.join(columns)}) SELECT {', '.join(values)} FROM awards"  # noqa: S608


async def test_record_of_changes_is_not_replaced(sqlite_book: Book) -> None:
    """SQLite's REPLACE deletes without a DELETE."""
    replacing = text("INSERT OR REPLACE INTO award_changes SELECT * FROM award_changes")
    await make_award(sqlite_book, UNKNOWN)

    with refused_by_database("append-only"):
        await sqlite_book.database.write(lambda connection: connection.execute(replacing))


async def test_expired_lease_is_recorded(each_open: KeptDatabase) -> None:
    book = Book(each_open.database, lease_s=-1.0)
    opening = await book.open()
    await book.ledger.expire_leases()
    late = await book.settle(opening, APPLIED)

    assert late.state is DONE
    assert await book.list_changes(1) == [
        (None, "pending", "", "asked for"),
        ("pending", "unknown", "loyalty_service", "TRIFFT's answer was not recorded in time"),
        ("unknown", "applied", "loyalty_service", "TRIFFT confirmed it"),
    ]


async def test_doubt_is_counted_once_for_either_writer(book: Book) -> None:
    opening = await book.open()
    await book.let_pass(16)
    await book.ledger.expire_leases()

    await book.settle(opening, LOST)

    assert book.read_metrics()['loyalty_awards_total{kind="award",outcome="unknown"}'] == 1


async def test_confirmation_of_other_points_after_the_lease_is_kept(book: Book) -> None:
    opening = await book.open()
    await book.let_pass(16)
    await book.ledger.expire_leases()

    await book.settle(opening, Settlement(state=UNKNOWN, rejection_reason="PROVIDER_CONTRACT", needs_person=True))

    award = await book.read(1)
    assert (award.state, award.needs_person, award.rejection_reason) == (UNKNOWN, True, "PROVIDER_CONTRACT")
    assert len(await book.list_changes(1)) == 2


async def test_late_outcome_does_not_overrule_a_person(book: Book) -> None:
    opening = await book.open()
    await book.settle(opening, LOST)
    by_person = await book.ledger.settle_by_person("acme", 1, NOT_DONE, "Eva", "not in Admin")

    assert await book.settle(opening, REFUSED) == by_person
    assert await book.settle(opening, Settlement(state=UNKNOWN)) == by_person


async def test_provider_s_answer_after_a_person_s_finding_is_kept(book: Book) -> None:
    """A process that stood still has the answer, and a person found meanwhile that the points were not booked."""
    opening = await book.open()
    await book.settle(opening, LOST)
    await book.ledger.settle_by_person("acme", 1, NOT_DONE, "Eva", "not in Admin")

    with capture_logs() as logs:
        late = await book.settle(opening, APPLIED)

    assert book.read_metrics()["loyalty_awards_seen_late_total"] == 1
    assert [(line["event"], line["log_level"], line["award_id"]) for line in logs] == [
        ("award_seen_late", "error", "A-1")
    ]
    assert (late.state, late.receipt) == (DONE, BOOKED)
    assert (await book.list_changes(1))[-1] == ("not_applied", "applied", "loyalty_service", APPLIED.why)


async def test_desk_settles_for_a_person_with_name_and_reason(
    each_open: KeptDatabase, provider: ScriptedProvider
) -> None:
    async with run_desk(each_open.database, provider) as desk:
        await desk.merchants.add(desk.merchant)
        await make_award(desk, UNKNOWN)
        before = await desk.show()

        settled = await desk.awards.settle("acme", "A-1", state=DONE, actor=" Eva ", because="seen\nin Admin")

        after = await desk.show()
        assert settled.state is DONE
        assert (await desk.list_changes(1))[-1] == ("unknown", "applied", "Eva", "seen in Admin")
        assert [award.state for award in before.support_awards or ()] == [UNKNOWN]
        assert [award.state for award in after.support_awards or ()] == [DONE]


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("outcome", {"state": AwardState.REJECTED}),
        ("settled_by", {"actor": " "}),
        ("settled_by", {"actor": "x" * 321}),
        ("because", {"because": ""}),
        ("because", {"because": "x" * 501}),
    ],
)
async def test_finding_without_name_or_reason_is_refused_by_field(
    open_sqlite: KeptDatabase, provider: ScriptedProvider, field: str, wanted: dict[str, object]
) -> None:
    async with run_desk(open_sqlite.database, provider) as desk:
        await make_award(desk, UNKNOWN)
        finding: dict[str, object] = {"state": DONE, "actor": "Eva", "because": "seen in Admin"}

        with pytest.raises(BadValueError) as caught:
            await desk.awards.settle("acme", "A-1", **(finding | wanted))  # type: ignore[arg-type]

    assert caught.value.field == field
