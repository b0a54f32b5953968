"""PCI functions from sysfs. Sources: Documentation/ABI/testing/sysfs-bus-pci, include/linux/ioport.h (IORESOURCE_*)."""

from __future__ import annotations

from dinrail.machine.facts import Bar, BarKind, IommuGroup, PciFunction, PciIds
from dinrail.machine.linux.text import address, hex_number, last_component, number
from dinrail.machine.sources import Raw
from dinrail.pci.address import PciAddress
from dinrail.units import Hpa

DEVICES = "/sys/bus/pci/devices"

_IORESOURCE_IO = 0x0000_0100
_IORESOURCE_MEM = 0x0000_0200
_IORESOURCE_PREFETCH = 0x0000_2000
_IORESOURCE_MEM_64 = 0x0010_0000
_IORESOURCE_UNSET = 0x2000_0000

_ROM_LINE = 6
_UNKNOWN_IDS = PciIds(0xFFFF, 0xFFFF, 0, 0, 0xFF0000, 0)


def read_functions(raw: Raw) -> tuple[PciFunction, ...]:
    """All functions, sorted as lspci sorts, without names (see `inventory`)."""
    found = {name: here for name in raw.children(DEVICES) if (here := address(name))}
    return tuple(sorted((_function(raw, name, here) for name, here in found.items()), key=lambda f: f.address))


def groups_by_link(functions: tuple[PciFunction, ...]) -> tuple[IommuGroup, ...]:
    """Groups as far as the functions' own links tell: members, but neither type nor reserved regions."""
    members: dict[int, list[PciAddress]] = {}
    for function in functions:
        if function.group is not None:
            members.setdefault(function.group, []).append(function.address)
    return tuple(IommuGroup(number, tuple(sorted(members[number])), "", ()) for number in sorted(members))


def _function(raw: Raw, name: str, here: PciAddress) -> PciFunction:
    base = f"{DEVICES}/{name}"
    entry = raw.get(f"{base}/config")
    config = entry.data if entry is not None and not entry.fault else b""
    uevent = _uevent(raw.text(f"{base}/uevent"))
    driver = last_component(raw.text(f"{base}/driver")) or uevent.get("DRIVER", "")
    override = raw.text(f"{base}/driver_override")
    boot_vga = raw.text(f"{base}/boot_vga")
    node = number(raw.text(f"{base}/numa_node"))
    rom = raw.get(f"{base}/rom")
    return PciFunction(
        address=here,
        ids=_ids(uevent, config),
        parent=_parent(raw.text(base)),
        driver=driver or None,
        # The kernel prints a null pointer where nothing is set.
        driver_override=None if override in ("", "(null)") else override,
        group=_group(raw.text(f"{base}/iommu_group")),
        reset_methods=tuple(raw.text(f"{base}/reset_method").split()),
        boot_vga=boot_vga == "1" if boot_vga else None,
        bars=_bars(raw.text(f"{base}/resource")),
        has_rom=rom is not None and not rom.fault,
        enabled=(number(raw.text(f"{base}/enable")) or 0) > 0,
        numa_node=node if node is not None and node >= 0 else None,
        config=config,
    )


def _uevent(text: str) -> dict[str, str]:
    return {key: value for key, _, value in (line.partition("=") for line in text.splitlines()) if value}


def _ids(uevent: dict[str, str], config: bytes) -> PciIds:
    """The kernel's own view first (it knows quirks, and bridges' subsystem ids), the configuration space otherwise."""
    told = config if len(config) >= 0x30 and config[:2] != b"\xff\xff" else b""
    revision = told[0x08] if told else 0
    device = _pair(uevent.get("PCI_ID", ""))
    class_code = hex_number(uevent.get("PCI_CLASS", ""))
    if device is not None and class_code is not None and class_code <= 0xFFFFFF:
        subsystem = _pair(uevent.get("PCI_SUBSYS_ID", "")) or (0, 0)
        return PciIds(*device, *subsystem, class_code, revision)
    if not told:
        return _UNKNOWN_IDS
    vendor, device_id, subsystem_vendor, subsystem_id = (
        int.from_bytes(told[at : at + 2], "little") for at in (0x00, 0x02, 0x2C, 0x2E)
    )
    if told[0x0E] & 0x7F:  # only header type 0 has the subsystem ids at 0x2C
        subsystem_vendor = subsystem_id = 0
    class_code = int.from_bytes(told[0x09:0x0C], "little")
    return PciIds(vendor, device_id, subsystem_vendor, subsystem_id, class_code, revision)


def _pair(text: str) -> tuple[int, int] | None:
    left, _, right = text.partition(":")
    first, second = hex_number(left), hex_number(right)
    if first is None or second is None or max(first, second) > 0xFFFF:
        return None
    return first, second


def _parent(link: str) -> PciAddress | None:
    parts = link.split("/")
    return address(parts[-2]) if len(parts) >= 2 else None


def _group(link: str) -> int | None:
    found = number(last_component(link))
    return found if found is not None and found >= 0 else None


def _bars(text: str) -> tuple[Bar, ...]:
    """Lines 0-5 are the BARs, 6 is the expansion ROM; what follows are bridge windows and virtual functions."""
    bars = (_bar(index, line) for index, line in enumerate(text.splitlines()[: _ROM_LINE + 1]))
    return tuple(bar for bar in bars if bar is not None)


def _bar(index: int, line: str) -> Bar | None:
    words = [hex_number(word) for word in line.split()]
    if len(words) != 3:
        return None
    start, end, flags = words
    if start is None or end is None or not flags or end < start or (start == end == 0):
        return None
    if index == _ROM_LINE:
        kind = BarKind.ROM
    elif flags & _IORESOURCE_MEM:
        kind = BarKind.MEMORY
    elif flags & _IORESOURCE_IO:
        kind = BarKind.IO
    else:
        return None
    return Bar(
        index=index,
        kind=kind,
        hpa=Hpa(0 if flags & _IORESOURCE_UNSET else start),
        size_bytes=end - start + 1,
        prefetchable=bool(flags & _IORESOURCE_PREFETCH),
        is_64bit=bool(flags & _IORESOURCE_MEM_64),
    )
