"""Connections as they come from the network: slow, odd, or with bytes that HTTP does not allow."""

import asyncio

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from gateway.__main__ import make_runner
from gateway.request_line import RequestLines, mend_request_line


@pytest.mark.parametrize("sent", [b"", b"GET /heal", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_connection_whose_head_does_not_come_is_ended(sent: bytes) -> None:
    runner = make_runner(web.Application())
    await runner.setup()
    make_http = runner.server
    assert make_http is not None
    server = await asyncio.get_running_loop().create_server(
        lambda: RequestLines(make_http, head_timeout_s=0.05), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    writer.write(sent)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    server.close()
    await runner.cleanup()


@given(st.binary(max_size=60).filter(lambda target: b"\r\n" not in target))
def test_mended_target_is_one_that_http_allows(target: bytes) -> None:
    """And a target that was allowed already is left as it is."""
    head = b"GET /" + target + b" HTTP/1.1\r\nHost: \xc3\xa9"
    method, mended, rest = mend_request_line(head).split(b" ", 2)
    assert (method, rest) == (b"GET", b"HTTP/1.1\r\nHost: \xc3\xa9")
    assert all(0x21 <= byte <= 0x7E for byte in mended)
    assert b"#" not in mended
    assert mend_request_line(b"GET " + mended + b" HTTP/1.1") == b"GET " + mended + b" HTTP/1.1"


@pytest.mark.parametrize("line", [b"", b"GET", b"nonsense \xff", b"\x16\x03\x01", b"GET /\xff FTP/1.1"])
def test_what_is_no_request_line_is_left_as_it_is(line: bytes) -> None:
    assert mend_request_line(line) == line
