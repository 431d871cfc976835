"""The last ticket events of each shop."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "ticket_events",
        # SQLite numbers only an INTEGER by itself.
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("merchant_id", sa.String(63), nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("ticket_id", sa.BigInteger),
        sa.Column("customer_id", sa.BigInteger),
        # A keyed hash of TRIFFT's id, by which a person can be forgotten.
        sa.Column("member_hash", sa.String(32)),
        # The whole event, as JSON.
        sa.Column("event", sa.Text, nullable=False),
    )
    # Each event costs each index: a shop's 10,000 rows are few enough to look through for one ticket.
    op.create_index("ticket_events_merchant", "ticket_events", ["merchant_id", "id"])
    op.create_index("ticket_events_time", "ticket_events", ["time_ms"])
