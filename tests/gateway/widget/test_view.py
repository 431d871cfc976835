"""The panel of a member, and the panel without one."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import babel
import grpc
import msgspec
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.member_record import list_fields, render_snapshot
from gateway.customers.address import Customer
from gateway.customers.finding import Finding, TicketEmail
from gateway.errors import LoyaltyCallError, NoTokenReason
from gateway.widget.missing import render_missing
from gateway.widget.undo import Undo
from gateway.widget.view import View, render_body, render_member, render_unavailable
from gateway.wording.shop import Shop, parse_shop
from protos.loyalty.v1 import loyalty_pb2 as pb

NOW = datetime(2026, 11, 23, 13, 7, tzinfo=UTC)
SHOP = Shop(zone=ZoneInfo("Europe/Bratislava"), locale=babel.Locale("en"))
EMAIL = "jana@example.com"


def make_snapshot(**changes: Any) -> pb.Snapshot:  # noqa: ANN401 - any field of the message
    snapshot = pb.Snapshot(
        merchant_id="acme",
        member=pb.Member(
            member_id="bf428af0",
            support_id="JN-4821",
            full_name="Jana Nováková",
            status=pb.MEMBER_STATUS_ACTIVE,
            wallet=pb.Wallet(points_balance=1240, points_balance_exact="1240"),
            tier=pb.Tier(tier_id="t", display_name="Gold"),
            favorite_venue=pb.Venue(venue_id="v", display_name="Bratislava, Eurovea"),
            segments=[
                pb.Segment(slug="vip", display_name="VIP"),
                pb.Segment(slug="new-7d", display_name="Registered in last 7 days"),
            ],
            profile_url="https://admin.example/m/bf428af0",
            join_time=Timestamp(seconds=1723125758),
        ),
        coupons=[
            pb.Coupon(coupon_id="1", display_name="Welcome!", redeem_value="5 EUR", state=pb.COUPON_STATE_ACTIVATED),
            pb.Coupon(coupon_id="2", display_name="Coffee", state=pb.COUPON_STATE_ASSIGNED),
        ],
    )
    snapshot.coupons[0].expire_time.FromDatetime(datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC))
    snapshot.fetch_time.FromDatetime(datetime(2026, 11, 23, 12, 55, tzinfo=UTC))
    snapshot.MergeFrom(pb.Snapshot(**changes))
    return snapshot


def read(view: View, key: str) -> str:
    """Read one field of the member in the panel."""
    return view.member[0][key]


def make_error(reason: str, **metadata: str) -> LoyaltyCallError:
    code = grpc.StatusCode.NOT_FOUND
    return LoyaltyCallError(reason, "inner words", code=code, metadata=metadata, is_answered=True)


def render_error(error: LoyaltyCallError, email: str, shop: Shop, now: datetime) -> View:
    """Render the panel of a search by the ticket's e-mail only."""
    finding = Finding(customer=Customer(email), email=TicketEmail.ASKED, error=error)
    if error.reason == "MEMBER_NOT_FOUND":
        finding = Finding(customer=Customer(email), email=TicketEmail.NOBODYS, nobody=error)
    return render_missing(finding, shop, now)


def make_views() -> dict[str, View]:
    """Make one view for every status."""
    blocked = make_snapshot()
    blocked.member.status = pb.MEMBER_STATUS_BLOCKED
    return {
        "member": render_member(make_snapshot(), "token", SHOP, NOW),
        "blocked": render_member(blocked, "token", SHOP, NOW),
        "not_member": render_error(make_error("MEMBER_NOT_FOUND"), EMAIL, SHOP, NOW),
        "ambiguous": render_error(make_error("MEMBER_AMBIGUOUS", member_count="2"), EMAIL, SHOP, NOW),
        "no_identity": render_missing(Finding(customer=Customer(None), email=TicketEmail.ABSENT), SHOP, NOW),
        "unavailable": render_unavailable("PROVIDER_TIMEOUT", SHOP, NOW),
    }


