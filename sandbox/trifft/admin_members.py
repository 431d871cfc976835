"""The members' part of the stand-in's own JSON API."""

from aiohttp import web

from sandbox.trifft import edits, wire
from sandbox.trifft.admin import add_admin_route, get_project, read_json
from sandbox.trifft.errors import ApiError
from sandbox.trifft.member import Member, UserCoupon, make_id
from sandbox.trifft.project import Project, make_movement
from sandbox.trifft.trifft import Trifft


def add_member_routes(app: web.Application, trifft: Trifft) -> None:
    """Add the routes under /sandbox/trifft/{project}/members."""
    admin = _MemberAdmin(trifft)
    member = "{project}/members/{member}"
    add_admin_route(app, "GET", "{project}/members", admin.list_members)
    add_admin_route(app, "GET", member, admin.get_member)
    add_admin_route(app, "PATCH", member, admin.change_member)
    add_admin_route(app, "POST", f"{member}/spend", admin.spend)
    add_admin_route(app, "POST", f"{member}/release", admin.release)
    add_admin_route(app, "POST", f"{member}/coupons", admin.add_coupon)
    add_admin_route(app, "PATCH", f"{member}/coupons/{{coupon}}", admin.change_coupon)
    add_admin_route(app, "DELETE", f"{member}/coupons/{{coupon}}", admin.remove_coupon)


class _MemberAdmin:
    def __init__(self, trifft: Trifft) -> None:
        self._trifft = trifft

    async def list_members(self, request: web.Request) -> object:
        """List all members, or with `?q=` those with this text in a name, e-mail, phone number, support id or id."""
        project = get_project(self._trifft, request)
        wanted = request.query.get("q", "").strip().casefold()
        return [_render_summary(member) for member in project.members.values() if wanted in _searchable(member)]

    async def get_member(self, request: web.Request) -> object:
        return self._find(request)[1]

    async def change_member(self, request: web.Request) -> object:
        """The body has only the fields to change."""
        body = await read_json(request)
        project, member = self._find(request)
        fields = edits.merge(member, body, edits.MemberFields)
        events = edits.edit_member(member, fields, self._trifft.clock())
        self._trifft.change(project, member.id, *events)
        return member

    async def spend(self, request: web.Request) -> object:
        """Take points as a shop's till does. Raise ApiError 402 if the balance is too low."""
        spending = edits.parse_spending(await read_json(request))
        project, member = self._find(request)
        project.debit(member, make_movement(-spending.points, self._trifft.clock(), note=spending.note))
        self._trifft.change(project, member.id, "wallet_debited")
        return member

    async def release(self, request: web.Request) -> object:
        """Book the delayed credits."""
        project, member = self._find(request)
        released = project.release(member, self._trifft.clock())
        self._trifft.change(project, member.id, *["wallet_credited"] * len(released))
        return member

    async def add_coupon(self, request: web.Request) -> object:
        body = await read_json(request)
        project, member = self._find(request)
        fields = edits.merge(None, body, edits.CouponFields)
        user_coupon = UserCoupon(coupon=edits.make_coupon(fields, make_id()))
        edits.edit_coupon(user_coupon, fields)
        member.coupons.append(user_coupon)
        self._trifft.change(project, member.id, *edits.list_coupon_events(fields.state))
        return member

    async def change_coupon(self, request: web.Request) -> object:
        """The body has only the fields to change."""
        body = await read_json(request)
        project, member, user_coupon = self._find_coupon(request)
        fields = edits.merge(edits.get_coupon_fields(user_coupon), body, edits.CouponFields)
        self._trifft.change(project, member.id, *edits.edit_coupon(user_coupon, fields))
        return member

    async def remove_coupon(self, request: web.Request) -> object:
        project, member, user_coupon = self._find_coupon(request)
        member.coupons.remove(user_coupon)
        self._trifft.change(project, member.id)
        return member

    def _find(self, request: web.Request) -> tuple[Project, Member]:
        project = get_project(self._trifft, request)
        return project, project.get_member(request.match_info["member"])

    def _find_coupon(self, request: web.Request) -> tuple[Project, Member, UserCoupon]:
        project, member = self._find(request)
        user_coupon = member.get_coupon(request.match_info["coupon"])
        if user_coupon is None:
            raise ApiError(404, "The member has no such coupon; reload the member.")
        return project, member, user_coupon


def _searchable(member: Member) -> str:
    texts = (f"{member.first_name or ''} {member.last_name or ''}", member.email, member.phone, member.support_id)
    return "\n".join([member.id, *(text or "" for text in texts)]).casefold()


def _render_summary(member: Member) -> wire.Json:
    return {
        "id": member.id,
        "first_name": member.first_name,
        "last_name": member.last_name,
        "email": member.email,
        "support_id": member.support_id,
        "points": member.points,
        "status": member.status,
    }
