"""Parts of the bench that its quick run leaves out."""

import tempfile
from pathlib import Path

from bench.commits import commit_to_postgresql
from bench.databases import open_databases
from bench.day.events import DayScale, Kind, make_day


async def test_bare_commits_to_postgresql_are_counted() -> None:
    """Only this differs in the rows of awards on PostgreSQL, which the quick bench leaves out to save time."""
    with tempfile.TemporaryDirectory() as folder:  # short, since the paths of sockets must be short
        async with open_databases("postgresql", Path(folder)) as (url, _):
            assert await commit_to_postgresql(url, clients=2, seconds=0.01) > 0


def test_a_day_is_the_same_for_the_same_seed_and_in_the_order_of_time() -> None:
    scale = DayScale(shops=20, seconds=30.0)
    day = make_day(scale)
    assert day == make_day(scale)
    assert [event.at_s for event in day] == sorted(event.at_s for event in day)
    assert {event.kind for event in day} == set(Kind)
    assert day != make_day(DayScale(shops=20, seconds=30.0, seed=2))
