"""The ledger forgets a person and keeps some awards for a while. The database allows no other change."""

from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from loyalty_service.awards.ledger.erase import Erasures
from loyalty_service.awards.ledger.read import History
from loyalty_service.awards.ledger.tables import awards, erasures
from loyalty_service.domain.award import AwardState, IdentifiedBy
from loyalty_service.domain.award_filter import AwardFilter, AwardGrouping
from loyalty_service.domain.erasure import Erasure, KeptReason
from loyalty_service.domain.errors import RequestIdReusedError
from tests.loyalty_service.books import assert_record_agrees, refused_by_database
from tests.loyalty_service.ledgers import LOST, NOT_REACHED, Book, catch
from tests.loyalty_service.scripted import JANA
from tests.statements import execute

HOUR_S = 3_600.0
DAY_S = 86_400.0
FORGET = "UPDATE awards SET member_id = 'erased-1', note = '', tier_before = '', balance = NULL, member_support_id = ''"


async def erase(book: Book, member_id: str = JANA) -> Erasure:
    return await Erasures(book.database, reversal_window_s=1800.0).erase("acme", member_id, "jo@ops-1")


async def read_rows(book: Book) -> list[dict[str, Any]]:
    query = select(awards).order_by(awards.c.number)
    rows = await book.database.read(lambda connection: connection.execute(query).all())
    return [dict(row._mapping) for row in rows]


async def list_kept(book: Book) -> dict[int, KeptReason]:
    return {one.number: one.why for one in (await erase(book)).kept}


async def test_forgotten_member_s_awards_keep_everything_but_the_person(book: Book) -> None:
    circumstances = {"note": "for Jana N.", "tier_before": "Gold", "ticket_id": "4711", "reason": "Goodwill"}
    circumstances["member_support_id"] = "JN-4821"
    agent = {"claimed_agent_email": "ana@shop.example", "claimed_agent_name": "Ana"}
    await book.give(100, **circumstances, **agent, identified_by=IdentifiedBy.PHONE)
    await book.give(7)
    await book.give(50, member_id="zoe", note="for Zoe")
    await book.let_pass(HOUR_S)
    before = await read_rows(book)

    erasure = await erase(book)

    after = await read_rows(book)
    assert [row["identified_by"] for row in after] == ["phone", "", ""]
    blank = {
        "member_id": erasure.pseudonym,
        "member_support_id": "",
        "note": "",
        "tier_before": "",
        "balance": None,
    }
    assert after == [before[0] | blank, before[1] | blank, before[2]]
    assert (erasure.award_count, erasure.kept, erasure.pseudonym[:7]) == (2, (), "erased-")
    await assert_record_agrees(book.database)


async def test_erasure_records_who_asked_for_it_but_not_the_member(book: Book) -> None:
    await book.give()
    await book.let_pass(HOUR_S)
    erasure = await erase(book)
    await erase(book, "nobody")

    rows = await book.database.read(lambda connection: connection.execute(select(erasures)).all())
    assert [(row.merchant_id, row.pseudonym, row.actor, row.award_count, row.kept_count) for row in rows] == [
        ("acme", erasure.pseudonym, "jo@ops-1", 1, 0),
        ("acme", "", "jo@ops-1", 0, 0),
    ]
    assert JANA not in repr(rows)
    for statement in ("UPDATE erasures SET actor = 'x'", "DELETE FROM erasures"):
        with refused_by_database("append-only"):
            await execute(book.database, statement)


async def test_award_is_kept_while_it_can_be_taken_back(book: Book) -> None:
    award = await book.give()
    taken_back = await book.give()
    await book.take_back(taken_back)

    first = await erase(book)
    await book.let_pass(HOUR_S)
    second = await erase(book)

    [kept] = first.kept
    assert (kept.number, kept.why, kept.until) == (award.number, KeptReason.REVERSIBLE, award.reverse_expire_time)
    assert (first.award_count, second.award_count, second.kept) == (2, 1, ())
    assert first.pseudonym != second.pseudonym


@pytest.mark.parametrize("state", ["pending", "unknown", "not_applied"])
async def test_award_in_doubt_is_kept_with_those_that_distinguish_it(book: Book, state: str) -> None:
    await book.give()
    await book.let_pass(2 * DAY_S)
    await book.give()
    await book.settle(await book.open(), NOT_REACHED)
    await book.let_pass(HOUR_S)
    opening = await book.open()
    if state != "pending":
        await book.settle(opening, LOST)
    if state == "not_applied":  # it is still looked for
        await book.settle_by_movements(opening.award.number, AwardState.NOT_APPLIED, why="not in the list")
    assert await list_kept(book) == {2: KeptReason.BESIDE_DOUBT, 4: KeptReason.IN_DOUBT}

    if state == "not_applied":
        await execute(book.database, "UPDATE awards SET next_check_time_ms = NULL")
    else:
        await book.let_pass(HOUR_S)
        await book.ledger.expire_leases()
        await book.ledger.settle_by_person("acme", 4, AwardState.APPLIED, "jo", "seen in the list")
        await book.let_pass(HOUR_S)
    assert await list_kept(book) == {}
    assert JANA not in {row["member_id"] for row in await read_rows(book)}


