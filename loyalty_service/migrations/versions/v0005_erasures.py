"""A member's support ID beside their awards; and a person may be forgotten: the one change of what an award is that the
database lets through, and its record.
"""  # noqa: D205  one sentence

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# What an award is, but for whom it was. Never another.
FIXED = ("merchant_id", "number", "request_id", "points", "ticket_id", "reverses")
# All else that a forgotten member's award keeps.
KEPT = (
    *("claimed_agent_email", "claimed_agent_name", "agent_key", "agent_name_key", "reason", "is_ticket_verified"),
    *("state", "attempt", "attempt_time_ms", "lease_expire_time_ms", "rejection_reason", "retryable", "delayed"),
    *("provider_reference", "movement_id", "merchant_generation", "day", "needs_person"),
    *("next_check_time_ms", "check_count", "absent_count", "create_time_ms", "update_time_ms"),
)
SETTLED = "OLD.state IN ('applied', 'rejected', 'not_applied') AND OLD.next_check_time_ms IS NULL"
FORGETS = (
    "substr(OLD.member_id, 1, 7) <> 'erased-' AND substr(NEW.member_id, 1, 7) = 'erased-' "
    "AND NEW.member_support_id = '' AND NEW.note = '' AND NEW.tier_before = '' AND NEW.balance IS NULL"
)


def upgrade() -> None:
    op.add_column("awards", sa.Column("member_support_id", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "erasures",
        sa.Column("erasure_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("merchant_id", sa.Text, nullable=False),
        # What the awards carry instead of the member; empty where there were none.
        sa.Column("pseudonym", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("award_count", sa.BigInteger, nullable=False),
        sa.Column("kept_count", sa.BigInteger, nullable=False),
        sa.Column("erase_time_ms", sa.BigInteger, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER erasures_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON erasures "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute("DROP TRIGGER awards_stay_as_asked_for ON awards")
        op.execute(
            "CREATE TRIGGER awards_stay_as_asked_for BEFORE UPDATE ON awards "
            f"FOR EACH ROW WHEN ({_forbid('IS DISTINCT FROM')}) EXECUTE FUNCTION refuse_loss()"
        )
        return
    refuse = "BEGIN SELECT RAISE(ABORT, 'erasures is append-only'); END"
    for verb in ("UPDATE", "DELETE"):
        op.execute(f"CREATE TRIGGER erasures_no_{verb.lower()} BEFORE {verb} ON erasures {refuse}")
    # INSERT OR REPLACE deletes without asking the trigger of DELETE.
    is_there = "EXISTS (SELECT 1 FROM erasures WHERE erasure_id = NEW.erasure_id)"
    op.execute(f"CREATE TRIGGER erasures_no_replace BEFORE INSERT ON erasures WHEN {is_there} {refuse}")
    op.execute("DROP TRIGGER awards_stay_as_asked_for")
    op.execute(
        f"CREATE TRIGGER awards_stay_as_asked_for BEFORE UPDATE ON awards WHEN {_forbid('IS NOT')} "
        "BEGIN SELECT RAISE(ABORT, 'awards stay as they were asked for'); END"
    )


def _forbid(differs: str) -> str:
    """An award made another one, or another member's: unless a settled one forgets its member, and nothing else."""
    is_other = " OR ".join(f"OLD.{name} {differs} NEW.{name}" for name in FIXED)
    is_more = " OR ".join(f"OLD.{name} {differs} NEW.{name}" for name in KEPT)
    is_forgotten = f"{FORGETS} AND {SETTLED} AND NOT ({is_more})"
    return f"{is_other} OR (OLD.member_id {differs} NEW.member_id AND NOT ({is_forgotten}))"
