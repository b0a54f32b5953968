"""The IOMMU: is it there, is it on, and what says so.

Sources: Documentation/ABI/testing/sysfs-class-iommu*, sysfs-kernel-iommu_groups; Intel VT-d Architecture
Specification 4.1, 11.4.2 (CAP_REG.MGAW); the tables in `acpi`.
"""

from __future__ import annotations

from dinrail.acpi.dmar import parse_dmar
from dinrail.acpi.ivrs import parse_ivrs
from dinrail.errors import FormatError
from dinrail.finding import Evidence
from dinrail.machine.facts import Iommu, IommuGroup, IommuState, PciFunction
from dinrail.machine.linux.kernel import CMDLINE, words
from dinrail.machine.linux.pci import groups_by_link
from dinrail.machine.linux.text import address, hex_number, number
from dinrail.machine.sources import Raw

UNITS = "/sys/class/iommu"
GROUPS = "/sys/kernel/iommu_groups"
TABLES = "/sys/firmware/acpi/tables"
INTERRUPTS = "/proc/interrupts"
UNSAFE = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"


def read_groups(raw: Raw, functions: tuple[PciFunction, ...]) -> tuple[IommuGroup, ...]:
    """All groups; what the groups' own directories say goes before the functions' links."""
    groups = {group.number: group for group in groups_by_link(functions)}
    for name in raw.children(GROUPS):
        index = number(name)
        if index is None or index < 0:
            continue
        base = f"{GROUPS}/{name}"
        listed = (address(member) for member in raw.text(f"{base}/devices").split())
        linked = groups[index].members if index in groups else ()
        groups[index] = IommuGroup(
            number=index,
            members=tuple(sorted({member for member in listed if member} | set(linked))),
            kind=raw.text(f"{base}/type"),
            reserved=tuple(line.strip() for line in raw.text(f"{base}/reserved_regions").splitlines() if line.strip()),
        )
    return tuple(groups[index] for index in sorted(groups))


def read_iommu(raw: Raw, groups: tuple[IommuGroup, ...]) -> Iommu:
    """Facts of Topic.IOMMU. The kernel's command line is quoted as evidence where it was fetched too."""
    units = tuple(raw.text(UNITS).split())
    table, table_evidence = _table(raw)
    state = _state(raw, units, groups, table)
    remapping, remapping_evidence = _interrupt_remapping(raw)
    evidence = [
        Evidence(UNITS, " ".join(units) or "empty"),
        Evidence(GROUPS, f"{len(groups)} groups"),
        *table_evidence,
        *remapping_evidence,
    ]
    return Iommu(
        kind=_kind(units, table),
        state=state,
        units=units,
        interrupt_remapping=remapping,
        address_bits=_address_bits(raw, units),
        unsafe_interrupts_allowed=_unsafe(raw),
        evidence=tuple(evidence),
    )


def _kind(units: tuple[str, ...], table: str) -> str:
    if any(unit.startswith("dmar") for unit in units) or (not units and table == "DMAR"):
        return "intel"
    if any(unit.startswith("ivhd") for unit in units) or (not units and table == "IVRS"):
        return "amd"
    return ""


def _state(raw: Raw, units: tuple[str, ...], groups: tuple[IommuGroup, ...], table: str) -> IommuState:
    if groups:
        return IommuState.ON
    if units:
        return IommuState.NO_GROUPS
    if table:
        return IommuState.DISABLED
    entry = raw.get(TABLES)
    return IommuState.UNKNOWN if entry is None or entry.fault else IommuState.NO_TABLE


def _table(raw: Raw) -> tuple[str, list[Evidence]]:
    """Which of the two tables the firmware has (empty for none), and what it says."""
    names = raw.text(TABLES).split()
    found = next((name for name in ("DMAR", "IVRS") if name in names or raw.get(f"{TABLES}/{name}")), "")
    if not found:
        entry = raw.get(TABLES)
        if entry is None or entry.fault:
            return "", [Evidence(TABLES, f"could not be read ({entry.fault if entry else 'not there'})")]
        return "", [Evidence(TABLES, f"neither DMAR nor IVRS among {' '.join(names[:40]) or 'no tables'}")]
    path = f"{TABLES}/{found}"
    content = raw.get(path)
    if content is None or content.fault:
        return found, [Evidence(TABLES, f"{found} is there (its content needs root)")]
    try:
        text = _dmar_text(content.data, path) if found == "DMAR" else _ivrs_text(content.data, path)
    except FormatError as fault:
        text = f"malformed: {fault}"
    return found, [Evidence(path, text)]


def _dmar_text(data: bytes, path: str) -> str:
    dmar = parse_dmar(data, where=path)
    parts = [
        _counted(len(dmar.units), "unit"),
        f"{dmar.host_address_bits} address bits",
        f"interrupt remapping {'announced' if dmar.interrupt_remapping else 'not announced'}",
        _counted(len(dmar.reserved), "reserved region"),
    ]
    return ", ".join(parts)


def _ivrs_text(data: bytes, path: str) -> str:
    ivrs = parse_ivrs(data, where=path)
    units = {(unit.segment, unit.bus, unit.device, unit.function) for unit in ivrs.units}
    reserved = _counted(len(ivrs.reserved), "reserved region")
    return f"{_counted(len(units), 'unit')}, {ivrs.virtual_bits} address bits, {reserved}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _interrupt_remapping(raw: Raw) -> tuple[bool | None, list[Evidence]]:
    """The kernel writes `IR-` before remapped interrupt chips: the sign of what is in force, not just possible."""
    lines = [line for line in raw.text(INTERRUPTS).splitlines() if "IO-APIC" in line or "PCI-MSI" in line]
    if not lines:
        return None, []
    remapped = next((line for line in lines if " IR-" in line), None)
    quoted = " ".join((remapped or lines[0]).split()[:1] + (remapped or lines[0]).split()[-3:])
    return remapped is not None, [Evidence(INTERRUPTS, quoted)]


def _address_bits(raw: Raw, units: tuple[str, ...]) -> int | None:
    """The narrowest unit's MGAW: capability register, bits 21:16, plus one."""
    caps = (hex_number(raw.text(f"{UNITS}/{unit}/intel-iommu/cap")) for unit in units)
    return min((((cap >> 16) & 0x3F) + 1 for cap in caps if cap), default=None)


def _unsafe(raw: Raw) -> bool:
    if value := raw.text(UNSAFE):
        return value in ("Y", "1")
    given = [
        word.partition("=")[2]
        for word in words(raw.text(CMDLINE))
        if word.startswith("vfio_iommu_type1.allow_unsafe_interrupts=")
    ]
    return bool(given) and given[-1] in ("1", "Y", "y", "on")
