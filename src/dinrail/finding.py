"""A verdict carries its evidence: what was judged, by which rule, from which bytes, and how to mend and re-check it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dinrail.errors import Refused


class Severity(enum.StrEnum):
    """How much a finding weighs. Only `BLOCK` stops a plan; everything is shown."""

    BLOCK = "block"
    WARN = "warn"
    NOTE = "note"
    OK = "ok"

    @property
    def rank(self) -> int:
        """0 is the worst, so that sorting by rank puts first what the user has to read first."""
        return list(Severity).index(self)


class Backend(enum.StrEnum):
    """Whom a finding concerns."""

    QEMU = "qemu"
    BHYVE = "bhyve"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was read: where, and what it said. `text` quotes the source, it is not our own prose."""

    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's verdict on one subject.

    rule:     stable id that users, docs and scripts refer to, e.g. `iommu.off`.
    subject:  what was judged: a device address, `host`, a file.
    message:  the verdict as one sentence.
    evidence: what it was concluded from; never empty for BLOCK and WARN.
    fix:      what to do about it; empty when nothing can be done.
    verify:   a command or look-up that shows whether the fix took.
    waiver:   the option that lets the user insist, where the rule allows that (`--headless-ok`).
    """

    rule: str
    subject: str
    severity: Severity
    message: str
    evidence: tuple[Evidence, ...] = ()
    fix: str = ""
    verify: str = ""
    waiver: str = ""
    backends: tuple[Backend, ...] = (Backend.QEMU, Backend.BHYVE)

    def __post_init__(self) -> None:
        if self.severity in (Severity.BLOCK, Severity.WARN) and not self.evidence:
            raise ValueError(f"finding {self.rule}: a {self.severity} verdict needs its evidence")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule of a table found, before the table's own words are added.

    subject:  what it is about, where that is not what the rule was asked about.
    severity: replaces the table's where the same fault weighs differently.
    """

    message: str
    evidence: tuple[Evidence, ...] = ()
    fix: str = ""
    verify: str = ""
    subject: str = ""
    severity: Severity | None = None

    def finding(
        self, rule: str, severity: Severity, subject: str, backends: tuple[Backend, ...], waiver: str = ""
    ) -> Finding:
        """As users see it. rule, severity, waiver: the table's; subject: what the rule was asked about.

        Only what stands in the way can be waived.
        """
        weight = self.severity or severity
        return Finding(
            rule=rule,
            subject=self.subject or subject,
            severity=weight,
            message=self.message,
            evidence=self.evidence,
            fix=self.fix,
            verify=self.verify,
            waiver=waiver if weight is Severity.BLOCK else "",
            backends=backends,
        )


def blocking(findings: tuple[Finding, ...], *, backend: Backend | None = None) -> tuple[Finding, ...]:
    """Those findings that stop a plan, in their order (for one backend, or any)."""
    return tuple(f for f in findings if f.severity is Severity.BLOCK and (backend is None or backend in f.backends))


def worst_first(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Sorted for a reader: by severity, then rule and subject."""
    return tuple(sorted(findings, key=lambda f: (f.severity.rank, f.rule, f.subject)))


def finding_lines(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """Findings as plain lines, worst first, each with evidence, fix, check and the option that waives it."""
    lines: list[str] = []
    for finding in worst_first(findings):
        lines.append(f"{finding.subject}: {finding.message} [{finding.rule}]")
        lines += [f"  evidence: {e.source}: {e.text}" for e in finding.evidence]
        rows = (("fix", finding.fix), ("check", finding.verify), ("insist", finding.waiver))
        lines += [f"  {name}: {text}" for name, text in rows if text]
    return tuple(lines)


def refusal(what: str, findings: tuple[Finding, ...], *, where: str | None = None) -> Refused:
    """The error that stops a plan, carrying every finding that blocks it."""
    return Refused(what, where=where, details=finding_lines(blocking(findings)))
