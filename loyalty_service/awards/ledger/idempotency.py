"""The idempotency key: finds the award that answers a repeated `request_id`.

An award binds its `request_id` unless it is REJECTED: a refused award has added nothing, so another award may have the
id. A request may have been answered with another request's award. Unless that is REJECTED, it is the answer again, in
whatever state; the id is still free for other content.
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
    """Awards newest first. `own`: with the same `request_id`. `answered`: other awards that answered it before."""

    own: tuple[Award, ...]
    answered: tuple[Award, ...]

    def find_replay(self, content: Content) -> Award | None:
        """The award that answers this request.

        None: no award answers it. Then the award of `find_rejected` is tried again, or a new one may be opened. Raises
        RequestIdReusedError.
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
        """The REJECTED award with this content. There is at most one, since a retry opens it again."""
        # An award with a pseudonym cannot be tried again.
        refused = (award for award in self.own if not _binds(award) and not _is_erased(award))
        return next((award for award in refused if award.request.content == content), None)


def select_record(rows: AwardRows) -> tuple[Select[Any], ...]:
    """The parts of a UNION ALL for `load_record`. Parameters: `own_merchant_id`, `own_request_id`."""
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
    """Add a column that names the part of a UNION ALL from which a row comes."""
    return query.add_columns(literal_column(f"'{name}'").label("part"))


def load_part(found: Sequence[Row[Any]], name: str) -> tuple[Award, ...]:
    """Newest first. Sorted here: for ORDER BY, SQLite would read all awards of the merchant by number."""
    part = (load_award(row) for row in found if row.part == name)
    return tuple(sorted(part, key=lambda award: award.number, reverse=True))


def load_record(found: Sequence[Row[Any]]) -> RequestRecord:
    return RequestRecord(own=load_part(found, "own"), answered=load_part(found, "answered"))


def remember_answer(connection: Connection, request: AwardRequest, award: Award) -> None:
    """Remember the answer: a copy of the request may arrive after the award was taken back."""
    values = {"merchant_id": request.merchant_id, "request_id": request.request_id, "number": award.number}
    connection.execute(make_insert(connection, award_repeats).values(values).on_conflict_do_nothing())


def _binds(award: Award) -> bool:
    return award.state is not AwardState.REJECTED


def _had(award: Award, content: Content) -> bool:
    """Whether it may have had this content before its member was erased."""
    own = award.request.content
    return _is_erased(award) and isinstance(own, tuple) and isinstance(content, tuple) and own[1:] == content[1:]


def _is_erased(award: Award) -> bool:
    return award.request.member_id.startswith(PSEUDONYM_PREFIX)
