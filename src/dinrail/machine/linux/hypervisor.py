"""What the installed QEMU says about itself: features are probed, never guessed from the version."""

from __future__ import annotations

import re

from dinrail.machine.facts import Hypervisor
from dinrail.machine.sources import Raw

_VERSION = re.compile(r"QEMU emulator version (\S{1,40})")
_PROPERTY = re.compile(r"\s{1,8}([A-Za-z0-9_.-]{1,64})=<")
_MACHINE = re.compile(r"([A-Za-z0-9_.-]{1,64})\s+\S")


def read_hypervisor(raw: Raw) -> Hypervisor:
    """Facts of Topic.HYPERVISOR. All parts are empty where QEMU is not installed."""
    version = _VERSION.search(raw.text("command:qemu-version"))
    machines = raw.text("command:qemu-machines").splitlines()
    return Hypervisor(
        version=version[1] if version else "",
        vfio_properties=frozenset(_matches(_PROPERTY, _lines(raw, "command:qemu-vfio-pci"))),
        machines=frozenset(_matches(_MACHINE, machines[1:])),  # the first line is a heading
    )


def _lines(raw: Raw, key: str) -> list[str]:
    entry = raw.get(key)
    return entry.text.splitlines() if entry is not None and not entry.fault else []


def _matches(pattern: re.Pattern[str], lines: list[str]) -> list[str]:
    return [match[1] for line in lines if (match := pattern.match(line))]
