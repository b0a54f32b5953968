"""What an archive would tell a stranger about this machine: said before it is sent anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dinrail.host.replay import DEVICES
from dinrail.machine.sources import Raw
from dinrail.pci.capability import ExtendedId, survey

NOT_INSIDE = (
    "not inside: serial numbers of board, chassis and disks, addresses of network interfaces, users, processes, "
    "files of yours, option ROMs"
)


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing that identifies this very machine, or that an attacker would like. `sources`: where it stands."""

    what: str
    sources: tuple[str, ...]


def telling(raw: Raw) -> tuple[Telling, ...]:
    """All such things in `raw`, judged from the bytes that are really there."""
    return tuple(_telling(raw))


def _telling(raw: Raw) -> Iterator[Telling]:
    for path, what in _FILES:
        entry = raw.get(path)
        if entry is not None and entry.data:
            yield Telling(what, (path,))
    groups = tuple(path for path in raw.entries if _is_group(path))
    if groups:
        yield Telling("names of control groups: containers and services that have CPUs of their own", groups)
    numbered = tuple(path for path in raw.entries if _has_serial_number(raw, path))
    if numbered:
        yield Telling("serial numbers of PCI Express devices (a network card's is made from its MAC address)", numbered)


_FILES = (
    ("/proc/sys/kernel/hostname", "the host's name"),
    ("/proc/sys/kernel/random/boot_id", "a random number that names this boot"),
    ("/proc/cmdline", "the kernel's command line: disks by UUID, and whatever else was put there"),
    ("/proc/iomem", "where the kernel lies in memory (an attacker on this machine would like to know)"),
    ("/sys/firmware/acpi/tables/DMAR", "the board's maker and model, in the ACPI tables' headers"),
    ("/sys/firmware/acpi/tables/IVRS", "the board's maker and model, in the ACPI tables' headers"),
)


def _is_group(path: str) -> bool:
    return path.startswith("/sys/fs/cgroup/") and path.endswith("/cpuset.cpus") and path.count("/") > 4


def _has_serial_number(raw: Raw, path: str) -> bool:
    if not path.startswith(DEVICES) or not path.endswith("/config"):
        return False
    return any(c.id == ExtendedId.DEVICE_SERIAL_NUMBER for c in survey(raw.entries[path].data).extended)
