"""The ledger of awards: a row before the provider is called, and every change of its state on record.

What must hold between processes holds in the database: one award per `request_id` that is not REJECTED, one award in
doubt per member, one reversal per award, numbers without gaps, one sender per attempt, limits. Its clock is the one
that leases run on.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import ColumnElement, Connection, select, union_all

from loyalty_service.awards.ledger.audit import Changes, Page
from loyalty_service.awards.ledger.idempotency import read_records, select_records
from loyalty_service.awards.ledger.open import NothingOpened, Opening, Openings, Wanted
from loyalty_service.awards.ledger.rows import Settlement, is_one_of, list_columns, read_award, select_awards
from loyalty_service.awards.ledger.settle import OVERDUE, Settlements
from loyalty_service.awards.ledger.tables import awards
from loyalty_service.batches import Batches
from loyalty_service.domain.award import Award, AwardRequest, AwardState, Content, Receipt
from loyalty_service.domain.limits import Limits
from loyalty_service.metrics import Metrics
from runtime.database import Database

NO_LIMITS = Limits(per_award=None, per_ticket=None)

T = TypeVar("T")

logger = structlog.get_logger()


class Ledger:
    """`lease_s`: how long an attempt may stay PENDING. `repeat_window_s`, `repeat_window`: see `open`.

    `reversal_window_s`: for how long after it became APPLIED an award may be taken back. `metrics`: where each change
    is counted, once.
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
        reversal_window_ms = round(reversal_window_s * 1000)
        changes = Changes(reversal_window_ms)
        self._openings = Openings(
            changes,
            lease_ms=round(lease_s * 1000),
            repeat_window_ms=round(repeat_window_s * 1000),
            reversal_window_ms=reversal_window_ms,
        )
        self._settlements = Settlements(changes, reversal_window_ms=reversal_window_ms)
        is_refused = is_one_of(awards, AwardState.REJECTED)
        self._select = select_awards(reversal_window_ms).order_by(is_refused, awards.c.number.desc()).limit(1)
        self._select_records = union_all(*select_records(list_columns(reversal_window_ms)))
        # A queue for each merchant, whose lock those who open awards wait for.
        self._opening = Batches(self._open)
        self._settling = Batches(self._settle)

    async def find(self, merchant_id: str, request_id: str) -> Award | None:
        """The award that keeps this `request_id` for itself; where there is none, the newest that was refused."""
        return await self._find(awards.c.merchant_id == merchant_id, awards.c.request_id == request_id)

    async def find_replay(self, merchant_id: str, request_id: str, content: Content) -> Award | None:
        """The award with which `open` answers this request, whatever its limits; None where it opens one, or refuses.

        Raises RequestIdReusedError.
        """
        values = {"merchant_id": merchant_id, "request_id": request_id}
        rows = await self._database.read(lambda connection: connection.execute(self._select_records, values).all())
        row = read_records(rows).find_replay(content)
        return None if row is None else read_award(row)

    async def find_number(self, merchant_id: str, number: int) -> Award | None:
        return await self._find(awards.c.merchant_id == merchant_id, awards.c.number == number)

    async def open(self, request: AwardRequest, limits: Limits, zone: ZoneInfo) -> Opening:
        """Put an award on record as PENDING, unless it is there already. `zone`: whose days the limits go by.

        It is there when it has the same `request_id`, or when the same points went the same way, for the same member on
        the same ticket, within the repeat window, were not refused and are not taken back. A REJECTED, retryable one is
        opened for another attempt. Beside REJECTED ones with other content, another is opened under the same
        `request_id`.

        Raises RequestIdReusedError, AwardInDoubtError while another award of the member is PENDING or UNKNOWN, and
        LimitExceededError.
        """
        return await self._opening.put(request.merchant_id, Wanted(request=request, limits=limits, zone=zone))

    async def open_reversal(self, request: AwardRequest, zone: ZoneInfo) -> Opening:
        """Put on record as PENDING that the award `request.reverses` is taken back, unless that is there already.

        It is there when it has the same `request_id`, or when it is PENDING, UNKNOWN or APPLIED under another.

        Raises RequestIdReusedError, AwardNotFoundError, AwardStateError where the award is not APPLIED or is a reversal
        itself, ReversalTooLateError, and AwardInDoubtError while another award of the member is PENDING or UNKNOWN.
        """
        wanted = Wanted(request=request, limits=NO_LIMITS, zone=zone)
        return await self._opening.put(request.merchant_id, wanted)

    async def settle(self, opening: Opening, settlement: Settlement) -> Award:
        """Write what became of an attempt. One whose lease ran out meanwhile is UNKNOWN, and goes on from there.

        It is APPLIED even where somebody has found meanwhile that it was not: the provider's own word is better.
        """
        return await self._settling.put(opening.award.request.merchant_id, (opening, settlement))

    async def settle_by_person(
        self, merchant_id: str, number: int, state: AwardState, actor: str, because: str
    ) -> Award:
        """Write what a person found out: APPLIED or NOT_APPLIED of an UNKNOWN award, APPLIED of a NOT_APPLIED one.

        Does nothing where it is so already. Raises AwardNotFoundError, AwardStateError.
        """
        return await self._write(
            lambda page: self._settlements.settle_by_person(
                page, merchant_id, number, state, actor=actor, because=because
            )
        )

    async def settle_doubt(  # noqa: PLR0913  each a value of its own
        self,
        merchant_id: str,
        number: int,
        state: AwardState,
        *,
        receipt: Receipt | None = None,
        movement_id: str | None = None,
        why: str,
    ) -> Award:
        """Write what the provider's movements tell, as `settle_by_person`; returns the award as it is then.

        Does nothing where its state is another by now. Leaves it to the caller when it is looked at again, unless it is
        APPLIED. Raises AwardNotFoundError, and IntegrityError or MovementUsedError where the movement is another's.
        """
        return await self._write(
            lambda page: self._settlements.settle_doubt(
                page, merchant_id, number, state, receipt=receipt, movement_id=movement_id, why=why
            )
        )

    async def mark_needs_person(self, merchant_id: str, number: int) -> None:
        """Say of an award that is UNKNOWN that the provider's movements do not tell."""
        await self._write(lambda page: self._settlements.mark_needs_person(page, merchant_id, number))

    async def expire_leases(self) -> list[Award]:
        """Turn every PENDING award past its lease into UNKNOWN. Returns those that this call has turned."""
        overdue = select(awards.c.number).where(OVERDUE).limit(1)
        if await self._database.read(lambda connection: connection.execute(overdue).first()) is None:
            return []
        return await self._write(self._settlements.expire)

    async def _find(self, *wanted: ColumnElement[bool]) -> Award | None:
        query = self._select.where(*wanted)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else read_award(row)

    async def _open(self, all_wanted: Sequence[Wanted]) -> Sequence[Opening | Exception]:
        merchant_id = all_wanted[0].request.merchant_id
        try:
            return await self._write(lambda page: self._openings.open(page, merchant_id, all_wanted))
        except NothingOpened as nothing:
            return nothing.answers

    async def _settle(self, outcomes: Sequence[tuple[Opening, Settlement]]) -> Sequence[Award | Exception]:
        return await self._write(lambda page: [self._settlements.settle(page, *outcome) for outcome in outcomes])

    async def _write(self, work: Callable[[Page], T]) -> T:
        def write(connection: Connection) -> tuple[T, Page]:
            page = Page(connection)
            result = work(page)
            page.finish()
            return result, page

        result, page = await self._database.write(write)
        for from_state, row in page.changed:
            self._tell(from_state, read_award(row))
        return result

    def _tell(self, from_state: str | None, award: Award) -> None:
        if award.state is not AwardState.PENDING:
            self._metrics.count(award)
        if from_state == AwardState.NOT_APPLIED.value:
            logger.error("award_seen_late", merchant_id=award.request.merchant_id, award_id=award.award_id)
            self._metrics.seen_late.inc()
