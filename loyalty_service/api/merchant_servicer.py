"""MerchantService of the proto: it parses each call, passes it on, and writes its answer."""
# The proto names the methods, and gRPC passes each the context.
# ruff: noqa: ARG002, N802

from typing import Any, TypeAlias

import grpc

from loyalty_service.api.access import get_caller_name
from loyalty_service.api.convert.identities import read_identity
from loyalty_service.api.convert.merchants import read_merchant_fields, write_findings, write_merchant
from loyalty_service.api.convert.verifications import read_verification, write_inspection, write_proof
from loyalty_service.api.pages import list_page
from loyalty_service.awards.verification import Verifier
from loyalty_service.merchants.parse import is_merchant_id
from loyalty_service.merchants.service import MerchantService
from loyalty_service.merchants.store import MerchantStore
from protos.loyalty.v1 import loyalty_pb2 as pb
from protos.loyalty.v1 import loyalty_pb2_grpc as pb_grpc

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class MerchantServicer(pb_grpc.MerchantServiceServicer):
    def __init__(self, store: MerchantStore, service: MerchantService, verifier: Verifier) -> None:
        self._store = store
        self._service = service
        self._verifier = verifier

    async def CreateMerchant(self, request: pb.CreateMerchantRequest, context: Context) -> pb.CreateMerchantResponse:
        merchant = await self._service.create(
            request.merchant.merchant_id,
            read_merchant_fields(request.merchant),
            request.provider_token,
            probe=not request.skip_probe,
            allow_private_url=request.allow_private_url,
        )
        return pb.CreateMerchantResponse(merchant=write_merchant(merchant))

    async def GetMerchant(self, request: pb.GetMerchantRequest, context: Context) -> pb.GetMerchantResponse:
        return pb.GetMerchantResponse(merchant=write_merchant(await self._store.get(request.merchant_id)))

    async def ListMerchants(self, request: pb.ListMerchantsRequest, context: Context) -> pb.ListMerchantsResponse:
        found, token = await list_page(
            "merchants",
            request,
            self._store.list_after,
            get_key=lambda merchant: merchant.merchant_id,
            is_key=is_merchant_id,
        )
        return pb.ListMerchantsResponse(merchants=map(write_merchant, found), next_page_token=token)

    async def UpdateMerchant(self, request: pb.UpdateMerchantRequest, context: Context) -> pb.UpdateMerchantResponse:
        merchant = await self._service.update(
            request.merchant.merchant_id,
            read_merchant_fields(request.merchant),
            request.update_mask.paths,
            request.provider_token,
            probe=not request.skip_probe,
            allow_private_url=request.allow_private_url,
        )
        return pb.UpdateMerchantResponse(merchant=write_merchant(merchant))

    async def DeleteMerchant(self, request: pb.DeleteMerchantRequest, context: Context) -> pb.DeleteMerchantResponse:
        await self._store.remove(request.merchant_id)
        return pb.DeleteMerchantResponse()

    async def CheckMerchant(self, request: pb.CheckMerchantRequest, context: Context) -> pb.CheckMerchantResponse:
        return write_findings(*await self._service.check(request.merchant_id, tolerates=request.tolerate_failure))

    async def InspectMember(self, request: pb.InspectMemberRequest, context: Context) -> pb.InspectMemberResponse:
        merchant = await self._store.get(request.merchant_id)
        identity = read_identity(request.identity, merchant.dialling_country)
        return write_inspection(await self._verifier.inspect(request.merchant_id, identity))

    async def VerifyMerchant(self, request: pb.VerifyMerchantRequest, context: Context) -> pb.VerifyMerchantResponse:
        proof = await self._verifier.verify(request.merchant_id, read_verification(request, get_caller_name()))
        return write_proof(proof, await self._store.get(request.merchant_id))
