"""The header that every ACPI table begins with. Source: ACPI Specification 6.5, 5.2.6.

The firmware wrote the table, an archive may have been altered: signature, length and checksum are checked before
anything in it is believed.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from dinrail.errors import FormatError, Truncated
from dinrail.layout import decode, layout_of, open_enum, raw, record, u8, u32

E = TypeVar("E", bound=enum.IntEnum)
BODY_AT = 36
"""Where a table's own part begins: behind its header."""


@record(size_bytes=36, name="ACPI table header", source="ACPI Specification 6.5, table 5.4")
class TableHeader:
    """The 36 bytes. The builder names dinrail where a firmware would name itself."""

    signature: bytes = raw(0x00, 4)
    length_bytes: int = u32(0x04)
    revision: int = u8(0x08, default=1)
    checksum: int = u8(0x09, default=0)
    oem_id: bytes = raw(0x0A, 6, default=b"DINRAL")
    oem_table_id: bytes = raw(0x10, 8, default=b"DINRAIL ")
    oem_revision: int = u32(0x18, default=1)
    creator_id: bytes = raw(0x1C, 4, default=b"DNRL")
    creator_revision: int = u32(0x20, default=1)


@dataclass(frozen=True, slots=True)
class Table:
    """A whole table whose checksum holds. `data` includes the header, and nothing behind the table."""

    header: TableHeader
    data: bytes


def parse_table(data: bytes, signature: bytes, *, where: str | None = None) -> Table:
    """The table at the start of `data`. Raises FormatError for another signature, a wrong length or checksum."""
    name = signature.decode("ascii", "replace")
    header = decode(TableHeader, data, where=where)
    if header.signature != signature:
        raise FormatError(
            f"the signature is {header.signature!r}, not {signature!r}",
            structure=name,
            field="signature",
            offset=0,
            where=where,
        )
    if header.length_bytes < layout_of(TableHeader).size_bytes:
        raise FormatError(
            f"the length {header.length_bytes} is less than the header's",
            structure=name,
            field="length_bytes",
            offset=4,
            where=where,
        )
    if header.length_bytes > len(data):
        raise Truncated(
            f"the table is {header.length_bytes} bytes long, {len(data)} are there",
            structure=name,
            field="length_bytes",
            offset=4,
            where=where,
        )
    table = bytes(data[: header.length_bytes])
    if rest := sum(table) & 0xFF:
        raise FormatError(
            f"the bytes add up to {rest:#04x}, not to 0", structure=name, field="checksum", offset=9, where=where
        )
    return Table(header, table)


class StructureHeader(Protocol):
    """How the structures behind a table's own head begin: their type, and their length with this header."""

    @property
    def kind(self) -> int: ...

    @property
    def length_bytes(self) -> int: ...


def structures(
    table: Table, head: type, header: type[StructureHeader], kinds: type[E], *, where: str | None = None
) -> Iterator[tuple[E | int, bytes]]:
    """Each structure behind the table's `head` as (type, its bytes). Raises FormatError for a length that does not fit.

    Every step moves on by at least the structure's own header.
    """
    at = BODY_AT + layout_of(head).size_bytes
    while at < len(table.data):
        found = decode(header, table.data, at, where=where)
        left_bytes = len(table.data) - at
        if not layout_of(header).size_bytes <= found.length_bytes <= left_bytes:
            raise FormatError(
                f"the length {found.length_bytes} does not fit the {left_bytes} bytes that are left",
                structure=layout_of(header).name,
                field="length_bytes",
                offset=at + 2,
                where=where,
            )
        yield open_enum(kinds, found.kind), table.data[at : at + found.length_bytes]
        at += found.length_bytes


def sealed(table: bytes) -> bytes:
    """The same table with the checksum byte put right. For builders."""
    zeroed = table[:9] + b"\0" + table[10:]
    return zeroed[:9] + bytes([-sum(zeroed) & 0xFF]) + zeroed[10:]
