"""The ways in which Gorgias may send a URL with an e-mail in it, as bytes of a request line."""

from collections.abc import Callable
from urllib.parse import urlsplit

import requests

from sandbox.gorgias.sender import encode_url, encode_value
from sandbox.gorgias.switches import UrlEncoding


def put_in(template: str, values: dict[str, str], encode: Callable[[str], str] = str) -> str:
    """Put the values into a URL as Gorgias does: concatenated."""
    for name, value in values.items():
        template = template.replace("{{" + name + "}}", encode(value), 1)
    return template


def send_nothing_encoded(template: str, values: dict[str, str]) -> str:
    """Send even a "#" unencoded."""
    return encode_url(put_in(template, values), UrlEncoding.NOTHING)


def send_nothing_encoded_without_fragment(template: str, values: dict[str, str]) -> str:
    return send_nothing_encoded(template, values).partition("#")[0]


def send_as_requests(template: str, values: dict[str, str]) -> str:
    """Send as the library `requests` does, by the library itself."""
    url = requests.Request("GET", put_in(template, values)).prepare().url
    assert url is not None
    return url.partition("#")[0]


def send_all_encoded(template: str, values: dict[str, str]) -> str:
    return encode_url(put_in(template, values, encode_value), UrlEncoding.VALUES)


Sender = Callable[[str, dict[str, str]], str]
SENDERS: tuple[Sender, ...] = (
    send_nothing_encoded,
    send_nothing_encoded_without_fragment,
    send_as_requests,
    send_all_encoded,
)


def get_target(url: str) -> str:
    """Return the target in the request line."""
    return url.removeprefix("{0.scheme}://{0.netloc}".format(urlsplit(url)))