def test_member_reads_as_the_product_says() -> None:
    view = make_views()["member"]
    assert view.summary == "Gold · 1,240 points · 2 coupons"
    assert view.as_of == "Mon 23 Nov 2026, 13:55 CET"
    assert view.member[0] == {
        "segments": "VIP, Registered in last 7 days",
        "full_name": "Jana Nováková",
        "support_id": "JN-4821",
        "points": "1,240",
        "tier": "Gold",
        "favorite_venue": "Bratislava, Eurovea",
        "member_since": "8 Aug 2024",
    }
    assert [row.line for row in view.coupon_list[0].coupons] == ["Welcome! · 5 EUR · until 31 Dec 2026", "Coffee"]
    assert view.coupons_text == "Welcome! · 5 EUR · until 31 Dec 2026\nCoffee"
    assert (view.profile_url, view.profile_label) == ("https://admin.example/m/bf428af0", "Loyalty Member Profile")


def test_details_are_lines_below_the_member_and_one_text() -> None:
    movements = [pb.Movement(change="100", note="Order 1001"), pb.Movement(change="-40")]
    details = pb.Member(pending_points=50, birthday=pb.Birthday(month=3, day=12), recent_movements=movements)
    view = render_member(make_snapshot(member=details), "token", SHOP, NOW)
    assert [row.line for row in view.details] == ["50 points pending", "Birthday: 12 March"]
    assert [row.line for row in view.movement_list[0].movements] == ["+100: Order 1001", "\N{MINUS SIGN}40"]
    assert view.details_text == (
        "50 points pending\nBirthday: 12 March\nLast movements:\n+100: Order 1001\n\N{MINUS SIGN}40"
    )


def test_without_details_there_are_no_rows_and_a_dash() -> None:
    for view in make_views().values():
        assert (list(view.details), view.movement_list, view.details_text) == ([], (), "–")


@pytest.mark.parametrize("status", ["member", "blocked", "not_member", "ambiguous", "no_identity", "unavailable"])
def test_view_has_the_status_of_its_case(status: str) -> None:
    assert make_views()[status].status == status


def test_flat_rows_are_the_member_rows() -> None:
    """Both shapes of the answer have the same values."""
    view = make_views()["member"]
    body = render_body(view)
    assert {name: body[name] for name in view.member[0]} == view.member[0]


@pytest.mark.parametrize(
    ("status", "summary"),
    [
        ("blocked", "Blocked in TRIFFT · Gold · 1,240 points · 2 coupons"),
        ("not_member", "No loyalty member with jana@example.com"),
        ("ambiguous", "2 members have jana@example.com. Points cannot be added here."),
        ("no_identity", "No e-mail on this ticket, so no member can be found."),
        ("unavailable", "TRIFFT did not answer at 14:07. Add or remove a tag, then try again."),
    ],
)
def test_summary_describes_each_status(status: str, summary: str) -> None:
    assert make_views()[status].summary == summary


@pytest.mark.parametrize("status", ["not_member", "ambiguous", "no_identity", "unavailable"])
def test_without_a_member_there_are_no_rows_and_no_token_of_a_member(status: str) -> None:
    """Where a token would stand, a word tells the button why there is none, if that is known."""
    view = make_views()[status]
    assert (view.add_points, view.member, view.support_awards, view.undo, view.coupon_list) == ((), (), (), (), ())
    words = {
        "not_member": NoTokenReason.NO_MEMBER,
        "ambiguous": NoTokenReason.SEVERAL_MEMBERS,
        "no_identity": NoTokenReason.NO_EMAIL,
        "unavailable": "",
    }
    assert view.award_token == words[status]
    assert (view.undo_token, view.profile_label) == ("", "")
    assert (view.support_awards_text, view.undo_text, view.coupons_text) == ("–", "–", "–")


@pytest.mark.parametrize("reason", ["MEMBER_NOT_FOUND", "MEMBER_AMBIGUOUS"])
def test_without_one_member_the_link_leads_to_the_search(reason: str) -> None:
    shop = parse_shop(
        pb.Merchant(
            time_zone="UTC", locale="en", admin_member_url="https://admin.example/p/7/members/{member_id}?tab=1"
        )
    )
    view = render_error(make_error(reason), EMAIL, shop, NOW)
    assert (view.profile_label, view.profile_url) == ("Search in TRIFFT Admin", "https://admin.example/p/7/members/")


