"""When lists without the award show that it was not applied: late enough, and two in a row."""

from sqlalchemy import select

from loyalty_service.awards.ledger.tables import awards
from loyalty_service.domain.award import AwardState
from tests.loyalty_service.kept import KeptDatabase
from tests.loyalty_service.reconciling import ListingProvider, Worker, run_worker


async def count_absences(worker: Worker) -> int:
    query = select(awards.c.absent_count)
    return int(await worker.database.read(lambda connection: connection.execute(query).scalar_one()))


async def test_list_counts_only_long_enough_after_the_last_possible_send(open_sqlite: KeptDatabase) -> None:
    """The attempt was opened one lease, 15 s, before that."""
    async with run_worker(open_sqlite.database, ListingProvider()) as worker:
        await worker.lose()
        await worker.look_after(minutes=15, seconds=2)
        early = await count_absences(worker)
        await worker.look_after(seconds=20)
        assert (early, await count_absences(worker)) == (0, 1)


async def test_useless_list_between_two_restarts_the_count(open_sqlite: KeptDatabase) -> None:
    provider = ListingProvider()
    async with run_worker(open_sqlite.database, provider) as worker:
        await worker.lose()
        counts = []
        for is_complete in (True, False, True):
            provider.is_complete = is_complete
            await worker.look_after(hours=1)
            counts.append(await count_absences(worker))
        assert counts == [1, 0, 1]
        assert await worker.read_state() is AwardState.UNKNOWN
