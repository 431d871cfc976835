"""The ledger of awards: a row is written before the provider is called, and every change of state is recorded.

The database ensures for all processes: one award per `request_id` that is not REJECTED, one unsettled award per member,
one reversal per award, numbers without gaps, one sender per attempt, limits. Leases use its clock.
"""

from datetime import timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import ColumnElement, select, union_all

from loyalty_service.awards.ledger.idempotency import load_record, select_record
from loyalty_service.awards.ledger.open import Opener, Opening
from loyalty_service.awards.ledger.rows import AwardRows, is_award, is_one_of, load_award
from loyalty_service.awards.ledger.settle import OVERDUE, Change, Settlement, Settler, mark_needs_person
from loyalty_service.awards.ledger.tables import awards
from loyalty_service.domain.award import Award, AwardRequest, AwardState, Content, Receipt
from loyalty_service.domain.limits import NO_LIMITS, Limits
from loyalty_service.metrics import Metrics
from runtime.database import Database

logger = structlog.get_logger()


class Ledger:
    """`lease_s`: how long an attempt may stay PENDING. `repeat_window_s`, `repeat_window`: see `open`.

    `reversal_window_s`: how long after it became APPLIED an award may be taken back. `metrics` count each change once.
    All methods raise DatabaseError.
    """

    def __init__(
        self,
        database: Database,
        *,
        lease_s: float,
        repeat_window_s: float,
        reversal_window_s: float,
        metrics: Metrics | None = None,
    ) -> None:
        self.repeat_window = timedelta(seconds=repeat_window_s)
        self._database = database
        self._metrics = metrics or Metrics()
        self._rows = AwardRows(reversal_window_s)
        self._select_record = union_all(*select_record(self._rows))
        lease_ms, repeat_window_ms = round(lease_s * 1000), round(repeat_window_s * 1000)
        self._opener = Opener(self._rows, lease_ms=lease_ms, repeat_window_ms=repeat_window_ms)
        self._settler = Settler(self._rows)

    async def find(self, merchant_id: str, request_id: str) -> Award | None:
        """Find the award that is bound to this `request_id`; if there is none, the newest refused one."""
        return await self._find(awards.c.merchant_id == merchant_id, awards.c.request_id == request_id)

    async def find_number(self, merchant_id: str, number: int) -> Award | None:
        return await self._find(is_award(merchant_id, number))

    async def find_replay(self, merchant_id: str, request_id: str, content: Content) -> Award | None:
        """Find the award with which `open` answers this request. None: it would open or refuse one.

        Raises RequestIdReusedError.
        """
        own = {"own_merchant_id": merchant_id, "own_request_id": request_id}
        found = await self._database.read(lambda connection: connection.execute(self._select_record, own).all())
        return load_record(found).find_replay(content)

    async def open(self, request: AwardRequest, limits: Limits, zone: ZoneInfo) -> Opening:
        """Open an award as PENDING, unless it is on record already. `zone`: the limits' days are in this zone.

        It is on record if an award has the same `request_id`, or the same points, direction, member and ticket within
        the repeat window, and is neither refused nor taken back. A REJECTED, retryable award is opened for another
        attempt. Beside REJECTED awards with other content, another one is opened under the same `request_id`.

        Raises RequestIdReusedError, AwardInDoubtError while another award of the member is PENDING or UNKNOWN, and
        LimitExceededError.
        """
        return await self._database.write(lambda connection: self._opener.open(connection, request, limits, zone))

    async def open_reversal(self, request: AwardRequest, zone: ZoneInfo) -> Opening:
        """Open a reversal of the award `request.reverses` as PENDING, unless one is on record already.

        It is on record if a reversal has the same `request_id`, or another one and is PENDING, UNKNOWN or APPLIED.
        Limits do not count reversals.

        Raises RequestIdReusedError, AwardNotFoundError, AwardStateError if the award is not APPLIED or is a reversal
        itself, ReversalTooLateError, and AwardInDoubtError while another award of the member is PENDING or UNKNOWN.
        """
        return await self.open(request, NO_LIMITS, zone)

    async def settle(self, award: Award, settlement: Settlement) -> Award:
        """Record the outcome of the attempt.

        If its lease ran out meanwhile, the award is UNKNOWN, and changes from that. APPLIED also replaces a NOT_APPLIED
        that was found meanwhile: the provider's own answer counts more.
        """
        return self._count_change(
            await self._database.write(lambda connection: self._settler.settle(connection, award, settlement))
        )

    async def settle_by_person(
        self, merchant_id: str, number: int, state: AwardState, actor: str, because: str
    ) -> Award:
        """Record a person's finding: APPLIED or NOT_APPLIED for an UNKNOWN award, APPLIED for a NOT_APPLIED one.

        Does nothing if the award has that state already. Raises AwardNotFoundError, AwardStateError.
        """
        receipt = Receipt(provider_reference="", balance=None, delayed=False)
        settlement = Settlement(state=state, receipt=receipt if state is AwardState.APPLIED else None, why=because)
        return self._count_change(
            await self._database.write(
                lambda connection: self._settler.settle_by_person(connection, merchant_id, number, settlement, actor)
            )
        )

    async def settle_by_movements(self, merchant_id: str, number: int, settlement: Settlement) -> Award:
        """Record the finding of reconciliation, as `settle_by_person` does; returns the award after it.

        Does nothing if the award's state has changed meanwhile. Unless it is APPLIED, the caller plans the next check.
        Raises AwardNotFoundError, and IntegrityError or MovementUsedError if the movement is another award's.
        """
        return self._count_change(
            await self._database.write(
                lambda connection: self._settler.settle_by_movements(connection, merchant_id, number, settlement)
            )
        )

    async def mark_needs_person(self, merchant_id: str, number: int) -> None:
        """Mark an UNKNOWN award that the provider's movements cannot settle."""
        await self._database.write(lambda connection: mark_needs_person(connection, merchant_id, number))

    async def expire_leases(self) -> list[Award]:
        """Change every PENDING award with an expired lease to UNKNOWN. Returns the awards that this call changed."""
        overdue = select(awards.c.number).where(OVERDUE).limit(1)
        if await self._database.read(lambda connection: connection.execute(overdue).first()) is None:
            return []
        return [self._count_change(change) for change in await self._database.write(self._settler.expire)]

    async def _find(self, *wanted: ColumnElement[bool]) -> Award | None:
        is_refused = is_one_of(awards, [AwardState.REJECTED])
        query = self._rows.select.where(*wanted).order_by(is_refused, awards.c.number.desc()).limit(1)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else load_award(row)

    def _count_change(self, change: Change) -> Award:
        """Count a committed change. Returns the award after it."""
        award = change.after
        if award.state is not change.before.state:
            self._metrics.count(award)
            if change.before.state is AwardState.NOT_APPLIED:
                logger.error("award_seen_late", merchant_id=award.request.merchant_id, award_id=award.award_id)
                self._metrics.seen_late.inc()
        return award
