"""The agents of a torture run: they look at panels, click, click twice, try again, and undo."""

import asyncio
import random
import time
from typing import Any

import aiohttp
import msgspec

from bench.process import HOST
from bench.stack import make_widget_path
from bench.torture.truth import make_email, make_member_id

# An agent tries this long: a killed process is back in a few seconds.
_TRIES = 60
_PAUSE_S = (0.1, 1.0)
_TIMEOUT = aiohttp.ClientTimeout(total=12)
_UNDO_SHARE = 0.05
# The share of panels that are also pressed in another customer's ticket, and the first number of those tickets.
_STRAY_SHARE = 0.1
_STRAY_START = 10**9
_TRY_AGAIN = "TICKET_NOT_CHECKED"
_BEFORE_UNDO_S = (0.5, 3.0)
# An award that a new panel asks for again within 10 minutes is the same award; later, it is one more.
_SAME_AWARD_S = 300.0


class Answer(msgspec.Struct, frozen=True):
    """The answer to a click with these points: `refused`, `unanswered`, or the status in the body."""

    points: int
    status: str

    @property
    def is_accepted(self) -> bool:
        return self.status not in {"refused", "unanswered"}


class Intent(msgspec.Struct, kw_only=True):
    """One award that an agent wants to give, on a ticket of its own, and every answer to their clicks.

    `points`: the number that was typed last; after a refusal it is another one. However often they click, it is one
    award.
    """

    shop: str
    ticket_id: str
    points: int
    answers: list[Answer] = []

    @property
    def is_refused(self) -> bool:
        return all(answer.status == "refused" for answer in self.answers)

    @property
    def recorded_points(self) -> int | None:
        """The number that is on record, or may be; None if it may be one of several."""
        accepted = {answer.points for answer in self.answers if answer.is_accepted}
        possible = accepted or {answer.points for answer in self.answers}
        return possible.pop() if len(possible) == 1 else None


class Agents:
    """`ports`: of the gateways. `credentials`: the widget's, by shop."""

    def __init__(self, ports: tuple[int, ...], credentials: dict[str, str], chance: random.Random) -> None:
        self._ports = ports
        self._credentials = credentials
        self._chance = chance
        self.intents: list[Intent] = []

    async def work(self, count: int, clients: int) -> None:
        """Give `count` awards by `clients` agents at a time."""
        numbers = iter(range(1, count + 1))
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            await asyncio.gather(*(self._work_on(session, numbers) for _ in range(clients)))

    async def _work_on(self, session: aiohttp.ClientSession, numbers: Any) -> None:  # noqa: ANN401 - an iterator
        for number in numbers:
            shop = self._chance.choice(list(self._credentials))
            intent = Intent(shop=shop, ticket_id=str(number), points=self._draw_points())
            self.intents.append(intent)
            await self._give(session, intent, make_email(make_member_id(intent.ticket_id)))

    async def _give(self, session: aiohttp.ClientSession, intent: Intent, email: str) -> None:
        panel = await self._look(session, intent, email)
        if not panel.get("award_token"):
            return
        if self._chance.random() < _STRAY_SHARE:
            await self._stray(session, intent, panel["award_token"])
        clicks, start = self._chance.choice((1, 1, 2, 2, 3)), time.monotonic()
        await asyncio.gather(*(self._click(session, intent, panel["award_token"]) for _ in range(clicks)))
        if intent.is_refused:
            await self._try_other_numbers(session, intent, panel["award_token"])
        if not intent.is_refused and self._chance.random() < 0.3:  # noqa: PLR2004 - a share
            refreshed = await self._look(session, intent, email)
            # A click that was refused or not answered may have added points: with other points, a new panel would make
            # a second award.
            recorded, is_recent = intent.recorded_points, time.monotonic() - start < _SAME_AWARD_S
            if refreshed.get("award_token") and recorded is not None and is_recent:
                intent.points = recorded
                await self._click(session, intent, refreshed["award_token"])
        if self._chance.random() < _UNDO_SHARE:
            await self._take_back(session, intent, email)

    async def _try_other_numbers(self, session: aiohttp.ClientSession, intent: Intent, token: str) -> None:
        """Try other numbers on the same panel until one is not refused; then the first again. That must add nothing."""
        first = intent.points
        for points in (self._draw_points(), self._draw_points(), first):
            intent.points = points
            clicks = self._chance.choice((1, 2))
            await asyncio.gather(*(self._click(session, intent, token) for _ in range(clicks)))
            if not intent.is_refused:
                break
        intent.points = first
        await self._click(session, intent, token)

    def _draw_points(self) -> int:
        return self._chance.randint(1, 500)

    async def _take_back(self, session: aiohttp.ClientSession, intent: Intent, email: str) -> None:
        await asyncio.sleep(self._chance.uniform(*_BEFORE_UNDO_S))
        panel = await self._look(session, intent, email)
        for offer in panel.get("undo", [])[:1]:
            fields = {"undo_token": offer["undo_token"], "ticket_id": intent.ticket_id}
            await asyncio.gather(*(self._post(session, intent, "actions/undo-award", fields) for _ in range(2)))

    async def _look(self, session: aiohttp.ClientSession, intent: Intent, email: str) -> dict[str, Any]:
        path = make_widget_path(self._credentials[intent.shop], email, intent.ticket_id)
        for _ in range(_TRIES):
            try:
                async with session.get(self._make_url(path), headers=self._authorize(intent)) as response:
                    panel: dict[str, Any] = await response.json()
            except (aiohttp.ClientError, TimeoutError):
                panel = {}
            if panel.get("award_token"):
                return panel
            await self._pause()
        return {}

    async def _click(self, session: aiohttp.ClientSession, intent: Intent, token: str) -> None:
        points, fields = intent.points, _make_form(intent, token, intent.ticket_id)
        intent.answers.append(Answer(points, await self._post(session, intent, "actions/award-points", fields)))

    async def _stray(self, session: aiohttp.ClientSession, intent: Intent, token: str) -> None:
        """Press in another customer's ticket: it may only add points if that customer is the panel's by chance."""
        fields = _make_form(intent, token, str(_STRAY_START + int(intent.ticket_id)))
        await self._post(session, intent, "actions/award-points", fields)

    async def _post(self, session: aiohttp.ClientSession, intent: Intent, route: str, fields: dict[str, str]) -> str:
        """Send a press, again while no answer comes (as Gorgias does) or the ticket is not checked.

        Returns the status of the last answer.
        """
        for _ in range(_TRIES):
            try:
                async with session.post(
                    self._make_url(f"/gorgias/{route}"), data=fields, headers=self._authorize(intent)
                ) as response:
                    answer = await response.json()
            except (aiohttp.ClientError, TimeoutError):
                await self._pause()
                continue
            if answer.get("reason") == _TRY_AGAIN:
                await self._pause()
                continue
            status = answer.get("status")  # of an error, a number
            return status if isinstance(status, str) else "refused"
        return "unanswered"

    def _make_url(self, path: str) -> str:
        return f"http://{HOST}:{self._chance.choice(self._ports)}{path}"

    def _authorize(self, intent: Intent) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._credentials[intent.shop]}"}

    async def _pause(self) -> None:
        await asyncio.sleep(self._chance.uniform(*_PAUSE_S))


def _make_form(intent: Intent, token: str, ticket_id: str) -> dict[str, str]:
    return {
        "award_token": token,
        "points": str(intent.points),
        "note": "for your patience",
        "ticket_id": ticket_id,
        "agent_email": "ana@torture.example",
        "agent_name": "Ana",
    }