async def test_erasure_keeps_the_sums_and_never_sends_the_request_again(book: Book) -> None:
    award = await book.give(100, claimed_agent_email="ana@shop.example")
    await book.let_pass(HOUR_S)
    history = History(book.database, reversal_window_s=1800.0)
    before = await history.sum_awards("acme", AwardFilter(), AwardGrouping.AGENT)
    pseudonym = (await erase(book)).pseudonym

    assert await history.sum_awards("acme", AwardFilter(), AwardGrouping.AGENT) == before
    [found] = await history.list_page("acme", AwardFilter(member_id=pseudonym), None, 10)
    assert found.number == award.number
    assert await history.list_recent("acme", JANA) == ()
    again = await catch(RequestIdReusedError, book.open(100, request_id=award.request.request_id))
    assert again["award_id"] == "A-1"


@pytest_asyncio.fixture(loop_scope="session")
async def erasable(book: Book) -> Book:
    """A book with one award that may be forgotten."""
    about_jana: dict[str, Any] = {"note": "for Jana", "tier_before": "Gold", "member_support_id": "JN-4821"}
    await book.give(claimed_agent_email="ana@shop.example", **about_jana)
    return book


async def test_database_allows_no_other_change_than_an_erasure(erasable: Book) -> None:
    others = ["points = 1", "ticket_id = '7'", "number = 9", "request_id = 'another-1'", "reverses = 1"]
    others += ["is_debit = true", "is_debit = NULL"]
    others += ["state = 'not_applied'", "attempt = 2", "rejection_reason = 'x'", "retryable = true", "delayed = true"]
    others += [
        f"{name} = 'x'" for name in ("reason", "day", "movement_id", "provider_reference", "merchant_generation")
    ]
    others += [f"{name} = 'x'" for name in ("claimed_agent_email", "claimed_agent_name", "agent_key", "agent_name_key")]
    others += ["caller = 'x'", "identified_by = 'link'"]
    others += [f"{name} = 7" for name in ("attempt_time_ms", "create_time_ms", "update_time_ms", "next_check_time_ms")]
    others += ["lease_expire_time_ms = 7", "check_count = 7", "absent_count = 7"]
    others += ["needs_person = true", "is_ticket_verified = true"]
    statements = [
        "UPDATE awards SET member_id = 'zoe'",
        FORGET.replace("erased-1", "zoe"),
        FORGET.replace("erased-1", "ERASED-1"),
        "UPDATE awards SET member_id = 'erased-1'",
        "UPDATE awards SET member_id = 'erased-1', note = '', balance = NULL",
        FORGET.replace("note = ''", "note = 'x'"),
        FORGET.replace("balance = NULL", "balance = '7'"),
        FORGET.replace("member_support_id = ''", "member_support_id = 'x'"),
        FORGET.replace(", member_support_id = ''", ""),
        *(f"{FORGET}, {other}" for other in others),
    ]
    for statement in statements:
        with refused_by_database("stay as they were asked for"):
            await execute(erasable.database, statement)
    assert {other.partition(" ")[0] for other in others} >= {column.name for column in awards.c} - {
        *("merchant_id", "member_id", "member_support_id", "note", "tier_before", "balance")
    }, "every column was tried"


async def test_database_gives_a_forgotten_award_no_other_member(erasable: Book) -> None:
    await execute(erasable.database, FORGET)
    for member_id in (JANA, "erased-2"):
        with refused_by_database("stay as they were asked for"):
            await execute(erasable.database, f"UPDATE awards SET member_id = '{member_id}'")  # noqa: S608 - ours


async def test_database_keeps_the_member_of_an_award_in_doubt(book: Book) -> None:
    openings = [await book.open(member_id=name) for name in ("pending", "unknown", "watched")]
    for opening in openings[1:]:
        await book.settle(opening, LOST)
    await book.settle_by_movements(3, AwardState.NOT_APPLIED, why="not in the list")
    for number in (1, 2, 3):
        with refused_by_database("stay as they were asked for"):
            await execute(book.database, f"{FORGET} WHERE number = {number}")
