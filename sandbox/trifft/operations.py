"""The API's calls: from a request's parts to the data of its answer."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Literal, TypeVar

import msgspec

from sandbox.trifft import wire
from sandbox.trifft.errors import ApiError
from sandbox.trifft.faults import Operation
from sandbox.trifft.member import AVAILABLE_STATES, Member, Movement
from sandbox.trifft.project import Project, make_movement
from sandbox.trifft.trifft import Trifft

_MAX_WIRE_POINTS = 10**9

_Body = TypeVar("_Body")
_Text = Annotated[str, msgspec.Meta(max_length=2000)]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request that passed all checks."""

    trifft: Trifft
    project: Project
    member_id: str
    query: Mapping[str, str]
    body: bytes

    @property
    def member(self) -> Member:
        """Raises ApiError 404."""
        return self.project.get_member(self.member_id)

    def parse(self, model: type[_Body]) -> _Body:
        """Parse the body as `model`. Raises ApiError 400."""
        try:
            return msgspec.json.decode(self.body, type=model)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ApiError(400, f"The request body is not valid: {error}") from None


class _WalletBody(msgspec.Struct, frozen=True, kw_only=True):
    points: int | float
    note: _Text | None = None
    reference: _Text | None = None
    wallet_id: _Text | None = None


class _AssignBody(msgspec.Struct, frozen=True, kw_only=True):
    coupon_id: _Text


class _ProbeBody(msgspec.Struct, frozen=True, kw_only=True):
    """`amount`: cents."""

    amount: Annotated[int, msgspec.Meta(ge=0)]


def find(call: Call) -> object:
    fields: tuple[Literal["email", "phone", "support_id"], ...] = ("email", "phone", "support_id")
    given = [field for field in fields if call.query.get(field)]
    if len(given) != 1:
        raise ApiError(400, "Name the member by exactly one of email, phone, support_id.")
    members = call.project.find_members(given[0], call.query[given[0]])
    return [wire.render_member(member, call.project) for member in members]


def get(call: Call) -> object:
    return wire.render_member(call.member, call.project)


def coupons(call: Call) -> object:
    state = call.query.get("state")
    if state not in (None, "available", "assigned", "activated", "redeemed", "expired"):
        raise ApiError(400, "state is one of available, assigned, activated, redeemed, expired.")
    wanted = AVAILABLE_STATES if state == "available" else {state}
    return [
        wire.render_user_coupon(coupon, call.project.settings)
        for coupon in call.member.coupons
        if state is None or coupon.state in wanted
    ]


def credit(call: Call) -> object:
    movement = _parse_movement(call, sign=1)
    member = call.member
    call.project.credit(member, movement)
    call.trifft.change(call.project, member.id, *([] if movement.pending else ["wallet_credited"]))
    return wire.render_receipt(movement, member, call.project.settings)


def debit(call: Call) -> object:
    movement = _parse_movement(call, sign=-1)
    member = call.member
    call.project.debit(member, movement)
    call.trifft.change(call.project, member.id, "wallet_debited")
    return wire.render_receipt(movement, member, call.project.settings)


def movements(call: Call) -> object:
    """List the wallet's movements since a time, as the settings allow; pending ones are included."""
    since, settings = call.query.get("since", "0"), call.project.settings
    if not (since.isascii() and since.isdigit()):
        raise ApiError(400, "since is a time in UNIX seconds.")
    if settings.movements == "unavailable":
        raise ApiError(404)
    return [
        wire.render_movement(movement, settings)
        for movement in call.member.movements
        if movement.created_at >= int(since) and not (settings.movements == "incomplete" and movement.reference)
    ]


def assign(call: Call) -> object:
    member = call.member
    user_coupon = call.project.assign(member, call.parse(_AssignBody).coupon_id)
    call.trifft.change(call.project, member.id, "coupon_assigned")
    return wire.render_user_coupon(user_coupon, call.project.settings)


def probe(call: Call) -> object:
    """One point for each whole unit of money; the stand-in has no bonus."""
    points = call.parse(_ProbeBody).amount // 100
    return {"points": points, "base_points": points, "bonus": 0}


def _parse_movement(call: Call, *, sign: Literal[1, -1]) -> Movement:
    body = call.parse(_WalletBody)
    if not 0 < body.points <= _MAX_WIRE_POINTS:
        raise ApiError(400, f"points must be above 0 and at most {_MAX_WIRE_POINTS}.")
    change = sign * wire.parse_points(Decimal(str(body.points)), call.project.settings)
    movement = make_movement(change, call.trifft.clock(), body.note, body.reference)
    movement.wallet_id = body.wallet_id
    return movement


class Route(msgspec.Struct, frozen=True, kw_only=True):
    operation: Operation
    method: str
    path: str
    run: Callable[[Call], object]


def make_routes() -> list[Route]:
    """The API, one line per call."""
    member = "/v1/member/{member_id}"
    return [
        Route(operation="find", method="GET", path="/v1/member", run=find),
        Route(operation="get", method="GET", path=member, run=get),
        Route(operation="coupons", method="GET", path=f"{member}/coupon", run=coupons),
        Route(operation="assign", method="POST", path=f"{member}/coupon", run=assign),
        Route(operation="credit", method="POST", path=f"{member}/wallet/credit", run=credit),
        Route(operation="debit", method="POST", path=f"{member}/wallet/debit", run=debit),
        Route(operation="movements", method="GET", path=f"{member}/wallet/movement", run=movements),
        Route(operation="probe", method="POST", path="/v1/points-calculator", run=probe),
    ]
