"""The processes where the environment names a proxy, as companies' machines do, and where a setting names one."""

import asyncio
import json
import os
import ssl
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb
from sandbox.trifft import Member, Trifft, create_trifft_app, make_project
from tests.forked import Forked, run_forked
from tests.gateway.helpdesk import Helpdesk, run_helpdesk
from tests.proxies import Proxy, run_proxy

ROOT = Path(__file__).resolve().parents[2]
READY_S = 30.0
KEY = "key-between-the-processes"
JANA = ("--email", "jana@example.com", "--points", "1240")


@dataclass(frozen=True)
class Shop:
    """Both processes with acme installed, and the operator's settings."""

    helpdesk: Helpdesk
    proxy: Proxy
    folder: Path
    environment: dict[str, str]

    async def run(self, *arguments: str) -> tuple[int, str]:
        """Run the operator's command; return its exit code and all that it printed."""
        async with run_forked("gateway.cli:main", *arguments, env=self.environment, cwd=self.folder) as process:
            out, errors = await process.communicate()
            assert process.returncode is not None
            return process.returncode, (out + errors).decode()

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return str(self.folder / name)

    async def add(self, trifft_url: str) -> tuple[int, str]:
        token = self.write("token", "acme-write")
        options = ("--trifft-url", trifft_url, "--trifft-token-file", token, "--allow-private-url")
        return await self.run("merchant", "add", "acme", *options)

    async def install(self, gorgias_url: str) -> tuple[int, str]:
        profile = self.helpdesk.account.profile
        key = self.write("key", profile.api_key)
        options = ("--gorgias-user", profile.api_user, "--gorgias-key-file", key, "--allow-private-url")
        return await self.run("install", "acme", "--gorgias-url", f"{gorgias_url}/gorgias/acme", *options)

    async def ask_widget(self) -> dict[str, str]:
        """Ask for the widget of Jana's ticket as Gorgias does."""
        [integration] = self.helpdesk.account.state.integrations.values()
        url = integration.http.url
        for name, value in (("email", "jana@example.com"), ("id", "4711")):
            url = url.replace(f"{{{{ticket.customer.{name}}}}}", value)
        async with (
            aiohttp.ClientSession() as session,
            session.get(
                URL(url.replace("{{ticket.id}}", "4711"), encoded=True), headers=integration.http.headers
            ) as answer,
        ):
            body: dict[str, str] = await answer.json()
            return body


async def read_listening(process: Forked | asyncio.subprocess.Process, field: str) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(READY_S):
        while (line := json.loads(await process.stderr.readline()))["event"] != "listening":
            pass
    return str(line[field])


@asynccontextmanager
async def run_shop(folder: Path, **settings: str) -> AsyncIterator[Shop]:
    """Run both processes with `settings`. All known proxy variables name the proxy."""
    async with AsyncExitStack() as stack:
        helpdesk = await stack.enter_async_context(run_helpdesk())
        proxy = await stack.enter_async_context(run_proxy())
        proxy.lead_to(helpdesk.url)
        machine = {"PATH": os.environ["PATH"], **proxy.environment}
        loyalty_settings = {
            "LOYALTY_LISTEN": "127.0.0.1:0",
            "LOYALTY_DATABASE_URL": f"sqlite:///{folder / 'loyalty.db'}",
            "LOYALTY_SECRET_KEYS": Fernet.generate_key().decode(),
            "LOYALTY_API_KEY": KEY,
        }
        loyalty = await stack.enter_async_context(
            run_forked("loyalty_service.__main__:main", env=machine | loyalty_settings | settings)
        )
        environment = machine | {
            "GATEWAY_LISTEN": "127.0.0.1:0",
            "GATEWAY_DATABASE_URL": f"sqlite:///{folder / 'gateway.db'}",
            "GATEWAY_SECRET_KEYS": Fernet.generate_key().decode(),
            "GATEWAY_LOYALTY_TARGET": await read_listening(loyalty, "address"),
            "GATEWAY_LOYALTY_KEY": KEY,
            **settings,
        }
        gateway = await stack.enter_async_context(run_forked("gateway.__main__:main", env=environment))
        environment["GATEWAY_PUBLIC_URL"] = f"http://{await read_listening(gateway, 'listen')}"
        yield Shop(helpdesk=helpdesk, proxy=proxy, folder=folder, environment=environment)


