"""Checks the public URL as Gorgias would use it: name, network, certificate, whatever stands in front, and who answers.

The way goes through the proxy for requests to Gorgias, if one is set: from inside a company's network, a public name
may lead elsewhere.
"""

import socket
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from gateway.installation.checks import Check, CheckState
from gateway.installation.probe import PROBE_ROUTE, Answer, ProbeKeys, Question
from runtime.hosts import is_public_name
from runtime.proxy import HttpProxy, ProxyRefusedError, explain_proxy_error, make_options, raise_for_proxy
from runtime.text import cut, make_line
from runtime.version import VERSION

NAME = "public URL"
TIMEOUT_S = 5.0
_MAX_ANSWER_BYTES = 4096
_SHOWN_CHARS = 60
_PROXY_SETTING = "GATEWAY_HTTP_PROXY"
_LEADS_HERE = "see that the gateway runs, and that GATEWAY_PUBLIC_URL leads to it"
_SAME_KEYS = "correct GATEWAY_PUBLIC_URL, or give that gateway and this command the same GATEWAY_SECRET_KEYS"
_IN_FRONT = "correct the server in front of the gateway"
# Of a server in front that does not reach the gateway.
_BAD_GATEWAY = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


class _Problem(msgspec.Struct):
    """The part of a gateway's error that we read."""

    reason: str


_Body = TypeVar("_Body", Answer, _Problem)


async def probe_public_url(
    session: aiohttp.ClientSession, public_url: str, keys: ProbeKeys, *, proxy: HttpProxy | None
) -> Check:
    """Ask once, for at most 5 s."""
    question = keys.make_question()
    headers = {"Authorization": question.header}
    options = make_options(proxy, public_url, headers)
    url = URL(f"{public_url}{PROBE_ROUTE}?{question.query}", encoded=True)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with session.get(url, timeout=timeout, allow_redirects=False, **options) as response:
            raise_for_proxy(options, response)
            return _judge(public_url, question, response, await _read(response))
    except TimeoutError:
        return _fail(f"nobody answers at {public_url} within {TIMEOUT_S:g} s", _LEADS_HERE)
    except (aiohttp.ClientError, ProxyRefusedError, OSError) as error:
        if words := explain_proxy_error(error, proxy, _PROXY_SETTING):
            return Check(
                name=NAME, state=CheckState.UNKNOWN, detail=words, advice=f"check {_PROXY_SETTING} and the proxy"
            )
        return _explain(public_url, error)


def judge_reach(probed: Check, public_url: str, gorgias_url: str) -> Check:
    """The check for one shop: a Gorgias that is public cannot reach a name that is not."""
    is_public = is_public_name(urlsplit(public_url).hostname or "")
    if probed.state is not CheckState.OK or is_public or not is_public_name(urlsplit(gorgias_url).hostname or ""):
        return probed
    detail = f"{public_url} answers here, but Gorgias cannot reach it: it is no public name"
    advice = "set GATEWAY_PUBLIC_URL to an address that Gorgias reaches"
    return Check(name=NAME, state=CheckState.WARNING, detail=detail, advice=advice)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of the answer."""
    raw = bytearray()
    async for chunk in response.content.iter_any():
        raw += chunk
        if len(raw) > _MAX_ANSWER_BYTES:
            break
    return bytes(raw)


def _judge(public_url: str, question: Question, response: aiohttp.ClientResponse, raw: bytes) -> Check:
    answer = _decode(raw, Answer) if response.status == HTTPStatus.OK else None
    if answer is not None and answer.proof == question.proof:
        return _judge_answer(public_url, answer)
    problem = _decode(raw, _Problem)
    said = (response.status, problem.reason if problem else "")
    if answer is not None or said == (HTTPStatus.UNAUTHORIZED, "CREDENTIAL"):
        return _fail(f"another deployment answers at {public_url}: its secret keys are others", _SAME_KEYS)
    if said == (HTTPStatus.NOT_FOUND, "ROUTE_NOT_FOUND"):
        detail = f"a gateway answers at {public_url}, but has no probe there: another path, or an older version"
        return _fail(detail, "correct GATEWAY_PUBLIC_URL, or update that gateway")
    if response.status in _BAD_GATEWAY:
        detail = f"the server in front of {public_url} does not reach the gateway ({response.status})"
        return _fail(detail, _LEADS_HERE)
    return _fail(_say_other(public_url, response), _LEADS_HERE)


def _judge_answer(public_url: str, answer: Answer) -> Check:
    if not answer.has_header:
        detail = f"the server in front of {public_url} drops the header Authorization, so each press is refused"
        return _fail(detail, _IN_FRONT)
    if not answer.has_sample:
        detail = f"the server in front of {public_url} changes what stands in a query, so addresses are spoiled"
        return _fail(detail, _IN_FRONT)
    if answer.version != VERSION:
        detail = f"{public_url} leads to this deployment, of version {cut(make_line(answer.version), _SHOWN_CHARS)}"
        advice = f"give gateway and command one version: this command has {VERSION}"
        return Check(name=NAME, state=CheckState.WARNING, detail=detail, advice=advice)
    return Check(name=NAME, state=CheckState.OK, detail=f"{public_url} leads to this deployment")


def _decode(raw: bytes, kind: type[_Body]) -> _Body | None:
    """None: it is something else."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _say_other(public_url: str, response: aiohttp.ClientResponse) -> str:
    if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
        return f"another server answers at {public_url}: it redirects ({response.status}), which is not followed"
    kind = cut(make_line(response.content_type), _SHOWN_CHARS)
    return f"another server answers at {public_url}: {response.status}, {kind}"


def _explain(public_url: str, error: Exception) -> Check:
    nobody = f"nobody answers at {public_url}"
    if isinstance(error, aiohttp.ClientConnectorDNSError | socket.gaierror):
        return _fail(f"{nobody}: its name is not known", "correct GATEWAY_PUBLIC_URL, or the DNS")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _fail(f"{nobody} whose TLS certificate holds ({_say_tls(error)})", "correct the certificate")
    if isinstance(error, aiohttp.ClientSSLError):
        detail = f"who answers at {public_url} does not speak TLS as we do ({_say_tls(error)})"
        return _fail(detail, "see that the server there speaks TLS, or correct GATEWAY_PUBLIC_URL")
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionRefusedError):
        return _fail(f"{nobody}: the connection is refused", _LEADS_HERE)
    return _fail(f"{nobody}: {type(error).__name__}", _LEADS_HERE)


def _say_tls(error: Exception) -> str:
    """OpenSSL's own words for it: "certificate has expired"."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    words = getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or type(error).__name__
    return cut(make_line(str(words)), _SHOWN_CHARS)


def _fail(detail: str, advice: str) -> Check:
    return Check(name=NAME, state=CheckState.FAILED, detail=detail, advice=advice)
