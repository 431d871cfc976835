"""Reads of TRIFFT: a member with their coupons, a wallet's movements, and whether a token works."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from loyalty_service.domain.errors import (
    BadValueError,
    MemberAmbiguousError,
    MemberNotFoundError,
    ProviderContractError,
    ProviderUnavailableError,
)
from loyalty_service.domain.member import Coupon, Identity, Member
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Movements
from loyalty_service.domain.searches import Searches
from loyalty_service.domain.snapshot import Snapshot
from loyalty_service.domain.verification import Inspection
from loyalty_service.outbound.retry import ReadRequests
from loyalty_service.outbound.transport import Request
from loyalty_service.trifft.answers import explain_contract, log_contract, parse_data, raise_for_read, read_refusal
from loyalty_service.trifft.inspection import Inspector
from loyalty_service.trifft.mapping.coupons import parse_coupons
from loyalty_service.trifft.mapping.fields import FieldReader, parse_list, parse_rows, read_required
from loyalty_service.trifft.mapping.member import (
    Candidate,
    parse_candidate,
    parse_candidates,
    parse_member,
    read_support_id,
)
from loyalty_service.trifft.mapping.movements import parse_movements
from loyalty_service.trifft.observations.observed import Observed
from loyalty_service.trifft.phones import spell_phone
from loyalty_service.trifft.profile import Profile
from loyalty_service.trifft.wire import WireError

T = TypeVar("T")


class Read:
    """One read of a merchant's project, which began at `fetch_time`.

    `observed` notes what the answers show. `asked`: the operation that was asked last.
    """

    def __init__(
        self,
        requests: ReadRequests,
        profile: Profile,
        merchant: Merchant,
        fetch_time: datetime,
        observed: Observed,
    ) -> None:
        self._requests = requests
        self._profile = profile
        self._merchant = merchant
        self._fetch_time = fetch_time
        self._observed = observed
        self._zone = ZoneInfo(merchant.time_zone)
        self.asked = ""

    async def fetch(self, identity: Identity, remembered_member_id: str | None, searches: Searches) -> Snapshot:
        guess = identity.value if identity.kind == "member_id" else remembered_member_id
        guessed = asyncio.create_task(self._list_coupons(guess)) if guess else None
        try:
            member = await self._fetch_member(identity, searches)
            if guessed and member.member_id == guess:
                coupons = await guessed
            else:
                if guessed:
                    await self._requests.plan()
                coupons = await self._list_coupons(member.member_id)
        finally:
            if guessed:
                guessed.cancel()
                await asyncio.gather(guessed, return_exceptions=True)
        return Snapshot(member=member, coupons=coupons, fetch_time=self._fetch_time)

    async def inspect(self, identity: Identity, searches: Searches) -> Inspection:
        """A member, and what each line of the profile finds in the answers."""
        request, candidate = await self._fetch_candidate(identity, searches)
        try:
            coupons = await self._ask(self._make_coupons_request(candidate.member_id))
        except WireError:
            coupons = None
        inspector = Inspector(self._profile, self._zone, self._fetch_time)
        inspection = self._parse(request, lambda reader: inspector.inspect(candidate, coupons, reader))
        self._observed.note_member(inspection.member)
        return inspection

    async def list_movements(self, member_id: str, since: datetime) -> Movements:
        """Call this only if the profile has such a list."""
        operation = self._profile.list_movements
        path = operation.make_path(member_id, self._fetch_time)
        query = {operation.since: str(int(since.timestamp()))} if operation.since else {}
        request = Request(operation="list_movements", method=operation.method, path=path, query=query)
        data = await self._request(request)

        def parse(_: FieldReader) -> Movements:
            rows = read_required("list_movements.items", operation.items, data, parse_rows)
            return parse_movements(rows, operation, self._zone)

        return self._parse(request, parse)

    async def probe(self) -> None:
        """Call the points calculator, which changes nothing."""
        operation = self._profile.probe
        body = dict(operation.body) if operation.method == "POST" else None
        await self._request(Request(operation="probe", method=operation.method, path=operation.path, body=body))
        self._observed.confirm("probe")

    async def _request(self, request: Request) -> Any:  # noqa: ANN401 - whatever the provider sent
        """Return the data of a successful answer. Raises ProviderError, MemberNotFoundError."""
        try:
            return await self._ask(request)
        except WireError as error:
            reader = FieldReader()
            refusal = self._make_contract_error(request, error, reader)
            self._observed.lines.note({}, reader.unreadable)
            raise refusal from error

    async def _ask(self, request: Request) -> Any:  # noqa: ANN401 - whatever the provider sent
        """As `_request`, but raises WireError for a successful answer that cannot be read."""
        self.asked = request.operation
        try:
            answer = await self._requests.send(request)
        except ProviderUnavailableError:
            self._observed.fail(request.operation)
            raise
        if refusal := read_refusal(answer, self._profile, self._merchant, request):
            self._observed.refuse(refusal, self._profile)
            raise_for_read(refusal, self._profile, self._fetch_time)
        self._observed.accept(request.operation)
        return parse_data(answer, self._profile)

    async def _fetch_member(self, identity: Identity, searches: Searches) -> Member:
        request, candidate = await self._fetch_candidate(identity, searches)
        member = self._parse(request, lambda reader: self._parse_member(candidate, reader))
        self._observed.note_member(member)
        return member

    def _parse_member(self, candidate: Candidate, reader: FieldReader) -> Member:
        return parse_member(candidate, self._profile, self._fetch_time, self._zone, reader)

    async def _fetch_candidate(self, identity: Identity, searches: Searches) -> tuple[Request, Candidate]:
        """The one who has this identity. Raises MemberNotFoundError, MemberAmbiguousError, SearchesExhaustedError."""
        if identity.kind == "member_id":
            searches.take()
            request, candidates = await self._get_candidates(identity.value)
        else:
            request, candidates = await self._find_candidates(identity, searches)
        if not candidates:
            raise MemberNotFoundError(self._fetch_time)
        if len(candidates) > 1:
            support_ids = {one.member_id: read_support_id(one, self._profile.member) for one in candidates}
            raise MemberAmbiguousError(support_ids, self._fetch_time)
        return request, candidates[0]

    async def _get_candidates(self, member_id: str) -> tuple[Request, list[Candidate]]:
        operation = self._profile.get_member
        path = operation.make_path(member_id, self._fetch_time)
        request = Request(operation="get_member", method=operation.method, path=path)
        row = await self._request(request)

        def parse(_: FieldReader) -> Candidate:
            candidate = parse_candidate(row, self._profile.member)
            if candidate.member_id != member_id:
                raise WireError("a member that was not asked for", "member.member_id")
            return candidate

        return request, _list_present([self._parse(request, parse)])

    async def _find_candidates(self, identity: Identity, searches: Searches) -> tuple[Request, list[Candidate]]:
        """Search for the identity as written, then for all its other spellings, which may name several members."""
        field = self._find_search_field(identity)
        searches.take()
        request, found = await self._find(identity, identity.value, field)
        if not found:
            candidates: dict[str, Candidate] = {}
            for spelling in identity.list_spellings()[1:]:
                searches.take()
                await self._requests.plan()
                request, more = await self._find(identity, spelling, field)
                candidates |= {candidate.member_id: candidate for candidate in more}
            found = list(candidates.values())
        return request, found

    def _find_search_field(self, identity: Identity) -> str:
        """The query's field. Raises BadValueError if TRIFFT cannot search by it."""
        operation = self._profile.find_member
        field = {"email": operation.email, "phone": operation.phone, "support_id": operation.support_id}[identity.kind]
        if not field:
            raise BadValueError(f"identity.{identity.kind}", "cannot be searched for in this shop's TRIFFT")
        return field

    async def _find(self, identity: Identity, spelling: str, field: str) -> tuple[Request, list[Candidate]]:
        operation = self._profile.find_member
        if identity.kind == "phone":
            spelling = spell_phone(spelling, operation.phone_spelling, self._merchant.dialling_country)
        query = {field: spelling}
        request = Request(operation="find_member", method=operation.method, path=operation.path, query=query)
        data = await self._request(request)

        def parse(reader: FieldReader) -> list[Candidate]:
            rows = read_required("find_member.items", operation.items, data, parse_rows)
            return parse_candidates(rows, self._profile.member, identity, self._merchant.dialling_country, reader)

        return request, _list_present(self._parse(request, parse))

    async def _list_coupons(self, member_id: str) -> tuple[Coupon, ...] | None:
        """None: the list cannot be read; the member is shown without it."""
        operation = self._profile.list_coupons
        request = self._make_coupons_request(member_id)
        try:
            data = await self._ask(request)
        except WireError as error:
            self._make_contract_error(request, error, FieldReader())
            self._observed.lines.note({}, {"list_coupons.items": 1})
            return None

        def parse(reader: FieldReader) -> tuple[Coupon, ...] | None:
            rows = reader.read("list_coupons.items", operation.items, data, parse_list, None)
            if rows is None:
                self._make_contract_error(request, WireError("no list", "list_coupons.items"), reader)
                return None
            return parse_coupons(rows, self._profile.coupon, self._fetch_time, self._zone, reader)

        return self._parse(request, parse)

    def _make_coupons_request(self, member_id: str) -> Request:
        operation = self._profile.list_coupons
        path = operation.make_path(member_id, self._fetch_time)
        return Request(operation="list_coupons", method=operation.method, path=path, query=operation.query)

    def _parse(self, request: Request, parse: Callable[[FieldReader], T]) -> T:
        reader = FieldReader()
        try:
            parsed = parse(reader)
        except WireError as error:
            raise self._make_contract_error(request, error, reader) from error
        finally:
            self._observed.lines.note(reader.found, reader.unreadable)
        if f"{request.operation}.items" not in reader.unreadable:
            self._observed.confirm(request.operation)
        return parsed

    def _make_contract_error(self, request: Request, error: WireError, reader: FieldReader) -> ProviderContractError:
        """Make the error for an answer that cannot be read. Logs its line of the profile, and counts it once."""
        sentence = explain_contract(self._profile, request.operation, error)
        log_contract(self._merchant, request.operation, sentence)
        self._observed.contradict(request.operation, sentence)
        if error.line and error.line not in reader.unreadable:
            reader.note(error.line)
        return ProviderContractError(sentence)


def _list_present(candidates: Sequence[Candidate]) -> list[Candidate]:
    return [candidate for candidate in candidates if not candidate.is_anonymised]
