"""CPUs, memory and address bits: what the guest asks for against what the host has."""

from __future__ import annotations

from dinrail.finding import Evidence, Finding, Severity
from dinrail.guest.definition import GuestDefinition
from dinrail.machine.facts import Cpus, HostFacts
from dinrail.units import MIB, format_size


def accel_finding(cpus: Cpus | None) -> Finding:
    """How the guest's instructions will run, said aloud with what that was concluded from."""
    if cpus is None:
        unknown = (Evidence("host facts", "no CPU facts"),)
        message = "whether KVM works is not known: planned for emulation (TCG)"
        return Finding("guest.accel", "host", Severity.WARN, message, unknown)
    if cpus.kvm.usable:
        return Finding("guest.accel", "host", Severity.OK, "KVM works: the guest runs on the CPU", cpus.kvm.evidence)
    return Finding(
        rule="guest.accel",
        subject="host",
        severity=Severity.WARN,
        message="KVM does not work here: the guest is emulated (TCG) and many times slower",
        evidence=cpus.kvm.evidence or (Evidence("/dev/kvm", "not usable"),),
        fix="switch on VT-x/AMD-V in the firmware setup; inside a virtual machine, nested virtualisation on its host",
        verify="dinrail doctor",
    )


def judge_resources(definition: GuestDefinition, cpus: Cpus | None) -> tuple[Finding, ...]:
    """Memory and CPUs. A guest with a passed device has all its memory pinned, so there is no overcommitting it."""
    if cpus is None:
        return ()
    found: list[Finding] = []
    where = f"guest.{definition.name}"
    wanted = format_size(definition.memory_bytes)
    if definition.memory_bytes >= cpus.memory_bytes:
        found.append(
            Finding(
                rule="guest.memory",
                subject=definition.name,
                severity=Severity.BLOCK,
                message=f"wants {wanted} of memory, the host has {cpus.memory_bytes // MIB} MiB",
                evidence=(
                    Evidence(f"{where}.memory", wanted),
                    Evidence("/proc/meminfo", f"MemTotal {cpus.memory_bytes // 1024} kB"),
                ),
                fix="give the guest less; the host needs some for itself",
            )
        )
    if definition.cpus > cpus.count:
        found.append(
            Finding(
                rule="guest.cpus",
                subject=definition.name,
                severity=Severity.BLOCK,
                message=f"wants {definition.cpus} CPUs, the host has {cpus.count}",
                evidence=(
                    Evidence(f"{where}.cpus", str(definition.cpus)),
                    Evidence("/proc/cpuinfo", f"{cpus.count} processors"),
                ),
                fix="give the guest fewer: more than the host has only makes it slower",
            )
        )
    return tuple(found)


def phys_bits_limit(facts: HostFacts, *, needed: bool) -> tuple[int | None, tuple[Finding, ...]]:
    """The most address bits that the guest's CPU may announce; None where no limit is needed.

    Firmware puts large BARs at the top of the address space that the CPU announces. Where the IOMMU translates fewer
    bits than that, mapping them fails at start (`vfio_container_dma_map(...) = -22`).
    """
    width = facts.iommu.address_bits if facts.iommu else None
    physical = facts.cpus.physical_bits if facts.cpus else None
    if not needed or width is None or physical is None or width >= physical:
        return None, ()
    finding = Finding(
        rule="guest.address-bits",
        subject="host",
        severity=Severity.NOTE,
        message=f"the guest's CPU announces {width} address bits, because the IOMMU translates no more",
        evidence=(
            Evidence("IOMMU capability register", f"{width} bits"),
            Evidence("/proc/cpuinfo", f"address sizes: {physical} bits physical"),
        ),
    )
    return width, (finding,)
