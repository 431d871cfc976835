"""The shop acme, added and installed once by the operator's commands. Each test gets a copy of the result."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet

from loyalty_service.config import Config
from loyalty_service.server import serve
from loyalty_service.trifft.client import TrifftProvider
from runtime.clock import SystemClock
from runtime.settings import Listen
from sandbox.gorgias.account import AccountState
from tests.gateway.cli.operating import Operator
from tests.gateway.helpdesk import Helpdesk

# These tests are not about the rate limiter. No line changes how points are read.
PROFILE = "[rate]\nrequests = 100000\n[list_movements]\ncomplete = true\n"


def make_key() -> str:
    return Fernet.generate_key().decode()


# Keys of both processes, so that copies of their databases can be read.
KEY = make_key()


@asynccontextmanager
async def run_loyalty(database: Path) -> AsyncIterator[int]:
    clock = SystemClock()
    config = Config(
        listen=Listen("127.0.0.1", 0),
        database_url=f"sqlite:///{database}",
        secret_keys=(KEY,),
        api_key="inner-key",
        read_timeout_s=30.0,  # generous: a busy machine must not look like a TRIFFT that hangs
    )
    async with TrifftProvider(clock) as provider, serve(config, provider, clock, None) as port:
        yield port


async def migrate_ledger(path: Path) -> None:
    async with run_loyalty(path):
        pass


@asynccontextmanager
async def open_operator(folder: Path, *, ledger: Path, gateway: Path, public_url: str) -> AsyncIterator[Operator]:
    """Yield an operator on copies of the databases `ledger` and `gateway`."""
    async with run_loyalty(Path(shutil.copy(ledger, folder / "loyalty.db"))) as port:
        settings = {
            "GATEWAY_DATABASE_URL": f"sqlite:///{shutil.copy(gateway, folder / 'gateway.db')}",
            "GATEWAY_SECRET_KEYS": KEY,
            "GATEWAY_LOYALTY_TARGET": f"127.0.0.1:{port}",
            "GATEWAY_LOYALTY_KEY": "inner-key",
            "GATEWAY_PUBLIC_URL": public_url,
        }
        yield Operator(settings, folder)


@dataclass(frozen=True)
class Prepared:
    """The databases after `merchant add` and `install`, and the account in Gorgias."""

    ledger: Path
    gateway: Path
    account: bytes
    public_url: str

    @asynccontextmanager
    async def open_installed(self, folder: Path, helpdesk: Helpdesk) -> AsyncIterator[Operator]:
        """Open an operator on copies, before a stand-in with the same account."""
        helpdesk.account.state = msgspec.json.decode(self.account, type=AccountState)
        async with open_operator(
            folder, ledger=self.ledger, gateway=self.gateway, public_url=self.public_url
        ) as opened:
            yield opened


async def prepare(helpdesk: Helpdesk, folder: Path, *, ledger: Path, gateway: Path, public_url: str) -> Prepared:
    """`folder` keeps the databases. `ledger`, `gateway`: migrated ones."""
    profile = helpdesk.account.profile
    account = ("--gorgias-url", f"{helpdesk.url}/gorgias/acme", "--gorgias-user", profile.api_user)
    async with open_operator(folder, ledger=ledger, gateway=gateway, public_url=public_url) as operator:
        token, key = operator.write("token", "acme-write\n"), operator.write("key", profile.api_key)
        trifft = ("--trifft-token-file", token, "--trifft-url", helpdesk.url)
        for command in (
            ("merchant", "add", "acme", *trifft, "--profile", operator.write("profile", PROFILE)),
            ("install", "acme", *account, "--gorgias-key-file", key),
        ):
            done = await operator.run(*command)
            assert done.code == 0, done.err
    return Prepared(
        ledger=folder / "loyalty.db",
        gateway=folder / "gateway.db",
        account=msgspec.json.encode(helpdesk.account.state),
        public_url=public_url,
    )
