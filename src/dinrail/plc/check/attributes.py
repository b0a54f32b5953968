"""What attributes (`{attribute 'name' := 'value'}`) mean to declarations."""

from __future__ import annotations

from collections.abc import Iterable

from dinrail.plc.parse.declaration import Pragma
from dinrail.plc.source import Place, Report

DEFAULT_PACK_BYTES = 8


def attribute(attributes: Iterable[Pragma], name: str) -> str | None:
    """The value of an attribute ("" when it has none); None when it is not there. name: lower case."""
    for pragma in attributes:
        if pragma.name.lower() == name:
            return pragma.value
    return None


def tell_obsolete(report: Report, attributes: Iterable[Pragma], name: str, at: Place) -> None:
    """A warning where something is used that its author wants nobody to use any more.

    Source: Beckhoff Information System, TwinCAT 3 PLC, "Attribute 'obsolete'".
    """
    why = attribute(attributes, "obsolete")
    if why is not None:
        report.warning(at, "obsolete", f"{name} is obsolete{': ' if why else ''}{why}")


def pack_bytes(attributes: Iterable[Pragma]) -> int:
    """`pack_mode`: the widest alignment of fields in bytes. 0 and 1 leave no gaps."""
    value = attribute(attributes, "pack_mode")
    if value is None or not value.strip().isdigit():
        return DEFAULT_PACK_BYTES
    return max(1, min(int(value), DEFAULT_PACK_BYTES))
