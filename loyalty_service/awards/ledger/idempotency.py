"""What is on record under a `request_id`, and answers a request that comes again with it.

An award keeps its `request_id` for itself unless it is REJECTED: what was refused has added nothing, so another award
may have the id. A request may have been answered with the award of another: unless that is REJECTED, it is so again,
whatever has become of that award; and its id stays free for other content.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, Select, bindparam, select
from sqlalchemy import literal_column as sql

from loyalty_service.awards.ledger.rows import read_award
from loyalty_service.awards.ledger.tables import award_repeats, awards
from loyalty_service.domain.award import AwardState, Content, make_award_id
from loyalty_service.domain.erasure import PSEUDONYM_PREFIX
from loyalty_service.domain.errors import RequestIdReusedError


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """Rows as `select_awards` has them. `own`: of the same `request_id`. `answered`: those of other requests with which
    it was answered before.
    """  # noqa: D205  one sentence a field

    own: tuple[Row[Any], ...]
    answered: tuple[Row[Any], ...]

    def find_replay(self, content: Content) -> Row[Any] | None:
        """The award that answers; None where one may be opened, or the one that `find_rejected` finds tried again.

        Raises RequestIdReusedError.
        """
        binding = next(filter(_binds, self.own), None)
        if binding is not None and _has(binding, content):
            return binding
        for row in self.answered:
            if _binds(row) and (_has(row, content) or _had(row, content)):
                return row
        if binding is not None:
            raise RequestIdReusedError(make_award_id(binding.number))
        rejected = self.find_rejected(content)
        return None if rejected is None or rejected.retryable else rejected

    def find_rejected(self, content: Content) -> Row[Any] | None:
        """The award with this content that was refused. There is one at most: it is opened again, not another."""
        # One that has forgotten its member cannot be given to them any more.
        refused = (row for row in self.own if not _binds(row) and not _is_erased(row))
        return next((row for row in refused if _has(row, content)), None)


def select_records(columns: Iterable[ColumnElement[Any]]) -> list[Select[Any]]:
    """What `read_records` reads, of the values `merchant_id` and `request_id`: queries to be united."""
    of_merchant = awards.c.merchant_id == bindparam("merchant_id")
    answered = select(award_repeats.c.number).where(
        award_repeats.c.merchant_id == bindparam("merchant_id"), award_repeats.c.request_id == bindparam("request_id")
    )
    return [
        select(sql("'own'").label("kind"), *columns).where(of_merchant, awards.c.request_id == bindparam("request_id")),
        select(sql("'answered'").label("kind"), *columns).where(of_merchant, awards.c.number.in_(answered)),
    ]


def read_records(rows: Iterable[Row[Any]]) -> Records:
    """Rows of other kinds are left out."""
    chosen = sorted((row for row in rows if row.kind in {"own", "answered"}), key=lambda row: row.number, reverse=True)
    return Records(
        own=tuple(row for row in chosen if row.kind == "own"),
        answered=tuple(row for row in chosen if row.kind == "answered"),
    )


def _binds(row: Row[Any]) -> bool:
    return bool(row.state != AwardState.REJECTED.value)


def _has(row: Row[Any], content: Content) -> bool:
    return read_award(row).request.content == content


def _had(row: Row[Any], content: Content) -> bool:
    """Whether it may have had this content before it forgot its member."""
    own = read_award(row).request.content
    return _is_erased(row) and isinstance(own, tuple) and isinstance(content, tuple) and own[1:] == content[1:]


def _is_erased(row: Row[Any]) -> bool:
    return bool(row.member_id.startswith(PSEUDONYM_PREFIX))
