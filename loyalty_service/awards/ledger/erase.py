"""Erases a person from the ledger: which values of their awards go, and which stay.

Kept of each award for audits: amount, times, agent, ticket, number, state, reason, the kind of address by which the
member was found, and the provider's number of the movement. Gone: the member, the support ID, the note, the tier, the
balance. A random pseudonym still groups one person's awards. The triggers allow only this change.
"""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, insert, select, update

from loyalty_service.awards.ledger.rows import AwardRows, load_award
from loyalty_service.awards.ledger.tables import award_numbers, awards, erasures
from loyalty_service.domain.award import UNSETTLED, Award, AwardState
from loyalty_service.domain.erasure import PSEUDONYM_PREFIX, Erasure, KeptAward, KeptReason
from runtime.database import Database
from runtime.sql import now_ms

# A movement may be booked later than requested: awards sent up to this time before an unsettled one are needed to tell
# their movements apart.
BESIDE = timedelta(days=1)
_PSEUDONYM_BYTES = 8

logger = structlog.get_logger()


class Erasures:
    """`reversal_window_s` as in Ledger."""

    def __init__(self, database: Database, *, reversal_window_s: float) -> None:
        self._database = database
        self._select = AwardRows(reversal_window_s).select.order_by(awards.c.number)

    async def erase(self, merchant_id: str, member_id: str, actor: str) -> Erasure:
        """Put a pseudonym on the member's settled awards. Records who wanted it, even if there were none."""
        erasure = await self._database.write(lambda connection: self._erase(connection, merchant_id, member_id, actor))
        counts = {"award_count": erasure.award_count, "kept_count": len(erasure.kept)}
        logger.info("member_erased", merchant_id=merchant_id, **counts)
        return erasure

    def _erase(self, connection: Connection, merchant_id: str, member_id: str, actor: str) -> Erasure:
        # The lock for opening a merchant's awards: no reversal of these can be opened meanwhile.
        numbers = select(award_numbers.c.last_number).where(award_numbers.c.merchant_id == merchant_id)
        connection.execute(numbers.with_for_update())
        of_member = (awards.c.merchant_id == merchant_id, awards.c.member_id == member_id)
        rows = connection.execute(self._select.where(*of_member).with_for_update(of=awards)).all()
        kept = _find_kept(rows)
        kept_numbers = {one.number for one in kept}
        forgotten = [row.number for row in rows if row.number not in kept_numbers]
        pseudonym = PSEUDONYM_PREFIX + secrets.token_hex(_PSEUDONYM_BYTES) if forgotten else ""
        blank = {"member_id": pseudonym, "member_support_id": "", "note": "", "tier_before": "", "balance": None}
        connection.execute(update(awards).where(*of_member, awards.c.number.in_(forgotten)).values(blank))
        record = {"merchant_id": merchant_id, "pseudonym": pseudonym, "actor": actor}
        counts = {"award_count": len(forgotten), "kept_count": len(kept)}
        connection.execute(insert(erasures).values(**record, **counts, erase_time_ms=now_ms()))
        return Erasure(pseudonym=pseudonym, award_count=len(forgotten), kept=tuple(kept))


def _find_kept(rows: Sequence[Row[Any]]) -> list[KeptAward]:
    found = [(load_award(row), _is_unsettled(row)) for row in rows]
    unsettled_times = [award.attempt_time for award, is_unsettled in found if is_unsettled]
    since = min(unsettled_times) - BESIDE if unsettled_times else None
    kept = []
    for award, is_unsettled in found:
        if is_unsettled:
            kept.append(KeptAward(number=award.number, why=KeptReason.IN_DOUBT))
        elif since is not None and award.attempt_time >= since and award.state is not AwardState.REJECTED:
            kept.append(KeptAward(number=award.number, why=KeptReason.BESIDE_DOUBT))
        elif award.reverse_expire_time is not None:
            kept.append(_make_reversible(award))
    return kept


def _is_unsettled(row: Row[Any]) -> bool:
    return AwardState(row.state) in UNSETTLED or row.next_check_time_ms is not None


def _make_reversible(award: Award) -> KeptAward:
    return KeptAward(number=award.number, why=KeptReason.REVERSIBLE, until=award.reverse_expire_time)
