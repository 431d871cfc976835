"""CallerService of the proto: it parses each call, passes it on, and writes its answer."""
# The proto names the methods, and gRPC passes each the context.
# ruff: noqa: ARG002, N802

from typing import Any, TypeAlias

import grpc

from loyalty_service.api.convert.callers import read_caller_name, read_role, write_caller
from loyalty_service.callers.store import CallerStore
from loyalty_service.merchants.store import MerchantStore
from protos.loyalty.v1 import loyalty_pb2 as pb
from protos.loyalty.v1 import loyalty_pb2_grpc as pb_grpc

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class CallerServicer(pb_grpc.CallerServiceServicer):
    def __init__(self, callers: CallerStore, merchants: MerchantStore) -> None:
        self._callers = callers
        self._merchants = merchants

    async def CreateCaller(self, request: pb.CreateCallerRequest, context: Context) -> pb.CreateCallerResponse:
        given = request.caller
        name, role = read_caller_name("caller.name", given.name), read_role(given.role)
        if given.merchant_id:
            await self._merchants.get(given.merchant_id)  # a key for a mistyped shop would open nothing
        caller, key = await self._callers.add(name, role, given.merchant_id)
        return pb.CreateCallerResponse(caller=write_caller(caller), key=key)

    async def ListCallers(self, request: pb.ListCallersRequest, context: Context) -> pb.ListCallersResponse:
        return pb.ListCallersResponse(callers=map(write_caller, await self._callers.list_all()))

    async def DeleteCaller(self, request: pb.DeleteCallerRequest, context: Context) -> pb.DeleteCallerResponse:
        await self._callers.remove(read_caller_name("name", request.name))
        return pb.DeleteCallerResponse()
