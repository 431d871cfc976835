"""What a shop's real calls show of Gorgias' contract, as far as that is assumed (docs/assumptions.md).

Each sight is kept once for each shop, with the time when it was seen last.
"""

import enum
from collections.abc import Iterable
from urllib.parse import unquote

from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table, select

from gateway.gorgias.widget_url import UrlForm, WidgetCall
from gateway.installation.store import INSTALLATIONS
from runtime.database import Database
from runtime.sql import make_insert

_LITERAL = "{{"
_PLUS, _ENCODED_PLUS, _SPACES = "+", "%2b", (" ", "%20")


class Sight(enum.StrEnum):
    """One thing that was seen. Stored: a name that is gone stays in older rows, and is ignored."""

    ABSENT_AS_NONE = "absent_as_none"
    ABSENT_AS_EMPTY = "absent_as_empty"
    ABSENT_AS_WRITTEN = "absent_as_written"
    # Neither an address nor a known spelling of none, and Gorgias says that there is none.
    ABSENT_AS_OTHER = "absent_as_other"
    END = "end"
    NO_END = "no_end"
    PLUS = "plus"
    PLUS_ENCODED = "plus_encoded"
    PLUS_AS_SPACE = "plus_as_space"
    HEADER = "header"
    NO_HEADER = "no_header"
    PRESS_FORM = "press_form"
    PRESS_JSON = "press_json"


_PRESS_TYPES = {"application/x-www-form-urlencoded": Sight.PRESS_FORM, "application/json": Sight.PRESS_JSON}
SIGHTS = Table(
    "gorgias_sights",
    MetaData(),
    Column("merchant_id", String, primary_key=True),
    Column("sight", String, primary_key=True),
    Column("time_ms", BigInteger),
)
_row = SIGHTS.c


def read_call(call: WidgetCall, *, has_header: bool) -> list[Sight]:
    """The sights in the form of a call."""
    sights = [Sight.HEADER if has_header else Sight.NO_HEADER]
    if call.form in {UrlForm.CURRENT, UrlForm.CUT}:
        sights.append(Sight.END if call.form is UrlForm.CURRENT else Sight.NO_END)
    if call.email and _PLUS in call.email:
        sights.append(Sight.PLUS)
    elif call.email and _ENCODED_PLUS in call.email.lower():
        sights.append(Sight.PLUS_ENCODED)
    return sights


def read_email(sent: str | None, email: str | None) -> list[Sight]:
    """The sights in the URL's text, compared with the customer's true address. None: there is no address."""
    if sent is None:
        return []
    if email is not None:
        is_spoiled = _PLUS in email and _PLUS not in sent and any(space in sent for space in _SPACES)
        return [Sight.PLUS_AS_SPACE] if is_spoiled else []
    value = unquote(sent).strip()
    if not value:
        return [Sight.ABSENT_AS_EMPTY]
    if value == "None":
        return [Sight.ABSENT_AS_NONE]
    if value.startswith(_LITERAL):
        return [Sight.ABSENT_AS_WRITTEN]
    return [] if "@" in value else [Sight.ABSENT_AS_OTHER]


def read_press(content_type: str) -> list[Sight]:
    sight = _PRESS_TYPES.get(content_type)
    return [] if sight is None else [sight]


class SightStore:
    """Every method raises DatabaseError if the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, seen: Iterable[tuple[str, Sight]], time_ms: int) -> None:
        """Add what was seen of shops that are installed."""
        # In a fixed order, so that two processes cannot deadlock.
        rows = [{"merchant_id": shop, "sight": sight.value, "time_ms": time_ms} for shop, sight in sorted(seen)]
        ours = INSTALLATIONS.c.merchant_id.in_({row["merchant_id"] for row in rows})
        query = select(INSTALLATIONS.c.merchant_id).where(ours).with_for_update(read=True, key_share=True)

        def add(connection: Connection) -> None:
            installed = set(connection.scalars(query))
            if kept := [row for row in rows if row["merchant_id"] in installed]:
                insert = make_insert(connection, SIGHTS)
                again = insert.on_conflict_do_update(
                    index_elements=[_row.merchant_id, _row.sight], set_={"time_ms": insert.excluded.time_ms}
                )
                connection.execute(again, kept)

        await self._database.write(add)

    async def list_all(self, merchant_id: str) -> frozenset[str]:
        query = select(_row.sight).where(_row.merchant_id == merchant_id)
        return frozenset(await self._database.read(lambda connection: connection.scalars(query).all()))