def test_old_data_says_so_first_and_keeps_its_own_time() -> None:
    view = render_member(make_snapshot(stale_reason=pb.PROVIDER_TIMEOUT), "token", SHOP, NOW)
    assert view.summary == "OLD DATA: Gold · 1,240 points. TRIFFT did not answer at 14:07"
    assert view.as_of == "Mon 23 Nov 2026, 13:55 CET"
    assert view.stale


def test_not_member_says_when_it_was_asked() -> None:
    error = make_error("MEMBER_NOT_FOUND", fetch_time="2026-11-23T12:55:00.000Z")
    assert render_error(error, EMAIL, SHOP, NOW).as_of == "Mon 23 Nov 2026, 13:55 CET"


def test_wallet_and_tier_that_are_off_are_named() -> None:
    snapshot = make_snapshot()
    snapshot.member.ClearField("wallet")
    snapshot.member.ClearField("tier")
    del snapshot.coupons[1]
    view = render_member(snapshot, "token", SHOP, NOW)
    summary = "Points are switched off for this customer · 1 coupon"
    assert (read(view, "points"), read(view, "tier"), view.summary) == ("Switched off", "No tier", summary)


@pytest.mark.parametrize(
    ("word", "summary"),
    [
        ("suspended", "TRIFFT says this member is 'suspended'. Points cannot be added here."),
        ("", "TRIFFT does not say whether this member is active. Points cannot be added here."),
        ("\u202eevil\n", "TRIFFT says this member is 'evil'. Points cannot be added here."),
    ],
)
def test_unknown_status_is_shown_in_trifft_s_word(word: str, summary: str) -> None:
    snapshot = make_snapshot()
    snapshot.member.status, snapshot.member.status_word = pb.MEMBER_STATUS_UNKNOWN, word
    view = render_member(snapshot, "token", SHOP, NOW)
    assert (view.status, view.summary, read(view, "points")) == ("blocked", summary, "1,240")
    snapshot.stale_reason = pb.PROVIDER_TIMEOUT
    stale = render_member(snapshot, "token", SHOP, NOW)
    assert stale.summary == f"OLD DATA: {summary} TRIFFT did not answer at 14:07"


@pytest.mark.parametrize(
    ("state", "summary", "points"),
    [
        (pb.WALLET_STATE_UNREADABLE, "Gold · points cannot be read · 2 coupons", "Cannot be read"),
        (
            pb.WALLET_STATE_SEVERAL,
            "This member has several wallets. Points cannot be added here.",
            "Several wallets",
        ),
        (
            pb.WALLET_STATE_DISABLED,
            "Points are switched off for this customer · Gold · 2 coupons",
            "Switched off",
        ),
    ],
)
def test_unknown_balance_is_never_shown_as_zero(state: pb.WalletState.ValueType, summary: str, points: str) -> None:
    snapshot = make_snapshot()
    snapshot.member.ClearField("wallet")
    snapshot.member.wallet_state = state
    view = render_member(snapshot, "token", SHOP, NOW)
    assert (view.status, view.summary, read(view, "points")) == ("member", summary, points)
    assert bool(view.add_points) == (state == pb.WALLET_STATE_UNREADABLE)


def test_unreadable_coupons_are_never_shown_as_none() -> None:
    snapshot = make_snapshot(coupons_unreadable=True)
    del snapshot.coupons[:]
    view = render_member(snapshot, "token", SHOP, NOW)
    assert view.summary == "Gold · 1,240 points · coupons cannot be read"
    assert ([row.line for row in view.coupon_list[0].coupons], view.coupons_text) == (
        ["Cannot be read"],
        "Cannot be read",
    )
    assert ("Coupon", "Cannot be read") in list_fields(snapshot, SHOP.zone)
    assert render_snapshot(snapshot, SHOP.zone)["coupons"] is None


def test_blocked_member_of_several_wallets_is_blocked_first() -> None:
    snapshot = make_snapshot(member=pb.Member(wallet_state=pb.WALLET_STATE_SEVERAL))
    snapshot.member.status = pb.MEMBER_STATUS_BLOCKED
    summary = render_member(snapshot, "token", SHOP, NOW).summary
    assert summary == "Blocked in TRIFFT · Gold · several wallets · 2 coupons"


