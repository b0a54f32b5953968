"""Values as JSON for programs, and rich tables for people. rich is imported only when something is drawn."""

from __future__ import annotations

import dataclasses
import enum
import errno
import json
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dinrail.ams.address import AmsAddr, NetId
from dinrail.finding import Finding, Severity, worst_first
from dinrail.pci.address import PciAddress

if TYPE_CHECKING:
    from rich.console import Console

_STYLE = {Severity.BLOCK: "bold red", Severity.WARN: "yellow", Severity.NOTE: "cyan", Severity.OK: "green"}


def plain(value: object) -> object:
    """A dataclass tree as JSON types: enums by value, addresses (PCI, AMS) as text, other bytes in hex, sets sorted."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, PciAddress | NetId | AmsAddr):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def print_json(value: object) -> None:
    sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")


def console(*, stderr: bool = False) -> Console:
    """A rich console that never hides text when the output is no terminal: 160 columns there, no colours."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            """As everywhere else (`main`): rich itself would exit with 1."""
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    stream = sys.stderr if stderr else sys.stdout
    return Plain(stderr=stderr, highlight=False, soft_wrap=False, width=None if stream.isatty() else 160)


def let_go_of_stdout() -> None:
    """`| head`: the reader has had enough. What Python still flushes at its end goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def print_findings(findings: tuple[Finding, ...], *, out: Console | None = None) -> None:
    """Findings worst first, each with its evidence, fix and check."""
    out = out or console()
    for finding in worst_first(findings):
        out.print(f"{finding.severity.value:>5} ", style=_STYLE[finding.severity], end=" ")
        out.print(f"{finding.subject} {finding.message}  [{finding.rule}]", markup=False)
        rows = [(f"evidence: {e.source}", e.text) for e in finding.evidence]
        rows += [(name, text) for name, text in (("fix", finding.fix), ("check", finding.verify)) if text]
        if finding.waiver:
            rows.append(("insist", finding.waiver))
        for name, text in rows:
            out.print(f"        {name}: {text}", markup=False)
