"""Rows of the ledger as values, and back."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, FromClause, Row, Select, case, func, literal_column, null, select
from sqlalchemy.sql.selectable import ScalarSelect

from loyalty_service.awards.ledger.tables import awards
from loyalty_service.domain.award import Award, AwardRequest, AwardState, Receipt
from loyalty_service.domain.member import Wallet
from runtime.sql import now_ms

REQUEST_COLUMNS = AwardRequest.__struct_fields__
IN_DOUBT = (AwardState.PENDING, AwardState.UNKNOWN)
# What counts as given: it was booked, or may have been.
GIVEN = (AwardState.PENDING, AwardState.UNKNOWN, AwardState.APPLIED)


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an attempt; the fields are as in Award. `why`: in words, for the record."""

    state: AwardState
    receipt: Receipt | None = None
    rejection_reason: str | None = None
    retryable: bool = False
    needs_person: bool = False
    why: str = ""


def select_awards(reversal_window_ms: int) -> Select[Any]:
    """All that `read_award` reads. Narrow it by columns of the table `awards`."""
    return select(*list_columns(reversal_window_ms))


def list_columns(reversal_window_ms: int) -> list[ColumnElement[Any]]:
    """The columns of a row of `awards`, and what follows from others and from the time."""
    return [*_list_own_columns(reversal_window_ms), find_reversal().label("reversed_by")]


def list_written_columns(reversal_window_ms: int) -> list[ColumnElement[Any]]:
    """The same for RETURNING: a row whose state has just changed was not APPLIED before, so it has no reversal."""
    return [*_list_own_columns(reversal_window_ms), null().label("reversed_by")]


def find_reversal(*states: AwardState) -> ScalarSelect[int]:
    """The number of the row's reversal that is PENDING, UNKNOWN or APPLIED, and in one of `states` if given.

    There is one at most; only where one was taken for lost and turned up after all may there be more: then the first.
    """
    reversal = awards.alias("reversal")
    # "+ 0": SQLite would look for the least number along the primary key, past all awards of the merchant.
    query = select(func.min(reversal.c.number + 0)).where(
        reversal.c.merchant_id == awards.c.merchant_id,
        reversal.c.reverses == awards.c.number,
        is_one_of(reversal, *GIVEN),
    )
    if states:
        query = query.where(is_one_of(reversal, *states))
    return query.correlate(awards).scalar_subquery()


def is_one_of(table: FromClause, *states: AwardState) -> ColumnElement[bool]:
    """Spelled out as the partial indexes spell it: with bound values SQLite would not see that they fit."""
    values: list[ColumnElement[str]] = [literal_column(f"'{state.value}'") for state in states]
    column: ColumnElement[str] = table.c.state
    return column.in_(values) if len(values) > 1 else column == values[0]


def read_award(row: Row[Any]) -> Award:
    """A row of `select_awards`."""
    # Not in SQL: in RETURNING, SQLite 3.40 takes an IS NULL for false.
    is_reversible = row.state == AwardState.APPLIED.value and row.reverses is None and row.reversed_by is None
    window_end_ms = row.window_end_ms if is_reversible else None
    return Award(
        number=row.number,
        request=_read_request(row),
        state=AwardState(row.state),
        receipt=_read_receipt(row),
        rejection_reason=row.rejection_reason,
        retryable=row.retryable,
        create_time=read_time(row.create_time_ms),
        attempt_time=read_time(row.attempt_time_ms),
        update_time=read_time(row.update_time_ms),
        needs_person=row.needs_person,
        reversed_by=row.reversed_by,
        reverse_expire_time=None if window_end_ms is None else read_time(window_end_ms),
    )


def _list_own_columns(reversal_window_ms: int) -> list[ColumnElement[Any]]:
    expire_time_ms = awards.c.update_time_ms + reversal_window_ms
    return [*awards.c, case((expire_time_ms > now_ms(), expire_time_ms)).label("window_end_ms")]


def spell_settlement(settlement: Settlement) -> dict[str, Any]:
    """The columns that a settlement decides, all of them."""
    receipt = settlement.receipt
    balance = receipt.balance if receipt else None
    return {
        "state": settlement.state.value,
        "rejection_reason": settlement.rejection_reason,
        "retryable": settlement.retryable,
        "provider_reference": receipt.provider_reference if receipt else None,
        "balance": f"{balance.balance:f}" if balance else None,
        "delayed": receipt.delayed if receipt else False,
        "needs_person": settlement.needs_person,
    }


def read_time(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def _read_request(row: Row[Any]) -> AwardRequest:
    values = {name: getattr(row, name) for name in REQUEST_COLUMNS}
    if row.is_debit is None:
        values["is_debit"] = row.reverses is not None
    return AwardRequest(**values)


def _read_receipt(row: Row[Any]) -> Receipt | None:
    if row.state != AwardState.APPLIED.value:
        return None
    balance = None if row.balance is None else Wallet(balance=Decimal(row.balance))
    return Receipt(provider_reference=row.provider_reference or "", balance=balance, delayed=row.delayed)
