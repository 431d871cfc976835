"""Secrets that the processes of a fleet share."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "fleet_secrets",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("encrypted", sa.Text, nullable=False),
    )
