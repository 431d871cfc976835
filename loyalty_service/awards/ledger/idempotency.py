"""The idempotency key: what is on record under a `request_id`, and answers a request that comes again with it.

An award keeps its `request_id` for itself unless it is REJECTED: what was refused has added nothing, so another award
may have the id. A request may have been answered with the award of another: unless that is REJECTED, it is so again,
whatever has become of that award; and its id stays free for other content.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import BindParameter, Connection, Row, Select, and_, bindparam, literal_column

from loyalty_service.awards.ledger.rows import AwardRows, load_award
from loyalty_service.awards.ledger.tables import award_repeats, awards
from loyalty_service.domain.award import Award, AwardRequest, AwardState, Content
from loyalty_service.domain.erasure import PSEUDONYM_PREFIX
from loyalty_service.domain.errors import RequestIdReusedError
from runtime.sql import make_insert


class RequestRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Awards newest first. `own`: of the same `request_id`. `answered`: others, with which it was answered before."""

    own: tuple[Award, ...]
    answered: tuple[Award, ...]

    def find_replay(self, content: Content) -> Award | None:
        """The award that answers this request.

        None: nothing on record answers it. Then the award that `find_rejected` finds is tried again, or, where there is
        none, a new one may be opened. Raises RequestIdReusedError.
        """
        binding = next(filter(_binds, self.own), None)
        if binding is not None and binding.request.content == content:
            return binding
        for award in self.answered:
            if _binds(award) and (award.request.content == content or _had(award, content)):
                return award
        if binding is not None:
            raise RequestIdReusedError(binding.award_id)
        rejected = self.find_rejected(content)
        return None if rejected is None or rejected.retryable else rejected

    def find_rejected(self, content: Content) -> Award | None:
        """The award with this content that was refused. There is one at most: it is opened again, not another."""
        # One that has forgotten its member cannot be given to them any more.
        refused = (award for award in self.own if not _binds(award) and not _is_erased(award))
        return next((award for award in refused if award.request.content == content), None)


def select_record(rows: AwardRows) -> tuple[Select[Any], ...]:
    """What `load_record` reads, of the request `own_request_id` of `own_merchant_id`; parts of a UNION ALL."""
    merchant_id: BindParameter[str] = bindparam("own_merchant_id")
    request_id: BindParameter[str] = bindparam("own_request_id")
    own = awards.c.merchant_id == merchant_id, awards.c.request_id == request_id
    is_answer = and_(award_repeats.c.merchant_id == awards.c.merchant_id, award_repeats.c.number == awards.c.number)
    answered = award_repeats.c.merchant_id == merchant_id, award_repeats.c.request_id == request_id
    return (
        name_part(rows.select, "own").where(*own),
        name_part(rows.select, "answered").join(award_repeats, is_answer).where(*answered),
    )


def name_part(query: Select[Any], name: str) -> Select[Any]:
    """A part of a UNION ALL, so that its rows are known by `name`."""
    return query.add_columns(literal_column(f"'{name}'").label("part"))


def load_part(found: Sequence[Row[Any]], name: str) -> tuple[Award, ...]:
    """Newest first. Sorted here: SQLite would rather walk by number, past all awards of the merchant."""
    part = (load_award(row) for row in found if row.part == name)
    return tuple(sorted(part, key=lambda award: award.number, reverse=True))


def load_record(found: Sequence[Row[Any]]) -> RequestRecord:
    return RequestRecord(own=load_part(found, "own"), answered=load_part(found, "answered"))


def remember_answer(connection: Connection, request: AwardRequest, award: Award) -> None:
    """A copy of the request may still be on its way, and arrive when that award has been taken back."""
    values = {"merchant_id": request.merchant_id, "request_id": request.request_id, "number": award.number}
    connection.execute(make_insert(connection, award_repeats).values(values).on_conflict_do_nothing())


def _binds(award: Award) -> bool:
    return award.state is not AwardState.REJECTED


def _had(award: Award, content: Content) -> bool:
    """Whether it may have had this content before it forgot its member."""
    own = award.request.content
    return _is_erased(award) and isinstance(own, tuple) and isinstance(content, tuple) and own[1:] == content[1:]


def _is_erased(award: Award) -> bool:
    return award.request.member_id.startswith(PSEUDONYM_PREFIX)
