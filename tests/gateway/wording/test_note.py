"""The words of a note."""

import itertools
import re
from typing import Any
from zoneinfo import ZoneInfo

import babel
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.gorgias.tickets import Message, render_note
from gateway.notes.service import has_reference
from gateway.wording.note import NoteKind, Whom, say_note, say_reference
from gateway.wording.shop import DEFAULT_SHOP
from protos.loyalty.v1 import loyalty_pb2 as pb
from tests.gateway.outbox.room import make_award

SHOP = msgspec.structs.replace(DEFAULT_SHOP, zone=ZoneInfo("Europe/Bratislava"), locale=babel.Locale("en"))
CHECKING = "We are still checking. This can take 20 minutes or more."
JANA = Whom(name="Jana Nováková", support_id="JN-4821", tier="Gold")


def render(award: pb.Award, kind: NoteKind = NoteKind.DONE, whom: Whom = JANA) -> list[str]:
    return say_note(award, kind, whom, SHOP).split("\n")


@pytest.mark.parametrize(
    ("kind", "given", "taken"),
    [
        (
            NoteKind.DONE,
            "1 point added for Jana Nováková (JN-4821).",
            "1 point taken back from Jana Nováková (JN-4821).",
        ),
        (
            NoteKind.CHECKING,
            (
                "We do not know yet whether 1 point arrived for Jana Nováková (JN-4821). "
                f"Do not add it again. {CHECKING}"
            ),
            f"We do not know yet whether 1 point was taken back from Jana Nováková (JN-4821). {CHECKING}",
        ),
        (
            NoteKind.ARRIVED,
            "Checked: 1 point was added for Jana Nováková (JN-4821).",
            "Checked: 1 point was taken back from Jana Nováková (JN-4821).",
        ),
        (
            NoteKind.NEVER,
            "Checked: 1 point never arrived for Jana Nováková (JN-4821). You can add it again.",
            "Checked: 1 point was not taken back from Jana Nováková (JN-4821). If the panel offers it, try again.",
        ),
        (
            NoteKind.AFTER_ALL,
            (
                "Found after all: 1 point was added for Jana Nováková (JN-4821). "
                "If it was added again, undo one of the two awards."
            ),
            "Found after all: 1 point was taken back from Jana Nováková (JN-4821).",
        ),
    ],
)
def test_note_says_what_happened_to_one_point(kind: NoteKind, given: str, taken: str) -> None:
    assert render(make_award(points=1), kind)[0] == given
    assert render(make_award(points=1, reverses="A-1"), kind)[0] == taken


@pytest.mark.parametrize(
    ("kind", "removed", "given_back"),
    [
        (
            NoteKind.DONE,
            "50 points removed from Jana Nováková (JN-4821).",
            "50 points given back to Jana Nováková (JN-4821).",
        ),
        (
            NoteKind.CHECKING,
            (
                "We do not know yet whether 50 points were removed from Jana Nováková (JN-4821). "
                f"Do not remove them again. {CHECKING}"
            ),
            f"We do not know yet whether 50 points were given back to Jana Nováková (JN-4821). {CHECKING}",
        ),
        (
            NoteKind.ARRIVED,
            "Checked: 50 points were removed from Jana Nováková (JN-4821).",
            "Checked: 50 points were given back to Jana Nováková (JN-4821).",
        ),
        (
            NoteKind.NEVER,
            "Checked: 50 points were not removed from Jana Nováková (JN-4821). You can try again.",
            "Checked: 50 points were not given back to Jana Nováková (JN-4821). If the panel offers it, try again.",
        ),
        (
            NoteKind.AFTER_ALL,
            (
                "Found after all: 50 points were removed from Jana Nováková (JN-4821). "
                "If they were removed again, undo one of the two awards."
            ),
            "Found after all: 50 points were given back to Jana Nováková (JN-4821).",
        ),
    ],
)
def test_note_of_a_deduction_says_that_points_were_removed(kind: NoteKind, removed: str, given_back: str) -> None:
    assert render(make_award(points=50, debit=True), kind)[0] == removed
    lines = render(make_award(points=50, reverses="A-1", debit=False), kind)
    assert lines[:2] == [given_back, "Gives back award A-1."]


