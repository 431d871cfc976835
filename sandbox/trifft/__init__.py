"""A stand-in of TRIFFT's API, with a switch for every way in which it can misbehave.

A server for a test, on a port of its own:

    jana = Member(email="jana@example.com", points=Decimal(1240))
    acme = make_project("acme", [jana])
    server = TestServer(create_trifft_app(Trifft([acme])))       # of aiohttp.test_utils

    acme.get_token()                                             # "acme-write"; kinds: write, read, expired, no_role
    acme.faults.set(Fault(kind="lost_answer", operation="credit", times=1))
    acme.faults.clear()
    acme.settings.rate_limit = False # on by default: 50 requests in 10 s
    jana.points                                                  # the balance; jana.movements: what was booked
    acme.count_requests("credit")                                # acme.requests: every call, in order
    jana.overrides = {"status": "suspended", "points": []}       # any JSON for a field; left_out: those it lacks
    acme.release(jana, now)                                      # books the delayed credits

Made-up data only: a member, a project and its settings are plain records that a test may change at any time.
"""

from sandbox.trifft.app import add_trifft_routes, create_trifft_app
from sandbox.trifft.demo import BLOOM_PROFILE, make_demo_projects
from sandbox.trifft.faults import Fault
from sandbox.trifft.member import Coupon, ExpiringPoints, Member, Movement, Segment, Tier, UserCoupon, Venue, Wallet
from sandbox.trifft.project import Project, Settings, Webhook, make_project
from sandbox.trifft.trifft import Trifft

__all__ = [
    "BLOOM_PROFILE",
    "Coupon",
    "ExpiringPoints",
    "Fault",
    "Member",
    "Movement",
    "Project",
    "Segment",
    "Settings",
    "Tier",
    "Trifft",
    "UserCoupon",
    "Venue",
    "Wallet",
    "Webhook",
    "add_trifft_routes",
    "create_trifft_app",
    "make_demo_projects",
    "make_project",
]
