"""`python -m bench.seed TARGET KEY FILE TRIFFT_URL QUICK_URL`: adds the merchants; FILE gets a GetSnapshotResponse.

It is a separate process: one that has used gRPC should not start others.
"""

import asyncio
import sys
from pathlib import Path

from bench.stack import MANY_REQUESTS, MERCHANT_ID, QUICK_MERCHANT_ID
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

_TIMEOUT_S = 5.0


async def seed(target: str, key: str, trifft_url: str, quick_url: str) -> bytes:
    async with LoyaltyClient(target, key) as client:
        for merchant_id, url in ((MERCHANT_ID, trifft_url), (QUICK_MERCHANT_ID, quick_url)):
            await client.create_merchant(_make_request(merchant_id, url), timeout_s=_TIMEOUT_S)
        snapshot = await client.get_snapshot(
            MERCHANT_ID, pb.MemberIdentity(email="seed@bench.example"), max_staleness_s=None, timeout_s=_TIMEOUT_S
        )
    return pb.GetSnapshotResponse(snapshot=snapshot).SerializeToString()


def _make_request(merchant_id: str, trifft_url: str) -> pb.CreateMerchantRequest:
    merchant = pb.Merchant(
        merchant_id=merchant_id,
        provider_url=trifft_url,
        admin_member_url="https://admin.bench.example/member/{member_id}",
        time_zone="Europe/Bratislava",
        locale="en",
        max_points_per_award=500,
        profile=MANY_REQUESTS,
    )
    return pb.CreateMerchantRequest(merchant=merchant, provider_token="bench", skip_probe=True)  # noqa: S106 - made up


def main() -> None:
    target, key, file, trifft_url, quick_url = sys.argv[1:]
    Path(file).write_bytes(asyncio.run(seed(target, key, trifft_url, quick_url)))


if __name__ == "__main__":
    main()
