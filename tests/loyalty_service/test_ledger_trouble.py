"""A disk that fills up, and a database server that is restarted under load: nothing is sent that is not on record."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from loyalty_service.database import DATABASE_ERRORS
from loyalty_service.domain.errors import AwardInDoubtError
from tests.loyalty_service.ledgers import Desk, open_desk
from tests.loyalty_service.running import make_request_id, wait_until
from tests.loyalty_service.scripted import ScriptedProvider, make_member

NO_BOUND = 1_000_000_000
CLERKS = 12
AWARDS_A_CLERK = 8
LAST_CHANGES = """
SELECT awards.request_id, awards.state, (
  SELECT state FROM award_changes AS changes
  WHERE changes.merchant_id = awards.merchant_id AND changes.number = awards.number
  ORDER BY change_id DESC LIMIT 1
) AS last_state FROM awards
"""


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Kept from the console, where a traceback takes a second to draw."""
    with capture_logs():
        yield


async def test_ledger_whose_disk_is_full_sends_nothing_that_is_not_on_record(
    new_sqlite_url: str, provider: ScriptedProvider
) -> None:
    async with open_desk(new_sqlite_url, provider) as desk:
        await desk.merchants.add(desk.merchant)
        await desk.database.write(lambda connection: bound(connection, more_pages=8))
        with pytest.raises((OperationalError, AwardInDoubtError)):
            await fill(desk)
        sent = len(provider.credits)
        await desk.database.write(lambda connection: bound(connection, pages=NO_BOUND))
        await wait_until(lambda: not desk.awards._tasks)
        await settle(desk)
        again = await desk.award(1, ticket_id="again")

    assert sent > 0
    assert again.award.state.value == "applied"
    assert_books_agree(provider, await read_states_of(new_sqlite_url, provider))


async def test_postgresql_that_is_restarted_under_load_loses_and_doubles_nothing(
    new_postgres_url: str,
    restart_postgres: Callable[[], None],
    provider: ScriptedProvider,
) -> None:
    provider.members = {f"member-{number}": make_member(f"member-{number}") for number in range(CLERKS)}
    async with open_desk(new_postgres_url, provider) as desk:
        await desk.merchants.add(desk.merchant)
        clerks = asyncio.gather(*(work(desk, member_id) for member_id in provider.members))
        for credits_before in (CLERKS, 3 * CLERKS):
            await wait_until(lambda least=credits_before: len(provider.credits) >= least or clerks.done())  # type: ignore[misc]
            await asyncio.to_thread(restart_postgres)
        await clerks
        await wait_until(lambda: not desk.awards._tasks)
        await settle(desk)

    assert len(provider.credits) >= 3 * CLERKS
    assert_books_agree(provider, await read_states_of(new_postgres_url, provider))


async def fill(desk: Desk) -> None:
    for number in range(500):
        await desk.award(1, answer_s=0.2, ticket_id=str(number), note="x" * 200)


async def work(desk: Desk, member_id: str) -> None:
    """Give awards, one after the other; one that met a failing ledger is asked for again, as a caller would."""
    for number in range(AWARDS_A_CLERK):
        request_id = make_request_id()
        while True:
            try:
                await desk.award(number + 1, request_id=request_id, member_id=member_id)
            except AwardInDoubtError:
                return
            except DATABASE_ERRORS:
                await asyncio.sleep(0.02)  # until the server is back
            else:
                break


def bound(connection: Connection, *, more_pages: int = 0, pages: int = 0) -> None:
    """The file may grow so far."""
    now = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {pages or now + more_pages}")


async def settle(desk: Desk) -> None:
    """What nobody has written down in time is unknown."""
    await desk.let_pass(20)
    await desk.awards.expire_leases()


async def read_states_of(database_url: str, provider: ScriptedProvider) -> list[tuple[str, str, str]]:
    """(request, state, the last one on record) of each award."""
    async with open_desk(database_url, provider) as desk:
        rows = await desk.database.read(lambda connection: connection.execute(text(LAST_CHANGES)).all())
    return [(row.request_id, row.state, row.last_state) for row in rows]


def assert_books_agree(provider: ScriptedProvider, states: list[tuple[str, str, str]]) -> None:
    sent = Counter(credit.reference.partition(":")[2] for credit in provider.credits)
    assert set(sent.values()) == {1}
    assert sent.keys() <= {request_id for request_id, _, _ in states}
    assert [state for _, state, _ in states] == [last_state for _, _, last_state in states]
    assert {state for request_id, state, _ in states if request_id in sent} <= {"applied", "unknown"}
    assert {state for request_id, state, _ in states if request_id not in sent} <= {"unknown", "rejected"}
