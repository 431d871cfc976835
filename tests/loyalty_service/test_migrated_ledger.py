"""A ledger from an earlier version: after the migration its awards have neither caller nor `identified_by`."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from loyalty_service.awards.ledger.read import History
from loyalty_service.callers.store import CallerStore
from loyalty_service.database import SCHEMA, open_database
from loyalty_service.domain.award import IdentifiedBy
from loyalty_service.domain.award_filter import AwardFilter
from runtime.clock import SystemClock
from runtime.database import open_database as open_with_schema
from tests.loyalty_service.books import refused_by_database
from tests.statements import execute

AWARD: dict[str, Any] = {
    "merchant_id": "acme",
    "number": 1,
    "request_id": "request-1",
    "member_id": "jana",
    "points": 100,
    "is_debit": False,
    "note": "for the wait",
    "ticket_id": "4711",
    "claimed_agent_email": "ana@shop.example",
    "claimed_agent_name": "Ana",
    "state": "applied",
    "attempt": 1,
    "attempt_time_ms": 1,
    "lease_expire_time_ms": 1,
    "day": "2026-11-23",
    "retryable": False,
    "delayed": False,
    "create_time_ms": 1,
    "update_time_ms": 1,
}


@pytest.fixture
async def older_url(empty_database_url: str, tmp_path: Path) -> str:
    """A database from before there were callers, with one award."""
    steps = tmp_path / "migrations"
    steps.mkdir()
    for path in SCHEMA.migrations.glob("v000[12]_*.py"):
        shutil.copy(path, steps)
    insert = text(f"INSERT INTO awards ({', '.join(AWARD)}) VALUES (:{', :'.join(AWARD)})")  # noqa: S608  names above
    older = msgspec.structs.replace(SCHEMA, migrations=steps)
    async with open_with_schema(empty_database_url, older) as database:
        await database.write(lambda connection: connection.execute(insert, AWARD))
    return empty_database_url


async def test_award_from_before_there_were_callers_has_no_caller(older_url: str) -> None:
    async with open_database(older_url) as database:
        [award] = await History(database, reversal_window_s=1800.0).list_page("acme", AwardFilter(), None, 10)

        assert (award.request.caller, award.award_id, award.request.note) == ("", "A-1", "for the wait")
        assert award.request.identified_by is IdentifiedBy.UNSPECIFIED
        assert await CallerStore(database, SystemClock()).list_all() == []


async def test_migrated_ledger_is_protected_as_before(older_url: str) -> None:
    forget = "UPDATE awards SET member_id = 'erased-1', member_support_id = '', note = '', tier_before = ''"
    async with open_database(older_url) as database:
        for statement in (
            "UPDATE awards SET points = 7",
            "UPDATE awards SET member_id = 'zoe'",
            f"{forget}, caller = 'x'",
            f"{forget}, identified_by = 'link'",
        ):
            with refused_by_database("stay as they were asked for"):
                await execute(database, statement)
        await execute(database, forget)


async def test_process_of_the_earlier_version_still_writes_after_the_migration(older_url: str) -> None:
    """Both versions run on one database during a deployment."""
    async with open_database(older_url) as database:
        names = ", ".join(AWARD)
        values = ", ".join({"number": "2", "request_id": "'request-2'"}.get(name, name) for name in AWARD)
        await execute(database, f"INSERT INTO awards ({names}) SELECT {values} FROM awards")  # noqa: S608  names above
        awards = await History(database, reversal_window_s=1800.0).list_page("acme", AwardFilter(), None, 10)

    assert [award.request.caller for award in awards] == ["", ""]
