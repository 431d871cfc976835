"""What a narrow terminal shows of long values."""

import pytest

from gateway.cli.output import print_fields, print_table

LONG = "https://admin.example/members/bf428af0-bf06-4bc4-a91b-91b5bda6e211"


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty columns."""
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
