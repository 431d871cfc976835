"""The calls of Gorgias' REST API that an installation needs."""

import contextlib
from collections.abc import Callable, Iterable
from http import HTTPMethod
from typing import TypeVar

import aiohttp
import msgspec

from gateway.gorgias.errors import GorgiasContractError, GorgiasNotFoundError
from gateway.gorgias.mailboxes import read_mailbox
from gateway.gorgias.transport import Transport, parse_answer
from gateway.gorgias.wire import Integration, Node, Widget, parse_integration, parse_widget
from runtime.proxy import HttpProxy

_Record = TypeVar("_Record", Integration, Widget)

_MAX_PAGES = 100


class GorgiasClient:
    """One account, `base_url` without a trailing slash, as one user. The session is the caller's.

    After a 429 it waits and tries again, twice at most. It retries nothing else, since operators can repeat their
    command. Every method raises GorgiasError.
    """

    def __init__(
        self, session: aiohttp.ClientSession, base_url: str, user: str, key: str, *, proxy: HttpProxy | None = None
    ) -> None:
        self._transport = Transport(session, base_url, user, key, proxy=proxy)

    async def list_integrations(self) -> list[Integration]:
        """All HTTP integrations of the account, without those that have no readable id: ours have one."""
        found = _parse_each(parse_integration, await self._list("/api/integrations", {"type": "http"}))
        return list({one.integration_id: one for one in found}.values())

    async def list_mailboxes(self) -> list[str]:
        """The e-mail addresses of the account's own integrations."""
        found = map(read_mailbox, await self._list("/api/integrations", {}))
        return list(dict.fromkeys(address for address in found if address))

    async def create_integration(self, body: Node) -> Integration:
        created = await self._transport.request(HTTPMethod.POST, "/api/integrations", body=body)
        return parse_answer(parse_integration, created)

    async def update_integration(self, integration_id: int, body: Node) -> None:
        await self._transport.request(HTTPMethod.PUT, f"/api/integrations/{integration_id}", body=body)

    async def delete_integration(self, integration_id: int) -> None:
        await self._delete(f"/api/integrations/{integration_id}")

    async def list_widgets(self, integration_id: int) -> list[Widget]:
        """The widgets that show this integration's data."""
        found = await self._list("/api/widgets", {"integration_id": str(integration_id)})
        widgets = {one.widget_id: one for one in _parse_each(parse_widget, found)}
        return [widget for widget in widgets.values() if widget.integration_id == integration_id]

    async def create_widget(self, body: Node) -> Widget:
        return parse_answer(parse_widget, await self._transport.request(HTTPMethod.POST, "/api/widgets", body=body))

    async def update_widget(self, widget_id: int, body: Node) -> None:
        await self._transport.request(HTTPMethod.PUT, f"/api/widgets/{widget_id}", body=body)

    async def delete_widget(self, widget_id: int) -> None:
        await self._delete(f"/api/widgets/{widget_id}")

    async def _list(self, path: str, query: dict[str, str]) -> list[object]:
        items: list[object] = []
        async for page in self._transport.list_pages(path, query, _MAX_PAGES):
            items += page.items
            if page.next_cursor is None:
                return items
        raise GorgiasContractError(f"Gorgias' list {path} has too many pages", "try again later")

    async def _delete(self, path: str) -> None:
        """Delete an object. A 404 is a success: it is gone."""
        try:
            await self._transport.request(HTTPMethod.DELETE, path)
        except GorgiasNotFoundError:
            return


def _parse_each(parse: Callable[[object], _Record], items: Iterable[object]) -> list[_Record]:
    """Parse items one by one. One that cannot be read is not ours.

    An item that moves to another page may come twice.
    """
    parsed: list[_Record] = []
    for item in items:
        with contextlib.suppress(msgspec.ValidationError):
            parsed.append(parse(item))
    return parsed
