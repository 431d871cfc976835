"""Gorgias' REST API, as far as an installation needs it.

GorgiasError
├── GorgiasCredentialsError    the user and API key are refused, or may not do this
├── GorgiasNotFoundError       no such object; for an account's address: no such account
├── GorgiasRefusedError        understood and refused (400, 409, 413 …)
├── GorgiasThrottledError      too many requests, and it did not pass
├── GorgiasUnavailableError    not reached, too slow, or 5xx
└── GorgiasContractError       the answer is not what Gorgias documents

Messages say what to do and never hold the key or a widget credential.
"""

import asyncio
from collections.abc import Callable
from http import HTTPMethod, HTTPStatus
from typing import TypeVar

import aiohttp
import msgspec

from gateway.gorgias.wire import (
    Integration,
    Node,
    Widget,
    parse_error_message,
    parse_integration,
    parse_page,
    parse_widget,
)

_Value = TypeVar("_Value")

MAX_ANSWER_BYTES = 4 * 1024 * 1024
PAGE_SIZE = 100
_MAX_PAGES = 100
_THROTTLED_TRIES = 3
_MAX_RETRY_AFTER_S = 30.0
_DEFAULT_RETRY_AFTER_S = 5.0
_TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)
_MESSAGE_CHARS = 300
_CHECK_URL = "check --gorgias-url"


class GorgiasError(Exception):
    """Base of what a call may raise: what happened, and what to do about it."""

    def __init__(self, detail: str, advice: str) -> None:
        super().__init__(f"{detail}: {advice}")
        self.detail = detail
        self.advice = advice


class GorgiasCredentialsError(GorgiasError):
    """401, 403."""


class GorgiasNotFoundError(GorgiasError):
    """404."""


class GorgiasRefusedError(GorgiasError):
    """Any other 4xx."""


class GorgiasThrottledError(GorgiasError):
    """429, again and again."""


class GorgiasUnavailableError(GorgiasError):
    """Connection, time-out, 5xx. What was asked for may have been done."""


class GorgiasContractError(GorgiasError):
    """An answer that cannot be read, or a redirect."""


