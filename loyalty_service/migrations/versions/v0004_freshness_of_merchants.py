"""How long a merchant's snapshots count, where it is not the service's setting."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for name in ("hold_time_s", "stale_if_error_s"):
        op.add_column("merchants", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
