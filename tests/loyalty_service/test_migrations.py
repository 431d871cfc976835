"""A database of an older release, with awards in it, is brought up to date and reads right."""

from typing import Any

import pytest
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError

from loyalty_service.awards.history import History
from loyalty_service.database import MIGRATIONS, make_database
from loyalty_service.domain.award import AwardState
from loyalty_service.domain.award_filter import AwardFilter, AwardGrouping
from loyalty_service.domain.errors import LimitExceededError, RequestIdReusedError
from loyalty_service.domain.limits import Limits
from loyalty_service.merchants.table import merchants
from tests.loyalty_service.ledgers import NO_LIMITS, catch, open_book
from tests.loyalty_service.scripted import JANA

# 23:30 UTC on 22 November 2026: the 23rd in Bratislava.
LATE_MS = 1_795_390_200_000
MERCHANT = (
    "INSERT INTO merchants VALUES ('acme', 'https://api.trifft.io', 'encrypted', '', 'Europe/Bratislava', 'sk', '',"
    " 500, '1', 0, 0)"
)
AWARD = text(
    "INSERT INTO awards (merchant_id, number, request_id, member_id, points, note, ticket_id, claimed_agent_email,"
    " claimed_agent_name, state, attempt, attempt_time_ms, lease_expire_time_ms, rejection_reason, retryable,"
    " provider_reference, balance, delayed, create_time_ms, update_time_ms) VALUES (:merchant_id, :number,"
    " :request_id, :member_id, 100, '', '4711', '', 'ŽOFIA', :state, 1, :time_ms, :time_ms, NULL, false, :reference,"
    " NULL, false, :time_ms, :time_ms)"
)
REVERSIBLE = text(
    str(AWARD)
    .replace(", update_time_ms)", ", update_time_ms, reverses)")
    .replace("false, :time_ms, :time_ms)", "false, :time_ms, :time_ms, :reverses)")
)
CHANGE = text(
    "INSERT INTO award_changes (merchant_id, number, attempt, state, rejection_reason, provider_reference,"
    " change_time_ms) VALUES ('acme', 1, 1, :state, NULL, NULL, :time_ms)"
)


def upgrade(connection: Connection, revision: str) -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def write_older_award(connection: Connection, number: int, state: str = "applied", reverses: int | None = None) -> None:
    """As a release without deductions does, Jana's."""
    values = {"merchant_id": "acme", "state": state, "time_ms": LATE_MS, "number": number, "member_id": JANA}
    values |= {"request_id": f"older-{number}", "reverses": reverses}
    values |= {"reference": f"movement-{number}" if state == "applied" else None}
    connection.execute(REVERSIBLE, values)


def make_release_0001(connection: Connection) -> None:
    upgrade(connection, "0001")
    connection.execute(text(MERCHANT))
    states = [("acme", "applied"), ("acme", "unknown"), ("removed", "applied"), ("acme", "rejected")]
    for number, (merchant_id, state) in enumerate(states, start=1):
        values = {"merchant_id": merchant_id, "state": state, "time_ms": LATE_MS, "number": number}
        values |= {"request_id": f"request-{number}", "member_id": f"member-{number}"}
        values |= {"reference": "movement-1" if state == "applied" else None}
        connection.execute(AWARD, values)
    connection.execute(text("INSERT INTO award_numbers VALUES ('acme', 4)"))
    for state in ("pending", "applied"):
        connection.execute(CHANGE, {"state": state, "time_ms": LATE_MS})


@pytest.fixture
async def old_database_url(empty_database_url: str) -> str:
    database = make_database(empty_database_url)
    await database.write(make_release_0001)
    await database.dispose()
    return empty_database_url


async def test_awards_of_an_older_release_read_as_they_were(old_database_url: str) -> None:
    async with open_book(old_database_url) as book:
        applied, unknown = await book.read(1), await book.read(2)

    assert (applied.state, unknown.state) == (AwardState.APPLIED, AwardState.UNKNOWN)
    assert applied.receipt is not None
    assert applied.receipt.provider_reference == "movement-1"
    assert (applied.request.reason, applied.request.reverses, applied.reversed_by) == ("", None, None)
    assert applied.reverse_expire_time is None


async def test_changes_of_an_older_release_tell_from_what_to_what(old_database_url: str) -> None:
    async with open_book(old_database_url) as book:
        changes = await History(book.database, reversal_window_s=1800.0).list_changes("acme", 1)

    assert [(change.from_state, change.to_state) for change in changes] == [
        (None, AwardState.PENDING),
        (AwardState.PENDING, AwardState.APPLIED),
    ]


