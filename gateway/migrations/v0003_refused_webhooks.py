"""Webhooks that a shop sends with a wrong secret."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("installations", sa.Column("refused_webhook_time", sa.DateTime(timezone=True)))
    op.add_column(
        "installations", sa.Column("refused_webhook_count", sa.BigInteger, nullable=False, server_default="0")
    )
