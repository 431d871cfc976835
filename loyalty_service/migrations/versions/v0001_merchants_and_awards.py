"""Merchants, the ledger of awards, and the record of every change of an award's state."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

IN_DOUBT = "state IN ('pending', 'unknown')"
# What was refused has added nothing: another award may have its request.
BINDING = "state <> 'rejected'"


def upgrade() -> None:
    _add_merchants()
    _add_awards()
    _add_award_changes()


def _add_merchants() -> None:
    op.create_table(
        "merchants",
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("provider_url", sa.Text, nullable=False),
        sa.Column("provider_token_encrypted", sa.Text, nullable=False),
        sa.Column("admin_member_url", sa.Text, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("max_points_per_award", sa.BigInteger, nullable=False),
        sa.Column("generation", sa.Text, nullable=False),
        sa.Column("create_time_ms", sa.BigInteger, nullable=False),
        sa.Column("update_time_ms", sa.BigInteger, nullable=False),
    )


def _add_awards() -> None:
    op.create_table(
        "award_numbers",  # stays when a merchant goes, so that a number is never given twice
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("last_number", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "awards",
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("member_id", sa.Text, nullable=False),
        sa.Column("points", sa.BigInteger, sa.CheckConstraint("points > 0"), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("ticket_id", sa.Text, nullable=False),
        sa.Column("claimed_agent_email", sa.Text, nullable=False),
        sa.Column("claimed_agent_name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("attempt_time_ms", sa.BigInteger, nullable=False),
        sa.Column("lease_expire_time_ms", sa.BigInteger, nullable=False),
        sa.Column("rejection_reason", sa.Text, nullable=True),
        sa.Column("retryable", sa.Boolean, nullable=False),
        sa.Column("provider_reference", sa.Text, nullable=True),
        sa.Column("balance", sa.Text, nullable=True),
        sa.Column("delayed", sa.Boolean, nullable=False),
        sa.Column("create_time_ms", sa.BigInteger, nullable=False),
        sa.Column("update_time_ms", sa.BigInteger, nullable=False),
        sa.CheckConstraint("state IN ('pending', 'applied', 'rejected', 'unknown', 'not_applied')"),
    )
    for name, column, where in (
        ("awards_one_in_doubt", "member_id", sa.text(IN_DOUBT)),
        ("awards_one_per_request", "request_id", sa.text(BINDING)),
    ):
        columns = ["merchant_id", column]
        op.create_index(name, "awards", columns, unique=True, sqlite_where=where, postgresql_where=where)
    op.create_index("awards_by_request", "awards", ["merchant_id", "request_id"])
    op.create_index("awards_by_ticket", "awards", ["merchant_id", "ticket_id", "member_id", "attempt_time_ms"])
    pending = sa.text("state = 'pending'")
    op.create_index(
        "awards_by_lease", "awards", ["lease_expire_time_ms"], sqlite_where=pending, postgresql_where=pending
    )


def _add_award_changes() -> None:
    op.create_table(
        "award_changes",
        sa.Column("change_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("rejection_reason", sa.Text, nullable=True),
        sa.Column("provider_reference", sa.Text, nullable=True),
        sa.Column("change_time_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("award_changes_by_award", "award_changes", ["merchant_id", "number"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        )
        op.execute(
            "CREATE TRIGGER award_changes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON award_changes "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER award_changes_no_{verb.lower()} BEFORE {verb} ON award_changes "
            "BEGIN SELECT RAISE(ABORT, 'award_changes is append-only'); END"
        )
