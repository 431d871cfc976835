"""Reads of the provider: a member with their coupons, what was booked on a wallet, whether a token works."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import structlog

from loyalty_service.domain.errors import (
    BadValueError,
    MemberAmbiguousError,
    MemberNotFoundError,
    ProviderContractError,
)
from loyalty_service.domain.member import Coupon, Identity, Member
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Movements
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.trifft.answers import parse_data, raise_for_read
from loyalty_service.trifft.coupons import parse_coupons
from loyalty_service.trifft.exchange import Exchange
from loyalty_service.trifft.fields import FieldReader, parse_list
from loyalty_service.trifft.mapping import (
    Candidate,
    parse_candidate,
    parse_candidates,
    parse_member,
    parse_movements,
)
from loyalty_service.trifft.profile import Profile
from loyalty_service.trifft.transport import Answer, BodyTooLargeError, Request
from loyalty_service.trifft.unreadable import UnreadableFields
from loyalty_service.trifft.wire import WireError

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class Read:
    """One read of a merchant's project, which began at `fetch_time`. What cannot be read is noted in `unreadable`."""

    def __init__(
        self,
        exchange: Exchange,
        profile: Profile,
        merchant: Merchant,
        fetch_time: datetime,
        unreadable: UnreadableFields,
    ) -> None:
        self._exchange = exchange
        self._profile = profile
        self._merchant = merchant
        self._fetch_time = fetch_time
        self._unreadable = unreadable
        self._zone = ZoneInfo(merchant.time_zone)

    async def fetch(self, identity: Identity, remembered_member_id: str | None) -> Snapshot:
        guess = identity.value if identity.kind == "member_id" else remembered_member_id
        guessed = asyncio.create_task(self._list_coupons(guess)) if guess else None
        try:
            member = await self._fetch_member(identity)
            if guessed and member.member_id == guess:
                coupons = await guessed
            else:
                if guessed:
                    await self._exchange.add()
                coupons = await self._list_coupons(member.member_id)
        finally:
            if guessed:
                guessed.cancel()
                await asyncio.gather(guessed, return_exceptions=True)
        return Snapshot(member=member, coupons=coupons, fetch_time=self._fetch_time)

    async def list_movements(self, member_id: str, since: datetime) -> Movements:
        """The profile knows such a list."""
        operation = self._profile.list_movements
        path = operation.make_path(member_id, self._fetch_time)
        query = {operation.since: str(int(since.timestamp()))} if operation.since else {}
        request = Request(operation="list_movements", method=operation.method, path=path, query=query)
        data = await self._request(request)
        return self._parse(request, lambda _: parse_movements(operation.items.search(data), operation, self._zone))

    async def probe(self) -> None:
        """Ask the points calculator, which changes nothing."""
        operation = self._profile.probe
        body = dict(operation.body) if operation.method == "POST" else None
        await self._request(Request(operation="probe", method=operation.method, path=operation.path, body=body))

    async def _request(self, request: Request) -> Any:  # noqa: ANN401 - whatever the provider sent
        """The data of a successful answer. Raises ProviderError, MemberNotFoundError."""
        try:
            return await self._ask(request)
        except WireError as error:
            raise self._make_contract_error(request, str(error)) from error

    async def _ask(self, request: Request) -> Any:  # noqa: ANN401 - likewise
        """As `_request`; but a successful answer that cannot be read raises WireError."""

        def read(answer: Answer) -> Any:  # noqa: ANN401 - likewise
            raise_for_read(answer, self._profile, self._merchant, request, self._fetch_time)
            return parse_data(answer, self._profile)

        try:
            return await self._exchange.ask(self._merchant, request, read)
        except BodyTooLargeError as error:
            raise WireError("is too large") from error

    async def _fetch_member(self, identity: Identity) -> Member:
        if identity.kind == "member_id":
            request, candidates = await self._get_candidates(identity.value)
        else:
            request, candidates = await self._find_candidates(identity)
        if not candidates:
            raise MemberNotFoundError(self._fetch_time)
        if len(candidates) > 1:
            raise MemberAmbiguousError(len(candidates), self._fetch_time)
        return self._parse(request, lambda reader: parse_member(candidates[0], self._profile, reader))

    async def _get_candidates(self, member_id: str) -> tuple[Request, list[Candidate]]:
        operation = self._profile.get_member
        path = operation.make_path(member_id, self._fetch_time)
        request = Request(operation="get_member", method=operation.method, path=path)
        row = await self._request(request)
        candidate = self._parse(request, lambda _: parse_candidate(row, self._profile.member))
        if candidate.member_id != member_id:
            raise self._make_contract_error(request, "is about another member")
        return request, _list_present([candidate])

    async def _find_candidates(self, identity: Identity) -> tuple[Request, list[Candidate]]:
        """As it is written; where that is nobody's, by all its other spellings: they may name several members."""
        written, *others = identity.list_spellings()
        request, found = await self._find(identity, written)
        if not found:
            candidates: dict[str, Candidate] = {}
            for spelling in others:
                await self._exchange.add()
                request, more = await self._find(identity, spelling)
                candidates |= {candidate.member_id: candidate for candidate in more}
            found = list(candidates.values())
        return request, found

    async def _find(self, identity: Identity, spelling: str) -> tuple[Request, list[Candidate]]:
        operation = self._profile.find_member
        field = {"email": operation.email, "phone": operation.phone, "support_id": operation.support_id}[identity.kind]
        if not field:
            raise BadValueError(f"identity.{identity.kind}", "cannot be searched for at this merchant's provider")
        query = {field: spelling}
        request = Request(operation="find_member", method=operation.method, path=operation.path, query=query)
        data = await self._request(request)
        fields = self._profile.member
        found = self._parse(
            request, lambda reader: parse_candidates(operation.items.search(data), fields, identity, reader)
        )
        return request, _list_present(found)

    async def _list_coupons(self, member_id: str) -> tuple[Coupon, ...] | None:
        """None: the list cannot be read. The member can be, without it."""
        operation = self._profile.list_coupons
        path = operation.make_path(member_id, self._fetch_time)
        request = Request(operation="list_coupons", method=operation.method, path=path, query=operation.query)
        try:
            data = await self._ask(request)
        except WireError as error:
            self._log_problem(request, str(error))
            self._unreadable.note(self._merchant, {"list_coupons.items": 1})
            return None

        def parse(reader: FieldReader) -> tuple[Coupon, ...] | None:
            rows = reader.read("list_coupons.items", operation.items, data, parse_list, None)
            if rows is None:
                return None
            return parse_coupons(rows, self._profile.coupon, self._fetch_time, self._zone, reader)

        return self._parse(request, parse)

    def _parse(self, request: Request, parse: Callable[[FieldReader], T]) -> T:
        reader = FieldReader()
        try:
            return parse(reader)
        except WireError as error:
            raise self._make_contract_error(request, str(error)) from error
        finally:
            self._unreadable.note(self._merchant, reader.unreadable)

    def _make_contract_error(self, request: Request, sentence: str) -> ProviderContractError:
        self._log_problem(request, sentence)
        return ProviderContractError(f"the provider's answer to {request.operation} cannot be read: {sentence}")

    def _log_problem(self, request: Request, sentence: str) -> None:
        _log.error(
            "provider_contract", merchant_id=self._merchant.merchant_id, operation=request.operation, problem=sentence
        )


def _list_present(candidates: Sequence[Candidate]) -> list[Candidate]:
    return [candidate for candidate in candidates if not candidate.is_anonymised]
