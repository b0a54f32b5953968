"""Findings: verdicts that carry their evidence."""

from __future__ import annotations

import pytest

from dinrail.finding import Backend, Evidence, Finding, Severity, blocking, finding_lines, refusal, worst_first

SEEN = (Evidence("/proc/cmdline", "intel_iommu=off"),)


def finding(severity: Severity, rule: str = "iommu.off", **more: object) -> Finding:
    return Finding(rule, "host", severity, "the IOMMU is off", evidence=SEEN, **more)  # type: ignore[arg-type]  # test shorthand


@pytest.mark.parametrize("severity", [Severity.BLOCK, Severity.WARN])
def test_a_verdict_without_evidence_cannot_be_made(severity: Severity) -> None:
    """A finding that blocks or warns carries what it was concluded from."""
    with pytest.raises(ValueError, match="needs its evidence"):
        Finding("iommu.off", "host", severity, "the IOMMU is off")


def test_only_blocking_findings_of_the_asked_backend_stop_a_plan() -> None:
    """A warning never stops a plan, and a bhyve block does not stop a QEMU plan."""
    here, there = finding(Severity.BLOCK), finding(Severity.BLOCK, backends=(Backend.BHYVE,))
    assert blocking((finding(Severity.WARN), here, there), backend=Backend.QEMU) == (here,)


def test_findings_are_read_worst_first() -> None:
    """What has to be read first stands first."""
    ok, block, warn = finding(Severity.OK), finding(Severity.BLOCK), finding(Severity.WARN)
    assert worst_first((ok, warn, block)) == (block, warn, ok)


def test_a_refusal_tells_evidence_fix_check_and_waiver() -> None:
    """The error that stops a plan carries everything its reader needs, and exits 1."""
    fault = refusal(
        "cannot claim", (finding(Severity.BLOCK, fix="boot with it", verify="dinrail doctor", waiver="--insist"),)
    )
    assert fault.exit_code == 1
    assert fault.lines() == [
        "cannot claim",
        "  host: the IOMMU is off [iommu.off]",
        "    evidence: /proc/cmdline: intel_iommu=off",
        "    fix: boot with it",
        "    check: dinrail doctor",
        "    insist: --insist",
    ]
    assert finding_lines(()) == ()
