"""The two demo shops, with every kind of member that an agent can meet. All data is made up."""

import uuid
from decimal import Decimal
from functools import cache

from sandbox.trifft.demo_movements import make_jana_movements, make_waiting_movements
from sandbox.trifft.member import Coupon, CouponState, ExpiringPoints, Member, Segment, Tier, UserCoupon, Venue, Wallet
from sandbox.trifft.project import Project, Settings, make_project

JANA_ID = "bf428af0-bf06-4bc4-a91b-91b5bda6e211"

# The shops' differences from the default wire profile, as overrides of it.
ACME_PROFILE = """\
[list_movements]
complete = true
"""
BLOOM_PROFILE = f"""\
{ACME_PROFILE}
[member]
full_name = "[params.meno, params.priezvisko]"

[credit]
point_scale = 100
answered_balance_scale = 100
"""

_END_OF_2026 = 1798757999  # 31 Dec 2026, 23:59:59 in Bratislava
_START_OF_2027 = _END_OF_2026 + 1
_DAY_S = 86400
_LONG_PAST = 1735685999  # 31 Dec 2024


def make_demo_projects() -> list[Project]:
    """Make `acme` and `bloom`; ids are the same each time."""
    return [_make_acme(), _make_bloom()]


def _make_acme() -> Project:
    members = [
        _make_jana(),
        _member("empty", email="empty@example.com", support_id=None),
        _member("twin-1", email="twins@example.com", first_name="Tina", last_name="Twin", points=Decimal(80)),
        _member("twin-2", email="twins@example.com", first_name="Tom", last_name="Twin", points=Decimal(15)),
        _member(
            "blocked",
            email="blocked@example.com",
            first_name="Boris",
            last_name="Blocked",
            points=Decimal(300),
            status="blocked",
        ),
        _member("forgotten", email="forgotten@example.com", support_id=None, points=Decimal(20), status="anonymised"),
        *_make_other_scripts(),
        *_make_awkward(),
        *_make_odd(),
        *_make_reachable(),
        _member("peter", email="peter@example.com", first_name="Peter", last_name="Two", points=Decimal(220)),
        _member("card", support_id="CARD-7", first_name="Clara", last_name="Card", points=Decimal(45)),
    ]
    coupons = [
        Coupon(id=_id("free-espresso"), name="Free espresso", description="One espresso on us"),
        Coupon(id=_id("ten-percent"), name="10 % off", description="Off the whole bill", redeem_value="10 %"),
    ]
    return make_project("acme", members, display_name="Acme Coffee", coupons=coupons)


def _make_jana() -> Member:
    return Member(
        id=JANA_ID,
        email="jana@example.com",
        phone="+421900000000",
        support_id="JN-4821",
        first_name="Jana",
        last_name="Nováková",
        points=Decimal(1240),
        tier=Tier(id=_id("gold"), name="Gold"),
        segments=[Segment(slug="vip", name="VIP"), Segment(slug="new-7d", name="Registered in last 7 days")],
        favorite_venue=Venue(id=_id("eurovea"), name="Bratislava, Eurovea"),
        locale="sk",
        expiring_points=ExpiringPoints(points=Decimal(200), expires_at=_END_OF_2026),
        next_tier_at=Decimal(1500),
        birthday="1990-03-12",
        movements=make_jana_movements(),
        coupons=[
            _coupon("welcome", "Welcome! ", "activated", redeem_value="5 EUR", code="WELCOME5", until=_END_OF_2026),
            _coupon("cake", "Cake of the month", redeem_value="1 cake", until=_START_OF_2027 + 31 * _DAY_S - 1),
            _coupon("birthday", "Birthday coffee", "redeemed", redeem_value="1 coffee", until=_END_OF_2026),
            _coupon("summer", "Summer special", "expired", redeem_value="2 EUR", until=_LONG_PAST),
        ],
    )


def _make_other_scripts() -> list[Member]:
    return [
        _member(
            "hanako",
            email="hanako@example.com",
            first_name="花子",
            last_name="山田",
            points=Decimal(560),
            tier=Tier(id=_id("silver"), name="シルバー"),
            locale="ja",
        ),
        _member(
            "layla",
            email="layla@example.com",
            first_name="ليلى",
            last_name="الحسن",
            points=Decimal(910),
            tier=Tier(id=_id("gold"), name="Gold"),
            locale="ar",
            coupons=[_coupon("arabic", "خصم على القهوة", redeem_value="10 ريال", until=_END_OF_2026)],
        ),
    ]


def _make_awkward() -> list[Member]:
    markup = "<b>Maximilian</b> <script>alert(1)</script>"
    first_name, last_name = markup.split(" ")
    filled = last_name + "x" * (60 - len(markup))
    without_value = [
        _coupon("novalue-1", "  Free refill ", until=_END_OF_2026),
        _coupon("novalue-2", " Surprise  gift\t", "activated"),
    ]
    return [
        _member("markup", email="markup@example.com", first_name=first_name, last_name=filled, points=Decimal(10)),
        _member(
            "collector",
            email="collector@example.com",
            first_name="Cora",
            last_name="Collector",
            points=Decimal(4000),
            coupons=_make_collection(),
        ),
        _member(
            "novalue",
            email="novalue@example.com",
            first_name=" Nora ",
            last_name=" Novalue",
            points=Decimal(70),
            coupons=without_value,
        ),
        _member(
            "fraction", email="fraction@example.com", first_name="Fred", last_name="Fraction", points=Decimal("99.75")
        ),
        _member("plus", email="a+b@example.com", first_name="Adam", last_name="Plus", points=Decimal(130)),
        _member("ampersand", email="o&m@example.com", first_name="Olga", last_name="Ampersand", points=Decimal(70)),
        _member("percent", email="50%off@example.com", first_name="Percy", last_name="Percent", points=Decimal(55)),
        _member("john", email="john.doe@example.com", first_name="John", last_name="Doe", points=Decimal(340)),
    ]


