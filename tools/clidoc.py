"""Write docs/cli.md from the program itself: `python -m tools.clidoc`. A test compares the two."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import typer

from dinrail.cli import main

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
HEAD = """# The commands

Made from the program by `make docs`; `dinrail COMMAND --help` says the same.

Every command takes `--json` (answer for programs), `--host FILE` (ask an archive made by `dinrail collect`), before or
after the command. Exit codes: 0 fine, 1 our check said no, 2 the request was wrong, 3 the host refused, 130 interrupted
by the user.
"""


def page() -> str:
    """The whole page."""
    main.register()
    root = typer.main.get_command(main.app)
    return HEAD + "".join(_sections(root, "dinrail"))


def _sections(command: click.Command, path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _sections(command.commands[name], f"{path} {name}")
        return
    context = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"\n## `{path} {usage}`".rstrip() + "\n\n"
    yield f"{(command.help or '').strip()}\n"
    rows = [row for row in (_row(param) for param in command.params) if row]
    if rows:
        yield "\n| | |\n|---|---|\n" + "\n".join(rows) + "\n"


def _row(param: click.Parameter) -> str:
    if isinstance(param, click.Argument):
        name, text = f"`{param.human_readable_name}`", getattr(param, "help", "") or ""
    elif isinstance(param, click.Option) and param.name != "help":
        value = "" if param.is_flag else f" {param.metavar or param.type.name.upper()}"
        name, text = f"`{', '.join(param.opts)}{value}`", param.help or ""
        if not param.is_flag and param.default not in (None, (), ""):
            text += f" Default: {param.default}."
    else:
        return ""
    text = " ".join(text.split()).replace("|", "\\|")
    return f"| {name} | {text} |"


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE}\n")
