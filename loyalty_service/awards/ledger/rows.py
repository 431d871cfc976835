"""Converts awards to rows of the ledger and back."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    select,
)
from sqlalchemy.sql.selectable import ScalarSelect

from loyalty_service.awards.ledger.tables import awards
from loyalty_service.domain.award import COUNTED, Award, AwardRequest, AwardState, IdentifiedBy, Receipt
from loyalty_service.domain.errors import AwardNotFoundError
from loyalty_service.domain.member import Wallet
from runtime.sql import now_ms


def is_one_of(table: FromClause, states: Iterable[AwardState]) -> ColumnElement[bool]:
    """Written like the partial indexes: with bound values SQLite would not use them."""
    values: list[ColumnElement[str]] = [literal_column(f"'{state.value}'") for state in states]
    column: ColumnElement[str] = table.c.state
    return column.in_(values) if len(values) > 1 else column == values[0]


def _select_reversal(states: Iterable[AwardState]) -> ScalarSelect[int]:
    # "+ 0": otherwise SQLite would search the least number along the primary key, through all awards of the merchant.
    query = select(func.min(_reversal.c.number + 0)).where(
        _reversal.c.merchant_id == awards.c.merchant_id,
        _reversal.c.reverses == awards.c.number,
        is_one_of(_reversal, COUNTED),
        is_one_of(_reversal, states),
    )
    return query.correlate(awards).scalar_subquery()


# Parameters: `name_award`.
IS_NAMED = and_(awards.c.merchant_id == bindparam("own_merchant_id"), awards.c.number == bindparam("own_number"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_reversal = awards.alias("reversal")
# The number of the row's reversal that counts, and of the APPLIED one. There is at most one of each, unless a
# NOT_APPLIED one turned up after all: then this is the first.
REVERSED_BY = _select_reversal(COUNTED)
TAKEN_BACK_BY = _select_reversal([AwardState.APPLIED])


class AwardRows:
    """Reads awards. `reversal_window_s`: how long after it became APPLIED an award may be taken back."""

    def __init__(self, reversal_window_s: float) -> None:
        self.reversal_window = timedelta(seconds=reversal_window_s)
        expire_time_ms = awards.c.update_time_ms + round(reversal_window_s * 1000)
        window_end_ms = case((expire_time_ms > now_ms(), expire_time_ms)).label("window_end_ms")
        query: Select[Any] = select(*awards.c, window_end_ms, REVERSED_BY.label("reversed_by"))
        # The query for `load_award`. Add conditions on columns of the table `awards`.
        self.select = query
        self._find = query.where(IS_NAMED)
        self._lock = self._find.with_for_update(of=awards)

    def find(self, connection: Connection, merchant_id: str, number: int) -> Award | None:
        row = connection.execute(self._find, name_award(merchant_id, number)).one_or_none()
        return None if row is None else load_award(row)

    def lock(self, connection: Connection, merchant_id: str, number: int) -> Award:
        """Lock an award until the transaction ends. Raises AwardNotFoundError."""
        row = connection.execute(self._lock, name_award(merchant_id, number)).one_or_none()
        if row is None:
            raise AwardNotFoundError
        return load_award(row)


def name_award(merchant_id: str, number: int) -> dict[str, Any]:
    """The parameters of IS_NAMED."""
    return {"own_merchant_id": merchant_id, "own_number": number}


def is_award(merchant_id: str, number: int) -> ColumnElement[bool]:
    return and_(awards.c.merchant_id == merchant_id, awards.c.number == number)


def load_award(row: Row[Any]) -> Award:
    """Make an award from a row of `AwardRows.select`."""
    is_reversible = row.state == AwardState.APPLIED.value and row.reverses is None and row.reversed_by is None
    window_end_ms = row.window_end_ms if is_reversible else None
    return Award(
        number=row.number,
        request=_load_request(row),
        state=AwardState(row.state),
        attempt=row.attempt,
        receipt=_load_receipt(row),
        rejection_reason=row.rejection_reason,
        retryable=row.retryable,
        create_time=load_time(row.create_time_ms),
        attempt_time=load_time(row.attempt_time_ms),
        update_time=load_time(row.update_time_ms),
        needs_person=row.needs_person,
        reversed_by=row.reversed_by,
        reverse_expire_time=None if window_end_ms is None else load_time(window_end_ms),
    )


def _load_request(row: Row[Any]) -> AwardRequest:
    fields = {name: getattr(row, name) for name in AwardRequest.__struct_fields__}
    return AwardRequest(**fields | {"identified_by": IdentifiedBy(row.identified_by)})


def load_time(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def spell_time(time: datetime) -> int:
    """Milliseconds since 1970, as `load_time` reads them."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def _load_receipt(row: Row[Any]) -> Receipt | None:
    if row.state != AwardState.APPLIED.value:
        return None
    balance = None if row.balance is None else Wallet(balance=Decimal(row.balance))
    return Receipt(provider_reference=row.provider_reference or "", balance=balance, delayed=row.delayed)
