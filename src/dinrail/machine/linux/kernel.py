"""The running kernel: release, command line, lockdown, and those of its options that decide about devices."""

from __future__ import annotations

import re
import zlib

from dinrail.machine.facts import Kernel
from dinrail.machine.sources import Raw

CMDLINE = "/proc/cmdline"

_WORD = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_OPTION = re.compile(r"(?:# )?(CONFIG_[A-Z0-9_a-z]{1,80})(?:=(.{1,80})| is not set)")
_CONCERNS = re.compile(
    r"CONFIG_(?:INTEL_IOMMU|AMD_IOMMU|VIRTIO_IOMMU|IOMMU|IRQ_REMAP|VFIO|KVM|PREEMPT|SYSFB|FB_|DRM_SIMPLE"
    r"|HZ|HIGH_RES_TIMERS|NO_HZ|RCU_NOCB|CPU_ISOLATION|CPUSETS|RT_GROUP_SCHED)"
)
_CONFIG_LIMIT_BYTES = 1 << 20


def read_kernel(raw: Raw) -> Kernel:
    """Facts of Topic.KERNEL."""
    release = raw.text("/proc/sys/kernel/osrelease")
    config_path, config = _config(raw, release)
    driver = raw.get("/sys/bus/pci/drivers/vfio-pci") is not None
    return Kernel(
        release=release,
        version=raw.text("/proc/version"),
        cmdline=words(raw.text(CMDLINE)),
        lockdown=_lockdown(raw.text("/sys/kernel/security/lockdown")),
        hostname=raw.text("/proc/sys/kernel/hostname"),
        boot_id=raw.text("/proc/sys/kernel/random/boot_id"),
        booted_by_uefi=raw.get("/sys/firmware/efi") is not None,
        config=config,
        vfio_pci=driver,
        vfio_pci_available=_available(raw, release, config) if not driver else True,
        config_path=config_path,
    )


def words(cmdline: str) -> tuple[str, ...]:
    """The command line's words; a double-quoted part may hold spaces, as the kernel itself reads it."""
    return tuple(word.replace('"', "") for word in _WORD.findall(cmdline))


def option(cmdline: tuple[str, ...], name: str) -> tuple[str, ...]:
    """All comma-separated values given to `name=`, in their order: the kernel reads them all, later ones win."""
    return tuple(
        part for word in cmdline if word.startswith(f"{name}=") for part in word.partition("=")[2].split(",") if part
    )


def _available(raw: Raw, release: str, config: dict[str, str]) -> bool | None:
    folder = f"/lib/modules/{release}/kernel/drivers/vfio/pci"
    if any(name.startswith("vfio-pci.ko") for name in raw.children(folder)):
        return True
    return False if config.get("CONFIG_VFIO_PCI") == "n" or (config and "CONFIG_VFIO_PCI" not in config) else None


def _lockdown(text: str) -> str:
    """`[none] integrity confidentiality`: the one in brackets stands."""
    match = re.search(r"\[(\w{1,32})\]", text)
    return match[1] if match else ""


def _config(raw: Raw, release: str) -> tuple[str, dict[str, str]]:
    """The file that the options are from (where they should be, if nowhere), and the options."""
    path, packed = f"/boot/config-{release}", "/proc/config.gz"
    text = raw.text(path)
    if not text and raw.get(packed) is not None:
        path, text = packed, _unpacked(raw)
    found = (_OPTION.fullmatch(line) for line in text.splitlines())
    return path, {match[1]: match[2] or "n" for match in found if match and _CONCERNS.match(match[1])}


def _unpacked(raw: Raw) -> str:
    """/proc/config.gz, which kernels with CONFIG_IKCONFIG_PROC offer. Never more than a megabyte comes out of it."""
    entry = raw.get("/proc/config.gz")
    if entry is None or entry.fault:
        return ""
    try:
        data = zlib.decompressobj(wbits=31).decompress(entry.data, _CONFIG_LIMIT_BYTES)
    except zlib.error:
        return ""
    return data.decode("ascii", "replace")
