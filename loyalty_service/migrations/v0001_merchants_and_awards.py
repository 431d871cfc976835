"""Merchants, the ledger of awards, and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

UNSETTLED = "state IN ('pending', 'unknown')"
# A rejected award has added nothing: another award may have its request.
BINDING = "state <> 'rejected'"
# A reversal that takes its award back, or may do so.
COUNTED_REVERSAL = "reverses IS NOT NULL AND state IN ('pending', 'unknown', 'applied')"
# The changes that the domain allows; a test compares both.
CHANGES = (
    "coalesce(from_state, 'none') || ' > ' || state IN ('none > pending', 'rejected > pending', 'pending > applied', "
    "'pending > rejected', 'pending > unknown', 'unknown > applied', 'unknown > not_applied', 'not_applied > applied')"
)

# The columns of an award, except the member's, that never change.
FIXED = ("merchant_id", "number", "request_id", "points", "is_debit", "ticket_id", "reverses")
# The other columns that an erased member's award keeps.
KEPT = (
    *("claimed_agent_email", "claimed_agent_name", "agent_key", "agent_name_key", "reason", "is_ticket_verified"),
    *("state", "attempt", "attempt_time_ms", "lease_expire_time_ms", "rejection_reason", "retryable", "delayed"),
    *("provider_reference", "movement_id", "merchant_generation", "day", "needs_person"),
    *("next_check_time_ms", "check_count", "absent_count", "create_time_ms", "update_time_ms"),
)
# A reversal has the opposite direction of its award: otherwise the points would be booked twice.
SAME_WAY = (
    "SELECT 1 FROM awards WHERE merchant_id = NEW.merchant_id AND number = NEW.reverses AND is_debit = NEW.is_debit"
)
SETTLED = "OLD.state IN ('applied', 'rejected', 'not_applied') AND OLD.next_check_time_ms IS NULL"
FORGETS = (
    "substr(OLD.member_id, 1, 7) <> 'erased-' AND substr(NEW.member_id, 1, 7) = 'erased-' "
    "AND NEW.member_support_id = '' AND NEW.note = '' AND NEW.tier_before = '' AND NEW.balance IS NULL"
)


def upgrade() -> None:
    _add_merchants()
    _add_awards()
    _index_awards()
    _add_records()
    if op.get_bind().dialect.name == "postgresql":
        _protect_on_postgresql()
    else:
        _protect_on_sqlite()


def _add_merchants() -> None:
    op.create_table(
        "merchants",
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("provider_url", sa.Text, nullable=False),
        sa.Column("provider_token_encrypted", sa.Text, nullable=False),
        sa.Column("admin_member_url", sa.Text, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("max_points_per_award", sa.BigInteger, nullable=False),
        sa.Column("max_points_per_deduction", sa.BigInteger, nullable=False),
        sa.Column("max_points_per_ticket", sa.BigInteger, nullable=False),
        sa.Column("max_points_per_member_day", sa.BigInteger, nullable=False),
        sa.Column("max_points_per_merchant_day", sa.BigInteger, nullable=False),
        sa.Column("max_points_per_agent_day", sa.BigInteger, nullable=False),
        sa.Column("award_reasons", sa.Text, nullable=False),
        # How long its snapshots are held; 0: the service's settings.
        sa.Column("hold_time_s", sa.BigInteger, nullable=False),
        sa.Column("stale_if_error_s", sa.BigInteger, nullable=False),
        sa.Column("generation", sa.Text, nullable=False),
        sa.Column("create_time_ms", sa.BigInteger, nullable=False),
        sa.Column("update_time_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        # Secrets that the processes of a fleet share.
        "fleet_secrets",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("encrypted", sa.Text, nullable=False),
    )


def _add_awards() -> None:
    op.create_table(
        "award_numbers",  # stays when a merchant is removed, so that no number is used twice
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("last_number", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "awards",
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("member_id", sa.Text, nullable=False),
        sa.Column("member_support_id", sa.Text, nullable=False, server_default=""),
        sa.Column("points", sa.BigInteger, sa.CheckConstraint("points > 0"), nullable=False),
        # Whether the points are taken from the wallet.
        sa.Column("is_debit", sa.Boolean, nullable=False),
        sa.Column("reverses", sa.BigInteger, nullable=True),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("tier_before", sa.Text, nullable=False, server_default=""),
        sa.Column("ticket_id", sa.Text, nullable=False),
        sa.Column("is_ticket_verified", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("claimed_agent_email", sa.Text, nullable=False),
        sa.Column("claimed_agent_name", sa.Text, nullable=False),
        # The key of the claimed e-mail, or of the name without one: limits and sums tell agents apart by it.
        sa.Column("agent_key", sa.Text, nullable=False, server_default=""),
        # The key of the claimed name, also with an e-mail: a search for an agent uses both keys.
        sa.Column("agent_name_key", sa.Text, nullable=False, server_default=""),
        # The merchant's generation at the request. Another one may be another project at the provider.
        sa.Column("merchant_generation", sa.Text, nullable=False, server_default=""),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("attempt_time_ms", sa.BigInteger, nullable=False),
        sa.Column("lease_expire_time_ms", sa.BigInteger, nullable=False),
        # The merchant's date when the last attempt was opened, "2026-11-23"; limits use it.
        sa.Column("day", sa.Text, nullable=False, server_default=""),
        sa.Column("rejection_reason", sa.Text, nullable=True),
        sa.Column("retryable", sa.Boolean, nullable=False),
        sa.Column("provider_reference", sa.Text, nullable=True),
        sa.Column("balance", sa.Text, nullable=True),
        sa.Column("delayed", sa.Boolean, nullable=False),
        sa.Column("needs_person", sa.Boolean, nullable=False, server_default=sa.false()),
        # The provider's movement that settled it: one movement settles one award.
        sa.Column("movement_id", sa.Text, nullable=True),
        # When the provider's movements are read next for it; null: never.
        sa.Column("next_check_time_ms", sa.BigInteger, nullable=True),
        sa.Column("check_count", sa.Integer, nullable=False, server_default="0"),
        # The number of complete lists, read late enough, that did not have it.
        sa.Column("absent_count", sa.Integer, nullable=False, server_default="0"),
        sa.Column("create_time_ms", sa.BigInteger, nullable=False),
        sa.Column("update_time_ms", sa.BigInteger, nullable=False),
        sa.CheckConstraint("state IN ('pending', 'applied', 'rejected', 'unknown', 'not_applied')"),
    )


def _index_awards() -> None:
    def add(name: str, columns: list[str], where: str | None = None, *, unique: bool = False) -> None:
        part = None if where is None else sa.text(where)
        op.create_index(name, "awards", columns, unique=unique, sqlite_where=part, postgresql_where=part)

    add("awards_one_unsettled", ["merchant_id", "member_id"], UNSETTLED, unique=True)
    add("awards_one_per_request", ["merchant_id", "request_id"], BINDING, unique=True)
    add("awards_one_movement", ["merchant_id", "movement_id"], "movement_id IS NOT NULL", unique=True)
    # Not unique: a reversal that counted as lost and a second one may both turn out to be booked.
    add("awards_by_reversed", ["merchant_id", "reverses"], COUNTED_REVERSAL)
    add("awards_by_request", ["merchant_id", "request_id"])
    add("awards_by_ticket", ["merchant_id", "ticket_id", "member_id", "attempt_time_ms"])
    add("awards_by_member", ["merchant_id", "member_id", "number"])
    add("awards_by_day", ["merchant_id", "day", "agent_key"])
    add("awards_by_lease", ["lease_expire_time_ms"], "state = 'pending'")
    add("awards_to_check", ["next_check_time_ms", "merchant_id"], "next_check_time_ms IS NOT NULL")
    add("awards_for_a_person", ["merchant_id", "number"], "needs_person")


def _add_records() -> None:
    op.create_table(
        "award_changes",
        sa.Column("change_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("from_state", sa.Text, nullable=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("rejection_reason", sa.Text, nullable=True),
        sa.Column("provider_reference", sa.Text, nullable=True),
        sa.Column("actor", sa.Text, nullable=False, server_default=""),
        sa.Column("why", sa.Text, nullable=False, server_default=""),
        sa.Column("change_time_ms", sa.BigInteger, nullable=False),
        sa.CheckConstraint(CHANGES),
    )
    op.create_index("award_changes_by_award", "award_changes", ["merchant_id", "number"])
    op.create_table(
        # When any process may next claim an award of the merchant for reconciliation.
        "reconciliation_claims",
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("next_claim_time_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        # Requests that were answered with another request's award.
        "award_repeats",
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "erasures",
        sa.Column("erasure_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("merchant_id", sa.Text, nullable=False),
        # The pseudonym in the awards; empty where there were none.
        sa.Column("pseudonym", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("award_count", sa.BigInteger, nullable=False),
        sa.Column("kept_count", sa.BigInteger, nullable=False),
        sa.Column("erase_time_ms", sa.BigInteger, nullable=False),
    )


def _protect_on_postgresql() -> None:
    """Records are append-only. No award is deleted or changed into another."""
    for name, complaint in (("refuse_change", "% is append-only"), ("refuse_loss", "% stay as they were asked for")):
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{complaint}', TG_TABLE_NAME; END $$"
        )
    for table in ("award_changes", "erasures"):
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        "CREATE TRIGGER awards_stay BEFORE DELETE OR TRUNCATE ON awards "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss()"
    )
    op.execute(
        "CREATE TRIGGER awards_stay_as_asked_for BEFORE UPDATE ON awards "
        f"FOR EACH ROW WHEN ({_spell_refused_change('IS DISTINCT FROM')}) EXECUTE FUNCTION refuse_loss()"
    )
    op.execute(
        "CREATE FUNCTION refuse_same_way() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF EXISTS ({SAME_WAY}) THEN RAISE EXCEPTION 'a reversal goes the other way'; END IF; "
        "RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER awards_reverse_the_other_way BEFORE INSERT ON awards FOR EACH ROW "
        "WHEN (NEW.reverses IS NOT NULL) EXECUTE FUNCTION refuse_same_way()"
    )


def _protect_on_sqlite() -> None:
    """The same, and more: INSERT OR REPLACE and UPDATE OR REPLACE delete without running the DELETE trigger."""
    for table, key in (("award_changes", "change_id"), ("erasures", "erasure_id")):
        refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        is_there = f"EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"  # noqa: S608 - two names of ours
        op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse}")
        op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}")
        op.execute(f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {is_there} {refuse}")
    refuse = "BEGIN SELECT RAISE(ABORT, 'awards stay as they were asked for'); END"
    op.execute(f"CREATE TRIGGER awards_no_delete BEFORE DELETE ON awards {refuse}")
    is_refused = _spell_refused_change("IS NOT")
    op.execute(f"CREATE TRIGGER awards_stay_as_asked_for BEFORE UPDATE ON awards WHEN {is_refused} {refuse}")
    op.execute(
        "CREATE TRIGGER awards_reverse_the_other_way BEFORE INSERT ON awards "
        f"WHEN NEW.reverses IS NOT NULL AND EXISTS ({SAME_WAY}) "
        "BEGIN SELECT RAISE(ABORT, 'a reversal goes the other way'); END"
    )
    bound = "request_id = NEW.request_id AND state <> 'rejected' AND NEW.state <> 'rejected'"
    own = f"merchant_id = NEW.merchant_id AND (number = NEW.number OR ({bound}))"
    is_there = f"EXISTS (SELECT 1 FROM awards WHERE {own})"  # noqa: S608 - written right above
    op.execute(f"CREATE TRIGGER awards_no_replace BEFORE INSERT ON awards WHEN {is_there} {refuse}")
    # Another award that is bound to the request of a retried award.
    other = f"merchant_id = NEW.merchant_id AND number <> NEW.number AND {bound}"
    is_taken = f"OLD.state = 'rejected' AND EXISTS (SELECT 1 FROM awards WHERE {other})"  # noqa: S608 - written right above
    op.execute(f"CREATE TRIGGER awards_no_replace_by_update BEFORE UPDATE ON awards WHEN {is_taken} {refuse}")


def _spell_refused_change(differs: str) -> str:
    """The condition for refusing an update of an award. `differs`: the engine's operator.

    Refused: a change of the request's columns, or of the member. Allowed: the erasure of a settled award's member, if
    nothing else changes.
    """
    is_other = " OR ".join(f"OLD.{name} {differs} NEW.{name}" for name in FIXED)
    is_more = " OR ".join(f"OLD.{name} {differs} NEW.{name}" for name in KEPT)
    is_forgotten = f"{FORGETS} AND {SETTLED} AND NOT ({is_more})"
    return f"{is_other} OR (OLD.member_id {differs} NEW.member_id AND NOT ({is_forgotten}))"
