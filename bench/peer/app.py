"""The widget as a shop's developer would build it in a day: two calls of TRIFFT, nothing held, nothing limited.

Run by uvicorn in an environment of its own, made of requirements.lock. PEER_TRIFFT_URL, PEER_TOKEN: TRIFFT, and what
the widget's caller has to show.
"""

import hmac
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
from fastapi import FastAPI, Header, HTTPException, Request

_TIMEOUT_S = 2.0
_EXPECTED = f"Bearer {os.environ['PEER_TOKEN']}".encode()


@asynccontextmanager
async def _open_client(app: FastAPI) -> AsyncIterator[None]:
    async with httpx.AsyncClient(base_url=os.environ["PEER_TRIFFT_URL"], timeout=_TIMEOUT_S) as client:
        app.state.trifft = client
        yield


app = FastAPI(lifespan=_open_client)


@app.get("/gorgias/widget")
async def show_widget(request: Request, email: str, authorization: Annotated[str, Header()] = "") -> dict[str, Any]:
    if not hmac.compare_digest(authorization.encode(), _EXPECTED):
        raise HTTPException(401)
    trifft: httpx.AsyncClient = request.app.state.trifft
    headers = {"Authorization": "Bearer bench"}
    found = await trifft.get("/v1/member", params={"email": email}, headers=headers)
    members = found.raise_for_status().json()
    if not members:
        return {"status": "not_member", "summary": f"No loyalty member with {email}"}
    member = members[0]
    path = f"/v1/member/{member['id']}/coupon"
    listed = await trifft.get(path, params={"state": "available"}, headers=headers)
    return _render(member, listed.raise_for_status().json())


def _render(member: dict[str, Any], coupons: list[dict[str, Any]]) -> dict[str, Any]:
    rows = {
        "segments": ", ".join(segment["name"] for segment in member["segments"]),
        "full_name": f"{member['params']['first_name']} {member['params']['last_name']}",
        "support_id": member["support_id"],
        "points": f"{member['points']:,}",
        "tier": member["tier"]["name"],
        "favorite_venue": member["favorite_venue"]["name"],
        "member_since": f"{datetime.fromtimestamp(member['created_at'], UTC):%d %b %Y}",
    }
    lines = [_render_coupon(coupon) for coupon in coupons]
    return {
        "status": "member",
        "summary": f"{rows['tier']} · {rows['points']} points · {len(lines)} coupons",
        "as_of": f"{datetime.now(UTC):%a %d %b %Y, %H:%M} UTC",
        "profile_url": f"https://admin.bench.example/member/{member['id']}",
        "member": [rows],
        "coupon_list": [{"coupons": [{"line": line} for line in lines]}],
        "coupons_text": "\n".join(lines),
        **rows,
    }


def _render_coupon(coupon: dict[str, Any]) -> str:
    until = datetime.fromtimestamp(coupon["valid_until"], UTC)
    return f"{coupon['coupon']['name'].strip()} · {coupon['redeem_value']} · until {until:%d %b %Y}"
