"""Messages of kernel, QEMU and libvirt that people paste, and what stands behind each: one table.

The fragments are what the programs really print (the constant part of it). Sources: Linux drivers/vfio, drivers/iommu,
drivers/pci; QEMU hw/vfio; systemd and dmesg as users quote them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """One message. Any of `fragments` identifies it; `rule` is the id in `rules` that finds it beforehand."""

    fragments: tuple[str, ...]
    speaker: str
    cause: str
    fix: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A known message that was found in a text, with the line that it was found in."""

    line: str
    known: Known


MESSAGES: tuple[Known, ...] = (
    Known(
        ("no iommu_group found",),
        "QEMU",
        "the device belongs to no IOMMU group: the IOMMU is off, or leaves this device out",
        "run dinrail doctor: it tells whether the firmware, a kernel option or the kernel's build decides",
        "group.none",
    ),
    Known(
        ("is not viable", "Please ensure all devices within the iommu_group are bound to their vfio bus driver"),
        "QEMU",
        "another device of the same IOMMU group is still driven by the host",
        "hand over the whole group: dinrail pci --groups shows its members and their drivers",
        "group.shared",
    ),
    Known(
        ("No interrupt remapping support", 'Use the module param "allow_unsafe_interrupts"'),
        "kernel (vfio_iommu_type1)",
        "the IOMMU does not remap interrupts, so that a guest could raise any interrupt of the host",
        "switch on interrupt remapping in the firmware setup; take intremap=off and nointremap off the command line",
        "iommu.interrupt-remapping",
    ),
    Known(
        ("failed to setup container", "failed to set iommu for container", "Failed to set group container"),
        "QEMU",
        "the kernel refused the group: interrupts are not remapped, or another process holds the group",
        "look in the kernel's log for the reason; dinrail doctor checks interrupt remapping",
        "iommu.interrupt-remapping",
    ),
    Known(
        ("ineligible for IOMMU domain attach due to platform RMRR requirement",),
        "kernel (intel-iommu)",
        "the firmware demands that the device always reaches a certain memory (RMRR)",
        "look in the firmware setup for what uses the device; else another device",
        "group.reserved",
    ),
    Known(
        ("requested this device have a 1:1 IOMMU mapping",),
        "kernel (iommu)",
        "the firmware demands that the device always reaches a certain memory (RMRR, IVMD)",
        "look in the firmware setup for what uses the device; else another device",
        "group.reserved",
    ),
    Known(
        ("can't reserve [mem", "can't reserve [io"),
        "kernel (vfio-pci)",
        "somebody else holds the BAR: mostly the firmware's framebuffer (BOOTFB, efifb, simpledrm)",
        "grep -A3 PCI /proc/iomem shows the holder; boot with another GPU as primary one",
        "console.firmware",
    ),
    Known(
        ("vfio_container_dma_map(", "vfio_dma_map("),
        "QEMU",
        "the IOMMU cannot map that guest address (-22: beyond its width), or memory may not be locked (-12)",
        "-22: host-phys-bits-limit as dinrail doctor says; -12: run as root or raise the limit of locked memory",
        "iommu.narrow",
    ),
    Known(
        ("RLIMIT_MEMLOCK", "cannot lock memory"),
        "kernel (vfio_iommu_type1)",
        "vfio locks all of a guest's memory and the process may not lock so much",
        "run as root, or LimitMEMLOCK=infinity",
        "memory.lock",
    ),
    Known(
        ("no available reset mechanism",),
        "QEMU",
        "the device cannot be reset; QEMU goes on with the state that the host left in it",
        "for AMD GPUs before RDNA 2 the vendor-reset module; else restart the host between guests",
        "device.reset",
    ),
    Known(
        ("not ready 65535ms after FLR", "not ready 65535ms after bus reset"),
        "kernel (pci)",
        "the device did not come back after a reset",
        "a cold start of the host; then another reset method (reset_method in sysfs), or not at all",
        "device.silent",
    ),
    Known(
        ("Unable to change power state from D3cold to D0", "Unable to change power state from D3hot to D0"),
        "kernel (pci)",
        "the device does not wake up: its power was cut, or it hangs after a failed reset",
        "disable_idle_d3=1 for vfio-pci keeps it awake; a cold start of the host brings it back",
        "device.silent",
    ),
    Known(
        ("Invalid PCI ROM header signature", "Invalid ROM contents", "Failed to read device rom"),
        "kernel (pci) or QEMU",
        "the option ROM cannot be read from the device: it is off, hidden, or shadowed",
        "dinrail vbios extract tries the ways there are; give the guest a file otherwise (rom = FILE)",
        "device.rom",
    ),
    Known(
        ("cat: rom: Input/output error",),
        "shell",
        "the ROM was read without being switched on first, or the device has memory decoding off",
        "dinrail vbios extract switches it on, reads, and switches it off again",
        "device.rom",
    ),
    Known(
        ("failed to find romfile",),
        "QEMU",
        "the ROM file does not exist for QEMU's user, or that user may not read it",
        "check the path, its permissions, and AppArmor or SELinux",
    ),
    Known(
        ("BAR 3: can't assign", "BAR 0: can't assign", "no space for [mem size", "can't assign; no space"),
        "kernel (guest or host)",
        "the window of the bridge above is too small for the device's BARs",
        "host: Above 4G decoding in the firmware setup; guest: a larger pci-hole64-size or opt/ovmf/X-PciMmio64Mb",
    ),
    Known(
        ("vfio: error opening /dev/vfio/", "Could not open '/dev/vfio/"),
        "QEMU",
        "the group's device node is missing (the device is not bound to vfio-pci), or not yours to open",
        "dinrail gpu claim, or start the guest as root",
        "device.in-use",
    ),
    Known(
        ("Device or resource busy",),
        "QEMU or kernel",
        "another guest or program holds the device's group",
        "dinrail status shows who holds a lease",
    ),
    Known(
        ("DMAR: [DMA Write] Request device", "DMAR: [DMA Read] Request device", "DMAR:[DMA", "IO_PAGE_FAULT"),
        "kernel (IOMMU)",
        "a device reached for memory that is not its own: left over from its last driver, or a firmware demand",
        "once at a guest's start is harmless; many mean that the device was not reset",
        "device.reset",
    ),
    Known(
        ("DMAR: Intel-IOMMU disabled", "AMD-Vi: AMD IOMMU disabled"),
        "kernel",
        "a kernel option switched the IOMMU off",
        "dinrail doctor names the option",
        "iommu.disabled",
    ),
    Known(
        ("We need to set caching-mode=on for intel-iommu",),
        "QEMU (outer)",
        "a virtual machine that holds vfio devices itself needs caching-mode=on on its emulated IOMMU",
        "-device intel-iommu,caching-mode=on",
    ),
    Known(
        ("Code 43",),
        "Windows in the guest",
        "the driver refuses the GPU: its VBIOS is missing or damaged, or (old NVIDIA drivers) it sees a hypervisor",
        "dinrail vbios check; for an integrated GPU see that OpRegion and stolen memory reach the guest",
        "device.rom",
    ),
    Known(
        ("vfio-pci: Cannot reset device", "vfio: Cannot reset device"),
        "QEMU",
        "a reset needs the whole bus, and the guest does not own all that is on it",
        "hand over all functions behind the same bridge",
        "device.bus-reset",
    ),
    Known(
        ("is restricted; see man kernel_lockdown.7",),
        "kernel",
        "Secure Boot locked the kernel down: raw access to devices and unsigned modules are refused",
        "sign the module, or switch Secure Boot off in the firmware setup",
        "kernel.lockdown",
    ),
    Known(
        ("Could not access KVM kernel module", "failed to initialize kvm", "failed to initialize KVM"),
        "QEMU",
        "KVM does not work here",
        "switch on VT-x or SVM in the firmware setup; dinrail falls back to emulation by itself",
        "cpu.kvm",
    ),
)


def explain(text: str) -> tuple[Explanation, ...]:
    """All known messages in a text of any length, in the order of its lines; each message is reported once."""
    found: dict[int, Explanation] = {}
    for line in text.splitlines():
        plain = _plain(line)
        for index, fragments in _FRAGMENTS:
            if index not in found and any(fragment in plain for fragment in fragments):
                found[index] = Explanation(line.strip(), MESSAGES[index])
    return tuple(found.values())


def _plain(text: str) -> str:
    """Case, quotes and runs of blanks differ between versions and ways of pasting."""
    return re.sub(r"\s+", " ", text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace('"', "")).casefold()


_FRAGMENTS = tuple(
    (index, tuple(_plain(fragment) for fragment in known.fragments)) for index, known in enumerate(MESSAGES)
)
