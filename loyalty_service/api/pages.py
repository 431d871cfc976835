"""Lists in pages: page sizes, and opaque tokens that only their own list accepts."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from loyalty_service.domain.errors import BadValueError

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000

T = TypeVar("T")


class PageRequest(Protocol):
    page_size: int
    page_token: str


async def list_page(
    list_name: str,
    request: PageRequest,
    fetch: Callable[[str, int], Awaitable[list[T]]],
    *,
    get_key: Callable[[T], str],
    is_key: Callable[[str], bool],
) -> tuple[list[T], str]:
    """Return a page and the token of the next one; the token is empty after the last page.

    `fetch` gets at most a number of items after a key (empty: from the first item). Raises BadValueError.
    """
    size, last_key = _parse_size(request.page_size), _parse_token(list_name, request.page_token, is_key)
    found = await fetch(last_key, size + 1)
    page = found[:size]
    return page, _make_token(list_name, get_key(page[-1])) if len(found) > size else ""


def _parse_size(size: int) -> int:
    """0 means the default."""
    if not 0 <= size <= MAX_PAGE_SIZE:
        raise BadValueError("page_size", f"must be 1 to {MAX_PAGE_SIZE}, or 0 for {DEFAULT_PAGE_SIZE}")
    return size or DEFAULT_PAGE_SIZE


def _make_token(list_name: str, last_key: str) -> str:
    """`last_key`: the key of the page's last item."""
    return base64.urlsafe_b64encode(f"{list_name} {last_key}".encode()).decode()


def _parse_token(list_name: str, token: str, is_key: Callable[[str], bool]) -> str:
    """The key after which the page begins, empty for the first page."""
    if not token:
        return ""
    try:
        name, _, last_key = base64.b64decode(token, altchars=b"-_", validate=True).decode("ascii").partition(" ")
    except (binascii.Error, ValueError):
        name, last_key = "", ""
    if name != list_name or not is_key(last_key):
        raise BadValueError("page_token", "is not a token of this list")
    return last_key
