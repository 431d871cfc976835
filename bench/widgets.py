"""Requests widgets as Gorgias does, and classifies the answers."""

import re
import time
from collections.abc import Mapping

import aiohttp
import msgspec
from aiohttp import hdrs

from bench.process import HOST
from bench.stack import make_widget_path

ANSWER_S = 2.5
"""A widget that takes longer counts as unanswered."""
LIVE, OLD, UNAVAILABLE = "live", "old", "unavailable"
"""Outcomes of an answered widget: as fresh as requested; held data, since TRIFFT fails; no data."""
# The widget's reason for not being live, which stands before the time.
_CAUSE = re.compile(r"([^.]+) at \d")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`sent_s`, `answered_s`: by the machine's monotonic clock. `outcome`: LIVE, OLD, UNAVAILABLE, or another status.

    `is_answered`: it was a 200 within ANSWER_S. `because`: the widget's reason for being old or empty. `award_token`:
    the panel's, or empty.
    """

    sent_s: float
    answered_s: float
    outcome: str
    is_answered: bool
    because: str = ""
    award_token: str = ""

    @property
    def took_ms(self) -> float:
        return (self.answered_s - self.sent_s) * 1000


class _View(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    summary: str
    stale: bool
    award_token: str = ""


def make_session() -> aiohttp.ClientSession:
    """Make a session with this many connections, each kept alive."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


async def ask_widget(
    session: aiohttp.ClientSession, port: int, credential: str, email: str, ticket_id: str = "1"
) -> Answer:
    """Ask for one widget. The ticket's customer has its number. Raises nothing: a missing answer is an outcome."""
    sent_s = time.monotonic()
    url = f"http://{HOST}:{port}{make_widget_path(credential, email, ticket_id)}"
    headers: Mapping[str, str] = {hdrs.AUTHORIZATION: f"Bearer {credential}"}
    try:
        async with session.get(url, headers=headers, timeout=aiohttp.ClientTimeout(total=2 * ANSWER_S)) as response:
            body = await response.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        return Answer(
            sent_s=sent_s, answered_s=time.monotonic(), outcome=f"no answer, {type(error).__name__}", is_answered=False
        )
    answered_s = time.monotonic()
    if response.status != 200:  # noqa: PLR2004 - every widget must be a 200
        return Answer(sent_s=sent_s, answered_s=answered_s, outcome=f"HTTP {response.status}", is_answered=False)
    view = msgspec.json.decode(body, type=_View)
    cause = _CAUSE.search(view.summary) if view.stale or view.status == UNAVAILABLE else None
    return Answer(
        sent_s=sent_s,
        answered_s=answered_s,
        outcome=OLD if view.stale else LIVE if view.status == "member" else view.status,
        is_answered=answered_s - sent_s <= ANSWER_S,
        because=cause.group(1).strip() if cause else "",
        award_token=view.award_token,
    )
