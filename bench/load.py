"""The load: `python -m bench.load PLAN SAMPLES` carries out the Plan in one file and writes Samples to the other.

It is a separate process, so that its cost is not counted as another's, and our own client, so that it only needs
Python.
"""

import asyncio
import gc
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from bench.process import HOST, run_process

_HEAD_END = b"\r\n\r\n"
_OK = b"HTTP/1.1 200 "
_LENGTH = b"content-length: "
_SHOWN_BYTES = 300


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """GET these paths over `connections` kept-alive connections, one request at a time on each.

    Repeats the paths for `duration_s`; None: each path once. With `bodies`, one for each path, it POSTs forms. Every
    answer must be a 200 that contains `expect`.
    """

    port: int
    paths: list[str]
    headers: dict[str, str]
    expect: str
    connections: int
    duration_s: float | None = None
    bodies: list[str] = []


class Samples(msgspec.Struct, frozen=True, kw_only=True):
    """The time of every answer, and of the whole load."""

    seconds: float
    latencies_ms: list[float]


class LoadError(Exception):
    """An answer is not as the plan expects; the message shows its beginning."""


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], expect: bytes, latencies_ms: list[float]) -> None:
        self._requests = requests
        self._expect = expect
        self._latencies_ms = latencies_ms
        self.finished = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(_HEAD_END)
        if head_end < 0:
            return
        head = self._received[:head_end].lower()
        length = int(head.partition(_LENGTH)[2].partition(b"\r")[0])
        if len(self._received) < head_end + len(_HEAD_END) + length:
            return
        self._latencies_ms.append((time.perf_counter() - self._sent_s) * 1000)
        if self._received.startswith(_OK) and self._expect in self._received:
            self._send()
        else:
            self._fail(self._received[:_SHOWN_BYTES].decode(errors="replace"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the connection was closed ({exc})")

    def _send(self) -> None:
        self._received = b""
        request = next(self._requests, None)
        if request is None:
            self.finished.set_result(None)
            self._transport.close()
            return
        self._sent_s = time.perf_counter()
        self._transport.write(request)

    def _fail(self, reason: str) -> None:
        if not self.finished.done():
            self.finished.set_exception(LoadError(reason))
            self._transport.close()


async def load(folder: Path, plan: Plan) -> Samples:
    """Run the load in a separate process. Raises ProcessError, which describes an unexpected answer."""
    plan_file, samples_file = folder / "plan.json", folder / "samples.json"
    plan_file.write_bytes(msgspec.json.encode(plan))
    arguments = (str(plan_file), str(samples_file))
    async with run_process(folder / "load.log", "bench.load", *arguments, settings={}) as client:
        await client.wait()
    return msgspec.json.decode(samples_file.read_bytes(), type=Samples)


async def carry_out(plan: Plan) -> Samples:
    """Raises LoadError and OSError."""
    latencies_ms: list[float] = []
    expect = plan.expect.encode()
    began_s = time.perf_counter()
    requests = _make_requests(plan, began_s)
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: _Connection(requests, expect, latencies_ms), HOST, plan.port)
        for _ in range(plan.connections)
    ]
    await asyncio.gather(*(connection.finished for _, connection in opened))
    return Samples(seconds=time.perf_counter() - began_s, latencies_ms=latencies_ms)


def _make_requests(plan: Plan, began_s: float) -> Iterator[bytes]:
    lines = "".join(f"{name}: {value}\r\n" for name, value in plan.headers.items())
    rendered = [f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n".encode() for path in plan.paths]
    if plan.bodies:
        rendered = [_render_post(path, lines, body) for path, body in zip(plan.paths, plan.bodies, strict=True)]
    if plan.duration_s is None:
        return iter(rendered)
    end_s = began_s + plan.duration_s
    return itertools.takewhile(lambda _: time.perf_counter() < end_s, itertools.cycle(rendered))


def _render_post(path: str, lines: str, body: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\n{lines}"
    kind = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    return f"{head}{kind}{body}".encode()


def main() -> int:
    plan_file, samples_file = map(Path, sys.argv[1:])
    plan = msgspec.json.decode(plan_file.read_bytes(), type=Plan)
    gc.disable()  # a pause of the client would count as the server's
    try:
        samples = uvloop.run(carry_out(plan))
    except (LoadError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    samples_file.write_bytes(msgspec.json.encode(samples))
    return 0


if __name__ == "__main__":
    sys.exit(main())