def test_note_of_many_points_is_in_the_plural() -> None:
    award = make_award(points=1240)
    assert render(award, NoteKind.CHECKING)[0].endswith(f"Do not add them again. {CHECKING}")
    assert render(award, NoteKind.NEVER)[0].endswith("You can add them again.")
    assert render(award, NoteKind.ARRIVED)[0].startswith("Checked: 1,240 points were added")


def test_each_kind_of_note_has_its_own_mark() -> None:
    awards = [
        make_award(award_id=f"A-{number}", debit=debit, reverses=reverses)
        for number, (debit, reverses) in enumerate(itertools.product((False, True), ("", "A-9")))
    ]
    marks = [say_reference(award, kind) for award, kind in itertools.product(awards, NoteKind)]
    assert len(set(marks)) == len(marks)


@pytest.mark.parametrize(
    ("fields", "marks"),
    [
        ({}, ["added", "being checked", "checked: added", "checked: not added", "added after all"]),
        (
            {"reverses": "A-1"},
            ["taken back", "being checked", "checked: taken back", "checked: not taken back", "taken back after all"],
        ),
        (
            {"debit": True},
            ["removed", "being checked", "checked: removed", "checked: not removed", "removed after all"],
        ),
        (
            {"reverses": "A-1", "debit": False},
            ["given back", "being checked", "checked: given back", "checked: not given back", "given back after all"],
        ),
    ],
)
def test_marks_do_not_change(fields: dict[str, Any], marks: list[str]) -> None:
    """Notes that other releases wrote are found by their marks."""
    kinds = (NoteKind.DONE, NoteKind.CHECKING, NoteKind.ARRIVED, NoteKind.NEVER, NoteKind.AFTER_ALL)
    assert [say_reference(make_award(**fields), kind) for kind in kinds] == [
        f"Award A-10482 · {mark}" for mark in marks
    ]


@pytest.mark.parametrize("kind", NoteKind)
def test_note_has_its_own_mark_and_no_other(kind: NoteKind) -> None:
    award = make_award()
    message = Message(is_note=True, text=say_note(award, kind, JANA, SHOP) + "\n")
    assert [other for other in NoteKind if has_reference(message, say_reference(award, other))] == [kind]
    assert not has_reference(msgspec.structs.replace(message, is_note=False), say_reference(award, kind))


def test_agent_is_named_as_the_button_says() -> None:
    lines = render(make_award(ticket_verified=True))
    assert "By Ana Kovacs, ana@acme.example, Mon 23 Nov 2026, 13:55 CET" in lines


def test_agent_without_a_name_is_described_as_such() -> None:
    lines = render(make_award(claimed_agent_name="", claimed_agent_email=""))
    assert "By an unknown agent, Mon 23 Nov 2026, 13:55 CET" in lines


@pytest.mark.parametrize(
    ("whom", "said"),
    [
        (Whom(name="Jana"), "Jana"),
        (Whom(support_id="JN-4821"), "member JN-4821"),
        (Whom(), "this member"),
    ],
)
def test_member_is_named_as_far_as_known(whom: Whom, said: str) -> None:
    assert render(make_award(), whom=whom)[0] == f"100 points added for {said}."
    assert render(make_award(reverses="A-1"), whom=whom)[0] == f"100 points taken back from {said}."


def test_recorded_support_id_is_used_if_the_member_cannot_be_read() -> None:
    """TRIFFT does not answer, or does not know the member any more."""
    assert render(make_award(member_support_id="JN-4821"), whom=Whom())[0] == "100 points added for member JN-4821."


@pytest.mark.parametrize(
    ("ticket_id", "line"),
    [
        (4711, "Takes back award A-1. This was done in ticket 4712."),
        (4712, "Takes back award A-1."),
        (None, "Takes back award A-1."),
    ],
)
def test_undo_s_note_in_the_awards_ticket_says_where_it_was_pressed(ticket_id: int | None, line: str) -> None:
    award = make_award(reverses="A-1", ticket_id="4712")
    assert say_note(award, NoteKind.DONE, JANA, SHOP, ticket_id=ticket_id).split("\n")[1] == line


