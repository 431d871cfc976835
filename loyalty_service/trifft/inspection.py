"""A member line by line: what each line of the profile finds in TRIFFT's answers, and what no line reads."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any

from loyalty_service.domain.member import Member, NoBalance, Wallet
from loyalty_service.domain.verification import Inspection, ProfileLine
from loyalty_service.trifft.expression import Expression
from loyalty_service.trifft.mapping.coupons import parse_coupons
from loyalty_service.trifft.mapping.fields import FieldReader
from loyalty_service.trifft.mapping.member import Candidate, parse_member
from loyalty_service.trifft.mapping.values import parse_echo
from loyalty_service.trifft.profile import Profile
from loyalty_service.trifft.unread import list_unread
from loyalty_service.trifft.wire import WireError
from runtime.text import make_line, shorten

_MAX_TEXT_CHARS = 200
# Of a long list the first ones tell how its elements are spelled.
_MOST_COUPONS = 5
_COUPONS = "coupons[]."
_SCALES = ("member.points_scale", "credit.point_scale", "credit.answered_balance_scale", "debit.point_scale")
_NO_BALANCE = {NoBalance.DISABLED: "switched off", NoBalance.SEVERAL: "several wallets", NoBalance.UNREADABLE: ""}


class Inspector:
    """`zone`: the shop's. `fetch_time`: when the read began."""

    def __init__(self, profile: Profile, zone: tzinfo, fetch_time: datetime) -> None:
        self._profile = profile
        self._zone = zone
        self._fetch_time = fetch_time

    def inspect(self, candidate: Candidate, coupons: object, reader: FieldReader) -> Inspection:
        """`coupons`: the answer's data; None: it could not be read. Raises WireError."""
        member = parse_member(candidate, self._profile, self._fetch_time, self._zone, reader)
        rows: list[Any] = []
        if coupons is None:
            reader.note("list_coupons.items")
        else:
            rows = reader.read_list("list_coupons.items", self._profile.list_coupons.items, coupons)
        texts = self._read_member(member, candidate.row, reader) | self._read_coupons(rows, reader)
        unread = list_unread(candidate.row, _list_expressions(self._profile.member, self._profile.wallet))
        unread_of_coupons = list_unread(rows, _list_expressions(self._profile.coupon), in_elements=True)
        return Inspection(
            member=member,
            lines=tuple(self._make_line(line, text, reader) for line, text in texts.items()),
            unread_fields=(*unread, *(_COUPONS + name for name in unread_of_coupons)),
            scales={line: self._get_scale(line) for line in _SCALES},
            fetch_time=self._fetch_time,
        )

    def _read_member(self, member: Member, row: dict[str, Any], reader: FieldReader) -> dict[str, str]:
        fields, balance = self._profile.member, member.wallet
        points = f"{balance.balance:f}" if isinstance(balance, Wallet) else _NO_BALANCE[balance]
        return {
            "member.full_name": member.full_name,
            "member.email": reader.read("member.email", fields.email, row, parse_echo, ""),
            "member.phone": reader.read("member.phone", fields.phone, row, parse_echo, ""),
            "member.support_id": member.support_id,
            "member.status": member.status_word,
            self._find_points_line(row): points,
            "member.tier": member.tier.display_name if member.tier else "",
            "member.favorite_venue": member.favorite_venue.display_name if member.favorite_venue else "",
            "member.join_time": self._say_time(member.join_time),
            "member.segments": ", ".join(segment.display_name or segment.slug for segment in member.segments),
            **self._say_details(member),
            "member.member_id": member.member_id,
        }

    def _say_details(self, member: Member) -> dict[str, str]:
        expiry, birthday = member.next_expiry, member.birthday
        return {
            "member.next_expiry": f"{expiry.points}, {self._say_time(expiry.expire_time)}" if expiry else "",
            "member.pending_points": _say_number(member.pending_points),
            "member.points_to_next_tier": _say_number(member.points_to_next_tier),
            "member.birthday": f"{birthday.month:02}-{birthday.day:02}" if birthday else "",
            "member.recent_movements": ", ".join(f"{one.change:+f}" for one in member.recent_movements),
        }

    def _say_time(self, time: datetime | None) -> str:
        return time.astimezone(self._zone).isoformat() if time else ""

    def _find_points_line(self, row: dict[str, Any]) -> str:
        """A shop's chosen wallet counts where the member has a list of them."""
        if not self._profile.wallet.chosen:
            return "member.points"
        try:
            return "wallet.points" if self._profile.wallet.items.search(row) else "member.points"
        except WireError:
            return "wallet.points"

    def _read_coupons(self, rows: list[object], reader: FieldReader) -> dict[str, str]:
        """Of those that can be used. Not their codes, which are money."""
        coupons = parse_coupons(rows, self._profile.coupon, self._fetch_time, self._zone, reader)
        shown = coupons[:_MOST_COUPONS]
        ends = [self._say_time(one.expire_time) for one in shown if one.expire_time]
        return {
            "list_coupons.items": f"{len(coupons)} usable of {len(rows)}",
            "coupon.display_name": ", ".join(one.display_name for one in shown if one.display_name),
            "coupon.redeem_value": ", ".join(one.redeem_value for one in shown if one.redeem_value),
            "coupon.expire_time": ", ".join(ends),
        }

    def _make_line(self, line: str, text: str, reader: FieldReader) -> ProfileLine:
        return ProfileLine(
            profile_line=line,
            expression=self._profile.get_expression(line),
            text=shorten(make_line(text), _MAX_TEXT_CHARS),
            is_unreadable=line in reader.unreadable,
        )

    def _get_scale(self, line: str) -> int:
        return int(self._profile.get_expression(line))


def _say_number(number: int | None) -> str:
    return "" if number is None else str(number)


def _list_expressions(*sections: object) -> Sequence[Expression]:
    found = [getattr(section, name) for section in sections for name in section.__struct_fields__]  # type: ignore[attr-defined]
    return [one for one in found if isinstance(one, Expression)]
