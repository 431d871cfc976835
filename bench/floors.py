"""The floors of this machine: `python -m bench.floors KIND FILE [WHERE]` is one such process.

bare: an HTTP handler that answers FILE. method: a gRPC method that answers the message in FILE. getting: the same after
one GET of as many bytes from the Valkey at the URL WHERE. chain: the same after the two calls, one after the other,
that a member never seen takes of the TRIFFT at the URL WHERE; their answers are not read. relay: an HTTP handler that
calls that method at the target WHERE and answers FILE.
"""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import grpc
import uvloop
from aiohttp import hdrs, web

from bench.listening import announce, serve_http
from bench.process import HOST
from bench.trifft import FIND_PATH, make_member_id
from protos.loyalty.v1 import loyalty_pb2 as pb
from protos.loyalty.v1 import loyalty_pb2_grpc as pb_grpc
from runtime.channels import DIRECT

PATH = "/gorgias/widget"
_KEY = "bench"
_SERVICE = "loyalty.v1.LoyaltyService"


async def serve_bare(body: bytes) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return _render(body)

    app = web.Application()
    app.router.add_get(PATH, answer)
    await serve_http(app)


async def serve_method(message: bytes) -> None:
    response = pb.GetSnapshotResponse.FromString(message)

    async def answer(_request: pb.GetSnapshotRequest, _context: object) -> pb.GetSnapshotResponse:
        return response

    await _serve_grpc(answer)


async def serve_getting(message: bytes, store_url: str) -> None:
    from loyalty_service.valkey import open_valkey  # noqa: PLC0415 - the other kinds start faster without it
    from runtime.clock import SystemClock  # noqa: PLC0415 - the other kinds start faster without it

    response = pb.GetSnapshotResponse.FromString(message)
    async with open_valkey(store_url, SystemClock()) as valkey:
        await valkey.client.set(_KEY, message)

        async def answer(_request: pb.GetSnapshotRequest, _context: object) -> pb.GetSnapshotResponse:
            await valkey.client.get(_KEY)
            return response

        await _serve_grpc(answer)


async def serve_chain(message: bytes, trifft_url: str) -> None:
    response = pb.GetSnapshotResponse.FromString(message)
    async with aiohttp.ClientSession(trifft_url, headers={hdrs.AUTHORIZATION: "Bearer bench"}) as session:

        async def answer(request: pb.GetSnapshotRequest, _context: object) -> pb.GetSnapshotResponse:
            email = request.identity.email
            for path in (f"{FIND_PATH}?email={email}", f"{FIND_PATH}/{make_member_id(email)}/coupon?state=available"):
                async with session.get(path) as got:
                    await got.read()
            return response

        await _serve_grpc(answer)


async def _serve_grpc(answer: Callable[[pb.GetSnapshotRequest, object], Awaitable[pb.GetSnapshotResponse]]) -> None:
    handler = grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=pb.GetSnapshotRequest.FromString,
        response_serializer=pb.GetSnapshotResponse.SerializeToString,
    )
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    server.add_registered_method_handlers(_SERVICE, {"GetSnapshot": handler})
    port = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    await announce(port)
    await server.stop(1.0)


async def serve_relay(body: bytes, target: str) -> None:
    async with grpc.aio.insecure_channel(target, options=DIRECT) as channel:
        stub = pb_grpc.LoyaltyServiceStub(channel)

        async def answer(request: web.Request) -> web.Response:
            identity = pb.MemberIdentity(email=request.query["email"])
            await stub.GetSnapshot(pb.GetSnapshotRequest(merchant_id="bench", identity=identity))
            return _render(body)

        app = web.Application()
        app.router.add_get(PATH, answer)
        await serve_http(app)


def _render(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-store"})


def main() -> None:
    kind, file, *where = sys.argv[1:]
    content = Path(file).read_bytes()
    match kind:
        case "bare":
            uvloop.run(serve_bare(content))
        case "method":
            uvloop.run(serve_method(content))
        case "getting":
            uvloop.run(serve_getting(content, where[0]))
        case "chain":
            uvloop.run(serve_chain(content, where[0]))
        case "relay":
            uvloop.run(serve_relay(content, where[0]))


if __name__ == "__main__":
    main()
