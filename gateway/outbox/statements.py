"""The SQL statements for an award's note, each built once: to build a statement costs more than to send it.

A parameter has the name of its column. `own_` before it means that it is not the column's new value.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Executable,
    Table,
    Update,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from gateway.gorgias.errors import GorgiasNotFoundError
from gateway.installation.store import INSTALLATIONS
from gateway.notes.progress import FINAL_KINDS
from gateway.outbox.entries import NOTES, Entry
from runtime.sql import INSERTS, now_ms

# Longer than a worker takes between two writes of a row: one call of the loyalty service, and one of Gorgias.
LEASE_S = 20.0
_row = NOTES.c


def _own(name: str, kind: type[TypeEngine[Any]] | None = None) -> BindParameter[Any]:
    """A parameter; its type is the column's unless `kind` says otherwise."""
    return bindparam(f"own_{name}", type_=kind() if kind else _row[name].type)


def _after_ms(name: str) -> ColumnElement[int]:
    return now_ms() + _own(name, BigInteger)


def _render_press(insert: Callable[[Table], postgresql.Insert | sqlite.Insert]) -> Executable:
    installed = INSTALLATIONS.c
    values: dict[str, ColumnElement[Any]] = {
        **{name: _own(name) for name in ("merchant_id", "request_id", "for_origin", "ticket_id", "customer_id")},
        "expect_time_ms": now_ms(),
        "due_time_ms": _after_ms("wait_ms"),
    }
    wanted = select(*values.values()).where(installed.merchant_id == _own("merchant_id"), installed.writes_notes)
    # An uninstallation at the same time must leave no row that the shop's next account could get.
    wanted = wanted.with_for_update(read=True, key_share=True)
    row = insert(NOTES).from_select(list(values), wanted)
    again: dict[str, Any] = {"look_count": 0, "close_time_ms": None}
    again |= {name: values[name] for name in ("expect_time_ms", "due_time_ms", "customer_id")}
    final = [kind.value for kind in FINAL_KINDS]
    return row.on_conflict_do_update(
        index_elements=list(NOTES.primary_key), set_=again, where=_row.last_note.not_in(final)
    )


_IS_FREE = or_(_row.lease_expire_time_ms.is_(None), _row.lease_expire_time_ms < now_ms())
_IS_KEY = and_(_row.merchant_id == _own("merchant_id"), _row.request_id == _own("request_id"))
_IS_OURS = and_(_IS_KEY, _row.claim == _own("claim"))
# A press came after the claim.
_IS_PRESSED = _row.expect_time_ms != _own("expect_time_ms")

PRESS = {engine: _render_press(insert) for engine, insert in INSERTS.items()}
_FIRST_DUE = func.min(_row.due_time_ms)
UPCOMING = (
    select(_row.merchant_id, _FIRST_DUE - now_ms(), func.sum(case((_row.due_time_ms <= now_ms(), 1), else_=0)))
    .where(_row.due_time_ms <= _after_ms("within_ms"), _IS_FREE)
    .group_by(_row.merchant_id)
    .order_by(_FIRST_DUE)
)
_INSTALL_TIME = select(INSTALLATIONS.c.update_time).where(INSTALLATIONS.c.merchant_id == _own("merchant_id"))
DUE = (
    select(_row.request_id, _row.for_origin, _INSTALL_TIME.scalar_subquery().label("install_time"))
    .where(_row.merchant_id == _own("merchant_id"), _row.due_time_ms <= now_ms(), _IS_FREE)
    .order_by(_row.due_time_ms)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_LEASE = update(NOTES).values(lease_expire_time_ms=now_ms() + round(LEASE_S * 1000))
CLAIM = _LEASE.where(_IS_KEY, _row.for_origin == _own("for_origin")).returning(
    *NOTES.c, now_ms().label("claim_time_ms")
)
MARK_SENDING = _LEASE.where(_IS_OURS).values(send_time_ms=now_ms())
COUNT_OPEN = select(func.count()).where(_row.due_time_ms.is_not(None))
# The problem of a note whose ticket is gone.
GONE = GorgiasNotFoundError.__name__
COUNT_FAILED = select(func.count()).where(
    _row.problem_time_ms.is_not(None), _row.due_time_ms.is_(None), _row.problem != GONE
)
FORGET = delete(NOTES).where(_IS_OURS, ~_IS_PRESSED)


def _render_finish(*, is_over: bool) -> Update:
    """`is_over`: the last note is written, so a press that came meanwhile does not keep the row open."""
    due = _after_ms("wait_ms")
    closed = case((_own("wait_ms", BigInteger).is_(None), now_ms()))
    waits = {"due_time_ms": due, "close_time_ms": closed}
    pressed = {
        "due_time_ms": case((_IS_PRESSED, _row.due_time_ms), else_=due),
        "close_time_ms": case((~_IS_PRESSED, closed)),
    }
    return (
        update(NOTES)
        .where(_IS_OURS)
        .values(
            look_count=case((_IS_PRESSED, 0), else_=_own("look_count")),
            problem_time_ms=case((_own("problem") != "", func.coalesce(_row.problem_time_ms, now_ms()))),
            **(waits if is_over else pressed),
        )
    )


FINISH, PUT_OFF = _render_finish(is_over=True), _render_finish(is_over=False)


def name_entry(entry: Entry) -> dict[str, Any]:
    """The parameters that identify a claimed row."""
    names = ("merchant_id", "request_id", "claim", "expect_time_ms")
    return {f"own_{name}": getattr(entry, name) for name in names}
