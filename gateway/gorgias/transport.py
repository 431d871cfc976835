"""Requests to one Gorgias account: authentication, deadline, rate and errors of every call."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from http import HTTPMethod, HTTPStatus
from typing import TypeVar

import aiohttp
import msgspec
from yarl import URL

from gateway.gorgias.errors import (
    GorgiasContractError,
    GorgiasCredentialsError,
    GorgiasError,
    GorgiasNotFoundError,
    GorgiasRefusedError,
    GorgiasThrottledError,
    GorgiasUnavailableError,
)
from gateway.gorgias.json_text import JsonError, decode_json
from gateway.gorgias.rate_limiter import Priority, RateLimiter
from gateway.gorgias.wire import PAGE_SIZE, Node, Page, parse_error_message, parse_page
from runtime.proxy import HttpProxy, explain_proxy_error, make_options, raise_for_proxy
from runtime.text import cut, make_line

_Value = TypeVar("_Value")

MAX_ANSWER_BYTES = 4 * 1024 * 1024
TIMEOUT_S = 15.0
_CONNECT_TIMEOUT_S = 5.0
_THROTTLED_TRIES = 3
_MAX_RETRY_AFTER_S = 30.0
_DEFAULT_RETRY_AFTER_S = 5.0
_MESSAGE_CHARS = 300
_CHECK_URL = "check --gorgias-url"
_PROXY_SETTING = "GATEWAY_HTTP_PROXY"
# "10/40": used part and capacity of the account's leaky bucket (contract: rate).
_LEVEL_HEADER = "X-Gorgias-Account-Api-Call-Limit"
_LEVEL = re.compile(r"([0-9]{1,6})/([1-9][0-9]{0,5})")


class Transport:
    """One account, `base_url` without a trailing slash, as one user. The session is the caller's.

    Without a rate limiter, a 429 is waited out, twice at most: an operator's command has the time. With one, the rate
    limiter decides whether a request is sent, and a 429 is an error at once. Nothing else is retried.
    """

    def __init__(  # noqa: PLR0913 - the account, the user and the bounds
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        user: str,
        key: str,
        *,
        limiter: RateLimiter | None = None,
        priority: Priority = Priority.NOTE,
        timeout_s: float = TIMEOUT_S,
        proxy: HttpProxy | None = None,
    ) -> None:
        self._session = session
        self._proxy = proxy
        self._base_url = base_url
        self._headers = {"Authorization": aiohttp.encode_basic_auth(user, key, encoding="utf-8")}
        self._limiter = limiter
        self._priority = priority
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=_CONNECT_TIMEOUT_S)

    async def list_pages(self, path: str, query: dict[str, str], max_pages: int) -> AsyncGenerator[Page]:
        """List at most `max_pages` pages of 100. Raises GorgiasError.

        A list that has begun is read to its end, however busy the account is: otherwise all of it must be read again.
        """
        cursor = ""
        for _ in range(max_pages):
            page_query = {**query, "limit": str(PAGE_SIZE), **({"cursor": cursor} if cursor else {})}
            answer = await self.request(HTTPMethod.GET, path, query=page_query, is_begun=bool(cursor))
            page = parse_answer(parse_page, answer)
            yield page
            if page.next_cursor is None:
                return
            cursor = page.next_cursor

    async def request(
        self,
        method: HTTPMethod,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Node | None = None,
        is_begun: bool = False,
    ) -> object:
        """Return the parsed answer, None if it is empty. `is_begun`: it continues a list. Raises GorgiasError."""
        for tries_left in reversed(range(_THROTTLED_TRIES if self._limiter is None else 1)):
            try:
                if self._limiter is not None:
                    self._limiter.take(self._priority, is_begun=is_begun)
                return await self._send(method, path, query, body)
            except GorgiasThrottledError as error:
                if not tries_left:
                    raise
                wait_s = error.retry_after_s
            await asyncio.sleep(wait_s)
        raise AssertionError("the last try returns or raises")

    async def _send(self, method: HTTPMethod, path: str, query: dict[str, str] | None, body: Node | None) -> object:
        options = make_options(self._proxy, self._base_url, self._headers)
        try:
            async with self._session.request(
                method,
                self._base_url + path,
                params=query,
                json=body,
                timeout=self._timeout,
                allow_redirects=False,
                **options,
            ) as response:
                raise_for_proxy(options, response)
                self._note(response)
                return _parse_response(response, await _read(response))
        except TimeoutError:
            raise GorgiasUnavailableError("Gorgias did not answer in time", "try again") from None
        except (aiohttp.ClientError, OSError) as error:
            if words := explain_proxy_error(error, self._proxy, _PROXY_SETTING):
                raise GorgiasUnavailableError(words, f"check {_PROXY_SETTING} and the proxy") from None
            detail = f"Gorgias cannot be reached ({type(error).__name__})"
            raise GorgiasUnavailableError(detail, "check --gorgias-url and the network") from None

    def _note(self, response: aiohttp.ClientResponse) -> None:
        if self._limiter is None:
            return
        level = _LEVEL.fullmatch(response.headers.get(_LEVEL_HEADER, "").strip())
        if level:
            self._limiter.note_level(int(level[1]), int(level[2]))
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._limiter.note_refusal(_parse_retry_after(response.headers.get("Retry-After", "")))


def parse_answer(parse: Callable[[object], _Value], item: object) -> _Value:
    """Turn the msgspec.ValidationError of `parse` into a GorgiasContractError."""
    try:
        return parse(item)
    except msgspec.ValidationError as error:
        raise GorgiasContractError(f"Gorgias' answer is not what it documents ({error})", _CHECK_URL) from None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    chunks = bytearray()
    async for chunk in response.content.iter_any():
        chunks += chunk
        if len(chunks) > MAX_ANSWER_BYTES:
            raise GorgiasContractError("Gorgias' answer is too large", _CHECK_URL)
    return bytes(chunks)


def _parse_response(response: aiohttp.ClientResponse, raw: bytes) -> object:
    status = response.status
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise GorgiasThrottledError(_parse_retry_after(response.headers.get("Retry-After", "")))
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise GorgiasContractError(
            f"Gorgias redirects ({status})",
            "check that --gorgias-url is the account's present address",
            location=_find_location(response),
        )
    is_ok = status < HTTPStatus.BAD_REQUEST
    try:
        answer = decode_json(raw) if raw else None
    except JsonError:
        if is_ok:
            raise GorgiasContractError("Gorgias' answer is not JSON", _CHECK_URL) from None
        answer = None
    if is_ok:
        return answer
    said = cut(make_line(parse_error_message(answer)), _MESSAGE_CHARS)
    raise _make_error(status, f": {said}" if said else "")


def _find_location(response: aiohttp.ClientResponse) -> str:
    """The path that a redirect leads to; empty: nowhere, or to another host, whose ids are not this account's."""
    location = response.headers.get("Location", "")
    try:
        place = response.url.join(URL(location))
        return place.raw_path if location and place.origin() == response.url.origin() else ""
    except ValueError:
        return ""


def _make_error(status: int, said: str) -> GorgiasError:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        detail = f"Gorgias refuses the user and API key ({status}{said})"
        advice, is_unknown = "make a new key there and install again with it", status == HTTPStatus.UNAUTHORIZED
        return GorgiasCredentialsError(detail, advice, is_unknown_key=is_unknown)
    if status == HTTPStatus.NOT_FOUND:
        return GorgiasNotFoundError(f"Gorgias answers 404{said}", _CHECK_URL)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return GorgiasUnavailableError(f"Gorgias fails ({status})", "try again later")
    return GorgiasRefusedError(f"Gorgias refuses the request ({status}{said})", "correct what it names, then try again")


def _parse_retry_after(text: str) -> float:
    """Seconds, at most 30. Gorgias sends whole numbers."""
    try:
        seconds = float(text)
    except ValueError:
        return _DEFAULT_RETRY_AFTER_S
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_S) if seconds == seconds else _DEFAULT_RETRY_AFTER_S  # noqa: PLR0124 - NaN
