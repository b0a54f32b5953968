"""The one table of rules: may this function go to a guest? Each row is an id, a weight and a judge.

Ids are stable: users, documents and scripts refer to them. docs/doctor.md explains each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dinrail.finding import Evidence, Finding, Severity
from dinrail.machine.facts import HostFacts, PciFunction
from dinrail.machine.sources import Topic
from dinrail.passthrough import device_rules as device
from dinrail.passthrough import host_rules as host
from dinrail.passthrough import iommu_rules as iommu
from dinrail.passthrough.case import Case, DeviceRule, HostRule
from dinrail.pci.address import PciAddress

TOPICS = (Topic.PCI, Topic.PCI_NAMES, Topic.IOMMU, Topic.KERNEL, Topic.CPU, Topic.CONSOLE)
"""What the rules need to know. Without IOMMU, KERNEL and CONSOLE nothing is allowed."""

HEADLESS_OK = "--headless-ok"

HOST_RULES: tuple[HostRule, ...] = (
    HostRule("facts.missing", Severity.BLOCK, host.facts_missing),
    HostRule("iommu.on", Severity.OK, iommu.is_on),
    HostRule("iommu.no-table", Severity.BLOCK, iommu.no_table),
    HostRule("iommu.disabled", Severity.BLOCK, iommu.disabled),
    HostRule("iommu.no-groups", Severity.BLOCK, iommu.no_groups),
    HostRule("iommu.unknown", Severity.BLOCK, iommu.unknown),
    HostRule("iommu.interrupt-remapping", Severity.BLOCK, iommu.no_interrupt_remapping),
    HostRule("iommu.unsafe-interrupts", Severity.WARN, iommu.unsafe_interrupts),
    HostRule("iommu.narrow", Severity.WARN, iommu.narrow),
    HostRule("kernel.vfio-pci", Severity.BLOCK, host.no_vfio_pci),
    HostRule("kernel.lockdown", Severity.NOTE, host.lockdown),
    HostRule("cpu.kvm", Severity.WARN, host.no_kvm),
    HostRule("memory.lock", Severity.NOTE, host.locked_memory),
)

DEVICE_RULES: tuple[DeviceRule, ...] = (
    DeviceRule("device.bridge", Severity.BLOCK, device.bridge),
    DeviceRule("device.silent", Severity.BLOCK, device.silent),
    DeviceRule("group.none", Severity.BLOCK, iommu.without_group),
    DeviceRule("group.shared", Severity.BLOCK, iommu.shared_group),
    DeviceRule("group.reserved", Severity.BLOCK, iommu.reserved_direct),
    DeviceRule("console.only", Severity.BLOCK, device.only_console, waiver=HEADLESS_OK),
    DeviceRule("console.shared", Severity.WARN, device.shared_console),
    DeviceRule("console.firmware", Severity.WARN, device.firmware_picture),
    DeviceRule("device.boot-vga", Severity.NOTE, device.boot_vga),
    DeviceRule("device.rom", Severity.NOTE, device.no_rom),
    DeviceRule("device.reset", Severity.WARN, device.no_reset),
    DeviceRule("device.bus-reset", Severity.WARN, device.bus_reset),
    DeviceRule("device.in-use", Severity.NOTE, device.in_use),
    DeviceRule("device.claimed", Severity.NOTE, device.claimed),
)


def judge_host(facts: HostFacts) -> tuple[Finding, ...]:
    """What holds for any device of this host."""
    return tuple(found for rule in HOST_RULES if (found := rule.on(facts)) is not None)


def judge_function(
    facts: HostFacts, function: PciFunction, together: frozenset[PciAddress] = frozenset()
) -> tuple[Finding, ...]:
    """What holds for one function, if it is handed over along with the functions `together`."""
    case = Case(facts, function, together | {function.address})
    return tuple(found for rule in DEVICE_RULES if (found := rule.on(case)) is not None)


def judge(
    facts: HostFacts, addresses: Sequence[PciAddress], *, waivers: frozenset[str] = frozenset()
) -> tuple[Finding, ...]:
    """All findings about handing these functions to one guest: every conflict at once.

    waivers: options by which the user insists, as written (`--headless-ok`); what they cover warns instead of blocking.
    """
    together = frozenset(addresses)
    found = list(judge_host(facts))
    for address in dict.fromkeys(addresses):
        function = facts.function(address)
        found += [_missing(facts, address)] if function is None else judge_function(facts, function, together)
    return tuple(waived(finding, waivers) for finding in found)


def waived(finding: Finding, waivers: frozenset[str]) -> Finding:
    """The finding, turned into a warning where the user insists and the rule allows that."""
    if finding.severity is not Severity.BLOCK or not finding.waiver or finding.waiver not in waivers:
        return finding
    return replace(
        finding,
        severity=Severity.WARN,
        message=f"{finding.message} (you insist: {finding.waiver})",
        waiver="",
    )


def _missing(facts: HostFacts, address: PciAddress) -> Finding:
    near = [str(f.address) for f in facts.functions if f.address.same_slot(address)]
    seen = f"in that slot: {' '.join(near)}" if near else f"{len(facts.functions)} functions, none in that slot"
    return Finding(
        rule="device.missing",
        subject=str(address),
        severity=Severity.BLOCK,
        message="there is no such function on this host",
        evidence=(Evidence("/sys/bus/pci/devices", seen),),
        fix="choose one that `dinrail pci` lists",
    )
