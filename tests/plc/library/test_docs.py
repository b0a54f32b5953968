"""docs/plc-library.md names what is there."""

from __future__ import annotations

import re
from pathlib import Path

from dinrail.plc.library import library_units
from dinrail.plc.parse.declaration import PouKind

PAGE = Path(__file__).resolve().parents[3] / "docs" / "plc-library.md"
TITLES = {"Language": "__Language"}


def documented() -> dict[str, set[str]]:
    """Names in the first column of each library's table."""
    found: dict[str, set[str]] = {}
    for section in PAGE.read_text().split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        rows = [line.split("|")[1] for line in text.split("\n") if line.startswith("| `")]
        if rows:
            found[TITLES.get(title, title)] = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    return found


def test_the_page_has_every_name_under_its_library() -> None:
    """No name of the library is missing on the page, and none on the page is missing in the library."""
    is_there = {}
    for unit in library_units():
        names = {pou.name for pou in unit.pous if pou.kind in (PouKind.FUNCTION, PouKind.FUNCTION_BLOCK)}
        names = {name for name in names if not name.startswith("__")}
        is_there[unit.namespace] = {name for name in names if "WSTRING" not in name or name.count("STRING") > 1}
    assert documented() == is_there
