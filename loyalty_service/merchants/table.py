"""The table of merchants, as the migrations have made it."""

from sqlalchemy import BigInteger, Column, MetaData, Table, Text

merchants = Table(
    "merchants",
    MetaData(),
    Column("merchant_id", Text, primary_key=True),
    Column("provider_url", Text),
    Column("provider_token_encrypted", Text),
    Column("admin_member_url", Text),
    Column("time_zone", Text),
    Column("locale", Text),
    Column("profile", Text),
    Column("max_points_per_award", BigInteger),
    Column("generation", Text),
    Column("create_time_ms", BigInteger),
    Column("update_time_ms", BigInteger),
)
