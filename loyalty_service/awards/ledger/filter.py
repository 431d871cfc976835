"""A search for awards as conditions of a query."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, literal_column, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from loyalty_service.awards.ledger.rows import is_one_of
from loyalty_service.awards.ledger.tables import awards
from loyalty_service.domain.award import make_agent_key
from loyalty_service.domain.award_filter import AwardFilter
from runtime.addresses import fold_ascii_case

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class fold_ascii(FunctionElement[str]):  # noqa: N801 - named like an SQL function
    """As `fold_ascii_case`."""

    inherit_cache = True


@compiles(fold_ascii, "sqlite")
def _fold_sqlite(element: fold_ascii, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - the compiler's options
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(fold_ascii, "postgresql")
def _fold_postgresql(element: fold_ascii, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - the compiler's options
    """The database's own collation would also fold other letters."""
    return f'lower({compiler.process(element.clauses, **options)} COLLATE "C")'


def match_filter(merchant_id: str, wanted: AwardFilter) -> Iterator[ColumnElement[bool]]:
    yield awards.c.merchant_id == merchant_id
    if wanted.from_time is not None:
        yield awards.c.attempt_time_ms >= _round_up_ms(wanted.from_time)
    if wanted.before_time is not None:
        yield awards.c.attempt_time_ms < _round_up_ms(wanted.before_time)
    if wanted.claimed_agent:
        key = make_agent_key(wanted.claimed_agent)
        yield or_(awards.c.agent_key == key, awards.c.agent_name_key == key)
    if wanted.member_id:
        yield awards.c.member_id == wanted.member_id
    if wanted.member_support_id:
        yield fold_ascii(awards.c.member_support_id) == fold_ascii_case(wanted.member_support_id)
    if wanted.ticket_id:
        yield awards.c.ticket_id == wanted.ticket_id
    if wanted.states:
        yield is_one_of(awards, sorted(wanted.states, key=lambda state: state.value))
    if wanted.needs_person:
        yield literal_column("awards.needs_person")  # as the partial index spells it


def _round_up_ms(time: datetime) -> int:
    """Round up to whole milliseconds: then "at or after" and "before" are right for whole milliseconds."""
    return -((_EPOCH - time) // timedelta(milliseconds=1))
