"""Reading a structure piece by piece: every step is bounded, and a fault names structure, field and offset."""

from __future__ import annotations

import struct
from typing import Any

from dinrail.ams.text import CP1252, decode_text
from dinrail.errors import Truncated

_U8 = struct.Struct("<B")
_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")


def unpack(packer: struct.Struct, data: bytes, at: int, structure: str) -> tuple[Any, ...]:
    """The fields at `at`. Raises Truncated when they are not all there."""
    if at + packer.size > len(data):
        raise Truncated(
            f"{packer.size} bytes are needed, {max(len(data) - at, 0)} are there", structure=structure, offset=at
        )
    return packer.unpack_from(data, at)


class Cursor:
    """A place in `data` that only moves forward and never past `end`. All reads raise Truncated."""

    __slots__ = ("at", "code_page", "data", "end", "structure")

    def __init__(
        self, data: bytes, structure: str, *, at: int = 0, end: int | None = None, code_page: int = CP1252
    ) -> None:
        self.data = data
        self.structure = structure
        self.at = at
        self.end = len(data) if end is None else min(end, len(data))
        self.code_page = code_page

    @property
    def left(self) -> int:
        """Bytes until the end."""
        return self.end - self.at

    def take(self, size_bytes: int, field: str) -> bytes:
        """The next bytes, exactly so many."""
        if size_bytes > self.end - self.at:
            raise Truncated(
                f"{size_bytes} bytes are needed, {self.end - self.at} are there",
                structure=self.structure,
                field=field,
                offset=self.at,
            )
        start = self.at
        self.at += size_bytes
        return self.data[start : self.at]

    def fields(self, packer: struct.Struct, field: str) -> tuple[Any, ...]:
        """Several fields at once; `field` names them together."""
        return packer.unpack(self.take(packer.size, field))

    def u8(self, field: str) -> int:
        return int(_U8.unpack(self.take(1, field))[0])

    def u16(self, field: str) -> int:
        return int(_U16.unpack(self.take(2, field))[0])

    def u32(self, field: str) -> int:
        return int(_U32.unpack(self.take(4, field))[0])

    def text(self, size_bytes: int, field: str) -> str:
        """A text of known length, and the NUL behind it."""
        return decode_text(self.take(size_bytes + 1, field)[:-1], self.code_page)

    def text_to_nul(self, field: str) -> str:
        """A text that ends with the next NUL."""
        stop = self.data.find(b"\0", self.at, self.end)
        if stop < 0:
            raise Truncated("no NUL follows", structure=self.structure, field=field, offset=self.at)
        return decode_text(self.take(stop + 1 - self.at, field)[:-1], self.code_page)
