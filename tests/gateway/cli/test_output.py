"""What a narrow terminal shows of long values."""

import re

import pytest

from gateway.cli.check_output import print_checks, print_shops
from gateway.cli.check_shop import ShopChecks
from gateway.cli.output import print_blocks, print_fields, print_line, print_table
from gateway.installation.checks import Check, CheckState
from runtime.text import isolate

LONG = "https://admin.example/members/bf428af0-bf06-4bc4-a91b-91b5bda6e211"


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of sixty columns."""
    for name, value in {"FORCE_COLOR": "1", "COLUMNS": "60", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)


def test_a_long_value_of_a_table_is_folded_and_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("", "state"), [(LONG, "ok")])
    rows = [line for line in capsys.readouterr().out.splitlines()[3:] if line.strip()]
    assert "".join(row.split()[0] for row in rows) == LONG
    assert max(len(row) for row in rows) <= 60


def test_a_long_field_is_folded_and_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields([("Profile", LONG)])
    first, *more = rows = capsys.readouterr().out.splitlines()
    assert "".join([first.removeprefix("Profile"), *more]).replace(" ", "") == LONG
    assert max(len(row) for row in rows) <= 60


def test_commands_that_check_prints_can_be_copied_from_a_narrow_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    command = "trifft-gorgias install acme --gorgias-url URL --gorgias-user EMAIL --gorgias-key-file F"
    missing = Check(name="Gorgias", state=CheckState.FAILED, detail="is not installed", advice=command)
    fine = Check(name="TRIFFT", state=CheckState.OK, detail="answers")
    print_checks("acme", [missing, fine])
    assert capsys.readouterr().out.endswith(f"What to do:\n  Gorgias: {command}\n")
    shops = [ShopChecks(merchant_id="acme", checks=(missing,)), ShopChecks(merchant_id="bloom", checks=(fine,))]
    print_shops(shops, as_json=False)
    assert f"What to do:\n  acme: {command}\n2 shops: 1 failed" in capsys.readouterr().out
    print_checks("bloom", [fine])
    assert "What to do" not in capsys.readouterr().out


HEBREW = "הנחה " * 20
ISOLATES = "\u2068\u2069"


def check_balance(line: str) -> None:
    assert set(ISOLATES).isdisjoint(re.sub("\u2068[^\u2068\u2069]*\u2069", "", line)), ascii(line)


def test_cells_from_right_to_left_stay_within_their_column_on_each_of_their_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("award", "reason", "points"), [("A-1", HEBREW, "+5"), ("A-2", "Goodwill", "+7")])
    out = capsys.readouterr().out
    rows = [line for line in out.splitlines() if "הנחה" in line]
    assert len(rows) > 1
    for row in rows:
        check_balance(row)
        assert "\u2068הנחה" in row
    assert [line for line in out.splitlines() if line.split() == ["A-2", "Goodwill", "+7"]]


def test_a_folded_part_from_right_to_left_is_isolated_on_each_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_blocks([("A-1  +5", f"{isolate(HEBREW)} · 5 EUR")])
    print_fields([("Coupon", f"{isolate(HEBREW)} · 5 EUR")])
    for line in capsys.readouterr().out.splitlines():
        check_balance(line)
        assert ("הנחה" in line) == ("\u2068" in line)


def test_a_value_alone_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields([("Full name", "דנה כהן")])
    assert capsys.readouterr().out.split("  ", 1)[1].strip() == "דנה כהן"


@pytest.mark.parametrize("text", ["👩\u200d💻", "❤\ufe0f\u200d🔥", "می\u200cکنم", "\U0001fae9"])
def test_joined_characters_stay_joined(capsys: pytest.CaptureFixture[str], text: str) -> None:
    print_line(text)
    print_fields([("Name", text)])
    print_table(("name",), [(text,)])
    print_blocks([(text, text)])
    assert capsys.readouterr().out.count(text) == 5


def test_text_of_others_sends_no_control_codes_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    text = "\x1b]0;evil\x07\u202eA\u2068B\u2069\u2069C\u2066\n\x9b31mD"
    print_line(text)
    print_fields([("Name", text)])
    print_blocks([(text,)])
    out = capsys.readouterr().out
    assert set("\x1b\x07\x9b\u202e\u2066").isdisjoint(out)
    assert out.count("A\u2068B\u2069C 31mD") == 3
