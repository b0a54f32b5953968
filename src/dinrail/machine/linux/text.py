"""Small readers for sysfs and procfs text. Archives come from strangers, so each gives None instead of failing."""

from __future__ import annotations

import re

from dinrail.errors import BadRequest
from dinrail.pci.address import PciAddress

_HEX = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,16})")
_DECIMAL = re.compile(r"-?[0-9]{1,18}")


def hex_number(text: str) -> int | None:
    """`0x1af4` or `1af4`, up to 64 bits."""
    match = _HEX.fullmatch(text.strip())
    return int(match[1], 16) if match else None


def number(text: str) -> int | None:
    """A decimal number, up to 18 digits."""
    match = _DECIMAL.fullmatch(text.strip())
    return int(match[0]) if match else None


def address(name: str) -> PciAddress | None:
    """A PCI address as sysfs writes it, and in no other spelling."""
    try:
        found = PciAddress.parse(name)
    except BadRequest:
        return None
    return found if str(found) == name else None


def last_component(link: str) -> str:
    """`vfio-pci` of `../../../bus/pci/drivers/vfio-pci`."""
    return link.rstrip("/").rsplit("/", 1)[-1]


def address_in(link: str) -> PciAddress | None:
    """The innermost PCI address among a path's components."""
    return next((found for part in reversed(link.split("/")) if (found := address(part))), None)
