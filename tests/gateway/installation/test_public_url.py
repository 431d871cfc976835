"""The public URL, asked as Gorgias would: who answers, and what stands in front. All servers are real."""

import asyncio
import ipaddress
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import AddressFamily

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from gateway.installation.checks import Check
from gateway.installation.probe import ProbeKeys
from gateway.installation.public_url import judge_reach, probe_public_url
from runtime.encryption import SecretKeys
from runtime.proxy import HttpProxy
from tests.gateway.edge.running import Gateway, run_gateway
from tests.gateway.edge.shops import KEYS, NOWHERE
from tests.proxies import run_proxy

OTHER_KEYS = SecretKeys([Fernet.generate_key().decode()])
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest_asyncio.fixture(loop_scope="session")
async def gateway(tmp_path: Path, installed_file: Path) -> AsyncIterator[Gateway]:
    shutil.copy(installed_file, tmp_path / "gateway.db")
    async with run_gateway(tmp_path, "127.0.0.1:1") as running:
        yield running


async def probe(url: str, keys: SecretKeys = KEYS, *, proxy: HttpProxy | None = None) -> Check:
    async with aiohttp.ClientSession() as session:
        return await probe_public_url(session, url, ProbeKeys(keys), proxy=proxy)


@asynccontextmanager
async def serve(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"{'https' if context else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_this_deployment_is_known_by_its_keys(gateway: Gateway) -> None:
    """Also where a key was added in front on one side: the old one is still listed."""
    found = await probe(gateway.url)
    assert (found.name, found.state.value, found.detail) == (
        "public URL",
        "ok",
        f"{gateway.url} leads to this deployment",
    )
    other = await probe(gateway.url, OTHER_KEYS)
    assert other.state.value == "failed"
    assert other.detail == f"another deployment answers at {gateway.url}: its secret keys are others"
    assert "GATEWAY_SECRET_KEYS" in other.advice


async def test_stranger_who_asks_learns_nothing(gateway: Gateway) -> None:
    question = ProbeKeys(OTHER_KEYS).make_question()
    own = ProbeKeys(KEYS).make_question()
    for query in (
        "",
        "nonce=&key=",
        question.query,
        own.query.replace(own.nonce, "another"),
        "key=%FF%00&nonce=%C3%A9",
    ):
        async with gateway.session.get(URL(f"{gateway.url}/gorgias/probe?{query}", encoded=True)) as response:
            problem = await response.json(content_type="application/problem+json")
            assert (response.status, problem["reason"]) == (401, "CREDENTIAL"), query
    assert own.proof not in repr(problem)
    assert len({own.key, own.proof, question.key}) == 3


async def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = await probe(NOWHERE)
    assert (refused.state.value, refused.detail) == (
        "failed",
        f"nobody answers at {NOWHERE}: the connection is refused",
    )
    assert "GATEWAY_PUBLIC_URL" in refused.advice
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=KnowsNobody())) as session:
        unknown = await probe_public_url(session, "https://edge.example", ProbeKeys(KEYS), proxy=None)
    assert unknown.detail == "nobody answers at https://edge.example: its name is not known"
    async with serve(hang_up) as url:
        assert (await probe(url)).detail.startswith(f"nobody answers at {url}: Server")
    monkeypatch.setattr("gateway.installation.public_url.TIMEOUT_S", 0.2)
    async with serve(hang) as url:
        assert (await probe(url)).detail == f"nobody answers at {url} within 0.2 s"


async def test_certificate_that_does_not_hold_is_said(tmp_path: Path) -> None:
    async with serve(say(200), make_self_signed(tmp_path)) as url:
        found = await probe(url)
    assert (found.state.value, found.advice) == ("failed", "correct the certificate")
    assert found.detail.startswith(f"nobody answers at {url} whose TLS certificate holds (")
    assert "self-signed" in found.detail


def say(status: int, text: str = "<html>", kind: str = "text/html", **headers: str) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=text, content_type=kind, headers=headers)

    return answer


async def hang(_request: web.Request) -> web.Response:
    await asyncio.sleep(60)
    raise AssertionError


async def hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    raise ConnectionResetError


PROBLEM, DEEP = "application/problem+json", '{"a":' + "[" * 10_000


