"""An address is searched as it is written, then in other spellings, and the results are compared here."""

from typing import Any

import pytest
from aiohttp import web

from loyalty_service.domain.errors import (
    MemberAmbiguousError,
    MemberNotFoundError,
    ProviderCredentialsError,
    ProviderThrottledError,
)
from loyalty_service.domain.member import IdentityKind, parse_identity
from loyalty_service.domain.merchant import Merchant
from loyalty_service.trifft.client import TrifftProvider
from loyalty_service.trifft.mapping.fields import FieldReader
from loyalty_service.trifft.mapping.member import parse_candidates
from loyalty_service.trifft.profile import parse_profile
from sandbox.trifft import Fault, Member, Project, make_project
from tests.lookalikes import LOOK_ALIKES
from tests.loyalty_service.trifft import servers
from tests.loyalty_service.trifft.servers import MakeMerchant, StartAnswering


class SearchedProject(Project):
    """Records searches. `is_exact`: it finds exact spellings only. `fault`: it is set at the first search."""

    def __init__(self, project: Project) -> None:
        super().__init__(project.state)
        self.searched: list[str] = []
        self.is_exact = False
        self.fault: Fault | None = None

    def find_members(self, field: Any, value: str) -> list[Member]:  # noqa: ANN401 - one of three names
        self.searched.append(value)
        if self.fault is not None:
            self.faults.set(self.fault)
        if self.is_exact:
            return [member for member in self.members.values() if getattr(member, field) == value]
        return super().find_members(field, value)


@pytest.fixture
def acme(jana: Member) -> SearchedProject:
    return SearchedProject(make_project("acme", [jana]))


@pytest.fixture
def empty(acme: SearchedProject) -> SearchedProject:
    """A project without members."""
    acme.members.clear()
    return acme


@pytest.fixture
def exact(empty: SearchedProject) -> SearchedProject:
    """A project without members that distinguishes spellings."""
    empty.is_exact = True
    return empty


def add(project: Project, **fields: str) -> Member:
    member = Member(**fields)  # type: ignore[arg-type]
    project.members[member.id] = member
    return member


async def find(provider: TrifftProvider, merchant: Merchant, value: str, kind: IdentityKind = "email") -> str:
    return (await servers.fetch(provider, merchant, parse_identity(kind, value))).member.member_id


async def is_nobody(provider: TrifftProvider, merchant: Merchant, value: str, kind: IdentityKind = "email") -> bool:
    try:
        await find(provider, merchant, value, kind)
    except MemberNotFoundError:
        return True
    return False


@pytest.mark.parametrize("names", [*LOOK_ALIKES, *(pair[::-1] for pair in LOOK_ALIKES)])
@pytest.mark.parametrize("kind", ["email", "support_id"])
async def test_look_alike_of_a_member_is_not_found(
    provider: TrifftProvider, merchant: Merchant, empty: Project, names: tuple[str, str], kind: IdentityKind
) -> None:
    one, other = (f"{name}@example.com" if kind == "email" else name for name in names)
    member = add(empty, **{kind: one})
    assert await find(provider, merchant, one, kind) == member.id
    assert await is_nobody(provider, merchant, other, kind)


@pytest.mark.parametrize("names", LOOK_ALIKES)
async def test_members_who_look_alike_are_each_found(
    provider: TrifftProvider, merchant: Merchant, empty: Project, names: tuple[str, str]
) -> None:
    members = [add(empty, email=f"{name}@example.com") for name in names]
    found = [await find(provider, merchant, str(member.email)) for member in members]
    assert found == [member.id for member in members]


@pytest.mark.parametrize(
    ("email", "others"),
    [
        ("nobody@example.com", []),
        ("nobody@xn--example", []),  # not an IDNA name
        ("Nobody@example.com", ["nobody@example.com"]),
        ("nobody@EXAMPLE.com", ["nobody@example.com"]),
        ("nobody@bücher.example", ["nobody@xn--bcher-kva.example"]),
        ("nobody@xn--bcher-kva.example", ["nobody@bücher.example"]),
        ("Nobody@bücher.example", ["nobody@bücher.example", "nobody@xn--bcher-kva.example"]),
        ("Nobody@BÜCHER.example", ["nobody@BÜCHER.example"]),  # not an IDNA name, so its capitals count
        ("nobodÿ@example.com", []),
    ],
)
async def test_unknown_address_is_searched_once_in_each_spelling(
    provider: TrifftProvider, merchant: Merchant, acme: SearchedProject, email: str, others: list[str]
) -> None:
    assert await is_nobody(provider, merchant, email)
    assert acme.searched == [email, *others]


