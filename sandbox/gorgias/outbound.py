"""A request from the helpdesk to the outside, timed and logged."""

import time
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from sandbox.gorgias.account import Account
from sandbox.gorgias.calls import Call
from sandbox.gorgias.mask import mask_headers, mask_text
from sandbox.gorgias.sender import encode_url

SHOWN_CHARACTERS = 20_000
MIN_SECRET_LENGTH = 6


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A rendered request. `reason`: the trigger or "action"; `source`: the integration or the button."""

    reason: str
    source: str
    ticket_id: int
    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None = None
    attempt: int = 1


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`status`: None if no answer came; `error` says why. `call_id` rises with the time of sending."""

    call_id: int
    status: int | None
    error: str | None
    headers: dict[str, str]
    body: str

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's success class


async def send(session: aiohttp.ClientSession, account: Account, outgoing: Outgoing) -> Answer:
    """Send within the account's timeout. Any outcome becomes an answer and an entry in the log."""
    call_id, sent_time, start = account.make_id(), account.get_time(), time.perf_counter()
    account.save("calls")
    try:
        answer = await _exchange(session, account, outgoing, call_id)
    except TimeoutError:
        answer = _failed(call_id, f"no answer within {account.state.switches.timeout_s:g} s")
    except aiohttp.ClientError as error:
        answer = _failed(call_id, f"{type(error).__name__}: {error}")
    except ValueError as error:
        answer = _failed(call_id, f"cannot be sent: {error}")
    duration_ms = round((time.perf_counter() - start) * 1000, 1)
    url = encode_url(outgoing.url, account.state.switches.url_encoding)
    account.calls.add(_make_call(msgspec.structs.replace(outgoing, url=url), answer, sent_time, duration_ms))
    account.save("calls")
    return answer


async def _exchange(session: aiohttp.ClientSession, account: Account, outgoing: Outgoing, call_id: int) -> Answer:
    async with session.request(
        outgoing.method,
        URL(encode_url(outgoing.url, account.state.switches.url_encoding), encoded=True),
        headers={name: _as_header(value) for name, value in outgoing.headers.items()},
        data=outgoing.body,
        allow_redirects=False,
        timeout=aiohttp.ClientTimeout(total=account.state.switches.timeout_s),
    ) as response:
        content = await response.read()
        return Answer(
            call_id=call_id,
            status=response.status,
            error=None,
            headers=dict(response.headers),
            body=content.decode("utf-8", "replace"),
        )


def _as_header(value: str) -> str:
    """A header cannot carry line breaks or controls; they are percent-encoded."""
    return "".join(quote(c) if ord(c) < 0x20 or ord(c) == 0x7F else c for c in value)  # noqa: PLR2004 - ASCII controls


def _failed(call_id: int, error: str) -> Answer:
    return Answer(call_id=call_id, status=None, error=error, headers={}, body="")


def _make_call(outgoing: Outgoing, answer: Answer, sent_time: str, duration_ms: float) -> Call:
    authorizations = (value for name, value in outgoing.headers.items() if name.lower() == "authorization")
    secrets = frozenset(v.split(" ")[-1] for v in authorizations if len(v.split(" ")[-1]) >= MIN_SECRET_LENGTH)
    request_body = (outgoing.body or b"").decode("utf-8", "replace")
    return Call(
        id=answer.call_id,
        time=sent_time,
        reason=outgoing.reason,
        source=outgoing.source,
        ticket_id=outgoing.ticket_id,
        attempt=outgoing.attempt,
        method=outgoing.method,
        url=mask_text(outgoing.url, secrets),
        request_headers=mask_headers(outgoing.headers),
        request_body=mask_text(request_body, secrets)[:SHOWN_CHARACTERS],
        status=answer.status,
        error=mask_text(answer.error, secrets) if answer.error else None,
        duration_ms=duration_ms,
        response_headers=mask_headers(answer.headers),
        response_body=mask_text(answer.body, secrets)[:SHOWN_CHARACTERS],
    )
