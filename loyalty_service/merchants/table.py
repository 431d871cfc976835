"""The table of merchants, as the migrations create it.

A limit of 0 means no limit (`max_points_per_deduction`: no deductions). A time of 0 means the service's setting.
`award_reasons` is a JSON list.
"""

from sqlalchemy import BigInteger, Column, MetaData, Table, Text

from loyalty_service.domain.limits import LIMIT_FIELDS

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
    *(Column(name, BigInteger) for name in LIMIT_FIELDS),
    Column("award_reasons", Text),
    Column("hold_time_s", BigInteger),
    Column("stale_if_error_s", BigInteger),
    Column("country", Text),
    Column("verified_fingerprint", Text),
    Column("verified_by", Text),
    Column("verified_member_encrypted", Text),
    Column("verify_time_ms", BigInteger),
    Column("generation", Text),
    Column("create_time_ms", BigInteger),
    Column("update_time_ms", BigInteger),
)
