"""Pages of a list: sizes, and opaque tokens that only the list they came from accepts."""

import base64
import binascii
from collections.abc import Callable

from loyalty_service.domain.errors import BadValueError

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000


def parse_page_size(size: int) -> int:
    """0 means the default. Raises BadValueError."""
    if not 0 <= size <= MAX_PAGE_SIZE:
        raise BadValueError("page_size", f"must be 1 to {MAX_PAGE_SIZE}, or 0 for {DEFAULT_PAGE_SIZE}")
    return size or DEFAULT_PAGE_SIZE


def make_page_token(list_name: str, last_key: str) -> str:
    """`last_key`: of the last item on the page before."""
    return base64.urlsafe_b64encode(f"{list_name} {last_key}".encode()).decode()


def parse_page_token(list_name: str, token: str, is_key: Callable[[str], bool]) -> str:
    """The key after which the page begins, empty for the first page. Raises BadValueError for a foreign token."""
    if not token:
        return ""
    try:
        name, _, last_key = base64.b64decode(token, altchars=b"-_", validate=True).decode("ascii").partition(" ")
    except (binascii.Error, ValueError):
        name, last_key = "", ""
    if name != list_name or not is_key(last_key):
        raise BadValueError("page_token", "is not one that this list gave")
    return last_key
