"""The demo shops fit the seeded tickets."""

import tomllib
from decimal import Decimal

import pytest

from sandbox.trifft import BLOOM_PROFILE, Member, Project, make_demo_projects
from sandbox.trifft.member import AVAILABLE_STATES


@pytest.fixture
def projects() -> dict[str, Project]:
    return {project.project_id: project for project in make_demo_projects()}


def the_member(project: Project, email: str) -> Member:
    (member,) = project.find_members("email", email)
    return member


@pytest.mark.parametrize(
    ("email", "count"),
    [
        ("jana@example.com", 1),
        ("empty@example.com", 1),
        ("stranger@example.com", 0),
        ("twins@example.com", 2),
        ("blocked@example.com", 1),
        ("forgotten@example.com", 1),
        ("hanako@example.com", 1),
        ("layla@example.com", 1),
        ("markup@example.com", 1),
        ("collector@example.com", 1),
        ("novalue@example.com", 1),
        ("fraction@example.com", 1),
        ("a+b@example.com", 1),
        ("JOHN.DOE@EXAMPLE.COM", 1),
        ("peter@example.com", 1),
        ("jana@example.com&@evil.example", 0),
        ("o&m@example.com", 1),
        ("50%off@example.com", 1),
    ],
)
def test_acme_knows_each_customer(projects: dict[str, Project], email: str, count: int) -> None:
    assert len(projects["acme"].find_members("email", email)) == count


def test_jana_has_everything(projects: dict[str, Project]) -> None:
    jana = the_member(projects["acme"], "jana@example.com")

    assert jana.id == "bf428af0-bf06-4bc4-a91b-91b5bda6e211"
    assert (jana.support_id, jana.points) == ("JN-4821", Decimal(1240))
    assert jana.tier is not None
    assert jana.tier.name == "Gold"
    assert [segment.name for segment in jana.segments] == ["VIP", "Registered in last 7 days"]
    assert sorted(coupon.state for coupon in jana.coupons) == ["activated", "assigned", "expired", "redeemed"]
    first = jana.coupons[0]
    assert (first.coupon.name, first.redeem_value, first.valid_until) == ("Welcome! ", "5 EUR", 1798757999)


def test_most_members_have_what_every_member_has(projects: dict[str, Project]) -> None:
    """Otherwise the profile's lines would be reported as empty to an operator who has opened all tickets."""
    for project in projects.values():
        members = list(project.state.members.values())
        for field in ("email", "support_id", "first_name", "last_name", "points"):
            having = [one for one in members if getattr(one, field) is not None]
            assert len(having) > 0.75 * len(members), field
        ids = [one.support_id for one in members if one.support_id]
        assert len(set(ids)) == len(ids)


def test_awkward_members_are_awkward(projects: dict[str, Project]) -> None:
    acme = projects["acme"]
    markup = the_member(acme, "markup@example.com")
    name = f"{markup.first_name} {markup.last_name}"
    assert len(name) == 60
    assert name.startswith("<b>Maximilian</b> <script>alert(1)</script>")

    coupons = the_member(acme, "collector@example.com").coupons
    assert sum(coupon.state in AVAILABLE_STATES for coupon in coupons) == 40
    assert {coupon.valid_until is None for coupon in coupons} == {True, False}

    unvalued = the_member(acme, "novalue@example.com").coupons
    assert {coupon.redeem_value for coupon in unvalued} == {None}
    assert all(coupon.coupon.name != coupon.coupon.name.strip() for coupon in unvalued)

    assert the_member(acme, "blocked@example.com").status == "blocked"
    assert the_member(acme, "forgotten@example.com").status == "anonymised"
    assert the_member(acme, "fraction@example.com").points == Decimal("99.75")
    (card,) = acme.find_members("support_id", "CARD-7")
    assert card.email is None


def test_one_member_has_all_details_and_another_has_none(projects: dict[str, Project]) -> None:
    jana, peter = (the_member(projects["acme"], f"{name}@example.com") for name in ("jana", "peter"))
    assert all((jana.expiring_points, jana.next_tier_at, jana.birthday, jana.movements))
    assert not any((peter.expiring_points, peter.next_tier_at, peter.birthday, peter.movements))


def test_bloom_has_other_spellings(projects: dict[str, Project]) -> None:
    bloom = projects["bloom"]
    settings = bloom.settings

    assert (settings.wrapped, settings.time_format, settings.point_scale, settings.tiers) == (True, "iso", 100, False)
    assert not the_member(bloom, "nowallet@example.org").wallet
    late = the_member(bloom, "late@example.org")
    assert (late.delayed_credits, [one.pending for one in late.movements]) == (True, [True])
    assert the_member(bloom, "zuzana@example.org").points == 2500
    assert tomllib.loads(BLOOM_PROFILE)["credit"]["point_scale"] == settings.point_scale


def test_demo_is_the_same_each_time() -> None:
    first, second = make_demo_projects(), make_demo_projects()

    assert [project.state for project in first] == [project.state for project in second]
