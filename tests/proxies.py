"""A proxy on a free port that records requests, and passes them on or refuses them."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_ABSOLUTE = re.compile(rb"^([A-Z]+) http://[^/ ]+")
VARIABLES = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy")


@dataclass
class Proxy:
    """Connects to `upstream`, whatever name is requested.

    `refusal`: the status that it answers instead, to requests whose first line has `refused`. `lines` are the first
    lines of the requests, `heads` all that came before a body.
    """

    url: str = ""
    upstream: tuple[str, int] = ("127.0.0.1", 9)
    refusal: int | None = None
    refused: str = ""
    lines: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The proxy variables for all programs, and those that only gRPC reads."""
        known = {name: self.url for known in VARIABLES for name in (known, known.upper())}
        address = self.url.partition("://")[2]
        return known | {
            "GRPC_ADDRESS_HTTP_PROXY": address,
            "GRPC_ADDRESS_HTTP_PROXY_ENABLED_ADDRESSES": "127.0.0.0/8",
        }

    def lead_to(self, url: str) -> None:
        host, _, port = url.partition("://")[2].strip("/").rpartition(":")
        self.upstream = (host, int(port))

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head.decode("latin-1"))
            self.lines.append(self.heads[-1].partition("\r\n")[0])
            if self.refusal is not None and self.refused in self.lines[-1]:
                writer.write(b"HTTP/1.1 %d Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % self.refusal)
            else:
                await self._pass_on(head, reader, writer)
        writer.close()

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_connection(*self.upstream)
        if head.startswith(b"CONNECT "):
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            their_writer.write(_ABSOLUTE.sub(rb"\1 ", head))
        await asyncio.gather(_pump(reader, their_writer), _pump(their_reader, writer))


@asynccontextmanager
async def run_proxy() -> AsyncIterator[Proxy]:
    proxy = Proxy()
    server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