class GorgiasClient:
    """One account, `base_url` without a trailing slash, as one user. The session is the caller's.

    Waits out 429s, twice at most. Nothing else is tried again: the operator's command is.
    """

    def __init__(self, session: aiohttp.ClientSession, base_url: str, user: str, key: str) -> None:
        self._session = session
        self._base_url = base_url
        self._headers = {"Authorization": aiohttp.encode_basic_auth(user, key, encoding="utf-8")}

    async def list_integrations(self) -> list[Integration]:
        """All HTTP integrations of the account."""
        found = await self._list("/api/integrations", {"type": "http"})
        return [_parse(parse_integration, item) for item in found if _is_http(item)]

    async def create_integration(self, body: Node) -> Integration:
        return _parse(parse_integration, await self._request(HTTPMethod.POST, "/api/integrations", body=body))

    async def update_integration(self, integration_id: int, body: Node) -> None:
        await self._request(HTTPMethod.PUT, f"/api/integrations/{integration_id}", body=body)

    async def delete_integration(self, integration_id: int) -> None:
        await self._delete(f"/api/integrations/{integration_id}")

    async def list_widgets(self, integration_id: int) -> list[Widget]:
        """The widgets that show this integration's data."""
        found = await self._list("/api/widgets", {"integration_id": str(integration_id)})
        widgets = [_parse(parse_widget, item) for item in found]
        return [widget for widget in widgets if widget.integration_id == integration_id]

    async def create_widget(self, body: Node) -> Widget:
        return _parse(parse_widget, await self._request(HTTPMethod.POST, "/api/widgets", body=body))

    async def update_widget(self, widget_id: int, body: Node) -> None:
        await self._request(HTTPMethod.PUT, f"/api/widgets/{widget_id}", body=body)

    async def delete_widget(self, widget_id: int) -> None:
        await self._delete(f"/api/widgets/{widget_id}")

    async def _list(self, path: str, query: dict[str, str]) -> list[object]:
        items: list[object] = []
        cursor = ""
        for _ in range(_MAX_PAGES):
            page_query = {**query, "limit": str(PAGE_SIZE), **({"cursor": cursor} if cursor else {})}
            page = _parse(parse_page, await self._request(HTTPMethod.GET, path, query=page_query))
            items += page.items
            if page.next_cursor is None:
                return items
            cursor = page.next_cursor
        raise GorgiasContractError(f"Gorgias' list {path} does not end", "try again later")

    async def _delete(self, path: str) -> None:
        """404 is a success: it is gone."""
        try:
            await self._request(HTTPMethod.DELETE, path)
        except GorgiasNotFoundError:
            return

    async def _request(
        self, method: HTTPMethod, path: str, *, query: dict[str, str] | None = None, body: Node | None = None
    ) -> object:
        """The parsed answer, None where it is empty. Raises GorgiasError."""
        for tries_left in reversed(range(_THROTTLED_TRIES)):
            try:
                async with self._session.request(
                    method,
                    self._base_url + path,
                    params=query,
                    json=body,
                    headers=self._headers,
                    timeout=_TIMEOUT,
                    allow_redirects=False,
                ) as response:
                    if response.status == HTTPStatus.TOO_MANY_REQUESTS and tries_left:
                        wait_s = _parse_retry_after(response.headers.get("Retry-After", ""))
                    else:
                        return _parse_answer(response.status, await _read(response))
            except TimeoutError:
                raise GorgiasUnavailableError("Gorgias did not answer in time", "try again") from None
            except (aiohttp.ClientError, OSError) as error:
                detail = f"Gorgias cannot be reached ({type(error).__name__})"
                raise GorgiasUnavailableError(detail, "check --gorgias-url and the network") from None
            await asyncio.sleep(wait_s)
        raise AssertionError("the last try returns or raises")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    chunks = bytearray()
    async for chunk in response.content.iter_any():
        chunks += chunk
        if len(chunks) > MAX_ANSWER_BYTES:
            raise GorgiasContractError("Gorgias' answer is too large", _CHECK_URL)
    return bytes(chunks)


def _parse_answer(status: int, raw: bytes) -> object:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise GorgiasContractError(
            f"Gorgias redirects ({status})", "check that --gorgias-url names the account of today"
        )
    is_ok = status < HTTPStatus.BAD_REQUEST
    try:
        answer = msgspec.json.decode(raw) if raw else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        if is_ok:
            raise GorgiasContractError("Gorgias' answer is not JSON", _CHECK_URL) from None
        answer = None
    if is_ok:
        return answer
    said = " ".join(parse_error_message(answer).split())[:_MESSAGE_CHARS]
    raise _make_error(status, f": {said}" if said else "")


def _make_error(status: int, said: str) -> GorgiasError:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        detail = f"Gorgias refuses the user and API key ({status}{said})"
        return GorgiasCredentialsError(detail, "make a new key there and install again with it")
    if status == HTTPStatus.NOT_FOUND:
        return GorgiasNotFoundError(f"Gorgias answers 404{said}", _CHECK_URL)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return GorgiasThrottledError("Gorgias' rate limit is used up", "try again in a minute")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return GorgiasUnavailableError(f"Gorgias fails ({status})", "try again later")
    return GorgiasRefusedError(f"Gorgias refuses the request ({status}{said})", "mend what it names, then try again")


def _parse_retry_after(text: str) -> float:
    """Seconds, at most 30; Gorgias sends whole ones."""
    try:
        seconds = float(text)
    except ValueError:
        return _DEFAULT_RETRY_AFTER_S
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_S) if seconds == seconds else _DEFAULT_RETRY_AFTER_S  # noqa: PLR0124 - NaN


def _is_http(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("http"), dict)


def _parse(parse: Callable[[object], _Value], item: object) -> _Value:
    try:
        return parse(item)
    except msgspec.ValidationError as error:
        raise GorgiasContractError(f"Gorgias' answer is not what it documents ({error})", _CHECK_URL) from None
