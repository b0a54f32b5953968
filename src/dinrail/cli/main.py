"""The `dinrail` program: global options, command groups, and the one place where errors become exit codes.

Exit codes: 0 fine, 1 our check said no, 2 the request was wrong, 3 the host refused, 130 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dinrail import __version__
from dinrail.cli.session import Session
from dinrail.errors import BadRequest, DinrailError, HostError

app = typer.Typer(
    name="dinrail",
    help="Hard real-time control and full guests with a real GPU, side by side on one industrial PC.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_WITH_VALUE = ("--host",)
_FLAGS = ("--json",)

EXTRAS = {
    "qemu": "guest",
    "PIL": "lab",
    "uefi_firmware": "lab",
    "OpenSSL": "ads",
    "cryptography": "ads",
    "paho": "ads",
    "prometheus_client": "ads",
    "llvmlite": "control",
    "elftools": "control",
    "pymodbus": "control",
}
"""Packages that only some commands need, and the extra that brings each."""


def _version(show: bool) -> None:
    if show:
        sys.stdout.write(f"dinrail {__version__}\n")
        raise typer.Exit


@app.callback(epilog="--host and --json may stand before or after the command.")
def _root(
    context: typer.Context,
    host: Annotated[
        Path | None,
        typer.Option(
            "--host", metavar="FILE", help="Ask an archive made by `dinrail collect` instead of this machine."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print facts and errors as JSON, for programs.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    context.obj = Session(host_file=host, as_json=as_json)


def hoist_globals(argv: list[str]) -> list[str]:
    """Move the global options to the front, so that users may write them anywhere (up to a bare `--`)."""
    end = argv.index("--") if "--" in argv else len(argv)
    front: list[str] = []
    rest: list[str] = []
    words = iter(argv[:end])
    for word in words:
        if word in _FLAGS or (word.split("=", 1)[0] in _WITH_VALUE and "=" in word):
            front.append(word)
        elif word in _WITH_VALUE:
            value = next(words, None)
            if value is None:
                raise BadRequest(f"{word} needs a value", hint="name an archive made by `dinrail collect`")
            front += [word, value]
        else:
            rest.append(word)
    return front + rest + argv[end:]


def _not_installed(package: str, extra: str) -> HostError:
    return HostError(
        f"the Python package {package} is not installed",
        why="this command needs it",
        hint=f"pip install dinrail[{extra}]",
    )


def _report(fault: DinrailError) -> int:
    """Tell the fault, and return its exit code."""
    if "--json" in sys.argv:
        import json

        sys.stdout.write(json.dumps(fault.as_dict(), indent=2) + "\n")
    sys.stderr.write("dinrail: " + "\n".join(fault.lines()) + "\n")
    return fault.exit_code


def main() -> None:
    """Run one command and exit. The only `except` for the whole error tree."""
    try:
        register()
        app(args=hoist_globals(sys.argv[1:]), prog_name="dinrail")
    except DinrailError as fault:
        sys.exit(_report(fault))
    except ModuleNotFoundError as missing:
        extra = EXTRAS.get((missing.name or "").split(".")[0])
        if extra is None:
            raise
        # The lab's extra brings the others' packages, too.
        sys.exit(_report(_not_installed(str(missing.name), "lab" if "dinrail.lab" in sys.modules else extra)))
    except KeyboardInterrupt:
        sys.stderr.write("dinrail: interrupted\n")
        sys.exit(130)
    except SystemExit:
        from click.utils import PacifyFlushWrapper

        if not isinstance(sys.stdout, PacifyFlushWrapper):
            raise
        # `dinrail pci | head`: click caught that the reader has had enough, and would exit with 1: no check said no.
        from dinrail.cli.output import let_go_of_stdout

        let_go_of_stdout()
        sys.exit(0)


def register() -> None:
    """Hang all command groups into the program. Each module imports what it needs inside its commands."""
    if app.registered_commands or app.registered_groups:
        return
    from dinrail.cli import commands

    commands.register(app)