async def test_days_and_agents_of_older_awards_are_the_shop_s(old_database_url: str) -> None:
    """SQLite knows no time zones."""
    async with open_book(old_database_url) as book:
        history = History(book.database, reversal_window_s=1800.0)
        by_day = await history.sum_awards("acme", AwardFilter(), AwardGrouping.DAY)
        by_agent = await history.sum_awards("acme", AwardFilter(), AwardGrouping.AGENT)
        of_a_removed_shop = await history.sum_awards("removed", AwardFilter(), AwardGrouping.DAY)

    assert [one.key for one in by_day] == ["2026-11-23"]
    assert [(one.key, one.points, one.in_doubt_points) for one in by_agent] == [("Žofia", 100, 100)]
    assert [one.key for one in of_a_removed_shop] == ["2026-11-22"]


async def test_shops_of_an_older_release_have_the_default_limits_and_no_reasons(old_database_url: str) -> None:
    names = [f"max_points_per_{name}" for name in ("award", "ticket", "member_day", "merchant_day", "agent_day")]
    query = select(*(merchants.c[name] for name in [*names, "award_reasons"]))

    async with open_book(old_database_url) as book:
        row = await book.database.read(lambda connection: connection.execute(query).one())

    assert row == (500, 500, 0, 0, 0, "[]")


async def test_older_awards_count_for_limits_and_their_doubts_are_looked_for(old_database_url: str) -> None:
    async with open_book(old_database_url) as book:
        refusal = await catch(LimitExceededError, book.open(301, limits=Limits(), ticket_id="4711"))

        assert (refusal["limit"], refusal["used"]) == ("per_ticket", "200")
        assert await book.read_column(2, "next_check_time_ms") == 0


async def test_older_awards_keep_their_requests_but_for_those_that_were_refused(old_database_url: str) -> None:
    async with open_book(old_database_url) as book:
        fields: dict[str, Any] = {"ticket_id": "4711", "limits": NO_LIMITS}
        refused = await book.open(100, member_id="member-4", request_id="request-4", **fields)
        other = await book.open(50, member_id="member-4", request_id="request-4", **fields)
        replay = await book.open(100, member_id="member-1", request_id="request-1", **fields)
        kept = await catch(RequestIdReusedError, book.open(50, member_id="member-1", request_id="request-1", **fields))

    answers = [(one.award.number, one.is_ours) for one in (refused, other, replay)]
    assert (answers, kept) == ([(4, False), (5, True), (1, False)], {"award_id": "A-1"})


async def test_reversals_of_an_older_release_took_points(empty_database_url: str) -> None:
    def make_release_0005(connection: Connection) -> None:
        upgrade(connection, "0005")
        write_older_award(connection, 1)
        write_older_award(connection, 2, reverses=1)

    database = make_database(empty_database_url)
    await database.write(make_release_0005)
    await database.dispose()

    async with open_book(empty_database_url) as book:
        assert [await book.read_column(number, "is_debit") for number in (1, 2)] == [False, True]


async def test_process_of_the_older_release_may_write_beside_this_one(database_url: str) -> None:
    """It knows of no deductions: an award of its gives, a reversal takes. It takes nothing a second time."""

    def write_awards(connection: Connection) -> None:
        write_older_award(connection, 2)
        write_older_award(connection, 3, reverses=2)
        write_older_award(connection, 4)
        write_older_award(connection, 5, state="rejected")

    async with open_book(database_url) as book:
        deduction = await book.give(30, is_debit=True, ticket_id="4711")
        await book.database.write(write_awards)
        with pytest.raises(DBAPIError, match="a reversal goes the other way"):
            await book.database.write(lambda connection: write_older_award(connection, 6, reverses=deduction.number))

        written = [(await book.read(number)).request.signed_points for number in (2, 3, 4, 5)]
        limit = Limits(per_award=None, per_ticket=150)
        refusal = await catch(LimitExceededError, book.open(51, limits=limit, ticket_id="4711"))
        [total] = await History(book.database, reversal_window_s=1800.0).sum_awards(
            "acme", AwardFilter(ticket_id="4711"), AwardGrouping.REASON
        )

    assert written == [100, -100, 100, 100]
    assert refusal["used"] == "100"
    assert (total.points, total.reversed_points, total.removed_points) == (200, 100, 30)


async def test_refused_award_of_the_older_release_is_tried_again(database_url: str) -> None:
    def write_refused(connection: Connection) -> None:
        write_older_award(connection, 1, state="rejected")
        connection.execute(text("UPDATE awards SET retryable = true"))

    async with open_book(database_url) as book:
        await book.database.write(write_refused)
        again = await book.open(100, request_id="older-1", ticket_id="4711")
        assert (again.award.number, again.is_ours, await book.read_column(1, "is_debit")) == (1, True, False)
