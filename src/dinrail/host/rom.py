"""Reading a device's option ROM through /sys: an action, for it switches the ROM on and off again, journaled.

This gives what the kernel gives. For the machine's boot VGA that may be the shadow copy at 0xC0000, which the firmware
changed while it ran and which ends with the legacy image (Linux arch/x86/pci/fixup.c, IORESOURCE_ROM_SHADOW); whether
the bytes are whole and belong to the card is `vbios`' question, not ours.
"""

from __future__ import annotations

from dinrail.errors import HostError
from dinrail.host.journal import Journal
from dinrail.host.port import HostPort
from dinrail.machine.change import Change, ChangeKind, ChangePlan
from dinrail.machine.facts import PciFunction

OTHER_ROUTES = (
    "other routes: read it while another card shows the picture, right after boot with vfio-pci bound early, "
    "from the maker's update file, or from the flash chip"
)


def extract(port: HostPort, journal: Journal, function: PciFunction, *, owner: str = "vbios extract") -> bytes:
    """The ROM's bytes as the kernel gives them, never empty.

    The caller holds the device's lease, so that no `dinrail undo` switches the ROM off meanwhile. The ROM is off again
    on return and on failure (one that somebody else had switched on stays on).

    Raises HostError with the cause and other routes; Refused when another dinrail changes the machine.
    """
    _require_readable(function)
    switch = Change(ChangeKind.ROM_ENABLE, str(function.address), "0", "1", why="only a ROM that is on can be read")
    if port.current(switch) == switch.want:
        return _read(port, function)
    plan = ChangePlan(purpose=f"read the option ROM of {function.address}", changes=(switch,))
    transaction = journal.carry_out(plan, owner=owner)
    try:
        data = _read(port, function)
    finally:
        report = journal.undo(transaction.id)
    if not report.is_complete:
        raise HostError(
            "the option ROM could not be switched off again",
            where=str(function.address),
            hint=f"`dinrail undo {transaction.id}`",
            details=tuple(str(step) for step in report.failed),
        )
    return data


def _require_readable(function: PciFunction) -> None:
    if not function.has_rom:
        raise HostError(
            "the device offers no option ROM",
            where=str(function.address),
            why="it has no ROM BAR, and the firmware left no copy; onboard graphics keep theirs in the firmware image",
            hint=OTHER_ROUTES,
        )


def _read(port: HostPort, function: PciFunction) -> bytes:
    try:
        data = port.read_rom(function.address)
    except HostError as fault:
        raise HostError(
            fault.what,
            where=str(function.address),
            why=_reason(function),
            hint=OTHER_ROUTES,
        ) from fault
    if not data:
        raise HostError(
            "the option ROM is empty", where=str(function.address), why=_reason(function), hint=OTHER_ROUTES
        )
    return data


def _reason(function: PciFunction) -> str:
    """Why the kernel gives nothing, as far as the facts tell. EIO is "Invalid PCI ROM header signature" in dmesg."""
    if not function.enabled:
        return (
            "the device is not enabled (no driver, or asleep), so it does not decode memory and reads as 0xff: "
            "a bound and awake driver helps (`echo on > power/control`)"
        )
    if function.driver == "vfio-pci":
        return "vfio-pci puts unused devices to sleep (D3): read the ROM before the claim, or `echo on > power/control`"
    return "there is no ROM image behind the BAR that starts with 55 AA; `dmesg` says what is there instead"
