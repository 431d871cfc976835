"""The links on record: at most one of a customer stands, and each that ended stays."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, or_, select, union, update

from gateway.errors import CredentialError
from gateway.gorgias.customers import Channel
from gateway.installation.store import INSTALLATIONS
from gateway.links.channels import ChannelHashes
from gateway.links.errors import LinkExistsError, LinkGoneError, LinkLimitError
from gateway.links.link import (
    CHANNELS,
    LINKS,
    Agent,
    EndKind,
    Link,
    LinkEnd,
    NewLink,
    parse_link,
    render_ms,
)
from runtime.addresses import fold_ascii_case, make_email_key
from runtime.database import Database
from runtime.encryption import SecretKeys

# Puts the note of a link on record in the link's transaction. Returns whether a note will come.
PutNote: TypeAlias = Callable[[Connection, Link], bool]

_row = LINKS.c
_stands = _row.end_time_ms.is_(None)


class LinkLimit(msgspec.Struct, frozen=True, kw_only=True):
    """At most so many links of one agent from `day_start` on."""

    most: int
    day_start: datetime


class LinkFilter(msgspec.Struct, frozen=True, kw_only=True):
    """`member`: the id or the support ID. `agent`: the whole e-mail or name, as claimed. None: any."""

    member: str | None = None
    customer_id: int | None = None
    agent: str | None = None

    def render(self) -> list[ColumnElement[bool]]:
        conditions = []
        if self.member is not None:
            is_theirs = or_(_row.member_id == self.member, func.lower(_row.support_id) == self.member.lower())
            conditions.append(is_theirs)
        if self.customer_id is not None:
            conditions.append(_row.customer_id == self.customer_id)
        if self.agent is not None:
            conditions.append(or_(_row.agent_name == self.agent, _row.agent_key == make_email_key(self.agent)))
        return conditions


_ANY = LinkFilter()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A link as it is on record. `is_new`: this call changed it. `is_noted`: a note about that will come."""

    link: Link
    is_new: bool
    is_noted: bool = False


