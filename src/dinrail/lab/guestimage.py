"""A guest operating system small enough for an emulator in an emulator: Debian's cloud kernel and one program.

It prints on its own console, which the firmware gave it on the passed-through GPU: the display that it sees on
its PCI bus, the word that the run gave it (so that an old picture is never taken for a new one), and last a sentence
that nothing else prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dinrail.lab.cpio import Archive
from dinrail.lab.image import busybox_bytes

GREETING = "dinrail guest: this is my own console"
"""The sentence to look for on the monitor."""

WORD_OPTION = "dinrail_word"
"""A word on the guest's kernel command line; what follows its `=` is printed behind the greeting."""

KERNEL_OPTIONS = (
    "console=tty0",
    "quiet",
    "tsc=reliable",
    "no_timer_check",
    "nokaslr",
    "mitigations=off",
    # An emulator's loops need no calibration; any value will do.
    "lpj=10000000",
    "cryptomgr.notests",
    "audit=0",
    "apparmor=0",
)
"""What makes the boot quick: nothing here changes what is drawn or how."""

MEMORY_MIB = 192
"""Enough for OVMF and the kernel; vfio maps all of it."""

_INIT = f"""#!/bin/sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
exec > /dev/tty1 2>&1
cd /sys/bus/pci/devices
for device in *; do
    read class < $device/class
    case $class in 0x03*)
        read vendor < $device/vendor
        read id < $device/device
        echo "display $device $vendor $id class $class"
    esac
done
echo "word ${WORD_OPTION}"
echo "up $(/bin/busybox cut -d' ' -f1 /proc/uptime) s"
echo "{GREETING}"
while :; do /bin/busybox sleep 1000; done
"""


@dataclass(frozen=True, slots=True)
class GuestImage:
    """Two files to boot, and the words to boot them with."""

    kernel: Path
    initramfs: Path
    options: tuple[str, ...] = KERNEL_OPTIONS
    memory_mib: int = MEMORY_MIB

    def command_line(self, word: str) -> str:
        """The kernel's command line that makes the guest print `word`."""
        return " ".join((*self.options, f"{WORD_OPTION}={word}"))


def guest_initramfs(busybox: Path = Path("/bin/busybox")) -> bytes:
    """The guest's whole user space. Raises HostError where busybox is missing."""
    archive = Archive()
    archive.directory("bin", "dev", "proc", "sys")
    archive.character_device("dev/console", 5, 1)
    archive.character_device("dev/tty1", 4, 1)
    archive.file("bin/busybox", busybox_bytes(busybox), executable=True)
    archive.symlink("bin/sh", "busybox")
    archive.file("init", _INIT.encode(), executable=True)
    return archive.to_bytes()
