"""Binary structures as tables: one frozen record per structure, every byte declared, sizes checked at import.

    @record(size_bytes=0x18, name="PCIR", source="PCI Firmware Specification 3.3, 5.1.2")
    class Pcir:
        signature: bytes = raw(0x00, 4)
        vendor_id: int = u16(0x04)
        _reserved_08: bytes = pad(0x08, 2)
        ...

    pcir = decode(Pcir, data, at=0x1C)      # Truncated names the structure and the field that it lost
    data = encode(pcir)

All of our formats are little-endian. A gap, an overlap or a wrong total is a ValueError when the class is made, so that
a wrong transcription of a standard cannot even be imported. ctypes was not taken because its errors name neither field
nor offset; construct and kaitai because they are 10-20 times slower or need a build step.
"""

from __future__ import annotations

import dataclasses
import enum
import struct
from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast, dataclass_transform

from dinrail.errors import Truncated

T = TypeVar("T")
E = TypeVar("E", bound=enum.IntEnum)
Buffer = bytes | bytearray | memoryview


@dataclasses.dataclass(frozen=True, slots=True)
class Spec:
    """Where one field lies. `code` is its struct code; three-byte integers travel as `3s`."""

    offset: int
    size_bytes: int
    code: str
    is_int: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """What `record` knows about a structure: its name in the standard, its size, and its fields in order."""

    name: str
    source: str
    size_bytes: int
    fields: tuple[tuple[str, Spec], ...]
    packer: struct.Struct

    def field_at(self, offset: int) -> tuple[str, Spec]:
        """The field that the byte at `offset` (relative to the structure) belongs to."""
        return next((name, spec) for name, spec in self.fields if offset < spec.offset + spec.size_bytes)


def _field(offset: int, size_bytes: int, code: str, is_int: bool, default: object) -> Any:
    metadata = {"layout": Spec(offset, size_bytes, code, is_int)}
    if default is None:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(metadata=metadata, default=default)


def u8(at: int, *, default: int | None = None) -> Any:
    """One byte, unsigned."""
    return _field(at, 1, "B", True, default)


def u16(at: int, *, default: int | None = None) -> Any:
    """Two bytes, unsigned, little-endian."""
    return _field(at, 2, "H", True, default)


def u24(at: int, *, default: int | None = None) -> Any:
    """Three bytes, unsigned, little-endian (class codes)."""
    return _field(at, 3, "3s", True, default)


def u32(at: int, *, default: int | None = None) -> Any:
    """Four bytes, unsigned, little-endian."""
    return _field(at, 4, "I", True, default)


def u64(at: int, *, default: int | None = None) -> Any:
    """Eight bytes, unsigned, little-endian."""
    return _field(at, 8, "Q", True, default)


def raw(at: int, size_bytes: int, *, default: bytes | None = None) -> Any:
    """Bytes as they stand, exactly `size_bytes` of them."""
    return _field(at, size_bytes, f"{size_bytes}s", False, default)


def pad(at: int, size_bytes: int, *, init: Literal[False] = False) -> Any:
    """Reserved bytes: kept on decoding (a validator may look), zero when a structure is built.

    `init` is for type checkers only: whoever builds a record by hand does not name its reserved bytes.
    """
    del init
    return _field(at, size_bytes, f"{size_bytes}s", False, bytes(size_bytes))


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(u8, u16, u24, u32, u64, raw, pad))
def record(*, size_bytes: int, name: str, source: str) -> Callable[[type[T]], type[T]]:
    """Make a frozen, keyword-only record out of a class whose fields are declared with u8 ... pad."""

    def make(cls: type[T]) -> type[T]:
        made = dataclasses.dataclass(frozen=True, slots=True, kw_only=True)(cls)
        specs = tuple((f.name, cast(Spec, f.metadata["layout"])) for f in dataclasses.fields(cast(Any, made)))
        position = 0
        for field_name, spec in specs:
            if spec.offset != position:
                raise ValueError(
                    f"{name}.{field_name} is declared at {spec.offset:#x}, the table stands at {position:#x}"
                )
            position += spec.size_bytes
        if position != size_bytes:
            raise ValueError(f"{name} is declared as {size_bytes:#x} bytes, its fields are {position:#x}")
        packer = struct.Struct("<" + "".join(spec.code for _, spec in specs))
        _LAYOUTS[made] = Layout(name, source, size_bytes, specs, packer)
        return made

    return make


_LAYOUTS: dict[type, Layout] = {}
"""Filled while modules are imported and never afterwards; a class attribute would not survive `slots=True`."""


def layout_of(kind: type) -> Layout:
    """The table behind a record class."""
    return _LAYOUTS[kind]


def decode(kind: type[T], data: Buffer, at: int = 0, *, where: str | None = None) -> T:
    """The record that stands at `at`. Raises Truncated with structure, field and offset when the bytes end early."""
    layout = _LAYOUTS[kind]
    missing = at + layout.size_bytes - len(data)
    if at < 0 or missing > 0:
        field_name, spec = layout.field_at(max(len(data) - at, 0) if at >= 0 else 0)
        raise Truncated(
            f"the data ends after {len(data)} bytes, {max(missing, 0)} short",
            structure=layout.name,
            field=field_name,
            offset=at + spec.offset,
            where=where,
        )
    values = layout.packer.unpack_from(data, at)
    named = {
        name: int.from_bytes(value, "little") if spec.is_int and spec.size_bytes == 3 else value
        for (name, spec), value in zip(layout.fields, values, strict=True)
    }
    return kind(**named)


def encode(value: object) -> bytes:
    """The bytes of a record. A value that does not fit its field is a ValueError: that is our bug, not the input's."""
    layout = _LAYOUTS[type(value)]
    parts: list[int | bytes] = []
    for name, spec in layout.fields:
        part = getattr(value, name)
        if not spec.is_int and len(part) != spec.size_bytes:
            raise ValueError(f"{layout.name}.{name} takes {spec.size_bytes} bytes, got {len(part)}")
        parts.append(part.to_bytes(3, "little") if spec.is_int and spec.size_bytes == 3 else part)
    try:
        return layout.packer.pack(*parts)
    except struct.error as fault:
        raise ValueError(f"{layout.name}: {fault}") from fault


def open_enum(kind: type[E], value: int) -> E | int:
    """The member for `value`, or the number itself: unknown hardware is data, not a crash."""
    try:
        return kind(value)
    except ValueError:
        return value


def label(value: enum.IntEnum | int) -> str:
    """How a person reads an open enum: `efi (0x03)` or `unknown (0x42)`."""
    if isinstance(value, enum.IntEnum):
        return f"{value.name.lower().replace('_', '-')} ({value.value:#04x})"
    return f"unknown ({value:#04x})"
