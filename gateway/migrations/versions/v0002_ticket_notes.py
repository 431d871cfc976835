"""The notes that awards leave in tickets: which are due, and whether a shop wants them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("installations", sa.Column("writes_notes", sa.Boolean, nullable=False, server_default=sa.true()))
    op.create_table(
        "ticket_notes",
        sa.Column("merchant_id", sa.String(63), primary_key=True),
        sa.Column("request_id", sa.String(64), primary_key=True),
        sa.Column("for_origin", sa.Boolean, primary_key=True),
        sa.Column("ticket_id", sa.BigInteger, nullable=False),
        sa.Column("customer_id", sa.BigInteger),
        sa.Column("expect_time_ms", sa.BigInteger, nullable=False),
        sa.Column("due_time_ms", sa.BigInteger),
        sa.Column("lease_expire_time_ms", sa.BigInteger),
        sa.Column("claim", sa.String(32), nullable=False, server_default=""),
        sa.Column("last_note", sa.String(32), nullable=False, server_default=""),
        sa.Column("sending", sa.String(32), nullable=False, server_default=""),
        sa.Column("send_time_ms", sa.BigInteger),
        sa.Column("look_count", sa.Integer, nullable=False, server_default="0"),
        sa.Column("problem", sa.String(32), nullable=False, server_default=""),
        sa.Column("problem_time_ms", sa.BigInteger),
        sa.Column("close_time_ms", sa.BigInteger),
    )
    # Most rows are closed, and kept for a month: what is open and what failed is found without them.
    _create_partial_index("ticket_notes_due", ["merchant_id", "due_time_ms"], "due_time_ms IS NOT NULL")
    _create_partial_index("ticket_notes_problem", ["merchant_id"], "problem_time_ms IS NOT NULL")
    op.create_index("ticket_notes_closed", "ticket_notes", ["close_time_ms"])


def _create_partial_index(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "ticket_notes", columns, sqlite_where=where, postgresql_where=where)
