"""Limits and reasons of a merchant; reversals, settling by hand and by movements, who did what and why."""

from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

from loyalty_service.domain.award import make_agent_key

revision = "0002"
down_revision = "0001"

GIVEN = "reverses IS NOT NULL AND state IN ('pending', 'unknown', 'applied')"
# As a process of the older release, which may still run beside this one, leaves its rows.
UNFINISHED = "day = '' OR (state = 'unknown' AND next_check_time_ms IS NULL)"
# What an award is. All else tells what became of it.
FIXED = ("merchant_id", "number", "request_id", "member_id", "points", "ticket_id", "reverses")


def upgrade() -> None:
    _extend_merchants()
    _extend_awards()
    _index_awards()
    _protect_awards()
    op.create_table(
        # When a merchant's doubts may be looked at next, by whichever process.
        "award_looks",
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("next_look_time_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        # Requests that were answered with the award of another.
        "award_repeats",
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    )
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
        # The merchant's when it was asked for; empty: not known. Another one may be another project at the provider.
        sa.Column("merchant_generation", sa.Text, nullable=False, server_default=""),
        # The merchant's date when the last attempt was opened, "2026-11-23"; what its limits go by.
        sa.Column("day", sa.Text, nullable=False, server_default=""),
        # Of the claimed e-mail, else of the name: how limits and sums tell agents apart.
        sa.Column("agent_key", sa.Text, nullable=False, server_default=""),
        # Of the claimed name, also where there is an e-mail: agents are looked for by either.
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
    """Days and agents of what is on record. In Python: SQLite knows no time zones."""
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
        keys = {"day": sent_time.date().isoformat(), "agent_key": make_agent_key(agent)}
        keys["agent_name_key"] = make_agent_key(row.claimed_agent_name)
        changes.append({"of_merchant": row.merchant_id, "of_number": row.number, **keys})
    if changes:
        own = (awards.c.merchant_id == sa.bindparam("of_merchant"), awards.c.number == sa.bindparam("of_number"))
        names = ("day", "agent_key", "agent_name_key")
        query = sa.update(awards).where(*own).values({name: sa.bindparam(name) for name in names})
        op.get_bind().execute(query, changes)


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
    add("awards_unfinished", ["merchant_id", "number"], UNFINISHED)


def _protect_awards() -> None:
    """No award is deleted, or made another one."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_loss() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% stay as they were asked for', TG_TABLE_NAME; END $$"
        )
        op.execute(
            "CREATE TRIGGER awards_stay BEFORE DELETE OR TRUNCATE ON awards "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss()"
        )
        is_other = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in FIXED)
        op.execute(
            "CREATE TRIGGER awards_stay_as_asked_for BEFORE UPDATE ON awards "
            f"FOR EACH ROW WHEN ({is_other}) EXECUTE FUNCTION refuse_loss()"
        )
        return
    refuse = "BEGIN SELECT RAISE(ABORT, 'awards stay as they were asked for'); END"
    op.execute(f"CREATE TRIGGER awards_no_delete BEFORE DELETE ON awards {refuse}")
    is_other = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in FIXED)
    op.execute(f"CREATE TRIGGER awards_stay_as_asked_for BEFORE UPDATE ON awards WHEN {is_other} {refuse}")
    # INSERT OR REPLACE deletes without asking the trigger of DELETE.
    bound = "request_id = NEW.request_id AND state <> 'rejected' AND NEW.state <> 'rejected'"
    own = f"merchant_id = NEW.merchant_id AND (number = NEW.number OR ({bound}))"
    is_there = f"EXISTS (SELECT 1 FROM awards WHERE {own})"  # noqa: S608  written right above
    op.execute(f"CREATE TRIGGER awards_no_replace BEFORE INSERT ON awards WHEN {is_there} {refuse}")
    # So does UPDATE OR REPLACE, with what has the request of an award that is tried again.
    other = f"merchant_id = NEW.merchant_id AND number <> NEW.number AND {bound}"
    is_taken = f"OLD.state = 'rejected' AND EXISTS (SELECT 1 FROM awards WHERE {other})"  # noqa: S608  likewise
    op.execute(f"CREATE TRIGGER awards_no_replace_by_update BEFORE UPDATE ON awards WHEN {is_taken} {refuse}")
