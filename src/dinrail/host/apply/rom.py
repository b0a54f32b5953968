"""Whether a device's expansion ROM can be read: the file `rom`.

Source: Linux drivers/pci/pci-sysfs.c. A read fails with EINVAL until something was written that is not exactly the two
bytes "0" and newline: a "0" without its newline switches the ROM on. The state cannot be read otherwise, so `current`
reads one byte; with the ROM on, that decodes the ROM BAR for that moment, as any reading of a ROM does.
"""

from __future__ import annotations

import errno
import os

from dinrail.files import os_refusal
from dinrail.host.apply.tree import Tree, unexpected
from dinrail.host.port import TargetGone
from dinrail.machine.change import Change


def current(tree: Tree, change: Change) -> str:
    """`1` when it can be read (be it an unreadable ROM: EIO comes later than the switch), else `0`."""
    path = _path(change)
    try:
        fd = os.open(tree.path(path), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.read(fd, 1)
        finally:
            os.close(fd)
    except FileNotFoundError as fault:
        raise TargetGone("the device offers no option ROM", where=path) from fault
    except OSError as fault:
        if fault.errno == errno.EINVAL:
            return "0"
        if fault.errno != errno.EIO:
            raise os_refusal(fault, "look at the option ROM", path) from fault
    return "1"


def make(tree: Tree, change: Change) -> None:
    """Switch on or off. Raises HostError."""
    state = "on" if change.want == "1" else "off"
    tree.write(_path(change), f"{change.want}\n", doing=f"switch the option ROM {state}")
    found = current(tree, change)
    if found != change.want:
        raise unexpected("the option ROM's switch", change.target, change.want, found)


def _path(change: Change) -> str:
    return f"/sys/bus/pci/devices/{change.target}/rom"
