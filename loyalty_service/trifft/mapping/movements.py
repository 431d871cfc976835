"""Movements of a wallet: TRIFFT's answer to a booking, and its list of movements."""

import contextlib
from datetime import tzinfo
from decimal import Decimal
from typing import Any

from loyalty_service.domain.award import Receipt
from loyalty_service.domain.member import Wallet
from loyalty_service.domain.ports import Movement, Movements
from loyalty_service.trifft.mapping.fields import FieldReader, parse_object, read_required
from loyalty_service.trifft.mapping.values import parse_echo, parse_flag, parse_id, parse_points, parse_time
from loyalty_service.trifft.profile import BookPoints, ListMovements
from loyalty_service.trifft.wire import WireError


def parse_receipt(data: object, fields: BookPoints, kind: str, reader: FieldReader) -> Receipt:
    """Only an unreadable id puts the booking in doubt. `kind`: the profile's section, named where a field is noted."""
    row = parse_object(data)

    def parse_balance(value: object) -> Wallet | None:
        return None if value is None else Wallet(balance=parse_points(value, fields.answered_balance_scale))

    receipt = Receipt(
        provider_reference=read_required(f"{kind}.answered_reference", fields.answered_reference, row, parse_id),
        balance=reader.read(f"{kind}.answered_balance", fields.answered_balance, row, parse_balance, None),
        delayed=reader.read(f"{kind}.answered_pending", fields.answered_pending, row, parse_flag, False),  # noqa: FBT003 - the value if absent
    )
    reader.found = {f"{kind}.answered_balance": receipt.balance is not None, f"{kind}.answered_pending": True}
    return receipt


def parse_booked_points(data: object, fields: BookPoints, kind: str) -> Decimal | None:
    """The number of points that were added or taken, without sign. None if the answer does not say."""

    def parse(value: object) -> Decimal | None:
        return None if value is None else abs(parse_points(value, fields.point_scale))

    return read_required(f"{kind}.answered_points", fields.answered_points, data, parse)


def parse_movements(rows: list[Any], fields: ListMovements, zone: tzinfo) -> Movements:
    """Return the rows that can be read. A row that cannot be read makes the list incomplete."""
    items = []
    for row in rows:
        with contextlib.suppress(WireError):
            items.append(_parse_movement(row, fields, zone))
    return Movements(items=tuple(items), is_complete=fields.complete and len(items) == len(rows))


def _parse_movement(row: object, fields: ListMovements, zone: tzinfo) -> Movement:
    found = parse_object(row)
    return Movement(
        movement_id=parse_id(fields.movement_id.search(found)),
        change=parse_points(fields.change.search(found), fields.change_scale),
        note=parse_echo(fields.note.search(found)),
        reference=parse_echo(fields.reference.search(found)),
        create_time=parse_time(fields.create_time.search(found), zone),
    )
