"""What this QEMU can do, decided from what it says about itself (`-device vfio-pci,help`, `-machine help`).

Never from its version: distributions backport.
"""

from __future__ import annotations

from dataclasses import dataclass

from dinrail.finding import Evidence, Finding, Severity
from dinrail.machine.facts import Hypervisor

PROGRAM = "qemu-system-x86_64"
MACHINE = "q35"

# Under QEMU 7.2's TCG, `-cpu max` announces instructions whose emulation is wrong enough that programs inside crash at
# random; a guest on Nehalem ran for hours. Windows 10 and newer and every current Linux start on it.
TCG_CPU = "Nehalem"
KVM_CPU = "host"


@dataclass(frozen=True, slots=True)
class QemuFeatures:
    """installed: a QEMU answered. vfio: it can pass PCI devices. phys_bits_limit: its KVM CPUs can announce fewer bits.

    rom_file, rom_bar: vfio-pci takes a ROM from a file, or hides the device's own.
    """

    installed: bool
    machine: bool
    vfio: bool
    rom_file: bool
    rom_bar: bool


def features(hypervisor: Hypervisor | None) -> QemuFeatures:
    """The decisions, one line each."""
    if hypervisor is None:
        return QemuFeatures(installed=False, machine=False, vfio=False, rom_file=False, rom_bar=False)
    properties = hypervisor.vfio_properties
    return QemuFeatures(
        installed=bool(hypervisor.version or hypervisor.machines),
        machine=MACHINE in hypervisor.machines,
        vfio="host" in properties,
        rom_file="romfile" in properties,
        rom_bar="rombar" in properties,
    )


def judge(found: QemuFeatures, *, passes_devices: bool) -> tuple[Finding, ...]:
    """What this QEMU lacks for a guest, all at once."""
    if not found.installed:
        seen = (Evidence(f"{PROGRAM} --version", "no answer"),)
        fix = "install it (Debian: qemu-system-x86)"
        return (
            Finding("qemu.missing", PROGRAM, Severity.BLOCK, "is not installed", seen, fix, f"{PROGRAM} --version"),
        )
    lacking: list[Finding] = []
    if not found.machine:
        seen = (Evidence(f"{PROGRAM} -machine help", f"no {MACHINE}"),)
        lacking.append(Finding("qemu.machine", PROGRAM, Severity.BLOCK, f"has no {MACHINE} machine", seen))
    if passes_devices and not (found.vfio and found.rom_file and found.rom_bar):
        seen = (Evidence(f"{PROGRAM} -device vfio-pci,help", "lacks host, romfile or rombar"),)
        lacking.append(Finding("qemu.vfio", PROGRAM, Severity.BLOCK, "cannot pass PCI devices to a guest", seen))
    return tuple(lacking)
