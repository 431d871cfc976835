"""`python -m bench.seed TARGET KEY TRIFFT_URL FILE`: adds the merchant, and writes one GetSnapshotResponse to FILE.

It is a separate process: one that has used gRPC should not start others.
"""

import asyncio
import sys
from pathlib import Path

from bench.stack import MANY_REQUESTS, MERCHANT_ID
from gateway.loyalty_client import LoyaltyClient
from protos.loyalty.v1 import loyalty_pb2 as pb

_TIMEOUT_S = 5.0


async def seed(target: str, key: str, trifft_url: str) -> bytes:
    merchant = pb.Merchant(
        merchant_id=MERCHANT_ID,
        provider_url=trifft_url,
        admin_member_url="https://admin.bench.example/member/{member_id}",
        time_zone="Europe/Bratislava",
        locale="en",
        max_points_per_award=500,
        profile=MANY_REQUESTS,
    )
    request = pb.CreateMerchantRequest(merchant=merchant, provider_token="bench", skip_probe=True)  # noqa: S106 - made up
    async with LoyaltyClient(target, key) as client:
        await client.create_merchant(request, timeout_s=_TIMEOUT_S)
        snapshot = await client.get_snapshot(
            MERCHANT_ID, "seed@bench.example", max_staleness_s=None, timeout_s=_TIMEOUT_S
        )
    return pb.GetSnapshotResponse(snapshot=snapshot).SerializeToString()


def main() -> None:
    target, key, trifft_url, file = sys.argv[1:]
    Path(file).write_bytes(asyncio.run(seed(target, key, trifft_url)))


if __name__ == "__main__":
    main()
