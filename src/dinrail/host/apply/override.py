"""Which driver alone may bind a device: the file `driver_override`. It reads `(null)` while nothing is set.

Source: Linux Documentation/ABI/testing/sysfs-bus-pci; a lone newline clears it (driver_set_override, drivers/base).
"""

from __future__ import annotations

from dinrail.host.apply.tree import Tree, unexpected
from dinrail.machine.change import Change


def current(tree: Tree, change: Change) -> str:
    """The driver's name, empty when not set. Raises TargetGone, HostError."""
    value = tree.line(_path(change))
    return "" if value == "(null)" else value


def make(tree: Tree, change: Change) -> None:
    """Set or clear. Raises HostError."""
    tree.write(_path(change), f"{change.want}\n", doing=f"set driver_override to {change.want or 'nothing'}")
    found = current(tree, change)
    if found != change.want:
        raise unexpected("driver_override", change.target, change.want, found)


def _path(change: Change) -> str:
    return f"/sys/bus/pci/devices/{change.target}/driver_override"
