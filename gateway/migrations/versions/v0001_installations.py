"""Where the product is installed, and what happened there last."""

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
        sa.Column("last_event_time", sa.DateTime(timezone=True)),
        sa.Column("last_status", sa.String(64)),
        sa.Column("last_error_time", sa.DateTime(timezone=True)),
        sa.Column("last_error", sa.Text),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
    )
