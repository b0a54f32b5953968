"""A PCI function's address and every spelling of it that the field uses.

| spelling          | who writes it                     |
|-------------------|-----------------------------------|
| `0000:01:00.0`    | Linux sysfs                       |
| `01:00.0`         | lspci (domain 0)                  |
| `1/0/0`, `0/2/0`  | bhyve: bus/slot/function, decimal |
| `pci0:1:0:0`      | FreeBSD pciconf, decimal          |
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dinrail.errors import BadRequest

_LINUX = re.compile(r"(?:([0-9a-fA-F]{1,8}):)?([0-9a-fA-F]{1,2}):([0-9a-fA-F]{1,2})\.([0-7])")
_BHYVE = re.compile(r"(\d{1,3})/(\d{1,2})/([0-7])")
_PCICONF = re.compile(r"(?:[a-z]+\d+@)?pci(\d{1,5}):(\d{1,3}):(\d{1,2}):([0-7]):?")


@dataclass(frozen=True, slots=True, order=True)
class PciAddress:
    """Domain, bus, device (the field also says slot) and function. Sorts as lspci sorts."""

    domain: int
    bus: int
    device: int
    function: int

    @classmethod
    def parse(cls, text: str) -> PciAddress:
        """From any spelling above. Raises BadRequest, which shows the valid ones."""
        found = _numbers(text.strip())
        if found is None or found.bus > 0xFF or found.device > 0x1F:
            raise BadRequest(
                f"{text!r} is not a PCI address",
                hint="write it like `01:00.0`, `0000:01:00.0`, `1/0/0` (bhyve) or `pci0:1:0:0` (FreeBSD)",
            )
        return found

    def __str__(self) -> str:
        return f"{self.domain:04x}:{self.bus:02x}:{self.device:02x}.{self.function}"

    @property
    def short(self) -> str:
        """As lspci prints it: without the domain where that is 0."""
        return str(self) if self.domain else f"{self.bus:02x}:{self.device:02x}.{self.function}"

    @property
    def bhyve(self) -> str:
        """bus/slot/function in decimal. bhyve has no domain."""
        return f"{self.bus}/{self.device}/{self.function}"

    def same_slot(self, other: PciAddress) -> bool:
        """True for functions of one multifunction device."""
        return (self.domain, self.bus, self.device) == (other.domain, other.bus, other.device)


def _numbers(text: str) -> PciAddress | None:
    if match := _LINUX.fullmatch(text):
        return PciAddress(int(match[1] or "0", 16), int(match[2], 16), int(match[3], 16), int(match[4]))
    if match := _BHYVE.fullmatch(text):
        return PciAddress(0, *(int(group) for group in match.groups()))
    if match := _PCICONF.fullmatch(text):
        return PciAddress(*(int(group) for group in match.groups()))
    return None
