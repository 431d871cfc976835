"""Installations, their last events, and the notes of awards in tickets."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "installations",
        sa.Column("merchant_id", sa.String(63), primary_key=True),
        sa.Column("gorgias_url", sa.Text, nullable=False),
        sa.Column("gorgias_user", sa.Text, nullable=False),
        sa.Column("gorgias_key_encrypted", sa.Text, nullable=False),
        sa.Column("credential_encrypted", sa.Text, nullable=False),
        sa.Column("credential_sha256", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("integration_id", sa.BigInteger),
        sa.Column("widget_id", sa.BigInteger),
        sa.Column("template", sa.String(32), nullable=False),
        sa.Column("public_url", sa.Text, nullable=False),
        sa.Column("writes_notes", sa.Boolean, nullable=False),
        sa.Column("last_event_time", sa.DateTime(timezone=True)),
        sa.Column("last_status", sa.String(64)),
        sa.Column("last_error_time", sa.DateTime(timezone=True)),
        sa.Column("last_error", sa.Text),
        sa.Column("webhook_secret_encrypted", sa.Text),
        sa.Column("webhook_sha256", sa.LargeBinary(32)),
        # The old secret, which is still accepted for a while.
        sa.Column("webhook_former_sha256", sa.LargeBinary(32)),
        sa.Column("webhook_former_expire_time", sa.DateTime(timezone=True)),
        sa.Column("last_webhook_time", sa.DateTime(timezone=True)),
        sa.Column("last_webhook", sa.String(64)),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
    )
    for name in ("webhook_sha256", "webhook_former_sha256"):
        op.create_index(f"installations_{name}", "installations", [name], unique=True)
    _add_notes()


def _add_notes() -> None:
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
    # Most rows are closed and kept for a month: these indexes find open and failed rows without them.
    _add_partial_index("ticket_notes_due", ["merchant_id", "due_time_ms"], "due_time_ms IS NOT NULL")
    _add_partial_index("ticket_notes_problem", ["merchant_id"], "problem_time_ms IS NOT NULL")
    op.create_index("ticket_notes_closed", "ticket_notes", ["close_time_ms"])


def _add_partial_index(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "ticket_notes", columns, sqlite_where=where, postgresql_where=where)
