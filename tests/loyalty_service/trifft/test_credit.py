"""Points put on a wallet: once, and the truth about whether."""

import asyncio
import socket
from decimal import Decimal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from loyalty_service.domain.errors import (
    BookingContradictedError,
    BookingUnknownError,
    MemberNotFoundError,
    ProviderCredentialsError,
    ProviderRefusedError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import Booking
from loyalty_service.trifft.client import TrifftProvider
from sandbox.trifft import BLOOM_PROFILE, Fault, Member, Project, Settings
from tests.loyalty_service.running import wait_until
from tests.loyalty_service.trifft.servers import MakeMerchant, StartAnswering
from tests.passing import let_loop_pass

CREDIT = Booking(member_id="jana", points=100, note="Sorry for the wait ☕", reference="A-10482")


async def test_credit_is_booked_with_its_note_and_reference(
    provider: TrifftProvider, merchant: Merchant, jana: Member
) -> None:
    receipt = await provider.credit(merchant, CREDIT, timeout_s=30)
    [movement] = jana.movements
    assert movement.change == 100
    assert (movement.note, movement.reference) == ("Sorry for the wait ☕", "A-10482")
    assert receipt.provider_reference == movement.id
    assert not receipt.delayed
    assert receipt.balance is not None
    assert str(receipt.balance.balance) == "1340"


async def test_credit_in_another_scale_adds_the_same_points(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: Project, jana: Member
) -> None:
    """100 points travel as 10000, and the balance comes back as 134075."""
    acme.state.settings = Settings(wrapped=True, point_scale=100)
    jana.points = Decimal("1240.75")
    receipt = await provider.credit(make_merchant(profile=BLOOM_PROFILE), CREDIT, timeout_s=30)
    assert jana.points == Decimal("1340.75")
    assert receipt.balance is not None
    assert receipt.balance.balance == Decimal("1340.75")


@pytest.mark.parametrize("kind", ["credit", "debit"])
async def test_reference_is_the_idempotency_key_where_the_profile_names_a_header(
    provider: TrifftProvider, make_merchant: MakeMerchant, kind: str
) -> None:
    keys: list[str | None] = []

    async def book(request: web.Request) -> web.Response:
        keys.append(request.headers.get("Idempotency-Key"))
        return web.json_response({"id": "m-1"})

    app = web.Application()
    app.router.add_post("/{path:.*}", book)
    async with TestServer(app) as server:
        url = str(server.make_url(""))
        for profile in ("", '[credit]\nidempotency_header = "Idempotency-Key"'):
            merchant = make_merchant(url, profile=profile)
            await getattr(provider, kind)(merchant, CREDIT, timeout_s=30)
    assert keys == [None, CREDIT.reference]


async def test_delayed_credit_is_said_to_be_delayed(provider: TrifftProvider, merchant: Merchant, jana: Member) -> None:
    jana.delayed_credits = True
    receipt = await provider.credit(merchant, CREDIT, timeout_s=30)
    assert receipt.delayed
    assert receipt.balance is not None
    assert receipt.balance.balance == 1240


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ProviderRefusedError),
        (401, ProviderCredentialsError),
        (402, ProviderRefusedError),
        (403, ProviderCredentialsError),
        (404, MemberNotFoundError),
        (429, ProviderThrottledError),
        (500, BookingUnknownError),
        (503, BookingUnknownError),
    ],
)
async def test_status_tells_whether_it_was_booked(
    provider: TrifftProvider, merchant: Merchant, acme: Project, status: int, error: type[Exception]
) -> None:
    acme.faults.set(Fault(kind="status", status=status))
    with pytest.raises(error):
        await provider.credit(merchant, CREDIT, timeout_s=30)
    assert acme.count_requests("credit") == 1


@pytest.mark.parametrize("status", [204, 301, 307, 409, 418, 422])
async def test_status_that_tells_nothing_leaves_it_unknown(
    provider: TrifftProvider, make_merchant: MakeMerchant, start_answering: StartAnswering, status: int
) -> None:
    location = {"Location": make_merchant().provider_url}
    url = await start_answering(web.Response(status=status, headers=location))
    with pytest.raises(BookingUnknownError):
        await provider.credit(make_merchant(url), CREDIT, timeout_s=30)


async def test_success_that_says_it_failed_leaves_it_unknown(
    provider: TrifftProvider, make_merchant: MakeMerchant, start_answering: StartAnswering
) -> None:
    url = await start_answering(web.json_response({"success": False, "id": "movement", "balance": 1340}))
    with pytest.raises(BookingUnknownError):
        await provider.credit(make_merchant(url), CREDIT, timeout_s=30)


