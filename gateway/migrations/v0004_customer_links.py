"""Customers whom an agent linked to a member, and the channels by which a merged customer is recognised."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "customer_links",
        # SQLite numbers only an INTEGER by itself.
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("merchant_id", sa.String(63), nullable=False),
        sa.Column("customer_id", sa.BigInteger, nullable=False),
        sa.Column("member_id", sa.Text, nullable=False),
        sa.Column("support_id", sa.Text, nullable=False),
        sa.Column("agent_name", sa.Text, nullable=False),
        sa.Column("agent_email", sa.Text, nullable=False),
        sa.Column("agent_key", sa.Text, nullable=False),
        sa.Column("ticket_id", sa.BigInteger, nullable=False),
        sa.Column("link_time_ms", sa.BigInteger, nullable=False),
        sa.Column("moved_from_id", sa.BigInteger),
        sa.Column("end_kind", sa.String(16), nullable=False, server_default=""),
        sa.Column("end_name", sa.Text, nullable=False, server_default=""),
        sa.Column("end_email", sa.Text, nullable=False, server_default=""),
        sa.Column("end_ticket_id", sa.BigInteger),
        sa.Column("end_time_ms", sa.BigInteger),
        # A note names a link by its number: the number of a deleted link must not come again.
        sqlite_autoincrement=True,
    )
    # One link of a customer stands, whatever two processes do at once.
    _add_standing_index("customer_links_standing", "customer_id", is_unique=True)
    _add_standing_index("customer_links_ticket", "ticket_id", is_unique=False)
    op.create_index("customer_links_agent", "customer_links", ["merchant_id", "agent_key", "link_time_ms"])
    op.create_index("customer_links_member", "customer_links", ["merchant_id", "member_id"])
    op.create_table(
        "customer_link_channels",
        sa.Column("link_id", sa.BigInteger, primary_key=True),
        # A keyed hash of the channel's type and address.
        sa.Column("channel_hash", sa.String(32), primary_key=True),
        sa.Column("merchant_id", sa.String(63), nullable=False),
    )
    op.create_index("customer_link_channels_hash", "customer_link_channels", ["merchant_id", "channel_hash"])


def _add_standing_index(name: str, column: str, *, is_unique: bool) -> None:
    """Of the links that stand, by shop and this column."""
    stands = sa.text("end_time_ms IS NULL")
    op.create_index(
        name,
        "customer_links",
        ["merchant_id", column],
        unique=is_unique,
        sqlite_where=stands,
        postgresql_where=stands,
    )
