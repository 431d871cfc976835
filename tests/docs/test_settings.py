"""The tables of docs/settings.md against what the processes declare."""

import re
from pathlib import Path

import msgspec
import pytest

import gateway.config
import loyalty_service.config
from runtime.settings import Setting, Settings, list_settings

PAGE = Path(__file__).parent.parent.parent / "docs" / "settings.md"
ROW = re.compile(r"\| `(?P<name>[A-Z_]+)`(?P<star> \\\*)? \| (?P<words>.+?) \| (?P<default>.+?) \| (?P<meaning>.+) \|")


def read_table(process: str) -> list[re.Match[str]]:
    """Return the rows below the head that names `process`."""
    _, head, rest = PAGE.read_text(encoding="utf-8").partition(f"| `python -m {process}` |")
    assert head
    table, _, _ = rest.partition("\n\n")
    return [row for line in table.splitlines()[2:] if (row := ROW.fullmatch(line))]


def spell_default(setting: Setting) -> str:
    if setting.default is msgspec.NODEFAULT:
        return "required"
    if isinstance(setting.default, int | float):
        return f"{setting.default:.10g}"
    return str(setting.default or "none")


@pytest.mark.parametrize("config", [gateway.config.Config, loyalty_service.config.Config])
def test_page_has_each_setting_with_its_unit_range_and_default(config: type[Settings]) -> None:
    declared = [(one.name, one.form.is_secret, one.form.words, spell_default(one)) for one in list_settings(config)]
    rows = read_table(config.__module__.partition(".")[0])
    assert [(row["name"], bool(row["star"]), row["words"], row["default"]) for row in rows] == declared
