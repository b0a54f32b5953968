"""From raw bytes to `HostFacts`: the one entry for all readers."""

from __future__ import annotations

from dataclasses import replace

from dinrail.machine.facts import HostFacts
from dinrail.machine.freebsd.realtime import read_freebsd
from dinrail.machine.inventory import read_inventory
from dinrail.machine.linux.console import read_consoles
from dinrail.machine.linux.cpu import read_cpus
from dinrail.machine.linux.firmware import read_firmware
from dinrail.machine.linux.hypervisor import read_hypervisor
from dinrail.machine.linux.iommu import read_groups, read_iommu
from dinrail.machine.linux.kernel import read_kernel
from dinrail.machine.linux.realtime import read_realtime
from dinrail.machine.sources import Raw, Topic

_FREEBSD = HostFacts(
    system="freebsd",
    functions=(),
    groups=(),
    iommu=None,
    kernel=None,
    cpus=None,
    consoles=None,
    firmware=None,
    hypervisor=None,
)
"""A FreeBSD host of which nothing was asked. Its devices are not read yet: `read_inventory` refuses to."""


def read_facts(raw: Raw) -> HostFacts:
    """The facts of all topics that were fetched; the others are None. Any bytes give facts or one FormatError."""
    asked = raw.topics
    if raw.system == "freebsd" and Topic.REALTIME in asked and Topic.PCI not in asked:
        return replace(_FREEBSD, freebsd_realtime=read_freebsd(raw))
    facts = read_inventory(raw)
    groups = read_groups(raw, facts.functions) if Topic.IOMMU in asked else facts.groups
    return replace(
        facts,
        groups=groups,
        iommu=read_iommu(raw, groups) if Topic.IOMMU in asked else None,
        kernel=read_kernel(raw) if Topic.KERNEL in asked else None,
        cpus=read_cpus(raw) if Topic.CPU in asked else None,
        consoles=read_consoles(raw, facts.functions) if Topic.CONSOLE in asked else None,
        firmware=read_firmware(raw) if Topic.FIRMWARE in asked else None,
        hypervisor=read_hypervisor(raw) if Topic.HYPERVISOR in asked else None,
        realtime=read_realtime(raw) if Topic.REALTIME in asked else None,
    )
