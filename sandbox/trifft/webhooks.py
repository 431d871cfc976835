"""Sends a project's configured events, with only the template's three fields."""

import asyncio
from collections.abc import Callable

import aiohttp

from sandbox.trifft.project import LoggedDelivery, Project, Webhook

_TIMEOUT = aiohttp.ClientTimeout(total=5)


class Webhooks:
    """Sends each event once, in the background. A failure only gets an entry in the project's log."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._running: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT)

    async def close(self) -> None:
        """Cancel all deliveries."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def send(self, project: Project, event: str, member_id: str) -> None:
        """Send an event. Does nothing for a project without a webhook, and while the stand-in is not served."""
        webhook = project.state.webhook
        if webhook is None or self._session is None:
            return
        entry = LoggedDelivery(event=event, member_id=member_id, url=webhook.url, time=self._clock())
        project.deliveries.append(entry)
        task = asyncio.get_running_loop().create_task(self._deliver(self._session, webhook, entry))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _deliver(self, session: aiohttp.ClientSession, webhook: Webhook, entry: LoggedDelivery) -> None:
        # The template has date('U') within quotes: a text of UNIX seconds.
        body = {"event": entry.event, "member_id": entry.member_id, "occurred_at": str(int(entry.time))}
        headers = {webhook.header_name: webhook.header_value}
        try:
            async with session.post(webhook.url, json=body, headers=headers, allow_redirects=False) as response:
                entry.status = response.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            entry.error = str(error) or type(error).__name__
