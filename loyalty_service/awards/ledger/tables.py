"""The tables of the ledger, as the migrations create them. Times are milliseconds since 1970."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, Table, Text

_metadata = MetaData()

# The last award number of each merchant. Its row is the lock for opening the merchant's awards.
award_numbers = Table(
    "award_numbers", _metadata, Column("merchant_id", Text, primary_key=True), Column("last_number", BigInteger)
)

# When any process may next claim an award of the merchant for reconciliation.
reconciliation_claims = Table(
    "reconciliation_claims",
    _metadata,
    Column("merchant_id", Text, primary_key=True),
    Column("next_claim_time_ms", BigInteger),
)

# Triggers refuse to delete a row, and to change the request: id, member, points, direction, ticket, reversed award.
# They refuse a reversal with the same direction as its award. They only allow the erasure of a settled award's member:
# `member_id` is then a pseudonym, and the member's other columns are empty.
awards = Table(
    "awards",
    _metadata,
    Column("merchant_id", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("request_id", Text),
    Column("member_id", Text),
    Column("points", BigInteger),
    Column("note", Text),
    Column("ticket_id", Text),
    Column("claimed_agent_email", Text),
    Column("claimed_agent_name", Text),
    Column("state", Text),
    Column("attempt", Integer),
    Column("attempt_time_ms", BigInteger),
    Column("lease_expire_time_ms", BigInteger),
    Column("rejection_reason", Text),
    Column("retryable", Boolean),
    Column("provider_reference", Text),
    Column("balance", Text),
    Column("delayed", Boolean),
    Column("reason", Text),
    Column("is_ticket_verified", Boolean),
    Column("tier_before", Text),
    Column("member_support_id", Text),
    Column("reverses", BigInteger),
    Column("is_debit", Boolean),
    Column("merchant_generation", Text),
    Column("day", Text),
    Column("agent_key", Text),
    Column("agent_name_key", Text),
    Column("caller", Text),
    Column("identified_by", Text),
    Column("needs_person", Boolean),
    Column("movement_id", Text),
    Column("next_check_time_ms", BigInteger),
    Column("check_count", Integer),
    Column("absent_count", Integer),
    Column("create_time_ms", BigInteger),
    Column("update_time_ms", BigInteger),
)

# Requests that were answered with another request's award, which has the same content. The same request gets the same
# answer again, even after the award was taken back. The content is in the award, so an erasure changes nothing here.
award_repeats = Table(
    "award_repeats",
    _metadata,
    Column("merchant_id", Text, primary_key=True),
    Column("request_id", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
)

# Every change of state, added in the transaction that makes it. Triggers refuse to change or delete a row.
award_changes = Table(
    "award_changes",
    _metadata,
    Column("change_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("merchant_id", Text),
    Column("number", BigInteger),
    Column("attempt", Integer),
    Column("state", Text),
    Column("rejection_reason", Text),
    Column("provider_reference", Text),
    Column("from_state", Text),
    Column("actor", Text),
    Column("why", Text),
    Column("change_time_ms", BigInteger),
)

# Each erasure: its requester and its time, without the erased person. Triggers refuse to change or delete a row.
erasures = Table(
    "erasures",
    _metadata,
    Column("erasure_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("merchant_id", Text),
    Column("pseudonym", Text),
    Column("actor", Text),
    Column("award_count", BigInteger),
    Column("kept_count", BigInteger),
    Column("erase_time_ms", BigInteger),
)
