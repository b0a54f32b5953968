"""A topology in QEMU's grammar. Pure: paths and file descriptors come in as words, an argument list comes out.

Sources: qemu-system-x86_64(1); the vIOMMU's options as in vfio's own self tests (caching-mode lets the virtual PC hold
vfio devices itself, intremap needs the split interrupt controller).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dinrail.lab.topology import Function, Iommu, Port, Topology

AGENT_PORT = "dinrail.agent"
"""The name by which the first process finds its channel below /sys/class/virtio-ports."""

ROOT_TAG = "root"
"""The 9p mount tag of the outer machine's file system."""

NEAR_DISK = "/dev/vda"
"""The near disk as the kernel inside names it: the machine has no other virtio disk when that is looked for."""

CPU_MODEL = "Nehalem"
"""`-cpu max` made programs inside crash at random under TCG (QEMU 7.2); this one never did."""

_VIRTIO_SLOTS = {"agent": 8, "root": 9, "near": 10}


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the machine is made with: files to boot, and how its ends reach us.

    qemu:           the program and the options that have to come first.
    monitor_fd, agent_fd: connected stream sockets that QEMU inherits.
    serial:         a character device in QEMU's words: `file:/path` or `stdio`.
    """

    qemu: tuple[str, ...]
    kernel: Path
    initramfs: Path
    vbios: Path
    near: Path
    monitor_fd: int
    agent_fd: int
    serial: str
    root: Path = Path("/")
    extra_options: tuple[str, ...] = ()


def qemu_argv(topology: Topology, wiring: Wiring) -> tuple[str, ...]:
    """The command line of the virtual PC."""
    machine = "q35" if topology.iommu is Iommu.ABSENT else "q35,kernel-irqchip=split"
    words: list[str] = [
        *wiring.qemu,
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-vga",
        "none",
        "-no-reboot",
    ]
    words += ["-machine", machine, "-accel", "tcg,thread=multi", "-cpu", CPU_MODEL]
    words += ["-smp", str(topology.cpus), "-m", str(topology.memory_mib)]
    if topology.iommu is not Iommu.ABSENT:
        words += ["-device", "intel-iommu,intremap=on,caching-mode=on"]
    words += ["-kernel", str(wiring.kernel), "-initrd", str(wiring.initramfs)]
    words += ["-append", " ".join((*topology.kernel_options, *_BOOT_OPTIONS, *wiring.extra_options))]
    words += ["-serial", wiring.serial]
    words += ["-chardev", f"socket,id=monitor,fd={wiring.monitor_fd}", "-mon", "chardev=monitor,mode=control"]
    words += _channel(wiring)
    words += ["-netdev", "user,id=lan,restrict=on"]
    if topology.console:
        words += ["-device", f"{topology.console.model},id={topology.console.id},addr=1"]
    for index, port in enumerate(topology.ports):
        words += _port(index + 1, port, wiring.vbios)
    return tuple(words)


_BOOT_OPTIONS = ("quiet", "panic=-1", "tsc=reliable", "no_timer_check", "mitigations=off")
"""Quiet and quick: an emulated timer needs no calibration, emulated instructions no mitigations; a panic ends QEMU."""


def _channel(wiring: Wiring) -> list[str]:
    """The agent's port, the near disk, and the outer root (multidevs: file systems below / keep distinct inodes)."""
    return [
        *("-device", f"virtio-serial-pci,addr={_VIRTIO_SLOTS['agent']}"),
        *("-chardev", f"socket,id=agent,fd={wiring.agent_fd}"),
        *("-device", f"virtserialport,chardev=agent,name={AGENT_PORT}"),
        *("-fsdev", f"local,id=root,path={wiring.root},security_model=none,readonly=on,multidevs=remap"),
        *("-drive", f"if=none,id=near,format=raw,readonly=on,file={wiring.near}"),
        *("-device", f"virtio-blk-pci,drive=near,addr={_VIRTIO_SLOTS['near']}"),
        *("-device", f"virtio-9p-pci,fsdev=root,mount_tag={ROOT_TAG},addr={_VIRTIO_SLOTS['root']}"),
    ]


def _port(chassis: int, port: Port, vbios: Path) -> list[str]:
    root_port = f"port{chassis}"
    words = ["-device", f"pcie-root-port,id={root_port},chassis={chassis},slot={chassis},addr={port.number}"]
    bus = root_port
    if port.bridged:
        bus = f"bridge{chassis}"
        words += ["-device", f"pcie-pci-bridge,id={bus},bus={root_port}"]
    many = len(port.functions) > 1 and not port.bridged
    for index, function in enumerate(port.functions):
        place = f"addr={index + 1}" if port.bridged else f"addr=0.{index}"
        parts = [f"{function.model},id={function.id}", f"bus={bus}", place]
        if many and index == 0:
            parts.append("multifunction=on")
        words += ["-device", ",".join((*parts, *_properties(function, vbios)))]
    return words


def _properties(function: Function, vbios: Path) -> tuple[str, ...]:
    return (*function.properties, f"romfile={vbios}") if function.vbios else function.properties
