"""How a function is put back to its beginning between guests, and what a reset takes along.

Source: Linux drivers/pci/pci.c (pci_reset_fn_methods), Documentation/ABI/testing/sysfs-bus-pci (reset_method).
"""

from __future__ import annotations

from dinrail.machine.facts import HostFacts, PciFunction

MEANING = {
    "device_specific": "a routine in the kernel for this very device",
    "acpi": "the firmware's _RST method",
    "flr": "function level reset: this function alone",
    "af_flr": "function level reset by Advanced Features: this function alone",
    "pm": "down to D3hot and back: this function alone, and less thorough than the others",
    "bus": "secondary bus reset: everything behind the same bridge",
    "cxl_bus": "secondary bus reset of a CXL port: everything behind it",
}
"""What each word of reset_method does."""

_WHOLE_BUS = frozenset({"bus", "cxl_bus"})


def method_used(function: PciFunction) -> str | None:
    """The method that the kernel will use: the first it lists. None where the function cannot be reset."""
    return function.reset_methods[0] if function.reset_methods else None


def reset_along(facts: HostFacts, function: PciFunction) -> tuple[PciFunction, ...]:
    """The other functions that a reset of this one resets too: those on its bus, where only the bus can be reset."""
    if method_used(function) not in _WHOLE_BUS:
        return ()
    here = function.address
    return tuple(
        other
        for other in facts.functions
        if other.address != here and (other.address.domain, other.address.bus) == (here.domain, here.bus)
    )
