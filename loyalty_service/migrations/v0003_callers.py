"""Callers with keys of their own. An award names its caller; one that is there already names none."""

import sqlalchemy as sa
from alembic import op

from loyalty_service.migrations.v0001_merchants_and_awards import FIXED, FORGETS, KEPT, SETTLED

revision = "0003"
down_revision = "0002"

_TRIGGER = "awards_stay_as_asked_for"


def upgrade() -> None:
    op.create_table(
        "callers",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("role", sa.Text, sa.CheckConstraint("role IN ('read', 'award', 'admin')"), nullable=False),
        # Empty: all merchants.
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("key_sha256", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("create_time_ms", sa.BigInteger, nullable=False),
    )
    op.add_column("awards", sa.Column("caller", sa.Text, nullable=False, server_default=""))
    keep_columns("caller")


def keep_columns(*names: str) -> None:
    """Make the trigger of v0001 again: an erasure must not change these columns either."""
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    differs = "IS DISTINCT FROM" if is_postgresql else "IS NOT"
    is_other = " OR ".join(f"OLD.{name} {differs} NEW.{name}" for name in FIXED)
    is_more = " OR ".join(f"OLD.{name} {differs} NEW.{name}" for name in (*KEPT, *names))
    is_forgotten = f"{FORGETS} AND {SETTLED} AND NOT ({is_more})"
    is_refused = f"{is_other} OR (OLD.member_id {differs} NEW.member_id AND NOT ({is_forgotten}))"
    if is_postgresql:
        op.execute(f"DROP TRIGGER {_TRIGGER} ON awards")
        op.execute(
            f"CREATE TRIGGER {_TRIGGER} BEFORE UPDATE ON awards "
            f"FOR EACH ROW WHEN ({is_refused}) EXECUTE FUNCTION refuse_loss()"
        )
        return
    op.execute(f"DROP TRIGGER {_TRIGGER}")
    op.execute(
        f"CREATE TRIGGER {_TRIGGER} BEFORE UPDATE ON awards WHEN {is_refused} "
        "BEGIN SELECT RAISE(ABORT, 'awards stay as they were asked for'); END"
    )
