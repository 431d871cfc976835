"""One TRIFFT project: its tokens, settings, members and bookings."""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from sandbox.faults import Faults
from sandbox.trifft.access import TokenKind
from sandbox.trifft.collation import is_collated
from sandbox.trifft.errors import ApiError
from sandbox.trifft.faults import Fault, FaultKind, Operation
from sandbox.trifft.member import Coupon, Member, Movement, UserCoupon, Wallet
from sandbox.trifft.rate import RateRule

_MAX_LOGGED = 2000

_Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The form of a project's answers, and its switches.

    `point_scale`: the wire value of one point in the bodies of credit, debit and movements; `balance_scale`: in a
    member's own `points`. `wrapped`: success comes as {"status", "success", "data"}. `movements`: the list's content.
    complete: pending ones included; without_reference: no references; incomplete: without all that have a reference;
    unavailable: 404.
    """

    wrapped: bool = False
    time_format: Literal["unix", "iso"] = "unix"
    point_scale: Literal[1, 100] = 1
    balance_scale: Literal[1, 100] = 1
    first_name_slug: _Slug = "first_name"
    last_name_slug: _Slug = "last_name"
    tiers: bool = True
    wallets: bool = True
    movements: Literal["complete", "without_reference", "incomplete", "unavailable"] = "complete"
    rate_limit: bool = True


class Webhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The address of a project's events, and the secret header for the receiver."""

    url: Annotated[str, msgspec.Meta(max_length=2000, pattern=r"^https?://[^\s/]+(/\S*)?$")]
    header_name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{1,100}$")]
    header_value: Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e][\x20-\x7e]{0,999}$")]


class ProjectState(msgspec.Struct, kw_only=True):
    """The part of a project that a restart keeps."""

    project_id: str
    display_name: str
    tokens: dict[str, TokenKind]
    settings: Settings
    members: dict[str, Member]
    coupons: dict[str, Coupon]
    webhook: Webhook | None = None


class LoggedRequest(msgspec.Struct, kw_only=True):
    """A call that arrived. `status`: None while it runs, and if it was never answered. `time`: by the clock."""

    operation: Operation | None
    method: str
    path: str
    time: float
    token_kind: TokenKind
    status: int | None = None
    fault: FaultKind | None = None


class LoggedDelivery(msgspec.Struct, kw_only=True):
    """A webhook that was sent: `status`, or the `error` if no answer came."""

    event: str
    member_id: str
    url: str
    time: float
    status: int | None = None
    error: str | None = None


class Project:
    """A project's state with its switches and logs; switches and logs are not saved."""

    def __init__(self, state: ProjectState) -> None:
        self.state = state
        self.faults = Faults[Fault]()
        self.rate = RateRule()
        self.requests: deque[LoggedRequest] = deque(maxlen=_MAX_LOGGED)
        self.deliveries: deque[LoggedDelivery] = deque(maxlen=_MAX_LOGGED)

    @property
    def project_id(self) -> str:
        return self.state.project_id

    @property
    def settings(self) -> Settings:
        return self.state.settings

    @property
    def members(self) -> dict[str, Member]:
        """By member id."""
        return self.state.members

    def get_token(self, kind: TokenKind = "write") -> str:
        """The first token of a kind."""
        return next(token for token, its_kind in self.state.tokens.items() if its_kind == kind)

    def count_requests(self, operation: Operation | None = None) -> int:
        """Count the calls that arrived, of one operation or of all."""
        return sum(operation in (None, entry.operation) for entry in self.requests)

    def get_member(self, member_id: str) -> Member:
        """Raise ApiError 404 for an unknown id."""
        try:
            return self.members[member_id]
        except KeyError:
            raise ApiError(404, "Member not found.") from None

    def find_members(self, field: Literal["email", "phone", "support_id"], value: str) -> list[Member]:
        """Find members. E-mails and support IDs are compared as a database does: without case and accents."""
        texts = [(member, getattr(member, field)) for member in self.members.values()]
        if field == "phone":
            return [member for member, text in texts if text == value]
        return [member for member, text in texts if text is not None and is_collated(text, value)]

    def has_wallet(self, member: Member) -> bool:
        return self.settings.wallets and member.wallet

    def credit(self, member: Member, movement: Movement) -> Movement:
        """Add points, now or when released. Raise ApiError 402 if the member or the wallet forbids it."""
        self._check_wallet(member)
        wallet = _get_wallet(member, movement)
        movement.pending = member.delayed_credits
        member.movements.append(movement)
        if not movement.pending:
            wallet.points += movement.change
        return movement

    def debit(self, member: Member, movement: Movement) -> Movement:
        """Take points away (`change` is negative). Raise ApiError 402 if it is forbidden or the balance is too low."""
        self._check_wallet(member)
        wallet = _get_wallet(member, movement)
        if wallet.points + movement.change < 0:
            raise ApiError(402, "The points transaction failed: the balance is too low.")
        member.movements.append(movement)
        wallet.points += movement.change
        return movement

    def release(self, member: Member, now: float) -> list[Movement]:
        """Book a member's delayed credits now."""
        released = [movement for movement in member.movements if movement.pending]
        for movement in released:
            movement.pending = False
            movement.created_at = int(now)
            _get_wallet(member, movement).points += movement.change
        return released

    def assign(self, member: Member, coupon_id: str) -> UserCoupon:
        """Assign a coupon. Raise ApiError 404 for an unknown coupon, 402 for a member who may have none."""
        if coupon_id not in self.state.coupons:
            raise ApiError(404, "Coupon not found.")
        _check_active(member)
        coupon = self.state.coupons[coupon_id]
        user_coupon = UserCoupon(coupon=coupon, redeem_value=coupon.redeem_value)
        member.coupons.append(user_coupon)
        return user_coupon

    def _check_wallet(self, member: Member) -> None:
        _check_active(member)
        if not self.has_wallet(member):
            raise ApiError(402, "The points transaction failed: the wallet is disabled.")


def _get_wallet(member: Member, movement: Movement) -> Wallet | Member:
    """Raise ApiError 404 for a wallet that the member does not have."""
    wallet = member.get_wallet(movement.wallet_id)
    if wallet is None:
        raise ApiError(404, "Wallet not found.")
    return wallet


def _check_active(member: Member) -> None:
    if member.status != "active":
        raise ApiError(402, f"The request failed: the member is {member.status}.")


def make_project(
    project_id: str = "acme",
    members: Iterable[Member] = (),
    settings: Settings | None = None,
    *,
    display_name: str = "",
    coupons: Iterable[Coupon] = (),
) -> Project:
    """A project with one token of each kind: "{project_id}-write", "-read", "-expired", "-no-role".

    `coupons` can be assigned.
    """
    kinds: tuple[TokenKind, ...] = ("write", "read", "expired", "no_role")
    state = ProjectState(
        project_id=project_id,
        display_name=display_name or project_id,
        tokens={f"{project_id}-{kind.replace('_', '-')}": kind for kind in kinds},
        settings=settings or Settings(),
        members={member.id: member for member in members},
        coupons={coupon.id: coupon for coupon in coupons},
    )
    return Project(state)


def make_movement(change: Decimal, now: float, note: str | None = None, reference: str | None = None) -> Movement:
    return Movement(change=change, note=note, reference=reference, created_at=int(now))
