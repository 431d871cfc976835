"""The ledger of awards: a row before the provider is called, and every change of its state on record.

What must hold between processes holds in the database: one award per `request_id` that is not REJECTED, one unsettled
award per member, one reversal per award, numbers without gaps, one sender per attempt, limits. Leases run on its clock.
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

    `reversal_window_s`: for how long after it became APPLIED an award may be taken back. `metrics`: where each change
    is counted, once. All methods raise DatabaseError.
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
        """The award that keeps this `request_id` for itself; where there is none, the newest that was refused."""
        return await self._find(awards.c.merchant_id == merchant_id, awards.c.request_id == request_id)

    async def find_number(self, merchant_id: str, number: int) -> Award | None:
        return await self._find(is_award(merchant_id, number))

    async def find_replay(self, merchant_id: str, request_id: str, content: Content) -> Award | None:
        """The award with which `open` answers this request, whatever its limits; None where it opens one, or refuses.

        Raises RequestIdReusedError.
        """
        own = {"own_merchant_id": merchant_id, "own_request_id": request_id}
        found = await self._database.read(lambda connection: connection.execute(self._select_record, own).all())
        return load_record(found).find_replay(content)

    async def open(self, request: AwardRequest, limits: Limits, zone: ZoneInfo) -> Opening:
        """Put an award on record as PENDING, unless it is there already. `zone`: whose days the limits go by.

        It is there when it has the same `request_id`, or when the same points went the same way, for the same member on
        the same ticket, within the repeat window, were not refused and are not taken back. A REJECTED, retryable one is
        opened for another attempt. Beside REJECTED ones with other content, another is opened under the same
        `request_id`.

        Raises RequestIdReusedError, AwardInDoubtError while another award of the member is PENDING or UNKNOWN, and
        LimitExceededError.
        """
        return await self._database.write(lambda connection: self._opener.open(connection, request, limits, zone))

    async def open_reversal(self, request: AwardRequest, zone: ZoneInfo) -> Opening:
        """Put on record as PENDING that the award `request.reverses` is taken back, unless that is there already.

        It is there when it has the same `request_id`, or when it is PENDING, UNKNOWN or APPLIED under another. No
        limit counts it.

        Raises RequestIdReusedError, AwardNotFoundError, AwardStateError where the award is not APPLIED or is a reversal
        itself, ReversalTooLateError, and AwardInDoubtError while another award of the member is PENDING or UNKNOWN.
        """
        return await self.open(request, NO_LIMITS, zone)

    async def settle(self, award: Award, settlement: Settlement) -> Award:
        """Write what became of the attempt. One whose lease ran out meanwhile is UNKNOWN, and goes on from there.

        It is APPLIED even where somebody has found meanwhile that it was not: the provider's own word is better.
        """
        return self._count_change(
            await self._database.write(lambda connection: self._settler.settle(connection, award, settlement))
        )

    async def settle_by_person(
        self, merchant_id: str, number: int, state: AwardState, actor: str, because: str
    ) -> Award:
        """Write what a person found out: APPLIED or NOT_APPLIED of an UNKNOWN award, APPLIED of a NOT_APPLIED one.

        Does nothing where it is so already. Raises AwardNotFoundError, AwardStateError.
        """
        receipt = Receipt(provider_reference="", balance=None, delayed=False)
        settlement = Settlement(state=state, receipt=receipt if state is AwardState.APPLIED else None, why=because)
        return self._count_change(
            await self._database.write(
                lambda connection: self._settler.settle_by_person(connection, merchant_id, number, settlement, actor)
            )
        )

    async def settle_by_movements(self, merchant_id: str, number: int, settlement: Settlement) -> Award:
        """Write what the provider's movements tell, as `settle_by_person`; returns the award as it is then.

        Does nothing where its state is another by now. Leaves it to the caller when it is looked at again, unless it is
        APPLIED. Raises AwardNotFoundError, and IntegrityError or MovementUsedError where the movement is another's.
        """
        return self._count_change(
            await self._database.write(
                lambda connection: self._settler.settle_by_movements(connection, merchant_id, number, settlement)
            )
        )

    async def mark_needs_person(self, merchant_id: str, number: int) -> None:
        """Say of an award that is UNKNOWN that the provider's movements do not tell."""
        await self._database.write(lambda connection: mark_needs_person(connection, merchant_id, number))

    async def expire_leases(self) -> list[Award]:
        """Turn every PENDING award past its lease into UNKNOWN. Returns those that this call has turned."""
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
        """Count a change that is committed. Returns the award as it is after it."""
        award = change.after
        if award.state is not change.before.state:
            self._metrics.count(award)
            if change.before.state is AwardState.NOT_APPLIED:
                logger.error("award_seen_late", merchant_id=award.request.merchant_id, award_id=award.award_id)
                self._metrics.seen_late.inc()
        return award
