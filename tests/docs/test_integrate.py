"""The example of docs/integrate.md, run as a reader runs it."""

import asyncio
import re
import sys
from pathlib import Path

import grpc
from aiohttp.test_utils import TestServer
from cryptography.fernet import Fernet

from loyalty_service.config import Config
from loyalty_service.server import serve
from loyalty_service.trifft.client import TrifftProvider
from protos.loyalty.v1 import loyalty_pb2 as pb
from protos.loyalty.v1.loyalty_pb2_grpc import MerchantServiceStub
from runtime.channels import DIRECT
from runtime.clock import SystemClock
from runtime.settings import Listen
from sandbox.trifft import Trifft, create_trifft_app, make_demo_projects

ROOT = Path(__file__).parent.parent.parent
KEY = "a-callers-key"
BLOCK = re.compile(
    r"<!-- A test runs this block. -->\n```python\n(.+?)```\n\nOn a fresh start it prints:\n\n```\n(.+?)```", re.DOTALL
)


def test_every_reason_has_a_line_that_says_what_to_do() -> None:
    page = (ROOT / "docs" / "integrate.md").read_text(encoding="utf-8")
    table = page.partition("| reason | what to do |")[2].partition("\n\n")[0]
    named = [reason for first in re.findall(r"^\| ([A-Z_, ]+) \|", table, re.MULTILINE) for reason in first.split(", ")]
    assert sorted(named) == sorted(set(pb.ErrorReason.keys()) - {"ERROR_REASON_UNSPECIFIED"})


async def test_example_prints_what_the_page_says(tmp_path: Path) -> None:
    """The real service before TRIFFT's stand-in, with the shop of `make run`; the example in a process of its own."""
    found = BLOCK.search((ROOT / "docs" / "integrate.md").read_text(encoding="utf-8"))
    assert found is not None
    code, printed = found.groups()
    script = tmp_path / "example.py"
    script.write_text(code, encoding="utf-8")
    clock = SystemClock()
    config = Config(
        listen=Listen("127.0.0.1", 0),
        database_url=f"sqlite:///{tmp_path / 'loyalty.db'}",
        secret_keys=(Fernet.generate_key().decode(),),
        api_key=KEY,
    )
    projects = make_demo_projects()
    async with (
        TestServer(create_trifft_app(Trifft(projects))) as stand_in,
        TrifftProvider(clock) as provider,
        serve(config, provider, clock, None) as port,
    ):
        await add_acme(f"127.0.0.1:{port}", str(stand_in.make_url("")), projects[0].get_token())
        environ = {"PYTHONPATH": str(ROOT), "LOYALTY_API_KEY": KEY, "LOYALTY_TARGET": f"127.0.0.1:{port}"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-X", "utf8", script), env=environ, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
    assert (output.decode(), process.returncode) == (printed, 0)


async def add_acme(target: str, trifft_url: str, token: str) -> None:
    async with grpc.aio.insecure_channel(target, options=DIRECT) as channel:
        merchant = pb.Merchant(merchant_id="acme", provider_url=trifft_url.rstrip("/"))
        request = pb.CreateMerchantRequest(merchant=merchant, provider_token=token, skip_probe=True)
        stub = MerchantServiceStub(channel)
        await stub.CreateMerchant(request, metadata=(("authorization", f"Bearer {KEY}"),))
