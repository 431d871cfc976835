"""The shop's own e-mail addresses: those that an operator set, and those of the account's e-mail integrations."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # A JSON list each. Null: none.
    op.add_column("installations", sa.Column("own_addresses", sa.Text))
    op.add_column("installations", sa.Column("gorgias_addresses", sa.Text))