async def test_server_without_tls_is_not_called_a_wrong_certificate() -> None:
    async with serve(say(200)) as url:
        found = await probe(url.replace("http:", "https:"))
    assert found.detail.startswith("who answers at https://127.0.0.1:")
    assert "does not speak TLS" in found.detail
    assert "GATEWAY_PUBLIC_URL" in found.advice


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (say(200), "another server answers at {url}: 200, text/html"),
        (say(200, "{}", "application/json"), "another server answers at {url}: 200, application/json"),
        (say(200, "x" * 10_000), "another server answers at {url}: 200, text/html"),
        (say(200, DEEP, "application/json"), "another server answers at {url}: 200, application/json"),
        (say(401), "another server answers at {url}: 401, text/html"),
        (say(404), "another server answers at {url}: 404, text/html"),
        (say(302, Location="/"), "another server answers at {url}: it redirects (302), which is not followed"),
        (say(502), "the server in front of {url} does not reach the gateway (502)"),
        (
            say(404, '{"reason": "ROUTE_NOT_FOUND"}', PROBLEM),
            "a gateway answers at {url}, but has no probe there: another path, or an older version",
        ),
        (
            say(401, '{"reason": "CREDENTIAL"}', PROBLEM),
            "another deployment answers at {url}: its secret keys are others",
        ),
        (
            say(200, '{"proof": "a", "version": "1", "has_header": true, "has_sample": true}', "application/json"),
            "another deployment answers at {url}: its secret keys are others",
        ),
    ],
)
async def test_who_else_answers_is_said(handler: Handler, words: str) -> None:
    async with serve(handler) as url:
        found = await probe(url)
    assert (found.state.value, found.detail) == ("failed", words.format(url=url))
    assert found.advice


@pytest.mark.parametrize(
    ("change", "state", "words"),
    [
        ("nothing", "ok", "leads to this deployment"),
        ("header", "failed", "drops the header Authorization, so each press is refused"),
        ("query", "failed", "changes what stands in a query, so addresses are spoiled"),
        ("version", "warning", "leads to this deployment, of version 9.9.9"),
    ],
)
async def test_what_stands_in_front_is_seen(gateway: Gateway, change: str, state: str, words: str) -> None:
    """A server in front that passes the request on, but for one thing."""

    async def pass_on(request: web.Request) -> web.Response:
        headers = {} if change == "header" else {"Authorization": request.headers["Authorization"]}
        target = request.raw_path.replace("%2B", "+") if change == "query" else request.raw_path
        async with gateway.session.get(URL(f"{gateway.url}{target}", encoded=True), headers=headers) as response:
            text = await response.text()
        return web.Response(
            status=response.status, text=text.replace("0.1.0", "9.9.9") if change == "version" else text
        )

    async with serve(pass_on) as url:
        found = await probe(url)
    assert (found.state.value, words in found.detail, bool(found.advice)) == (state, True, state != "ok")


async def test_way_goes_through_the_proxy_as_requests_to_gorgias_do(gateway: Gateway) -> None:
    async with run_proxy() as proxy:
        proxy.lead_to(gateway.url)
        found = await probe("http://edge.example", proxy=HttpProxy(proxy.url))
        assert (found.state.value, len(proxy.lines)) == ("ok", 1)
        proxy.refusal = 407
        refused = await probe("http://edge.example", proxy=HttpProxy(proxy.url))
    assert (refused.state.value, "GATEWAY_HTTP_PROXY" in refused.detail) == ("unknown", True)
    gone = await probe("http://edge.example", proxy=HttpProxy(NOWHERE))
    assert (gone.state.value, gone.detail) == ("unknown", "the proxy of GATEWAY_HTTP_PROXY cannot be reached")


async def test_loopback_is_no_address_for_a_gorgias_that_is_elsewhere(gateway: Gateway) -> None:
    found = await probe(gateway.url)
    assert judge_reach(found, gateway.url, "http://127.0.0.1:8090/gorgias/acme") == found
    assert judge_reach(found, gateway.url, "http://sandbox:8090/gorgias/acme") == found
    assert judge_reach(found, "https://edge.example", "https://acme.gorgias.com") == found
    away = judge_reach(found, gateway.url, "https://acme.gorgias.com")
    assert (away.state.value, "no public name" in away.detail) == ("warning", True)
    failed = await probe(NOWHERE)
    assert judge_reach(failed, NOWHERE, "https://acme.gorgias.com") == failed


class KnowsNobody(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        raise OSError(None, f"{host}:{port} is not known ({family})")

    async def close(self) -> None:
        """Nothing is open."""


def make_self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "edge.example")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "edge.pem"
    form = (
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(key.private_bytes(*form) + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