class LinkStore:
    """Every method raises DatabaseError if the database does not answer."""

    def __init__(self, database: Database, keys: SecretKeys) -> None:
        self._database = database
        self._hashes = ChannelHashes(keys)

    async def get(self, merchant_id: str, customer_id: int) -> Link | None:
        """Get the customer's standing link."""
        return await self._database.read(lambda connection: _find_standing(connection, merchant_id, customer_id))

    async def find(self, merchant_id: str, customer_id: int) -> tuple[Link | None, bool]:
        """Get the customer's standing link, and whether the shop has any standing link."""
        any_link = select(_row.id).where(_row.merchant_id == merchant_id, _stands).limit(1)

        def find(connection: Connection) -> tuple[Link | None, bool]:
            has_links = connection.execute(any_link).one_or_none() is not None
            return _find_standing(connection, merchant_id, customer_id) if has_links else None, has_links

        return await self._database.read(find)

    async def get_by_id(self, merchant_id: str, link_id: int) -> Link | None:
        """Get a link, whether it stands or not."""
        query = select(LINKS).where(_row.merchant_id == merchant_id, _row.id == link_id)
        return await self._database.read(lambda connection: _parse(connection.execute(query).one_or_none()))

    async def list_links(
        self, merchant_id: str, wanted: LinkFilter = _ANY, *, limit: int | None = None
    ) -> Sequence[Link]:
        """List a shop's links, also those that ended, newest first."""
        of_shop = select(LINKS).where(_row.merchant_id == merchant_id, *wanted.render())
        query = of_shop.order_by(_row.id.desc()).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [parse_link(row) for row in rows]

    async def add(self, new: NewLink, now: datetime, limit: LinkLimit, put_note: PutNote) -> Change:
        """Link a customer. A link of theirs to the same member is the answer, as it is.

        Raises LinkExistsError, LinkLimitError, and CredentialError if the shop is not installed any more.
        """
        hashes = self._hashes.make(new.merchant_id, new.channels)

        def add(connection: Connection) -> Change:
            _lock_shop(connection, new.merchant_id)
            standing = _find_standing(connection, new.merchant_id, new.customer_id)
            if standing is not None:
                if standing.member_id != new.member_id:
                    raise LinkExistsError(standing)
                return Change(link=standing, is_new=False)
            agent_key = _make_agent_key(new.agent)
            made = select(func.count()).where(
                _row.merchant_id == new.merchant_id,
                _row.agent_key == agent_key,
                _row.link_time_ms >= render_ms(limit.day_start),
                _row.moved_from_id.is_(None),
            )
            if connection.execute(made).scalar_one() >= limit.most:
                raise LinkLimitError(limit.most)
            values = {
                **{name: getattr(new, name) for name in ("merchant_id", "customer_id", "member_id", "support_id")},
                "agent_name": new.agent.name,
                "agent_email": new.agent.email,
                "agent_key": agent_key,
                "ticket_id": new.ticket_id,
                "link_time_ms": render_ms(now),
            }
            link = _insert(connection, values, hashes)
            return Change(link=link, is_new=True, is_noted=put_note(connection, link))

        return await self._database.write(add)

    async def end(
        self, merchant_id: str, customer_id: int, link_id: int | None, end: LinkEnd, put_note: PutNote | None = None
    ) -> Change:
        """End a customer's link, if it stands. `link_id`: None: whichever it is. A link that ended is the answer, too.

        Raises LinkGoneError; with a note also CredentialError, if the shop is not installed any more.
        """
        wanted = [_row.merchant_id == merchant_id, _row.customer_id == customer_id]
        wanted.append(_stands if link_id is None else _row.id == link_id)
        query = select(LINKS).where(*wanted).with_for_update()

        def end_it(connection: Connection) -> Change:
            if put_note is not None:
                _lock_shop(connection, merchant_id)  # before the link, as an uninstallation does
            link = _parse(connection.execute(query).one_or_none())
            if link is None:
                raise LinkGoneError
            if link.end is not None:
                return Change(link=link, is_new=False)
            _end(connection, link, end)
            link = msgspec.structs.replace(link, end=end)
            return Change(link=link, is_new=True, is_noted=put_note is not None and put_note(connection, link))

        return await self._database.write(end_it)

    async def list_candidates(
        self, merchant_id: str, customer_id: int, channels: Iterable[Channel], ticket_id: int | None = None
    ) -> list[Link]:
        """List other customers' links that stand: they had one of these channels, or were made on this ticket.

        Left out are links to a member from whom this customer was ever unlinked, or any customer since the link was
        made. An unlink is meant to last, and that customer may have been merged into this one.
        """
        hashes = self._hashes.list_all(merchant_id, channels)
        had = select(CHANNELS.c.link_id).where(
            CHANNELS.c.merchant_id == merchant_id, CHANNELS.c.channel_hash.in_(hashes)
        )
        ended = LINKS.alias().c
        was_unlinked = exists().where(
            ended.merchant_id == merchant_id,
            ended.member_id == _row.member_id,
            ended.end_kind.in_([EndKind.UNLINKED.value, EndKind.REMOVED.value]),
            or_(ended.customer_id == customer_id, ended.end_time_ms >= _row.link_time_ms),
        )
        others = (_row.customer_id != customer_id, ~was_unlinked)
        on_ticket = select(_row.id).where(_row.merchant_id == merchant_id, _row.ticket_id == ticket_id, _stands)
        near = union(had, on_ticket)
        query = select(LINKS).where(_row.merchant_id == merchant_id, _stands, _row.id.in_(near), *others)
        query = query.order_by(_row.id)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [parse_link(row) for row in rows]

    async def has_all_channels(self, link: Link, channels: Iterable[Channel]) -> bool:
        """Whether these are all channels that the link's customer had, and perhaps more. False: none is on record."""
        query = select(CHANNELS.c.channel_hash).where(CHANNELS.c.link_id == link.link_id)
        kept = set(await self._database.read(lambda connection: connection.scalars(query).all()))
        return bool(kept) and kept <= self._hashes.list_all(link.merchant_id, channels)

    async def move(self, link: Link, customer_id: int, channels: Iterable[Channel], now: datetime) -> Link | None:
        """Move a link to the customer whom its own was merged into. Returns the customer's link that stands now."""
        hashes = self._hashes.make(link.merchant_id, channels)
        end = LinkEnd(kind=EndKind.MERGED, agent=Agent(), ticket_id=None, time=now)
        query = select(LINKS).where(_row.merchant_id == link.merchant_id, _row.id == link.link_id, _stands)
        query = query.with_for_update()

        def move(connection: Connection) -> Link | None:
            _lock_shop(connection, link.merchant_id)
            standing = _find_standing(connection, link.merchant_id, customer_id)
            row = connection.execute(query).one_or_none()
            if standing is not None or row is None:
                return standing
            _end(connection, link, end)
            values = {name: value for name, value in row._mapping.items() if name != "id"}  # noqa: SLF001 - SQLAlchemy's documented name for it
            values |= {"customer_id": customer_id, "moved_from_id": link.link_id}
            return _insert(connection, values, hashes)

        return await self._database.write(move)

    async def forget(
        self,
        merchant_id: str,
        *,
        member_ids: Collection[str],
        support_ids: Collection[str],
        channels: Iterable[Channel],
    ) -> int:
        """Delete a person's links, also those that ended. Returns how many.

        They are to one of these members, were made by one of these support IDs, or stand for a customer who had one of
        these channels.
        """
        hashes = self._hashes.list_all(merchant_id, channels)
        had = select(CHANNELS.c.link_id).where(
            CHANNELS.c.merchant_id == merchant_id, CHANNELS.c.channel_hash.in_(hashes)
        )
        keys = {fold_ascii_case(one) for one in support_ids}
        of_shop = _row.merchant_id == merchant_id
        theirs = or_(_row.member_id.in_(member_ids), _row.id.in_(had))

        def forget(connection: Connection) -> int:
            found = set(connection.scalars(select(_row.id).where(of_shop, theirs)))
            named = connection.execute(select(_row.id, _row.support_id).where(of_shop)).all() if keys else ()
            found.update(link_id for link_id, support_id in named if fold_ascii_case(support_id) in keys)
            connection.execute(delete(CHANNELS).where(CHANNELS.c.link_id.in_(found)))
            return connection.execute(delete(LINKS).where(_row.id.in_(found))).rowcount

        return await self._database.write(forget)


