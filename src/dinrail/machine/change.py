"""A change to the host as a value: what stands there, what is wanted, and how long it would last.

Plans are made of these by `passthrough` and `isolation` (later `network`), printed and compared, and made real only by
`host.apply` through the journal. Undo is compare-and-set: `before` is put back where `want` still stands.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dinrail.finding import Finding, blocking


class ChangeKind(enum.StrEnum):
    """What can be changed. `before` and `want` are the values as the system spells them."""

    MODULE = "module"  # target: module name; value: "" (absent) or "loaded"
    DRIVER = "driver"  # target: PCI address; value: driver name, "" for none
    DRIVER_OVERRIDE = "driver-override"  # target: PCI address; value: driver name, "" for none
    ROM_ENABLE = "rom-enable"  # target: PCI address; value: "0" or "1"
    SETTING = "setting"  # target: a file of `machine.setting`; value: what it holds, CPU sets as lists
    IRQ_AFFINITY = "irq-affinity"  # target: interrupt number; value: list of CPUs
    CPUSET_CONTROL = "cpuset-control"  # target: a version 2 hierarchy's root; value: "cpuset" or ""
    CPUSET_GROUP = "cpuset-group"  # target: a control group's directory; value: "there" or ""
    CPUSET_PARTITION = "cpuset-partition"  # target: a control group; value: "member", "root" or "isolated"
    CPUSET_TASKS = "cpuset-tasks"  # target: a version 1 cpuset; value: "moved" (out of its parent) or ""


class Lasts(enum.StrEnum):
    """How far a change reaches. What lasts only until boot needs no undo after a reboot."""

    BOOT = "boot"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class Change:
    """One step. `why` is for the reader of the plan."""

    kind: ChangeKind
    target: str
    before: str
    want: str
    lasts: Lasts = Lasts.BOOT
    why: str = ""

    def reversed(self) -> Change:
        """The step that takes this one back."""
        return Change(self.kind, self.target, self.want, self.before, self.lasts, f"undo: {self.why}")


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """Steps in the order in which they are made; undo walks them backwards, so each step must be legal both ways.

    purpose: what the steps are for, as `claim 0000:01:00.0`; it names the transaction in the journal.
    """

    purpose: str
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def blocked(self) -> tuple[Finding, ...]:
        """The findings for which the plan must not be carried out."""
        return blocking(self.findings)
