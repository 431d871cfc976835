"""Messages of the proto as the domain's values, and back."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR
from urllib.parse import quote

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from loyalty_service.awards.parse import GivenAward, GivenReversal, parse_filter
from loyalty_service.domain.award import Award, AwardChange, AwardState, make_award_id
from loyalty_service.domain.award_filter import AwardFilter, AwardGrouping, AwardSum
from loyalty_service.domain.erasure import PSEUDONYM_PREFIX, Erasure
from loyalty_service.domain.errors import BadValueError
from loyalty_service.domain.limits import LIMIT_FIELDS
from loyalty_service.domain.member import (
    Coupon,
    CouponState,
    Identity,
    Member,
    MemberStatus,
    NoBalance,
    Wallet,
    parse_identity,
)
from loyalty_service.domain.merchant import Merchant
from loyalty_service.domain.ports import HeldSnapshot, Holding, UnreadableField
from loyalty_service.merchants.parse import MEMBER_ID_PLACE, GivenFields
from protos.loyalty.v1 import loyalty_pb2 as pb

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOS = 1_000_000_000  # in a second
_MEMBER_STATUS = {
    MemberStatus.ACTIVE: pb.MEMBER_STATUS_ACTIVE,
    MemberStatus.BLOCKED: pb.MEMBER_STATUS_BLOCKED,
    MemberStatus.UNKNOWN: pb.MEMBER_STATUS_UNKNOWN,
}
_WALLET_STATE = {
    NoBalance.DISABLED: pb.WALLET_STATE_DISABLED,
    NoBalance.UNREADABLE: pb.WALLET_STATE_UNREADABLE,
    NoBalance.SEVERAL: pb.WALLET_STATE_SEVERAL,
}
_COUPON_STATE = {
    CouponState.ASSIGNED: pb.COUPON_STATE_ASSIGNED,
    CouponState.ACTIVATED: pb.COUPON_STATE_ACTIVATED,
}
_AWARD_STATE = {
    AwardState.PENDING: pb.AWARD_STATE_PENDING,
    AwardState.APPLIED: pb.AWARD_STATE_APPLIED,
    AwardState.REJECTED: pb.AWARD_STATE_REJECTED,
    AwardState.UNKNOWN: pb.AWARD_STATE_UNKNOWN,
    AwardState.NOT_APPLIED: pb.AWARD_STATE_NOT_APPLIED,
}
_READ_STATE = {message: state for state, message in _AWARD_STATE.items()}
_READ_GROUPING = {
    pb.AWARD_GROUPING_AGENT: AwardGrouping.AGENT,
    pb.AWARD_GROUPING_REASON: AwardGrouping.REASON,
    pb.AWARD_GROUPING_DAY: AwardGrouping.DAY,
}


def read_identity(message: pb.MemberIdentity) -> Identity:
    """Raises BadValueError, also when none of the kinds is set."""
    kind = message.WhichOneof("identity")
    if kind is None:
        raise BadValueError("identity", "must be set")
    return parse_identity(kind, getattr(message, kind))


def read_member_id(text: str) -> str:
    """Raises BadValueError."""
    try:
        return parse_identity("member_id", text).value
    except BadValueError as error:
        raise BadValueError("member_id", error.description) from None


def read_erased_id(text: str) -> str:
    """A member's id, or nothing. Raises BadValueError, also for what a forgotten member's awards carry."""
    if text.startswith(PSEUDONYM_PREFIX):
        raise BadValueError("member_id", "is the pseudonym of a member who was forgotten already")
    return read_member_id(text) if text else ""


def read_staleness_s(message: Duration) -> float:
    """Raises BadValueError when it is negative."""
    if message.seconds < 0 or message.nanos < 0:
        raise BadValueError("max_staleness", "must not be negative")
    return message.seconds + message.nanos / 1e9


def read_award(message: pb.AwardPointsRequest) -> GivenAward:
    """Raises BadValueError."""
    fields = {name: getattr(message, name) for name in GivenAward.__struct_fields__}
    is_told = message.HasField("member_fetch_time")
    fields["member_fetch_time"] = _read_time("member_fetch_time", message.member_fetch_time) if is_told else None
    return GivenAward(**fields)


def read_reversal(message: pb.ReverseAwardRequest) -> GivenReversal:
    return GivenReversal(**{name: getattr(message, name) for name in GivenReversal.__struct_fields__})


def read_state(field: str, message: pb.AwardState.ValueType) -> AwardState:
    """Raises BadValueError for a state that is not set, or that we do not know."""
    if message not in _READ_STATE:
        raise BadValueError(field, "must be a state that an award can have")
    return _READ_STATE[message]


def read_filter(message: pb.AwardFilter) -> AwardFilter:
    """Raises BadValueError."""
    given = AwardFilter(
        from_time=_read_time("filter.from_time", message.from_time) if message.HasField("from_time") else None,
        before_time=_read_time("filter.before_time", message.before_time) if message.HasField("before_time") else None,
        claimed_agent=message.claimed_agent,
        member_id=message.member_id,
        member_support_id=message.member_support_id,
        ticket_id=message.ticket_id,
        states=frozenset(read_state("filter.states", state) for state in message.states),
        needs_person=message.needs_person,
    )
    return parse_filter(given)


def read_grouping(message: pb.AwardGrouping.ValueType) -> AwardGrouping:
    """Raises BadValueError, also when none is set."""
    if message not in _READ_GROUPING:
        raise BadValueError("group_by", "must be AWARD_GROUPING_AGENT, AWARD_GROUPING_REASON or AWARD_GROUPING_DAY")
    return _READ_GROUPING[message]


def read_merchant_fields(message: pb.Merchant) -> GivenFields:
    given = {field.name: value for field, value in message.ListFields()}
    limits = {name: value for name, value in given.items() if name in LIMIT_FIELDS}
    return GivenFields(**{name: given[name] for name in GivenFields.__struct_fields__ if name in given}, limits=limits)


def write_snapshot(held: HeldSnapshot, merchant: Merchant) -> pb.Snapshot:
    snapshot = held.snapshot
    given = snapshot.support_awards
    return pb.Snapshot(
        merchant_id=merchant.merchant_id,
        member=_write_member(snapshot.member, merchant),
        coupons=[_write_coupon(coupon) for coupon in snapshot.coupons or ()],
        coupons_unreadable=snapshot.coupons is None,
        fetch_time=_write_time(snapshot.fetch_time),
        stale_reason=_write_reason(held.stale_reason),
        given_by_support=None if given is None else pb.SupportAwards(awards=map(write_award, given)),
    )


def write_holding(holding: Holding | None, merchant: Merchant) -> pb.GetHeldSnapshotResponse:
    if holding is None:
        return pb.GetHeldSnapshotResponse()
    message = pb.GetHeldSnapshotResponse(
        fetch_time=_write_time(holding.fetch_time),
        age=_write_duration(holding.age_s),
        hold_time=_write_duration(holding.hold_time_s),
        stale_if_error=_write_duration(holding.stale_if_error_s),
    )
    if holding.snapshot is None:
        message.member_count = holding.member_count
    else:
        message.snapshot.CopyFrom(write_snapshot(HeldSnapshot(snapshot=holding.snapshot, stale_reason=None), merchant))
    return message


def write_erasure(erasure: Erasure, dropped_count: int) -> pb.EraseMemberResponse:
    kept = [
        pb.KeptAward(
            award_id=make_award_id(one.number),
            reason=pb.KeptReason.Value(f"KEPT_REASON_{one.why.name}"),
            until_time=_write_time(one.until) if one.until else None,
        )
        for one in erasure.kept
    ]
    return pb.EraseMemberResponse(
        dropped_count=dropped_count,
        erased_award_count=erasure.award_count,
        pseudonym=erasure.pseudonym,
        kept_awards=kept,
    )


def write_award(award: Award) -> pb.Award:
    request, receipt = award.request, award.receipt
    return pb.Award(
        award_id=award.award_id,
        merchant_id=request.merchant_id,
        member_id=request.member_id,
        request_id=request.request_id,
        points=request.points,
        note=request.note,
        ticket_id=request.ticket_id,
        claimed_agent_email=request.claimed_agent_email,
        claimed_agent_name=request.claimed_agent_name,
        state=_AWARD_STATE[award.state],
        rejection_reason=_write_reason(award.rejection_reason),
        retryable=award.retryable,
        delayed=receipt.delayed if receipt else False,
        balance=_write_wallet(receipt.balance) if receipt else None,
        provider_reference=receipt.provider_reference if receipt else "",
        create_time=_write_time(award.create_time),
        update_time=_write_time(award.update_time),
        reason=request.reason,
        ticket_verified=request.is_ticket_verified,
        reverses=_write_number(request.reverses),
        reversed_by=_write_number(award.reversed_by),
        reverse_expire_time=_write_time(award.reverse_expire_time) if award.reverse_expire_time else None,
        needs_person=award.needs_person,
        tier_before=request.tier_before,
        attempt_time=_write_time(award.attempt_time),
        member_support_id=request.member_support_id,
        debit=request.is_debit,
    )


def write_change(change: AwardChange) -> pb.AwardChange:
    return pb.AwardChange(
        change_time=_write_time(change.change_time),
        from_state=_AWARD_STATE[change.from_state] if change.from_state else pb.AWARD_STATE_UNSPECIFIED,
        to_state=_AWARD_STATE[change.to_state],
        actor=change.actor,
        why=change.why,
        attempt=change.attempt,
    )


def write_sum(one: AwardSum) -> pb.AwardSum:
    return pb.AwardSum(**{name: getattr(one, name) for name in AwardSum.__struct_fields__})


def write_unreadable(field: UnreadableField) -> pb.UnreadableField:
    return pb.UnreadableField(
        profile_line=field.profile_line,
        expression=field.expression,
        count=field.count,
        last_time=_write_time(field.last_time),
    )


def write_merchant(merchant: Merchant) -> pb.Merchant:
    """Without the token, which never comes out."""
    return pb.Merchant(
        merchant_id=merchant.merchant_id,
        provider_url=merchant.provider_url,
        admin_member_url=merchant.admin_member_url,
        time_zone=merchant.time_zone,
        locale=merchant.locale,
        profile=merchant.profile,
        award_reasons=merchant.award_reasons,
        **{field: getattr(merchant.limits, name) for field, name in LIMIT_FIELDS.items()},
        hold_time_s=merchant.hold_time_s,
        stale_if_error_s=merchant.stale_if_error_s,
        create_time=_write_time(merchant.create_time),
        update_time=_write_time(merchant.update_time),
    )


def _write_member(member: Member, merchant: Merchant) -> pb.Member:
    tier, venue, balance = member.tier, member.favorite_venue, member.wallet
    return pb.Member(
        member_id=member.member_id,
        support_id=member.support_id,
        full_name=member.full_name,
        status=_MEMBER_STATUS[member.status],
        status_word=member.status_word,
        wallet=_write_wallet(balance) if isinstance(balance, Wallet) else None,
        wallet_state=pb.WALLET_STATE_READABLE if isinstance(balance, Wallet) else _WALLET_STATE[balance],
        tier=pb.Tier(tier_id=tier.tier_id, display_name=tier.display_name) if tier else None,
        favorite_venue=pb.Venue(venue_id=venue.venue_id, display_name=venue.display_name) if venue else None,
        segments=[pb.Segment(slug=segment.slug, display_name=segment.display_name) for segment in member.segments],
        profile_url=merchant.admin_member_url.replace(MEMBER_ID_PLACE, quote(member.member_id, safe="")),
    )


def _write_coupon(coupon: Coupon) -> pb.Coupon:
    return pb.Coupon(
        coupon_id=coupon.coupon_id,
        display_name=coupon.display_name,
        redeem_value=coupon.redeem_value,
        code=coupon.code,
        state=_COUPON_STATE[coupon.state],
        expire_time=_write_time(coupon.expire_time) if coupon.expire_time else None,
    )


def _write_wallet(wallet: Wallet | None) -> pb.Wallet | None:
    if wallet is None:
        return None
    whole = int(wallet.balance.to_integral_value(ROUND_FLOOR))
    return pb.Wallet(points_balance=whole, points_balance_exact=f"{wallet.balance:f}")


def _write_reason(name: str | None) -> pb.ErrorReason.ValueType:
    return pb.ErrorReason.Value(name) if name else pb.ERROR_REASON_UNSPECIFIED


def _write_number(number: int | None) -> str:
    return "" if number is None else make_award_id(number)


def _read_time(field: str, message: Timestamp) -> datetime:
    """Rounded up to whole microseconds. Raises BadValueError outside of the years 1 to 9999."""
    malformed = BadValueError(field, "must be a time in the years 1 to 9999")
    if not 0 <= message.nanos < _NANOS:
        raise malformed
    try:
        return _EPOCH + timedelta(seconds=message.seconds, microseconds=-(-message.nanos // 1_000))
    except OverflowError:
        raise malformed from None


def _write_time(time: datetime) -> Timestamp:
    since = time - _EPOCH  # four times as quick as FromDatetime, and every reading has several
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000)


def _write_duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=seconds))
    return duration