async def test_proxy_of_the_environment_sees_nothing(tmp_path: Path) -> None:
    async with run_shop(tmp_path) as shop:
        assert (await shop.add(shop.helpdesk.url))[0] == 0
        assert (await shop.install(shop.helpdesk.url))[0] == 0
        assert (await shop.ask_widget())["status"] == "member"
        code, said = await shop.run("check", "acme")
        assert (code, "LOYALTY" in said) == (0, False), said
        assert (await shop.run("uninstall", "acme"))[0] == 0
    assert shop.proxy.lines == []


async def test_only_calls_of_trifft_and_gorgias_use_the_proxy_of_the_settings(tmp_path: Path) -> None:
    """The operator's command uses it, too. No printed line shows the proxy's user or password."""
    async with run_proxy() as proxy:
        address = proxy.url.replace("://", "://clerk:s3cret@")
        async with run_shop(tmp_path, LOYALTY_HTTP_PROXY=address, GATEWAY_HTTP_PROXY=address) as shop:
            proxy.lead_to(shop.helpdesk.url)
            said = [
                await shop.add("http://trifft.test"),
                await shop.run("merchant", "verify", "acme", *JANA, "--give", "1"),
                await shop.install("http://gorgias.test"),
            ]
            assert [code for code, _ in said] == [0, 0, 0], said
            assert (await shop.ask_widget())["status"] == "member"
            said.append(await shop.run("check", "acme"))
            assert said[-1][0] == 0, said
            proxy.refusal = 407
            said.append(await shop.run("check", "acme"))
    assert shop.proxy.lines == []
    assert {URL(line.split(" ")[1]).host for line in proxy.lines} == {"trifft.test", "gorgias.test"}
    assert (said[-1][0], said[-1][1].count("refuses our user name or password")) == (1, 4), said
    assert "s3cret" not in str(said)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for trifft.test; return the files of certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "trifft.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("trifft.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "certificate", folder / "key"


@asynccontextmanager
async def run_trifft_over_https(folder: Path) -> AsyncIterator[str]:
    """Yield its URL on this machine. Its certificate, in `folder`, is for trifft.test."""
    certificate, key = make_certificate(folder)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    app = create_trifft_app(Trifft([make_project("acme", [Member(id="jana", email="jana@example.com")])]))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_trifft_over_https_is_reached_by_a_tunnel_that_the_proxy_cannot_read(tmp_path: Path) -> None:
    """The process is a new interpreter, since it reads the trusted certificates at its start."""
    async with run_trifft_over_https(tmp_path) as url, run_proxy() as proxy:
        proxy.lead_to(url)
        settings = {
            "LOYALTY_LISTEN": "127.0.0.1:0",
            "LOYALTY_DATABASE_URL": f"sqlite:///{tmp_path / 'loyalty.db'}",
            "LOYALTY_SECRET_KEYS": Fernet.generate_key().decode(),
            "LOYALTY_HTTP_PROXY": proxy.url,
            "LOYALTY_READ_TIMEOUT_S": "10",
            "SSL_CERT_FILE": str(tmp_path / "certificate"),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "loyalty_service", env=settings, cwd=ROOT, stderr=asyncio.subprocess.PIPE
        )
        try:
            async with LoyaltyClient(await read_listening(process, "address"), "") as client:
                merchant = pb.Merchant(merchant_id="acme", provider_url="https://trifft.test")
                request = pb.CreateMerchantRequest(
                    merchant=merchant, provider_token="acme-write", allow_private_url=True
                )
                await client.create_merchant(request, timeout_s=20)
                proof = pb.VerifyMerchantRequest(
                    merchant_id="acme", member_id="jana", shown_balance="0", give=1, verified_by="ops"
                )
                await client.verify_merchant(proof, timeout_s=30)
                identity = pb.MemberIdentity(email="jana@example.com")
                snapshot = await client.find_member("acme", identity, timeout_s=20)
                award = pb.AwardPointsRequest(
                    merchant_id="acme", request_id=str(uuid.uuid4()), member_id="jana", points=100
                )
                given = await client.award_points(award, timeout_s=20)
        finally:
            process.kill()
            await process.communicate()
    assert (snapshot.member.member_id, given.award.state) == ("jana", pb.AWARD_STATE_APPLIED)
    assert set(proxy.lines) == {"CONNECT trifft.test:443 HTTP/1.1"}
    assert not [head for head in proxy.heads if "acme-write" in head]
