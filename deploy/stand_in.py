"""Calls to the stand-in: its shops, and Gorgias' REST API of their accounts."""

import json
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from types import NoneType
from typing import Any

from deploy.probes import OPENER

_TIMEOUT_S = 5.0

Shop = Mapping[str, str]


def ask_json(method: str, url: str, user: str = "", password: str = "", body: object = None) -> Any:  # noqa: ANN401 - JSON
    """Call the stand-in; None for an empty answer. Raises OSError, HTTPException and ValueError."""
    request = urllib.request.Request(url, method=method)  # noqa: S310 - http, from our own settings
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    if user:
        request.add_header("Authorization", f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}")
    with OPENER.open(request, timeout=_TIMEOUT_S) as answer:
        return json.loads(answer.read() or b"null")


def list_shops(sandbox_url: str) -> list[Shop]:
    """List the stand-in's shops, with made-up credentials. Raises as ask_json."""
    shops: list[Shop] = ask_json("GET", f"{sandbox_url}/sandbox/shops")
    return shops


def list_members(sandbox_url: str, shop: Shop) -> list[dict[str, Any]]:
    """The members of a shop as TRIFFT Admin shows them. Raises as ask_json."""
    members: list[dict[str, Any]] = ask_json("GET", f"{sandbox_url}/sandbox/trifft/{shop['merchant_id']}/members")
    return members


def is_installed(sandbox_url: str, shop: Shop, public_url: str) -> bool:
    """Whether the account has an integration that calls the gateway at `public_url`, and a widget for it."""
    listed = _list(sandbox_url, shop, "integrations")
    ours = [str(one["id"]) for one in listed if str((one.get("http") or {}).get("url")).startswith(public_url)]
    return any(str(widget.get("integration_id")) in ours for widget in _list(sandbox_url, shop, "widgets"))


def has_webhook(sandbox_url: str, shop: Shop, public_url: str) -> bool:
    """Whether the project has a webhook to the gateway at `public_url`."""
    webhook = ask_json("GET", _render_webhook(sandbox_url, shop))["webhook"]
    return webhook is not None and str(webhook["url"]).startswith(public_url)


def set_webhook(sandbox_url: str, shop: Shop, url: str, header_name: str, header_value: str) -> None:
    """Set a webhook for all events of the project. Raises as ask_json."""
    body = {"url": url, "header_name": header_name, "header_value": header_value}
    ask_json("PUT", _render_webhook(sandbox_url, shop), body=body)


def remove_installed(sandbox_url: str, shop: Shop) -> None:
    """Delete all widgets and integrations of the account. Raises as ask_json."""
    for kind in ("widgets", "integrations"):
        for thing in _list(sandbox_url, shop, kind):
            url = f"{_render_api(sandbox_url, shop)}/{kind}/{thing['id']}"
            ask_json("DELETE", url, shop["gorgias_user"], shop["gorgias_key"])


def _list(sandbox_url: str, shop: Shop, kind: str) -> list[dict[str, Any]]:
    answer = ask_json("GET", f"{_render_api(sandbox_url, shop)}/{kind}", shop["gorgias_user"], shop["gorgias_key"])
    # Records of other programs may have any shape.
    return [one for one in answer["data"] if isinstance(one, dict) and isinstance(one.get("http"), dict | NoneType)]


def _render_webhook(sandbox_url: str, shop: Shop) -> str:
    return f"{sandbox_url}/sandbox/trifft/{shop['merchant_id']}/webhook"


def _render_api(sandbox_url: str, shop: Shop) -> str:
    return f"{sandbox_url}/gorgias/{shop['gorgias_account']}/api"