async def test_member_found_by_the_first_spelling_is_searched_once(
    provider: TrifftProvider, merchant: Merchant, acme: SearchedProject, jana: Member
) -> None:
    assert await find(provider, merchant, "Jana@Example.com") == jana.id
    assert acme.searched == ["Jana@Example.com"]


@pytest.mark.parametrize("name", ["jn-4821", "JN-4821", "Jn-4821"])
async def test_support_id_is_found_in_any_ascii_case(
    provider: TrifftProvider, merchant: Merchant, acme: SearchedProject, jana: Member, name: str
) -> None:
    assert await find(provider, merchant, name, "support_id") == jana.id
    assert acme.searched == [name]


def test_numeric_support_id_is_read_as_its_digits() -> None:
    rows = [{"id": "jana", "support_id": 4821, "status": "active"}, {"id": "other", "support_id": True}]
    fields = parse_profile("").member
    [found] = parse_candidates(rows, fields, parse_identity("support_id", "4821"), "", FieldReader())
    assert found.member_id == "jana"


async def test_odd_address_of_another_member_hides_nobody(
    provider: TrifftProvider, make_merchant: MakeMerchant, start_answering: StartAnswering
) -> None:
    rows = [{"id": "other", "email": ["jana@example.com"]}, {"id": "jana", "email": "jana@example.com"}]
    merchant = make_merchant(await start_answering(web.json_response(rows)))
    assert await find(provider, merchant, "jana@example.com") == "jana"


@pytest.mark.parametrize(
    ("on_file", "email"),
    [
        ("jana@example.com", "JANA@example.com"),
        ("Jana@example.com", "Jana@example.com"),
        ("jana@bücher.example", "jana@xn--bcher-kva.example"),
        ("jana@xn--bcher-kva.example", "Jana@bücher.example"),
        ("jana@bücher.example", "JANA@XN--BCHER-KVA.example"),
    ],
)
async def test_other_spelling_finds_the_member(
    provider: TrifftProvider, merchant: Merchant, exact: SearchedProject, on_file: str, email: str
) -> None:
    member = add(exact, email=on_file)
    add(exact, email="other@example.com")
    assert await find(provider, merchant, email) == member.id


async def test_other_spellings_that_find_two_members_are_ambiguous(
    provider: TrifftProvider, merchant: Merchant, exact: SearchedProject
) -> None:
    for email in ("jana@bücher.example", "jana@xn--bcher-kva.example"):
        add(exact, email=email)
    with pytest.raises(MemberAmbiguousError) as caught:
        await find(provider, merchant, "Jana@bücher.example")
    assert caught.value.member_count == 2


async def test_member_found_by_two_spellings_is_one(
    provider: TrifftProvider, merchant: Merchant, acme: SearchedProject
) -> None:
    """This search ignores case, and the other spelling is searched all the same."""
    member = add(acme, email="jana@xn--bcher-kva.example")
    assert await find(provider, merchant, "Jana@bücher.Example") == member.id


async def test_other_spelling_finds_the_real_member_after_an_anonymised_one(
    provider: TrifftProvider, make_merchant: MakeMerchant, exact: SearchedProject
) -> None:
    add(exact, email="Jana@example.com", status="blocked")
    member = add(exact, email="jana@example.com")
    merchant = make_merchant(profile="[member]\nblocked_states = []\nanonymised_states = ['blocked']")
    assert await find(provider, merchant, "Jana@example.com") == member.id


async def test_failure_of_a_later_search_is_not_reported_as_no_member(
    provider: TrifftProvider, merchant: Merchant, exact: SearchedProject
) -> None:
    add(exact, email="jana@example.com")
    exact.fault = Fault(kind="status", status=401, operation="find")
    with pytest.raises(ProviderCredentialsError):
        await find(provider, merchant, "Jana@example.com")


async def test_later_search_needs_a_permit_too(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: SearchedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loyalty_service.outbound.retry.WAIT_SHARE", 0.005)
    merchant = make_merchant(profile="[rate]\nrequests = 3\n")
    nobody = parse_identity("email", "Nobody@bücher.example")
    with pytest.raises(ProviderThrottledError):
        await servers.fetch(provider, merchant, nobody, timeout_s=30)
    assert acme.searched == ["Nobody@bücher.example", "nobody@bücher.example"]
