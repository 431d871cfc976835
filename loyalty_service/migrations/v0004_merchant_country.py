"""Merchants have a country, where their members' phone numbers are dialled. Empty: the country of the time zone."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("merchants", sa.Column("country", sa.Text, nullable=False, server_default=""))
