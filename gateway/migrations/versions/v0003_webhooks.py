"""The secret of a shop's webhooks, and what they last brought."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for column in (
        sa.Column("webhook_secret_encrypted", sa.Text),
        sa.Column("webhook_sha256", sa.LargeBinary(32)),
        # Of the secret before, which is taken for a while yet.
        sa.Column("webhook_former_sha256", sa.LargeBinary(32)),
        sa.Column("webhook_former_expire_time", sa.DateTime(timezone=True)),
        sa.Column("last_webhook_time", sa.DateTime(timezone=True)),
        sa.Column("last_webhook", sa.String(64)),
    ):
        op.add_column("installations", column)
    for name in ("webhook_sha256", "webhook_former_sha256"):
        op.create_index(f"installations_{name}", "installations", [name], unique=True)
