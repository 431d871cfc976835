"""Commands that are refused before any request: one line, code 2, no secret."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from gateway.cli import main


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", f"sqlite:///{tmp_path / 'gateway.db'}")
    monkeypatch.setenv("GATEWAY_SECRET_KEYS", Fernet.generate_key().decode())


INSTALL = [
    "install",
    "acme",
    "--gorgias-user",
    "ops@acme.example",
    "--gorgias-key-file",
    "/nowhere/key",
    "--gorgias-url",
]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check"], "name one shop, or --all"),
        (["check", "acme", "--all"], "--all takes no shop"),
        (["check", "--all", "--ticket", "4711"], "--ticket is for one shop"),
        (["check", "acme", "--fix", "--ticket", "4711"], "--ticket is for one shop"),
        (["check", "acme", "--metrics", "check.prom"], "add --all"),
        (["check", "Not_a_label"], "ID must be"),
        (["check", "acme", "--nonsense"], "--nonsense"),
        (["merchant", "lst"], "lst"),
        (["merchant", "add", "acme", "--trifft-url", "https://api.trifft.io"], "--trifft-token-file"),
        (["merchant", "update", "acme"], "no change is given"),
        (["merchant", "update", "acme", "--max-per-award", "0"], "--max-per-award must be"),
        (["merchant", "update", "acme", "--max-per-ticket", "-5"], "--max-per-ticket must be"),
        (["merchant", "update", "acme", "--max-per-member-day", "1,000"], "--max-per-member-day must be"),
        (["merchant", "update", "acme", "--max-per-shop-day", "1000000001"], "--max-per-shop-day must be"),
        (["merchant", "update", "acme", "--max-per-agent-day", "²"], "--max-per-agent-day must be"),
        *(
            (["merchant", "update", "acme", "--max-deduction-per-award", typed], "from 1 to 1000000, or none: not")
            for typed in ("0", "-5", "default", "1000001", "1.5", "²", "")
        ),
        (["merchant", "update", "acme", "--reason", "Goodwill", "--no-reasons"], "exclude each other"),
        (["merchant", "update", "acme", "--reason", "Late, damaged"], "--reason must not contain a comma"),
        ([*INSTALL, "https://a.b.gorgias.com"], "must name one account"),
        ([*INSTALL, "https://acme.gorgias.com"], "there is no file /nowhere/key"),
        ([*INSTALL, "https://acme.gorgias.com", "--template", "pretty"], "--template"),
    ],
)
def test_usage_that_is_wrong_is_one_line_and_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("GATEWAY_SECRET_KEYS", "wrong-s3cret"), ("GATEWAY_DATABASE_URL", "mysql://root:s3cret@db/gateway")],
)
def test_settings_that_are_wrong_are_one_line_and_code_2_or_3_of_check(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert (main(["uninstall", "acme"]), main(["check", "acme"])) == (2, 3)
    err = capsys.readouterr().err
    assert err.startswith(f"trifft-gorgias: {name}")
    assert "s3cret" not in err


def test_database_that_cannot_be_used_is_one_line_and_code_1_or_3_of_check(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "sqlite:////nowhere/gateway.db")
    assert (main(["uninstall", "acme"]), main(["check", "acme"]), main(["check", "--all"])) == (1, 3, 3)
    assert "GATEWAY_DATABASE_URL cannot be used: /nowhere/gateway.db: " in capsys.readouterr().err


def test_uninstall_of_a_shop_that_is_not_installed_succeeds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["uninstall", "acme"]) == 0
    assert capsys.readouterr().out == "acme is not installed: nothing to remove.\n"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in ("merchant", "install", "uninstall", "check", "member", "award"))