def _make_odd() -> list[Member]:
    """Members with one field that does not fit the wire profile."""
    undated = _coupon("undated", "Free muffin", redeem_value="1 muffin")
    undated.overrides = {"valid_until": "sometime in spring"}
    odd_dates = [
        undated,
        _coupon("end-of-year", "Mug", redeem_value="1 mug", until=_END_OF_2026),
        _coupon("millis", "Filter papers", redeem_value="100", until=_END_OF_2026),
        _coupon("forever", "Refill for life", until=_END_OF_2026),
    ]
    for coupon, valid_until in zip(odd_dates[1:], ("2026-12-31", _END_OF_2026 * 1000, "9999-12-31"), strict=True):
        coupon.overrides = {"valid_until": valid_until}
    return [
        _member(
            "undated",
            email="undated@example.com",
            first_name="Ursula",
            last_name="Undated",
            points=Decimal(150),
            coupons=odd_dates,
        ),
        _member(
            "suspended",
            email="suspended@example.com",
            first_name="Sven",
            last_name="Suspended",
            points=Decimal(420),
            overrides={"status": "suspended"},
        ),
        _member(
            "wallets",
            email="wallets@example.com",
            first_name="Wanda",
            last_name="Wallets",
            points=Decimal(310),
            more_wallets=[Wallet(id="bonus", name="Bonus", points=Decimal(40))],
        ),
        _member(
            "unreadable",
            email="unreadable@example.com",
            first_name="Uma",
            last_name="Unreadable",
            points=Decimal(1240),
            overrides={"points": "1 240"},
            receipt_overrides={"balance": "1 340"},
        ),
    ]


def _make_reachable() -> list[Member]:
    """Members whose customers in Gorgias write by another address than the member's e-mail, or none."""
    people = [
        ("walter", "Walter", "Whatsapp", "+421905123456", 380),
        ("paula", "Paula", "Phone", "+421905123457", 265),
        ("fero", "Fero", "Form", "+421905123458", 140),
        ("sofia", "Sofia", "Second", None, 515),
    ]
    return [
        _member(
            name, email=f"{name}@example.com", first_name=first, last_name=last, phone=phone, points=Decimal(points)
        )
        for name, first, last, phone, points in people
    ]


def _make_collection() -> list[UserCoupon]:
    """Forty usable coupons, out of order; every fifth one never expires."""
    return [
        _coupon(
            f"collector-{number}",
            f"Coffee stamp {number}",
            "activated" if number % 3 == 0 else "assigned",
            redeem_value=f"{number} EUR",
            until=None if number % 5 == 0 else _END_OF_2026 + (number * 7 % 40) * _DAY_S,
        )
        for number in range(1, 41)
    ]


def _make_bloom() -> Project:
    members = [
        _member(
            "zuzana",
            email="zuzana@example.org",
            support_id="ZK-1001",
            first_name="Zuzana",
            last_name="Kováčová",
            points=Decimal(2500),
            tier=Tier(id=_id("rose"), name="Rose"),
            locale="sk",
        ),
        _member(
            "nowallet",
            email="nowallet@example.org",
            support_id="NW-1002",
            first_name="Norbert",
            last_name="Nový",
            wallet=False,
            locale="sk",
        ),
        _member(
            "late",
            email="late@example.org",
            support_id="LM-1003",
            first_name="Lenka",
            last_name="Malá",
            points=Decimal(600),
            delayed_credits=True,
            movements=make_waiting_movements(),
            locale="sk",
        ),
    ]
    settings = Settings(
        wrapped=True,
        time_format="iso",
        point_scale=100,
        first_name_slug="meno",
        last_name_slug="priezvisko",
        tiers=False,
    )
    coupons = [Coupon(id=_id("bouquet"), name="Small bouquet", redeem_value="1 kytica")]
    return make_project("bloom", members, settings, display_name="Bloom & Co", coupons=coupons)


@cache
def _id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.demo.trifft.example"))


def _member(name: str, **fields: object) -> Member:
    """Make a member.

    Where `fields` has no support ID, the member gets one like "TW-4821": a programme gives each one.
    """
    member_id = _id(name)
    support_id = f"{name[:2].upper()}-{1000 + int(member_id[:8], 16) % 9000}"
    return Member(id=member_id, **{"support_id": support_id, **fields})  # type: ignore[arg-type]


def _coupon(  # noqa: PLR0913 - a line of data, each value named
    name: str,
    title: str,
    state: CouponState = "assigned",
    *,
    redeem_value: str | None = None,
    code: str | None = None,
    until: int | None = None,
) -> UserCoupon:
    return UserCoupon(
        id=_id(name),
        state=state,
        redeem_value=redeem_value,
        code=code,
        valid_until=until,
        coupon=Coupon(id=_id(f"template-{name}"), name=title),
    )
