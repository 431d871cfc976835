"""Which way the points of an award go, and how many a shop lets support take away.

A process of the older release, which may still run beside this one, writes no `is_debit`. Of a deduction it would take
the points a second time, to take it back: the database refuses that.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

SAME_WAY = (
    "SELECT 1 FROM awards WHERE merchant_id = NEW.merchant_id AND number = NEW.reverses "
    "AND coalesce(is_debit, false) = coalesce(NEW.is_debit, true)"
)


def upgrade() -> None:
    op.add_column("merchants", sa.Column("max_points_per_deduction", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("awards", sa.Column("is_debit", sa.Boolean, nullable=True))
    op.execute("UPDATE awards SET is_debit = reverses IS NOT NULL")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER awards_keep_their_way BEFORE UPDATE ON awards FOR EACH ROW "
            "WHEN (OLD.is_debit IS NOT NULL AND OLD.is_debit IS DISTINCT FROM NEW.is_debit) "
            "EXECUTE FUNCTION refuse_loss()"
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
        return
    op.execute(
        "CREATE TRIGGER awards_keep_their_way BEFORE UPDATE ON awards "
        "WHEN OLD.is_debit IS NOT NULL AND OLD.is_debit IS NOT NEW.is_debit "
        "BEGIN SELECT RAISE(ABORT, 'awards stay as they were asked for'); END"
    )
    op.execute(
        "CREATE TRIGGER awards_reverse_the_other_way BEFORE INSERT ON awards "
        f"WHEN NEW.reverses IS NOT NULL AND EXISTS ({SAME_WAY}) "
        "BEGIN SELECT RAISE(ABORT, 'a reversal goes the other way'); END"
    )
