"""What a rule looks at, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dinrail.finding import Backend, Finding, Severity, Verdict
from dinrail.machine.facts import HostFacts, PciFunction
from dinrail.pci.address import PciAddress

BOTH = (Backend.QEMU, Backend.BHYVE)
VFIO = "vfio-pci"
KEEPS_GROUP_VIABLE = frozenset({VFIO, "pci-stub"})
"""Drivers that may hold a group's other members: vfio trusts them not to start DMA (drivers/vfio/group.c)."""


@dataclass(frozen=True, slots=True)
class Case:
    """One function to be judged. `together`: all the addresses that are to be handed to a guest, this one included."""

    facts: HostFacts
    function: PciFunction
    together: frozenset[PciAddress]


@dataclass(frozen=True, slots=True)
class HostRule:
    """A rule about the host as a whole."""

    id: str
    severity: Severity
    judge: Callable[[HostFacts], Verdict | None]
    waiver: str = ""

    def on(self, facts: HostFacts) -> Finding | None:
        verdict = self.judge(facts)
        return None if verdict is None else verdict.finding(self.id, self.severity, "host", BOTH, self.waiver)


@dataclass(frozen=True, slots=True)
class DeviceRule:
    """A rule about one function."""

    id: str
    severity: Severity
    judge: Callable[[Case], Verdict | None]
    waiver: str = ""

    def on(self, case: Case) -> Finding | None:
        verdict = self.judge(case)
        return (
            None
            if verdict is None
            else verdict.finding(self.id, self.severity, str(case.function.address), BOTH, self.waiver)
        )


def describe(function: PciFunction) -> str:
    """`0000:01:00.1 10de:0fb9 Audio device, driver snd_hda_intel`: a function in one breath."""
    words = [str(function.address), function.ids.pair]
    words += [word for word in (function.class_name or f"class {function.ids.sub_class:04x}",) if word]
    return f"{' '.join(words)}, {f'driver {function.driver}' if function.driver else 'no driver'}"
