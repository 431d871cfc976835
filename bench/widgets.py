"""The widget as Gorgias asks for it, and what became of each answer."""

import re
import time
from collections.abc import Mapping

import aiohttp
import msgspec
from aiohttp import hdrs

from bench.process import HOST
from bench.stack import make_widget_path

ANSWER_S = 2.5
"""A widget that is not there by then counts as unanswered."""
LIVE, OLD, UNAVAILABLE = "live", "old", "unavailable"
"""Outcomes of a widget that was answered: as fresh as was asked for; what was held, since TRIFFT fails; nothing."""
# As the widget says why it is not live, before the time.
_CAUSE = re.compile(r"([^.]+) at \d")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`sent_s`, `answered_s`: of the machine's monotonic clock. `outcome`: LIVE, OLD, UNAVAILABLE, or what else it is.

    `is_answered`: it was a 200 within ANSWER_S. `because`: why it is old or not there, in the widget's own words.
    `award_token`: of the panel, empty where it has none.
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
    """As many connections as are asked for at a time, each kept alive."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


async def ask_widget(session: aiohttp.ClientSession, port: int, credential: str, email: str) -> Answer:
    """Raises nothing: that there was no answer is one."""
    sent_s = time.monotonic()
    url = f"http://{HOST}:{port}{make_widget_path(credential, email)}"
    headers: Mapping[str, str] = {hdrs.AUTHORIZATION: f"Bearer {credential}"}
    try:
        async with session.get(url, headers=headers, timeout=aiohttp.ClientTimeout(total=2 * ANSWER_S)) as response:
            body = await response.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        return Answer(
            sent_s=sent_s, answered_s=time.monotonic(), outcome=f"no answer, {type(error).__name__}", is_answered=False
        )
    answered_s = time.monotonic()
    if response.status != 200:  # noqa: PLR2004 - what every widget is to be
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
