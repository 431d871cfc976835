"""The table of callers, as the migrations create it. `merchant_id` is empty for a caller of all shops."""

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, Text

callers = Table(
    "callers",
    MetaData(),
    Column("name", Text, primary_key=True),
    Column("role", Text),
    Column("merchant_id", Text),
    Column("key_sha256", LargeBinary(32)),
    Column("create_time_ms", BigInteger),
)
