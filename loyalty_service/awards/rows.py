"""Rows of the ledger as values, and back."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Row

from loyalty_service.domain.award import Award, AwardRequest, AwardState, Receipt
from loyalty_service.domain.member import Wallet

REQUEST_COLUMNS = AwardRequest.__struct_fields__


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an attempt; the fields are as in Award."""

    state: AwardState
    receipt: Receipt | None = None
    rejection_reason: str | None = None
    retryable: bool = False


def read_award(row: Row[Any]) -> Award:
    return Award(
        number=row.number,
        request=AwardRequest(**{name: getattr(row, name) for name in REQUEST_COLUMNS}),
        state=AwardState(row.state),
        receipt=_read_receipt(row),
        rejection_reason=row.rejection_reason,
        retryable=row.retryable,
        create_time=_read_time(row.create_time_ms),
        update_time=_read_time(row.update_time_ms),
    )


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
    }


def _read_receipt(row: Row[Any]) -> Receipt | None:
    if row.provider_reference is None:
        return None
    balance = None if row.balance is None else Wallet(balance=Decimal(row.balance))
    return Receipt(provider_reference=row.provider_reference, balance=balance, delayed=row.delayed)


def _read_time(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)
