"""Masks credentials on the page, since people share their screens."""

import re
from collections.abc import Mapping

MASK = "•••"
_NAME = r"[\w.-]*(?:token|secret|password|credential|_key|apikey)[\w.-]*"
_IN_QUERY = re.compile(rf"(?i)((?:^|[?&])(?:{_NAME}|key)=)[^&\s]+")
_IN_JSON = re.compile(rf'(?i)("{_NAME}"\s*:\s*")(?:[^"\\]|\\.)+"')
_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


def mask_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Keep the scheme of a credential ("Bearer •••"), not the credential."""
    masked = {}
    for name, value in headers.items():
        if name.lower() in _HEADERS or re.fullmatch(_NAME, name, re.IGNORECASE):
            scheme, separator, _ = value.partition(" ")
            masked[name] = f"{scheme} {MASK}" if separator else MASK
        else:
            masked[name] = value
    return masked


def mask_text(text: str, secrets: frozenset[str] = frozenset()) -> str:
    """Hide the values of credential-like fields in a query, form or JSON, and each of `secrets` anywhere."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return _IN_JSON.sub(rf'\g<1>{MASK}"', _IN_QUERY.sub(rf"\g<1>{MASK}", text))
