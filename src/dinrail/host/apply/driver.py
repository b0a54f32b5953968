"""Which driver a device has: the link `driver`, changed by `unbind`, `drivers_probe` and a driver's `bind`.

Source: Linux Documentation/ABI/testing/sysfs-bus-pci (bind, unbind, drivers_probe, driver_override).
`drivers_probe` lets the kernel choose, and it chooses by driver_override; without an override it might take any driver
that knows the device, so there the driver's own `bind` is used.
"""

from __future__ import annotations

from dinrail.errors import HostError
from dinrail.host.apply.tree import Tree, unexpected
from dinrail.host.run import TimedOut
from dinrail.machine.change import Change

_BUS = "/sys/bus/pci"


def current(tree: Tree, change: Change) -> str:
    """The bound driver's name, empty for none. Raises TargetGone, HostError."""
    tree.require(_device(change), "the device")
    return tree.link_name(f"{_device(change)}/driver")


def make(tree: Tree, change: Change) -> None:
    """Unbind, bind, or both. Raises HostError."""
    bound = current(tree, change)
    if bound and bound != change.want:
        _let_go(tree, change, bound)
    if change.want and bound != change.want:
        _bind(tree, change)
    found = current(tree, change)
    if found != change.want:
        raise unexpected("the driver", change.target, change.want, found)


def _let_go(tree: Tree, change: Change, bound: str) -> None:
    try:
        tree.write(f"{_device(change)}/driver/unbind", change.target, doing=f"unbind {bound}")
    except TimedOut as fault:
        raise HostError(
            f"the driver {bound} does not let the device go: {fault.what}",
            where=change.target,
            why="the driver waits inside the kernel for something that still uses the device",
            hint="stop what uses it (a desktop, `fuser /dev/dri/*`); after a driver has hung, only a reboot helps",
            details=fault.details,
        ) from fault


def _bind(tree: Tree, change: Change) -> None:
    driver = f"{_BUS}/drivers/{change.want}"
    if not tree.exists(driver):
        raise HostError(
            f"the driver {change.want} is not loaded", where=change.target, hint=f"modprobe the module of {change.want}"
        )
    override = _override(tree, change)
    if override not in ("", change.want):
        raise HostError(
            f"driver_override is {override}, so the kernel would refuse {change.want}",
            where=change.target,
            hint="clear driver_override first",
        )
    path = f"{_BUS}/drivers_probe" if override else f"{driver}/bind"
    tree.write(path, change.target, doing=f"bind {change.want}", hint="`dmesg` says why the driver refused the device")


def _override(tree: Tree, change: Change) -> str:
    path = f"{_device(change)}/driver_override"
    if not tree.exists(path):
        return ""
    value = tree.line(path)
    return "" if value == "(null)" else value


def _device(change: Change) -> str:
    return f"{_BUS}/devices/{change.target}"
