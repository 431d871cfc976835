"""The wire profile: TRIFFT's paths, fields and units as data, with a merchant's own lines over the default."""

import functools
import json
import re
import tomllib
from datetime import datetime
from importlib import resources
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec

from loyalty_service.domain.errors import BadValueError, MemberNotFoundError
from loyalty_service.outbound.sliding_window import Rate
from loyalty_service.trifft.expression import Expression
from loyalty_service.trifft.phones import PhoneSpelling
from runtime.addresses import fold_ascii_case

MAX_PROFILE_CHARS = 16_384
_PROFILES = 256  # are remembered: to parse one takes milliseconds
_PATH = re.compile(r"(/(?!\.{1,2}(/|$))([A-Za-z0-9._~-]+|\{member_id\}))+")

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
# A header's name, or empty. Headers that HTTP or our own requests use are not allowed.
HeaderName = Annotated[str, msgspec.Meta(pattern=r"^((X-|Idempotency-)[A-Za-z0-9-]{1,60})?\Z")]
Scale = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of profile.toml; the comments there explain each line."""


class Envelope(_Section, frozen=True, kw_only=True):
    is_wrapped: Expression
    data: Expression


class ErrorFields(_Section, frozen=True, kw_only=True):
    exception: Expression
    event_id: Expression
    message: Expression


class Operation(_Section, frozen=True, kw_only=True):
    method: Literal["GET", "POST"]
    path: Text

    def make_path(self, member_id: str, now: datetime) -> str:
        """The path of one member.

        Raises MemberNotFoundError for the ids "." and "..": even quoted, they change the path.
        """
        if member_id in {"", ".", ".."}:
            raise MemberNotFoundError(now)
        return self.path.replace("{member_id}", quote(member_id, safe=""))


class FindMember(Operation, frozen=True, kw_only=True):
    email: str
    phone: str
    support_id: str
    phone_spelling: PhoneSpelling
    items: Expression


class GetMember(Operation, frozen=True, kw_only=True):
    pass


class ListCoupons(Operation, frozen=True, kw_only=True):
    query: dict[str, str]
    items: Expression


class BookPoints(Operation, frozen=True, kw_only=True):
    method: Literal["POST"]  # aiohttp repeats a GET by itself when a pooled connection was dropped
    points: Text
    note: Text
    reference: Text
    wallet: Annotated[str, msgspec.Meta(max_length=200)]
    idempotency_header: HeaderName
    point_scale: Scale
    answered_reference: Expression
    answered_points: Expression
    answered_balance: Expression
    answered_balance_scale: Scale
    answered_pending: Expression


class ListMovements(Operation, frozen=True, kw_only=True):
    method: Literal["GET"]
    path: Annotated[str, msgspec.Meta(max_length=200)]
    since: str
    items: Expression
    movement_id: Expression
    change: Expression
    change_scale: Scale
    note: Expression
    reference: Expression
    create_time: Expression
    complete: bool


class Probe(Operation, frozen=True, kw_only=True):
    body: dict[str, int | str]


class MemberFields(_Section, frozen=True, kw_only=True):
    member_id: Expression
    email: Expression
    phone: Expression
    support_id: Expression
    full_name: Expression
    status: Expression
    active_states: frozenset[str]
    blocked_states: frozenset[str]
    anonymised_states: frozenset[str]
    points: Expression
    points_scale: Scale
    tier: Expression
    favorite_venue: Expression
    join_time: Expression
    segments: Expression
    next_expiry: Expression
    pending_points: Expression
    points_to_next_tier: Expression
    birthday: Expression
    recent_movements: Expression


class WalletFields(_Section, frozen=True, kw_only=True):
    items: Expression
    wallet_id: Expression
    points: Expression
    chosen: Annotated[str, msgspec.Meta(max_length=128)]


class CouponFields(_Section, frozen=True, kw_only=True):
    coupon_id: Expression
    display_name: Expression
    redeem_value: Expression
    code: Expression
    state: Expression
    expire_time: Expression
    assigned_states: frozenset[str]
    activated_states: frozenset[str]


class Profile(_Section, frozen=True, kw_only=True):
    envelope: Envelope
    error: ErrorFields
    rate: Rate
    find_member: FindMember
    get_member: GetMember
    list_coupons: ListCoupons
    credit: BookPoints
    debit: BookPoints
    list_movements: ListMovements
    probe: Probe
    member: MemberFields
    wallet: WalletFields
    coupon: CouponFields

    def get_expression(self, line: str) -> str:
        """The text of a line such as "member.points" or "find_member.path"."""
        section, name = line.split(".")
        return str(getattr(getattr(self, section), name))

    def quote_line(self, line: str) -> str:
        """The line as it is written in the profile: [member] points = "points"."""
        section, name = line.split(".")
        return f"[{section}] {name} = {json.dumps(self.get_expression(line), ensure_ascii=False)}"

    def get_booking(self, kind: Literal["credit", "debit"]) -> BookPoints:
        return self.credit if kind == "credit" else self.debit


def is_word(text: str, words: frozenset[str]) -> bool:
    """Whether it is one of a line's words; ASCII case and surrounding spaces do not matter."""
    return _fold_word(text) in _fold_words(words)


