"""The page of all commands, docs/cli.md."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_page_of_commands_is_what_the_program_says() -> None:
    """docs/cli.md is what `make docs` writes now."""
    sys.path.insert(0, str(ROOT))
    try:
        from tools import clidoc
    finally:
        sys.path.remove(str(ROOT))
    assert clidoc.PAGE.read_text() == clidoc.page()


def test_every_command_says_what_it_does() -> None:
    """No command and no option is without its help."""
    page = (ROOT / "docs" / "cli.md").read_text()
    for section in page.split("\n## ")[1:]:
        heading, _, body = section.partition("\n\n")
        assert body.strip(), heading
        assert body.split("\n", 1)[0].endswith((".", "`.")), heading
    assert "|  |" not in page
