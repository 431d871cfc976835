"""What `check` tells of: webhooks with a wrong secret, and what calls show of Gorgias' contract."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("installations", sa.Column("refused_webhook_time", sa.DateTime(timezone=True)))
    op.add_column(
        "installations", sa.Column("refused_webhook_count", sa.BigInteger, nullable=False, server_default="0")
    )
    op.create_table(
        "gorgias_sights",
        sa.Column("merchant_id", sa.String(63), primary_key=True),
        sa.Column("sight", sa.String(32), primary_key=True),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
    )