@pytest.mark.parametrize("told", [{"points": 5}, {"points": "100.5"}, {"points": 0}], ids=str)
async def test_receipt_that_names_other_points_is_no_receipt(
    provider: TrifftProvider, make_merchant: MakeMerchant, start_answering: StartAnswering, told: dict[str, object]
) -> None:
    url = await start_answering(web.json_response({"id": "movement", "balance": 1340, **told}))
    with pytest.raises(BookingContradictedError):
        await provider.credit(make_merchant(url), CREDIT, timeout_s=30)


@pytest.mark.parametrize("told", [{}, {"points": None}, {"points": "100.0"}, {"points": -100}], ids=str)
async def test_receipt_that_names_the_same_points_or_none_is_one(
    provider: TrifftProvider, make_merchant: MakeMerchant, start_answering: StartAnswering, told: dict[str, object]
) -> None:
    url = await start_answering(web.json_response({"id": "movement", "balance": 1340, **told}))
    receipt = await provider.credit(make_merchant(url), CREDIT, timeout_s=30)
    assert receipt.provider_reference == "movement"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="refuse"),
        Fault(kind="reset"),
        Fault(kind="lost_answer"),
        Fault(kind="bad_json"),
        Fault(kind="half_json"),
        Fault(kind="html"),
        Fault(kind="html", status=502, after_commit=True),
        Fault(kind="wrong_types"),
        Fault(kind="hang"),
        Fault(kind="hang", after_commit=True),
        Fault(kind="slow_body"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.after_commit}",
)
async def test_answer_that_does_not_come_or_cannot_be_read_leaves_it_unknown_and_sent_once(
    provider: TrifftProvider, merchant: Merchant, acme: Project, fault: Fault
) -> None:
    acme.faults.set(fault)
    booking = asyncio.create_task(provider.credit(merchant, CREDIT, timeout_s=30))
    if fault.kind in {"hang", "slow_body"}:
        await wait_until(lambda: acme.count_requests("credit"))
        let_loop_pass(30)
    with pytest.raises(BookingUnknownError):
        await booking
    assert acme.count_requests("credit") == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "http://trifft.invalid", "https://127.0.0.1:{port}"])
async def test_credit_that_never_left_is_not_in_doubt(
    provider: TrifftProvider, make_merchant: MakeMerchant, url: str
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # not listening: refused
        merchant = make_merchant(url.format(port=unused.getsockname()[1]))
        with pytest.raises(ProviderUnavailableError):
            await provider.credit(merchant, CREDIT, timeout_s=30)


async def test_failed_tls_handshake_is_not_in_doubt(
    provider: TrifftProvider, make_merchant: MakeMerchant, trifft_url: str, acme: Project
) -> None:
    """The stand-in speaks no TLS."""
    merchant = make_merchant(trifft_url.replace("http://", "https://"))
    with pytest.raises(ProviderUnavailableError):
        await provider.credit(merchant, CREDIT, timeout_s=30)
    assert acme.count_requests() == 0


async def test_connection_that_is_never_accepted_is_not_in_doubt(
    provider: TrifftProvider, make_merchant: MakeMerchant
) -> None:
    """A listener whose queue is full: the handshake of TCP does not end before the deadline."""
    with socket.socket() as full, socket.socket() as filler:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        filler.connect(full.getsockname())
        merchant = make_merchant(f"http://127.0.0.1:{full.getsockname()[1]}")
        with pytest.raises(ProviderUnavailableError):
            await provider.credit(merchant, CREDIT, timeout_s=0.2)


async def test_credit_to_a_path_of_its_own_making_is_not_sent(
    provider: TrifftProvider, merchant: Merchant, acme: Project
) -> None:
    for member_id in (".", "..", ""):
        credit = Booking(member_id=member_id, points=1, note="", reference="A-1")
        with pytest.raises(MemberNotFoundError):
            await provider.credit(merchant, credit, timeout_s=30)
    assert acme.count_requests() == 0


async def test_profile_that_an_older_release_let_in_refuses_before_sending(
    provider: TrifftProvider, make_merchant: MakeMerchant, acme: Project
) -> None:
    with pytest.raises(ProviderRefusedError):
        await provider.credit(make_merchant(profile="[gone]\nx = 1"), CREDIT, timeout_s=30)
    assert acme.count_requests() == 0


async def test_credit_travels_on_a_connection_of_its_own(provider: TrifftProvider, make_merchant: MakeMerchant) -> None:
    """A pooled one that the provider has just dropped would leave a credit in doubt for nothing."""
    ports: list[int] = []

    async def handle(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.append(request.transport.get_extra_info("peername")[1])
        return web.json_response({"id": "movement", "points": 100})

    app = web.Application()
    app.router.add_post("/{path:.*}", handle)
    async with TestServer(app) as server:
        merchant = make_merchant(str(server.make_url("")))
        for _ in range(2):
            await provider.probe(merchant, timeout_s=30)
        for _ in range(2):
            await provider.credit(merchant, CREDIT, timeout_s=30)
    probe, same, first, second = ports
    assert probe == same
    assert len({probe, first, second}) == 3