CONTROLS = "\u2066\u2067\u2068\u2069\u202a\u202b\u202c\u202d\u202e\u200e\u200f\u061c"
ODD_TEXTS = st.text() | st.text(st.sampled_from(f"a1א٣ש \n\u2028\u2029\x1c\x85\u200d👩{CONTROLS}"))


def iter_lines(node: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield the lines that agents read in an answer. Links are not read, and some texts have one line per item."""
    if isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, str) and name.endswith("_text"):
                yield from value.split("\n")
            elif name != "profile_url":
                yield from iter_lines(value)
    elif isinstance(node, list | tuple):
        for item in node:
            yield from iter_lines(item)
    elif isinstance(node, str):
        yield node


INT64 = st.integers(-(2**63), 2**63 - 1)
INT32 = st.integers(-(2**31), 2**31 - 1)
TIMES = st.builds(
    Timestamp,
    seconds=INT64 | st.sampled_from([253402300799, 253402214400, -62135596800]),
    nanos=st.integers(-(2**31), 2**31 - 1),
)
ODD_NUMBERS = st.sampled_from(["9" * 5000, "1E+999999", "-1E-999999", "NaN", "sNaN", "-Infinity", "", "1 240"])
SNAPSHOTS = st.builds(
    pb.Snapshot,
    member=st.builds(
        pb.Member,
        full_name=ODD_TEXTS,
        support_id=ODD_TEXTS,
        status=st.integers(0, 9),
        status_word=ODD_TEXTS,
        wallet_state=st.integers(0, 9),
        wallet=st.none() | st.builds(pb.Wallet, points_balance=INT64, points_balance_exact=st.text() | ODD_NUMBERS),
        tier=st.none() | st.builds(pb.Tier, display_name=ODD_TEXTS),
        segments=st.lists(st.builds(pb.Segment, slug=st.text(), display_name=ODD_TEXTS)),
        profile_url=st.text(),
        next_expiry=st.none() | st.builds(pb.ExpiringPoints, points=INT64, expire_time=TIMES),
        pending_points=st.none() | INT64,
        points_to_next_tier=st.none() | INT64,
        birthday=st.none() | st.builds(pb.Birthday, month=INT32, day=INT32),
        recent_movements=st.lists(
            st.builds(pb.Movement, change=st.text() | ODD_NUMBERS, create_time=st.none() | TIMES, note=ODD_TEXTS)
        ),
    ),
    coupons=st.lists(
        st.builds(
            pb.Coupon,
            display_name=ODD_TEXTS,
            redeem_value=ODD_TEXTS,
            state=st.integers(0, 9),
            expire_time=st.none() | TIMES,
        )
    ),
    fetch_time=TIMES,
    stale_reason=st.integers(0, 99),
)


@given(SNAPSHOTS, st.sampled_from(["Europe/Bratislava", "America/New_York", "Pacific/Kiritimati", "Etc/GMT+12"]))
def test_any_answer_of_the_loyalty_service_is_shown(snapshot: pb.Snapshot, zone: str) -> None:
    shop = Shop(zone=ZoneInfo(zone), locale=babel.Locale("en"))
    view = render_member(snapshot, "token", shop, NOW)
    assert msgspec.json.encode(render_body(view))
    assert len(view.member) == 1
    for line in iter_lines(msgspec.to_builtins(render_body(view))):
        assert len(line.splitlines()) <= 1
        assert set(CONTROLS).isdisjoint(re.sub("^\u200e(?=\u2068)|\u2068[^\u2068\u2069]*\u2069", "", line))
    assert list_fields(snapshot, shop.zone)
    assert msgspec.json.encode(render_snapshot(snapshot, shop.zone))


def test_member_with_nothing_has_dashes() -> None:
    snapshot = pb.Snapshot(member=pb.Member(member_id="m", status=pb.MEMBER_STATUS_ACTIVE, wallet=pb.Wallet()))
    snapshot.member.wallet.points_balance_exact = "0"
    snapshot.fetch_time.FromDatetime(NOW)
    view = render_member(snapshot, "token", SHOP, NOW)
    assert view.summary == "0 points · no coupons"
    assert (
        read(view, "full_name"),
        read(view, "support_id"),
        read(view, "segments"),
        read(view, "favorite_venue"),
    ) == ("–", "–", "–", "–")
    assert view.coupons_text == "–"


@pytest.mark.parametrize(
    ("exact", "points", "words"),
    [
        ("99.75", "99.75", "99.75 points"),
        ("0.30000000000000004", "0.3", "0.3 points"),
        ("1240.50", "1,240.5", "1,240.5 points"),
        ("99.995", "100", "100 points"),
        ("0.9999", "1", "1 point"),
        ("-0.001", "0", "0 points"),
        ("-12.345", "-12.35", "-12.35 points"),
    ],
)
def test_summary_and_row_say_the_same_number(exact: str, points: str, words: str) -> None:
    snapshot = make_snapshot()
    snapshot.member.wallet.points_balance = int(float(exact))
    snapshot.member.wallet.points_balance_exact = exact
    view = render_member(snapshot, "token", SHOP, NOW)
    assert view.summary == f"Gold · {words} · 2 coupons"
    assert read(view, "points") == points
    assert dict(list_fields(snapshot, SHOP.zone))["Points"] == points


@pytest.mark.parametrize(
    ("end", "zone", "day"),
    [
        ("2026-12-31T23:00:00Z", "Europe/Bratislava", "31 Dec 2026"),
        ("2026-12-31T22:59:59Z", "Europe/Bratislava", "31 Dec 2026"),
        ("2026-12-31T23:00:01Z", "Europe/Bratislava", "1 Jan 2027"),
        ("2026-12-31T23:00:00Z", "UTC", "31 Dec 2026"),
        ("2027-01-01T00:00:00Z", "UTC", "31 Dec 2026"),
        ("2027-03-01T05:00:00Z", "America/New_York", "28 Feb 2027"),
        ("2026-12-31T10:00:00Z", "Pacific/Kiritimati", "31 Dec 2026"),
        ("2026-04-23T22:00:00Z", "Africa/Cairo", "23 Apr 2026"),  # 24 April begins at 01:00 there
        ("2026-04-23T22:00:01Z", "Africa/Cairo", "24 Apr 2026"),
    ],
)
def test_coupon_that_ends_at_midnight_ends_the_day_before(end: str, zone: str, day: str) -> None:
    shop = Shop(zone=ZoneInfo(zone), locale=babel.Locale("en"))
    snapshot = make_snapshot()
    snapshot.coupons[0].expire_time.FromDatetime(datetime.fromisoformat(end))
    view = render_member(snapshot, "token", shop, NOW)
    assert view.coupon_list[0].coupons[0].line == f"Welcome! · 5 EUR · until {day}"
    said = next(value for name, value in list_fields(snapshot, shop.zone) if name == "Coupon")
    iso = datetime.strptime(day, "%d %b %Y").date()  # noqa: DTZ007 - a day
    assert said == f"Welcome! · 5 EUR · until {iso}"


def test_numbers_and_times_are_the_shops() -> None:
    shop = Shop(zone=ZoneInfo("America/Sao_Paulo"), locale=babel.Locale("sk"))
    view = render_member(make_snapshot(), "token", shop, NOW)
    assert read(view, "points") == "1\N{NO-BREAK SPACE}240"
    assert view.as_of == "Mon 23 Nov 2026, 09:55 UTC-03"


HEBREW = "\u2068הנחה\u2069"


def test_text_from_right_to_left_stays_within_its_place() -> None:
    snapshot = make_snapshot()
    member = snapshot.member
    member.tier.display_name = member.full_name = member.favorite_venue.display_name = "הנחה"
    del member.segments[1]
    member.segments[0].display_name = "הנחה"
    snapshot.coupons[0].display_name = snapshot.coupons[1].display_name = "הנחה"
    snapshot.coupons[0].redeem_value = "הנחה"
    view = render_member(snapshot, "token", SHOP, NOW)
    assert view.summary == f"\u200e{HEBREW} · 1,240 points · 2 coupons"
    alone = (
        read(view, "tier"),
        read(view, "full_name"),
        read(view, "favorite_venue"),
        read(view, "segments"),
    )
    assert alone == ("הנחה",) * 4
    assert view.coupons_text == f"\u200e{HEBREW} · {HEBREW} · until 31 Dec 2026\nהנחה"
    member.segments.add(display_name="VIP")
    assert read(render_member(snapshot, "token", SHOP, NOW), "segments") == f"\u200e{HEBREW}, VIP"


def test_echoes_from_right_to_left_stay_within_their_place() -> None:
    view = render_error(make_error("MEMBER_AMBIGUOUS", member_count="2"), "הנחה@example.com", SHOP, NOW)
    assert view.summary == "2 members have \u2068הנחה@example.com\u2069. Points cannot be added here."
    snapshot = make_snapshot()
    snapshot.member.status, snapshot.member.status_word = pb.MEMBER_STATUS_UNKNOWN, "הנחה"
    view = render_member(snapshot, "token", SHOP, NOW)
    assert view.summary == f"TRIFFT says this member is '{HEBREW}'. Points cannot be added here."


def test_echo_is_cut_between_characters() -> None:
    view = render_error(make_error("MEMBER_NOT_FOUND"), "x" * 78 + "👩\u200d💻", SHOP, NOW)
    assert view.summary.removeprefix("No loyalty member with ") == "x" * 78 + "…"


@pytest.mark.parametrize(
    ("reason", "failure"),
    [
        ("PROVIDER_CREDENTIALS", "TRIFFT refused our access"),
        ("PROVIDER_CONTRACT", "TRIFFT's answer could not be read"),
        ("MERCHANT_NOT_FOUND", "the loyalty service did not know this shop"),
        ("CALLER_UNKNOWN", "the loyalty service refused our access"),
    ],
)
def test_panel_says_whom_to_tell_if_the_agent_can_do_nothing(reason: str, failure: str) -> None:
    rest = "You cannot fix this. Please tell your administrator."
    view = render_unavailable(reason, SHOP, NOW)
    assert view.summary == f"No loyalty data: {failure} at 14:07. {rest}"
    snapshot = make_snapshot(stale_reason=pb.ErrorReason.Value(reason))
    undo = Undo(award=pb.Award(award_id="A-1", points=5), token="bound")
    stale = render_member(snapshot, "token", SHOP, NOW, undo=undo)
    capital = failure[0].upper() + failure[1:]
    assert stale.summary == f"OLD DATA: Gold · 1,240 points. {capital} at 14:07. {rest}"
    assert (list(stale.add_points), list(stale.undo), stale.undo_token) == ([], [], "")


@pytest.mark.parametrize(
    "reason", ["PROVIDER_TIMEOUT", "PROVIDER_THROTTLED", "STORE_UNAVAILABLE", "LOYALTY_TIMEOUT", ""]
)
def test_panel_says_how_to_try_again_if_that_can_help(reason: str) -> None:
    summary = render_unavailable(reason, SHOP, NOW).summary
    assert summary.endswith(" at 14:07. Add or remove a tag, then try again.")
    assert summary[0].isupper()


def test_points_are_offered_if_they_can_be_added() -> None:
    """They are offered with old data, too, while TRIFFT may answer again: the press asks it."""
    views = make_views()
    stale = render_member(make_snapshot(stale_reason=pb.PROVIDER_TIMEOUT), "token", SHOP, NOW)
    assert [row.award_token for row in [*views["member"].add_points, *stale.add_points]] == ["token", "token"]
    assert {status for status, view in views.items() if view.add_points} == {"member"}
    unknown = make_snapshot()
    unknown.member.status = pb.MEMBER_STATUS_UNKNOWN
    view = render_member(unknown, "token", SHOP, NOW)
    assert (list(view.add_points), view.award_token) == ([], "token")


def test_customers_text_cannot_turn_our_sentence_around() -> None:
    view = render_error(make_error("MEMBER_NOT_FOUND"), "\u202eevil\x00" + "x" * 3000, SHOP, NOW)
    assert view.summary == "No loyalty member with evil" + "x" * 75 + "…"
