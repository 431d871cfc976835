"""What is written at the same time is written together, and each of it stands or falls by itself."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError, OperationalError

from loyalty_service.batches import MAX_BATCH, Batches
from loyalty_service.database import open_database
from tests.loyalty_service.running import wait_until

LAST_NUMBERS = text("SELECT merchant_id FROM award_numbers ORDER BY merchant_id")


class Disk:
    """Keeps what is written to it; the first batch waits until it is let through."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.is_free = asyncio.Event()

    async def write(self, items: Sequence[str]) -> list[str | Exception]:
        self.batches.append(list(items))
        await self.is_free.wait()
        if "poison" in items:
            raise IntegrityError("INSERT", None, ValueError("poison"))
        if "outage" in items:
            raise OperationalError("INSERT", None, ValueError("outage"))
        return [LookupError(item) if item == "refused" else f"{item} written" for item in items]


async def put_behind_one(disk: Disk, items: Sequence[str]) -> list[str | BaseException]:
    """What becomes of `items`, all of which have come while another one was being written."""
    batches = Batches(disk.write)
    first = asyncio.ensure_future(batches.put("acme", "first"))
    await wait_until(lambda: disk.batches)
    calls = [asyncio.ensure_future(batches.put("acme", item)) for item in items]
    await asyncio.sleep(0)
    disk.is_free.set()
    await first
    return await asyncio.gather(*calls, return_exceptions=True)


async def test_what_comes_while_a_batch_is_written_is_the_next_batch() -> None:
    disk = Disk()

    answers = await put_behind_one(disk, ["a", "b", "c"])

    assert disk.batches == [["first"], ["a", "b", "c"]]
    assert answers == ["a written", "b written", "c written"]


async def test_batch_has_its_bound() -> None:
    disk = Disk()

    await put_behind_one(disk, ["a"] * (MAX_BATCH + 1))

    assert [len(batch) for batch in disk.batches] == [1, MAX_BATCH, 1]


async def test_queues_do_not_wait_for_one_another() -> None:
    disk = Disk()
    batches = Batches(disk.write)
    calls = [asyncio.ensure_future(batches.put(queue, queue)) for queue in ("acme", "bloom")]

    await wait_until(lambda: disk.batches == [["acme"], ["bloom"]])
    disk.is_free.set()
    await asyncio.gather(*calls)


async def test_error_of_one_item_is_that_one_s() -> None:
    refused, written = await put_behind_one(Disk(), ["refused", "b"])

    assert isinstance(refused, LookupError)
    assert written == "b written"


async def test_item_that_the_database_refuses_fails_alone() -> None:
    disk = Disk()

    poison, written = await put_behind_one(disk, ["poison", "b"])

    assert isinstance(poison, IntegrityError)
    assert written == "b written"
    assert disk.batches == [["first"], ["poison", "b"], ["poison"], ["b"]]


async def test_outage_fails_all_who_wait_and_is_not_asked_again() -> None:
    disk = Disk()

    answers = await put_behind_one(disk, ["outage", "b"])

    assert [type(answer) for answer in answers] == [OperationalError] * 2
    assert disk.batches == [["first"], ["outage", "b"]]


async def test_caller_who_goes_away_takes_nothing_back() -> None:
    disk = Disk()
    batches = Batches(disk.write)
    calls = [asyncio.ensure_future(batches.put("acme", item)) for item in "ab"]
    await asyncio.sleep(0)
    calls[0].cancel()
    disk.is_free.set()

    assert await calls[1] == "b written"
    assert [item for batch in disk.batches for item in batch] == ["a", "b"]


def add(merchant_id: str) -> str:
    return f"INSERT INTO award_numbers VALUES ('{merchant_id}', 1)"  # noqa: S608  written below


async def test_work_that_fails_leaves_no_trace_and_its_company_stays(database_url: str) -> None:
    def refuse(connection: Connection) -> None:
        connection.exec_driver_sql(add("refused"))
        raise LookupError

    def collide(connection: Connection) -> None:
        connection.exec_driver_sql(add("collided"))
        connection.exec_driver_sql(add("collided"))

    def write(connection: Connection) -> str:
        connection.exec_driver_sql(add("written"))
        return "written"

    async with open_database(database_url) as database:
        answers = await asyncio.gather(*map(database.write, (refuse, collide, write)), return_exceptions=True)
        there = await database.read(lambda connection: connection.scalars(LAST_NUMBERS).all())

    assert [type(answer) for answer in answers] == [LookupError, IntegrityError, str]
    assert there == ["written"]
