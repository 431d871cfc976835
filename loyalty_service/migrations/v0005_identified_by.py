"""An award keeps by what its member was found. One that is there already does not say."""

import sqlalchemy as sa
from alembic import op

from loyalty_service.migrations.v0003_callers import keep_columns

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("awards", sa.Column("identified_by", sa.Text, nullable=False, server_default=""))
    keep_columns("caller", "identified_by")
