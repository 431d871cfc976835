"""Rows that a process of the older release leaves half written while it still runs beside this one: finished here."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, bindparam, case, select, text, update

from loyalty_service.awards.tables import awards
from loyalty_service.database import Database, now_ms
from loyalty_service.domain.award import make_agent_key
from loyalty_service.merchants.table import merchants

MAX_ROWS = 100

# No day and no agent, by which limits go; in doubt, and never to be looked for. Spelled as the partial index spells it.
_IS_UNFINISHED = text("(day = '' OR (state = 'unknown' AND next_check_time_ms IS NULL))")


class Repairs:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._find = select(awards.c.merchant_id).where(_IS_UNFINISHED).limit(1)
        self._lock = select(awards).where(_IS_UNFINISHED).limit(MAX_ROWS).with_for_update(skip_locked=True)
        of_merchant = merchants.c.merchant_id == bindparam("own_merchant_id")
        self._select_zone = select(merchants.c.time_zone).where(of_merchant)
        own = (awards.c.merchant_id == bindparam("own_merchant_id"), awards.c.number == bindparam("own_number"))
        never = (awards.c.state == "unknown") & awards.c.next_check_time_ms.is_(None)
        check_time_ms = case((never, now_ms()), else_=awards.c.next_check_time_ms)
        self._finish = update(awards).where(*own).values(next_check_time_ms=check_time_ms)

    async def finish_rows(self) -> None:
        """At most MAX_ROWS of them. Raises DATABASE_ERRORS."""
        if await self._database.read(lambda connection: connection.execute(self._find).first()) is not None:
            await self._database.write(self._finish_rows)

    def _finish_rows(self, connection: Connection) -> None:
        for row in connection.execute(self._lock).all():
            key = {"own_merchant_id": row.merchant_id, "own_number": row.number}
            zone = connection.execute(self._select_zone, key).scalar() or "UTC"
            connection.execute(self._finish, key | _spell_what_limits_go_by(row, ZoneInfo(zone)))


def _spell_what_limits_go_by(row: Row[Any], zone: ZoneInfo) -> dict[str, str]:
    return {
        "day": datetime.fromtimestamp(row.attempt_time_ms / 1000, zone).date().isoformat(),
        "agent_key": make_agent_key(row.claimed_agent_email or row.claimed_agent_name),
        "agent_name_key": make_agent_key(row.claimed_agent_name),
    }