@functools.lru_cache(maxsize=_PROFILES)
def _fold_words(words: frozenset[str]) -> frozenset[str]:
    return frozenset(map(_fold_word, words))


def _fold_word(text: str) -> str:
    return fold_ascii_case(text.strip())


@functools.lru_cache(maxsize=_PROFILES)
def parse_profile(overrides_toml: str) -> Profile:
    """The default profile, with the lines that a merchant overrides. An empty text overrides nothing.

    Raises BadValueError("profile", …) for text that is no TOML, an unknown line, a value of the wrong type, an
    expression that is no JMESPath, and a path without the placeholder that it needs.
    """
    try:
        profile = msgspec.convert(merge_lines(overrides_toml), Profile, dec_hook=_parse_line)
    except msgspec.ValidationError as error:
        raise BadValueError("profile", f"has a bad line: {error}") from error
    _check_paths(profile)
    _check_wallet(profile)
    return profile


def merge_lines(overrides_toml: str) -> dict[str, Any]:
    """The lines as they are written, the merchant's over the default ones. Raises BadValueError for no TOML."""
    if len(overrides_toml) > MAX_PROFILE_CHARS:
        raise BadValueError("profile", f"must have at most {MAX_PROFILE_CHARS} characters")
    try:
        overrides = tomllib.loads(overrides_toml)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadValueError("profile", f"is not TOML: {error}") from error
    return _merge(_default_lines(), _inherit(overrides))


@functools.cache
def _default_lines() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("profile.toml").read_text(encoding="utf-8"))


def _inherit(overrides: dict[str, Any]) -> dict[str, Any]:
    """A shop's lines of [credit] also apply to [debit] and, as far as they exist there, to [list_movements].

    Otherwise a shop that sets a scale of 100 only in [credit] would take back a hundredth of the points.
    """
    credit, debit, movements = (overrides.get(section, {}) for section in ("credit", "debit", "list_movements"))
    if not isinstance(credit, dict) or not isinstance(debit, dict) or not isinstance(movements, dict):
        return overrides  # refused later as a wrong type
    debit = {name: line for name, line in credit.items() if name != "path"} | debit
    if "point_scale" in credit:
        movements = {"change_scale": credit["point_scale"]} | movements
    return overrides | {"debit": debit, "list_movements": movements}


def _merge(default: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    merged = dict(default)
    for section, lines in overrides.items():
        if isinstance(lines, dict) and section in default:
            merged[section] = default[section] | lines
        else:
            merged[section] = lines  # refused later as an unknown line or a wrong type
    return merged


def _parse_line(kind: type, line: object) -> Expression:
    if kind is Expression and isinstance(line, str):
        return Expression(line)
    raise ValueError("must be a text")


def _check_wallet(profile: Profile) -> None:
    """Raises BadValueError if a wallet is chosen but bookings do not name it: TRIFFT would pick a wallet itself."""
    for section in ("credit", "debit"):
        if profile.wallet.chosen and not getattr(profile, section).wallet:
            raise BadValueError("profile", f"has a bad line: {section}.wallet must not be empty with wallet.chosen")


def _check_paths(profile: Profile) -> None:
    of_member = {"get_member": 1, "list_coupons": 1, "credit": 1, "debit": 1, "find_member": 0, "probe": 0}
    if profile.list_movements.path:
        of_member["list_movements"] = 1
    for section, placeholders in of_member.items():
        path = getattr(profile, section).path
        if not _PATH.fullmatch(path):
            raise BadValueError("profile", f"has a bad line: {section}.path must look like /v1/member/{{member_id}}")
        if path.count("{member_id}") != placeholders:
            needs = "must contain {member_id} once" if placeholders else "must not contain {member_id}"
            raise BadValueError("profile", f"has a bad line: {section}.path {needs}")
