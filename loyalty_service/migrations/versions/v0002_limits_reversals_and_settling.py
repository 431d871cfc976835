"""Limits and reasons of a merchant; reversals, settling by hand and by movements, who did what and why."""

import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

GIVEN = "reverses IS NOT NULL AND state IN ('pending', 'unknown', 'applied')"


def upgrade() -> None:
    _extend_merchants()
    _extend_awards()
    _index_awards()
    op.add_column("award_changes", sa.Column("from_state", sa.Text, nullable=True))
    op.add_column("award_changes", sa.Column("actor", sa.Text, nullable=False, server_default=""))
    op.add_column("award_changes", sa.Column("why", sa.Text, nullable=False, server_default=""))
    if op.get_bind().dialect.name == "sqlite":  # whose INSERT OR REPLACE deletes without asking the trigger of DELETE
        op.execute(
            "CREATE TRIGGER award_changes_no_replace BEFORE INSERT ON award_changes "
            "WHEN EXISTS (SELECT 1 FROM award_changes WHERE change_id = NEW.change_id) "
            "BEGIN SELECT RAISE(ABORT, 'award_changes is append-only'); END"
        )


def _extend_merchants() -> None:
    for name, default in (("ticket", "500"), ("member_day", "0"), ("merchant_day", "0"), ("agent_day", "0")):
        column = sa.Column(f"max_points_per_{name}", sa.BigInteger, nullable=False, server_default=default)
        op.add_column("merchants", column)
    op.add_column("merchants", sa.Column("award_reasons", sa.Text, nullable=False, server_default="[]"))


def _extend_awards() -> None:
    for column in (
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("is_ticket_verified", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("tier_before", sa.Text, nullable=False, server_default=""),
        sa.Column("reverses", sa.BigInteger, nullable=True),
        # The merchant's date when the last attempt was opened, "2026-11-23"; what its limits go by.
        sa.Column("day", sa.Text, nullable=False, server_default=""),
        # The claimed e-mail, else the name, case-folded: how limits and sums tell agents apart.
        sa.Column("agent_key", sa.Text, nullable=False, server_default=""),
        # The claimed name, case-folded, also where there is an e-mail: agents are looked for by either.
        sa.Column("agent_name_key", sa.Text, nullable=False, server_default=""),
        sa.Column("needs_person", sa.Boolean, nullable=False, server_default=sa.false()),
        # The provider's movement that has settled it: one movement settles one award.
        sa.Column("movement_id", sa.Text, nullable=True),
        # When the provider's movements are to be looked at next; null: not at all.
        sa.Column("next_check_time_ms", sa.BigInteger, nullable=True),
        sa.Column("check_count", sa.Integer, nullable=False, server_default="0"),
        # How often a complete list, read late enough to tell, did not have it.
        sa.Column("absent_count", sa.Integer, nullable=False, server_default="0"),
    ):
        op.add_column("awards", column)
    _fill_awards()
    op.execute("UPDATE awards SET next_check_time_ms = 0 WHERE state = 'unknown'")


def _fill_awards() -> None:
    """Days and agents of what is on record. In Python: SQLite knows no time zones, and no case but ASCII's."""
    awards = sa.table(
        "awards",
        *map(sa.column, ("merchant_id", "number", "attempt_time_ms", "claimed_agent_email", "claimed_agent_name")),
        *map(sa.column, ("day", "agent_key", "agent_name_key")),
    )
    merchants = sa.table("merchants", sa.column("merchant_id"), sa.column("time_zone"))
    found = op.get_bind().execute(sa.select(merchants.c.merchant_id, merchants.c.time_zone))
    zones = {row.merchant_id: row.time_zone for row in found}
    changes = []
    for row in op.get_bind().execute(sa.select(awards)):
        sent_time = datetime.fromtimestamp(row.attempt_time_ms / 1000, ZoneInfo(zones.get(row.merchant_id, "UTC")))
        agent = row.claimed_agent_email or row.claimed_agent_name
        keys = {"day": sent_time.date().isoformat(), "agent_key": _fold(agent)}
        keys["agent_name_key"] = _fold(row.claimed_agent_name)
        changes.append({"of_merchant": row.merchant_id, "of_number": row.number, **keys})
    if changes:
        own = (awards.c.merchant_id == sa.bindparam("of_merchant"), awards.c.number == sa.bindparam("of_number"))
        names = ("day", "agent_key", "agent_name_key")
        query = sa.update(awards).where(*own).values({name: sa.bindparam(name) for name in names})
        op.get_bind().execute(query, changes)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold())


def _index_awards() -> None:
    def add(name: str, columns: list[str], where: str, *, unique: bool = False) -> None:
        op.create_index(
            name, "awards", columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )

    # Not unique: one that was taken for lost, and another that was booked instead, may both turn out to be booked.
    add("awards_by_reversed", ["merchant_id", "reverses"], GIVEN)
    add("awards_one_movement", ["merchant_id", "movement_id"], "movement_id IS NOT NULL", unique=True)
    add("awards_to_check", ["next_check_time_ms", "merchant_id"], "next_check_time_ms IS NOT NULL")
    op.create_index("awards_by_member", "awards", ["merchant_id", "member_id", "number"])
    op.create_index("awards_by_day", "awards", ["merchant_id", "day", "agent_key"])
    add("awards_for_a_person", ["merchant_id", "number"], "needs_person")
