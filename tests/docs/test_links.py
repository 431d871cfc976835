"""Links of the project's pages: the file is there, its heading too, and a test that is named is in it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted(path.relative_to(ROOT) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<path>[^)#\s]*)(?:#(?P<anchor>[^)]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def make_anchor(heading: str) -> str:
    """As GitHub does."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def list_anchors(page: Path) -> set[str]:
    return {make_anchor(heading) for heading in HEADING.findall(FENCED.sub("", page.read_text(encoding="utf-8")))}


def find_faults(page: Path) -> list[str]:
    """Each link that leads nowhere."""
    faults = []
    for link in LINK.finditer(FENCED.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link["path"]:
            continue
        target = page.parent / link["path"] if link["path"] else page
        if not is_there(target, link["anchor"], link["text"].strip("`")):
            faults.append(link[0])
    return faults


def is_there(target: Path, anchor: str | None, text: str) -> bool:
    if not target.exists() or (anchor and anchor not in list_anchors(target)):
        return False
    return not text.startswith("test_") or f"def {text}(" in target.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert find_faults(ROOT / page) == []


@pytest.mark.parametrize("name", ["guarantees.md", "guarantees-reads.md"])
def test_every_guarantee_names_a_test_and_what_it_does_not_cover(name: str) -> None:
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    _, *sections = re.split(r"^## ", page, flags=re.MULTILINE)
    for part in ("](../tests/", "**Not covered"):
        assert [section.partition("\n")[0] for section in sections if part not in section] == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One two\n[a](#one-two) [b](#three) [c](none.md) [`test_x`](page.md)\n", encoding="utf-8")
    assert find_faults(page) == ["[b](#three)", "[c](none.md)", "[`test_x`](page.md)"]