def _lock_shop(connection: Connection, merchant_id: str) -> None:
    """Two links of a shop are made one after the other, and none while it is uninstalled. Raises CredentialError."""
    query = select(INSTALLATIONS.c.merchant_id).where(INSTALLATIONS.c.merchant_id == merchant_id)
    if connection.execute(query.with_for_update(key_share=True)).one_or_none() is None:
        raise CredentialError


def _find_standing(connection: Connection, merchant_id: str, customer_id: int) -> Link | None:
    query = select(LINKS).where(_row.merchant_id == merchant_id, _row.customer_id == customer_id, _stands)
    return _parse(connection.execute(query).one_or_none())


def _parse(row: Any) -> Link | None:  # noqa: ANN401 - a row, or None
    return None if row is None else parse_link(row)


def _insert(connection: Connection, values: dict[str, Any], hashes: Collection[str]) -> Link:
    link = parse_link(connection.execute(insert(LINKS).values(values).returning(*LINKS.c)).one())
    rows = [{"link_id": link.link_id, "channel_hash": one, "merchant_id": link.merchant_id} for one in sorted(hashes)]
    if rows:
        connection.execute(insert(CHANNELS), rows)
    return link


def _end(connection: Connection, link: Link, end: LinkEnd) -> None:
    values = {
        "end_kind": end.kind.value,
        "end_name": end.agent.name,
        "end_email": end.agent.email,
        "end_ticket_id": end.ticket_id,
        "end_time_ms": render_ms(end.time),
    }
    connection.execute(update(LINKS).where(_row.id == link.link_id).values(values))
    connection.execute(delete(CHANNELS).where(CHANNELS.c.link_id == link.link_id))


def _make_agent_key(agent: Agent) -> str:
    """By whom links are counted; empty: an agent whom Gorgias does not name."""
    return make_email_key(agent.email or agent.name)
