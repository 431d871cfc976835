"""Merchants keep whether their points were proven against a real member. One that is there already was not."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # Of the profile and the origin that were proven. Empty: they count no more.
    op.add_column("merchants", sa.Column("verified_fingerprint", sa.Text, nullable=False, server_default=""))
    op.add_column("merchants", sa.Column("verified_by", sa.Text, nullable=False, server_default=""))
    # By which member, encrypted. Empty: forgotten, or none was needed.
    op.add_column("merchants", sa.Column("verified_member_encrypted", sa.Text, nullable=False, server_default=""))
    op.add_column("merchants", sa.Column("verify_time_ms", sa.BigInteger, nullable=True))