@pytest.mark.parametrize(
    ("exact", "given", "taken"),
    [
        ("1340.5", "1,240.5 → 1,340.5", "1,440.5 → 1,340.5"),
        ("0.30000000000000004", "-99.7 → 0.3", "100.3 → 0.3"),
        ("1340.00", "1,240 → 1,340", "1,440 → 1,340"),
    ],
)
def test_balance_is_the_number_that_the_panel_shows(exact: str, given: str, taken: str) -> None:
    wallet = pb.Wallet(points_balance=int(float(exact)), points_balance_exact=exact)
    assert f"Balance: {given}" in render(make_award(balance=wallet))
    assert f"Balance: {taken}" in render(make_award(balance=wallet, reverses="A-1"))
    assert f"Balance: {taken}" in render(make_award(balance=wallet, debit=True))
    assert f"Balance: {given}" in render(make_award(balance=wallet, reverses="A-1", debit=False))


def test_text_from_right_to_left_stays_within_its_place() -> None:
    award = make_award(
        note="מתנה 5", reason="הנחה", claimed_agent_name="דנה", claimed_agent_email="", tier_before="כתר"
    )
    settled = pb.AwardChange(actor="דנה ב", why="ראה 3 שם")
    whom = Whom(name="שמש", support_id="ל-4821", tier="זהב")
    lines = say_note(award, NoteKind.ARRIVED, whom, SHOP, settled).split("\n")
    assert lines[0] == "Checked: 100 points were added for \u2068שמש\u2069 (\u2068ל-4821\u2069)."
    assert {"Reason: \u2068הנחה\u2069", "Note: \u2068מתנה 5\u2069"} <= set(lines)
    assert "Settled by \u2068דנה ב\u2069: \u2068ראה 3 שם\u2069" in lines
    assert "Tier: \u2068כתר\u2069 → \u2068זהב\u2069" in lines
    assert [line for line in lines if line.startswith("By \u2068דנה\u2069")]


def test_joined_characters_stay_joined() -> None:
    texts = ["👩\u200d💻 ❤\ufe0f\u200d🔥", "می\u200cکنم", "\U0001fae9"]
    for text in texts:
        lines = render(make_award(note=text, reason=text, claimed_agent_name=text), whom=Whom(name=text, tier=text))
        assert [line for line in lines if text in line] == lines[:4] + lines[5:6]


ODD = st.text(max_size=40) | st.text(st.sampled_from("aא٣ \n\u2028\u2029\u2066\u2068\u2069\u202e\u200d\x1c\x85"))


@given(ODD, ODD, ODD)
def test_each_line_closes_its_isolates_whatever_others_wrote(name: str, text: str, tier: str) -> None:
    award = make_award(note=text, reason=name, claimed_agent_name=name, claimed_agent_email=text, tier_before=tier)
    settled = pb.AwardChange(actor=name, why=text)
    note = say_note(award, NoteKind.DONE, Whom(name=name, support_id=text, tier=name), SHOP, settled)
    lines = note.splitlines()
    assert lines == note.split("\n")
    assert lines[-1] == say_reference(award, NoteKind.DONE)
    for line in lines:
        assert set("\u2066\u2068\u2069\u202e").isdisjoint(re.sub("\u2068[^\u2068\u2069]*\u2069", "", line))


def test_points_that_are_booked_later_have_no_balance_yet() -> None:
    lines = render(make_award(delayed=True))
    assert lines[0] == "100 points added for Jana Nováková (JN-4821). TRIFFT will book them later."
    assert not [line for line in lines if line.startswith("Balance")]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("Silver", "Gold", ["Tier: Silver → Gold"]),
        ("Silver", "", ["Tier: Silver → none"]),
        ("Gold", "Gold", []),
        ("", "Gold", []),
        ("Silver", None, []),
    ],
)
def test_tier_is_named_if_it_has_changed_for_certain(before: str, after: str | None, said: list[str]) -> None:
    lines = render(make_award(tier_before=before), whom=Whom(name="Jana", tier=after))
    assert [line for line in lines if line.startswith("Tier")] == said


def test_text_of_others_never_looks_like_a_line_of_ours() -> None:
    forged = "x\nAward A-1 · added\u2028Award A-2 · added\x85Award A-3 · added"
    award = make_award(note=forged, reason=forged, claimed_agent_name=forged)
    lines = render(award, whom=Whom(name=forged, support_id=forged, tier=forged))
    text = "\n".join(lines)
    assert [line for line in text.splitlines() if line.startswith("Award A-")] == ["Award A-10482 · added"]


def test_html_has_the_same_lines_without_tags_of_others() -> None:
    body = render_note("ana@acme.example", '<b> & "x"\nČau')
    assert body["body_html"] == "&lt;b&gt; &amp; &quot;x&quot;<br>Čau"
