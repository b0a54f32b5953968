"""Parts of a trace line: names, places, bytes and values, safe for any terminal."""

from __future__ import annotations

import math
import struct
from datetime import UTC, datetime

from dinrail.ads.trace.memory import Known
from dinrail.ams.address import AmsAddr, Port
from dinrail.ams.entry import DataTypeId
from dinrail.ams.group import group_name
from dinrail.ams.service import ServiceGroup
from dinrail.ams.service_files import FileGroup
from dinrail.ams.state import AdsState, TransMode
from dinrail.ams.text import cut_text

SHOWN_BYTES = 16
SHOWN_ITEMS = 6
MAX_NAME = 256
MAX_DATA_BYTES = 4096
"""Most bytes of data in a JSON line; its whole length is always told."""
_S = 10**9
_LATEST_S = 253_402_300_799  # 9999-12-31
_PORTS = {port.value: port.name.lower().replace("_", "-") for port in Port}
_SERVICES = {int(group): group.name.lower().replace("_", "-") for kind in (FileGroup, ServiceGroup) for group in kind}
_NUMBERS: dict[int, str] = {
    DataTypeId.INT8: "<b",
    DataTypeId.INT16: "<h",
    DataTypeId.INT32: "<i",
    DataTypeId.INT64: "<q",
    DataTypeId.UINT8: "<B",
    DataTypeId.UINT16: "<H",
    DataTypeId.UINT32: "<I",
    DataTypeId.UINT64: "<Q",
    DataTypeId.REAL32: "<f",
    DataTypeId.REAL64: "<d",
    DataTypeId.BIT: "<?",
}


def clean(text: str) -> str:
    """A text from the wire without anything that a terminal would obey, `MAX_NAME` characters at most."""
    cut = text if len(text) <= MAX_NAME else text[:MAX_NAME] + "…"
    return cut if cut.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in cut)


def name_in(data: bytes) -> str:
    """The symbol's name in what was written, up to its NUL."""
    return clean(cut_text(data[: 4 * MAX_NAME]))


def stamp(wall_ns: int) -> str:
    """UTC with ns, ISO 8601; a time that no calendar has, in seconds since 1970."""
    seconds, fraction = divmod(wall_ns, _S)
    if not 0 <= seconds <= _LATEST_S:
        return f"{seconds}.{fraction:09}"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09}Z"


def address(raw: bytes) -> str:
    """`192.168.0.231.1.1:851 (plc)`"""
    text = AmsAddr(raw)
    name = _PORTS.get(text.port)
    return f"{text} ({name})" if name else str(text)


def group_words(device: bytes, group: int) -> str:
    """The group by name; the system service has its own groups."""
    if AmsAddr(device).port == Port.SYSTEM_SERVICE and group in _SERVICES:
        return _SERVICES[group]
    return group_name(group)


def place(device: bytes, group: int, offset: int, known: Known | None) -> str:
    """`MAIN.i`, or `plc-memory 0x4`."""
    return known.name if known is not None else f"{group_words(device, group)} {offset:#x}"


def size_words(size_bytes: int) -> str:
    """`4 bytes`; what asks for everything says so."""
    return "all" if size_bytes == 0xFFFFFFFF else f"{size_bytes} byte{'' if size_bytes == 1 else 's'}"


def preview(data: bytes) -> str:
    """The first bytes in hex, and how many there are when they are more."""
    shown = data[:SHOWN_BYTES].hex(" ", -4)
    return shown if len(data) <= SHOWN_BYTES else f"{shown} … ({len(data)} bytes)"


def value(data: bytes, known: Known | None) -> bool | int | float | str | None:
    """The value of an elementary symbol whose type is known; None otherwise."""
    if known is None or known.data_type is None:
        return None
    if known.data_type == DataTypeId.STRING:
        return clean(cut_text(data[: 4 * MAX_NAME]))
    code = _NUMBERS.get(known.data_type)
    if code is None or struct.calcsize(code) != len(data):
        return None
    number: bool | int | float = struct.unpack(code, data)[0]
    return number


def data_words(data: bytes, known: Known | None) -> str:
    """The value when its type is known, its bytes otherwise; `nothing` for none."""
    found = value(data, known)
    if found is not None:
        return repr(found) if isinstance(found, str) else str(found)
    return preview(data) if data else "nothing"


def data_fields(data: bytes, known: Known | None) -> dict[str, object]:
    """The same for JSON: hex up to `MAX_DATA_BYTES`, the whole length, the value when it is known."""
    fields: dict[str, object] = {"data": data[:MAX_DATA_BYTES].hex(), "data_bytes": len(data)}
    found = value(data, known)
    if found is not None:
        fields["value"] = str(found) if isinstance(found, float) and not math.isfinite(found) else found
    return fields


def state_words(state: int) -> str:
    """`run`, or the number."""
    return AdsState(state).name.lower().replace("_", "-") if state in AdsState.__members__.values() else str(state)


def mode_words(mode: int) -> str:
    """`server-cycle`, or the number."""
    return TransMode(mode).name.lower().replace("_", "-") if mode in TransMode.__members__.values() else f"mode {mode}"


def some(items: list[str]) -> str:
    """The first few of a list, and how many more there are."""
    shown = ", ".join(items[:SHOWN_ITEMS])
    return shown if len(items) <= SHOWN_ITEMS else f"{shown}, … ({len(items)} in all)"
