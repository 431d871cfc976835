"""TRIFFT as a LoyaltyProvider."""

import asyncio
import functools
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiohttp
import structlog

from loyalty_service.domain.award import Receipt
from loyalty_service.domain.errors import (
    BadValueError,
    CreditUnknownError,
    MemberAmbiguousError,
    MemberNotFoundError,
    ProviderContractError,
    ProviderRefusedError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from loyalty_service.domain.member import Coupon, Identity, Member, Snapshot
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Clock, Credit
from loyalty_service.trifft.answers import parse_data, raise_for_credit, raise_for_read
from loyalty_service.trifft.mapping import (
    Candidate,
    parse_candidate,
    parse_candidates,
    parse_coupons,
    parse_member,
    parse_receipt,
)
from loyalty_service.trifft.profile import Profile, parse_profile
from loyalty_service.trifft.transport import BodyTooLargeError, Request, Sending, Transport
from loyalty_service.trifft.wire import WireError

_PROFILES = 256
T = TypeVar("T")
_log = structlog.get_logger(__name__)


class TrifftProvider:
    """Implements the port LoyaltyProvider. `async with` opens and closes its connections."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._transport = Transport()
        self._parse_profile = functools.lru_cache(maxsize=_PROFILES)(parse_profile)

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def fetch(
        self, merchant: Merchant, identity: Identity, *, remembered_member_id: str | None, timeout_s: float
    ) -> Snapshot:
        """See the port. Also raises BadValueError for a kind of identity that the profile cannot search for."""
        fetch_time = self._clock.now()
        try:
            async with asyncio.timeout(timeout_s):
                read = _Read(self._transport, self._get_profile(merchant), merchant, fetch_time)
                return await read.fetch(identity, remembered_member_id)
        except TimeoutError as error:
            raise ProviderTimeoutError(f"the provider did not answer within {timeout_s:g} s") from error

    async def credit(self, merchant: Merchant, credit: Credit, *, timeout_s: float) -> Receipt:
        """See the port."""
        try:
            profile = self._get_profile(merchant)
        except ProviderContractError as error:
            raise ProviderRefusedError(error.message) from error
        request = _make_credit_request(profile, credit, self._clock.now())
        sending = Sending()
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._transport.fetch(merchant, request, sending)
        except (aiohttp.ClientError, BodyTooLargeError, OSError) as error:  # TimeoutError is an OSError
            _log_failure(merchant, request, error)
            if sending.may_have_left:
                raise CreditUnknownError("the credit may have been sent, and no answer came") from error
            raise ProviderUnavailableError("the provider cannot be reached") from error
        raise_for_credit(answer, profile, merchant, request, self._clock.now())
        try:
            return parse_receipt(parse_data(answer, profile), profile.credit)
        except WireError as error:
            raise CreditUnknownError(f"the receipt cannot be read: {error}") from error

    async def probe(self, merchant: Merchant, *, timeout_s: float) -> None:
        """See the port. Asks the points calculator, which changes nothing."""
        profile = self._get_profile(merchant)
        operation = profile.probe
        body = dict(operation.body) if operation.method == "POST" else None
        request = Request(operation="probe", method=operation.method, path=operation.path, body=body)
        try:
            async with asyncio.timeout(timeout_s):
                await _Read(self._transport, profile, merchant, self._clock.now()).request(request)
        except TimeoutError as error:
            raise ProviderTimeoutError(f"the provider did not answer within {timeout_s:g} s") from error

    def _get_profile(self, merchant: Merchant) -> Profile:
        try:
            return self._parse_profile(merchant.profile)
        except BadValueError as error:
            raise ProviderContractError("the merchant's wire profile cannot be read") from error


class _Read:
    """One read of a member, which began at `fetch_time`."""

    def __init__(self, transport: Transport, profile: Profile, merchant: Merchant, fetch_time: datetime) -> None:
        self._transport = transport
        self._profile = profile
        self._merchant = merchant
        self._fetch_time = fetch_time

    async def fetch(self, identity: Identity, remembered_member_id: str | None) -> Snapshot:
        guess = identity.value if identity.kind == "member_id" else remembered_member_id
        guessed = asyncio.create_task(self._list_coupons(guess)) if guess else None
        try:
            member = await self._fetch_member(identity)
            if guessed and member.member_id == guess:
                coupons = await guessed
            else:
                coupons = await self._list_coupons(member.member_id)
        finally:
            if guessed:
                guessed.cancel()
                await asyncio.gather(guessed, return_exceptions=True)
        return Snapshot(member=member, coupons=coupons, fetch_time=self._fetch_time)

    async def request(self, request: Request) -> Any:  # noqa: ANN401 - whatever the provider sent
        """The data of a successful answer. Raises ProviderError, MemberNotFoundError."""
        try:
            answer = await self._transport.fetch(self._merchant, request)
        except BodyTooLargeError as error:
            raise self._make_contract_error(request, "is too large") from error
        except (aiohttp.ClientError, OSError) as error:
            _log_failure(self._merchant, request, error)
            raise ProviderUnavailableError("the provider cannot be reached") from error
        raise_for_read(answer, self._profile, self._merchant, request, self._fetch_time)
        return self._parse(request, lambda: parse_data(answer, self._profile))

    async def _fetch_member(self, identity: Identity) -> Member:
        if identity.kind == "member_id":
            request, candidates = await self._get_candidates(identity.value)
        else:
            request, candidates = await self._find_candidates(identity)
        present = [candidate for candidate in candidates if not candidate.is_anonymised]
        if not present:
            raise MemberNotFoundError(self._fetch_time)
        if len(present) > 1:
            raise MemberAmbiguousError(len(present), self._fetch_time)
        return self._parse(request, lambda: parse_member(present[0], self._profile.member))

    async def _get_candidates(self, member_id: str) -> tuple[Request, list[Candidate]]:
        operation = self._profile.get_member
        path = _make_path(operation.path, member_id, self._fetch_time)
        request = Request(operation="get_member", method=operation.method, path=path)
        row = await self.request(request)
        candidate = self._parse(request, lambda: parse_candidate(row, self._profile.member))
        if candidate.member_id != member_id:
            raise self._make_contract_error(request, "is about another member")
        return request, [candidate]

    async def _find_candidates(self, identity: Identity) -> tuple[Request, list[Candidate]]:
        operation = self._profile.find_member
        field = {"email": operation.email, "phone": operation.phone, "support_id": operation.support_id}[identity.kind]
        if not field:
            raise BadValueError(f"identity.{identity.kind}", "cannot be searched for at this merchant's provider")
        query = {field: identity.value}
        request = Request(operation="find_member", method=operation.method, path=operation.path, query=query)
        data = await self.request(request)
        fields = self._profile.member
        return request, self._parse(request, lambda: parse_candidates(operation.items.search(data), fields, identity))

    async def _list_coupons(self, member_id: str) -> tuple[Coupon, ...]:
        operation = self._profile.list_coupons
        path = _make_path(operation.path, member_id, self._fetch_time)
        request = Request(operation="list_coupons", method=operation.method, path=path, query=operation.query)
        data = await self.request(request)
        fields = self._profile.coupon
        return self._parse(request, lambda: parse_coupons(operation.items.search(data), fields, self._fetch_time))

    def _parse(self, request: Request, parse: Callable[[], T]) -> T:
        try:
            return parse()
        except WireError as error:
            raise self._make_contract_error(request, str(error)) from error

    def _make_contract_error(self, request: Request, sentence: str) -> ProviderContractError:
        _log.error(
            "provider_contract", merchant_id=self._merchant.merchant_id, operation=request.operation, problem=sentence
        )
        return ProviderContractError(f"the provider's answer to {request.operation} cannot be read: {sentence}")


def _make_credit_request(profile: Profile, credit: Credit, now: datetime) -> Request:
    operation = profile.credit
    body = {
        operation.points: credit.points * operation.point_scale,
        operation.note: credit.note,
        operation.reference: credit.reference,
    }
    path = _make_path(operation.path, credit.member_id, now)
    return Request(operation="credit", method=operation.method, path=path, body=body)


def _make_path(path: str, member_id: str, now: datetime) -> str:
    """Raises MemberNotFoundError for a dot segment: quoted or not, it would name another path."""
    if member_id in {"", ".", ".."}:
        raise MemberNotFoundError(now)
    return path.replace("{member_id}", quote(member_id, safe=""))


def _log_failure(merchant: Merchant, request: Request, error: Exception) -> None:
    _log.warning(
        "provider_unreachable",
        merchant_id=merchant.merchant_id,
        operation=request.operation,
        error=type(error).__name__,
    )
