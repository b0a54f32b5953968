"""The memory behind a device: areas of bytes, and the index groups by which clients reach them.

    0x4020  bytes of %M           0xF020  bytes of the inputs      0xF040  clear the inputs
    0x4021  its bits              0xF021  their bits               0xF050  clear the outputs
    0x4025  its size              0xF025  their size               0xF060  read inputs and write outputs
    0x4040, 0x4030, 0x4000 ...    0xF028 ... 0xF02F  one bit of the byte at the offset

Source: Beckhoff Information System, "Index group/offset of the PLC services"; TwinCAT SDK Ads.h.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple, Protocol

from dinrail.ads.device.access import no_service
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.group import IndexGroup
from dinrail.layout import Buffer

_U32 = struct.Struct("<I")
BITS_PER_BYTE = 8
BITS_GROUP = 1
"""A group plus this is the same area by bits: offset = byte * 8 + bit."""
SIZE_GROUP = 5
"""A group plus this tells, at offset 0, how many bytes the area has."""
ONE_BIT_GROUPS = 8
"""Inputs or outputs plus 8 ... 15: one bit (0 ... 7) of the byte at the offset."""


class MemoryArea(Protocol):
    """A run of bytes. Callers keep within `size_bytes`, which never changes; what crosses is copied."""

    @property
    def size_bytes(self) -> int: ...

    def read(self, offset: int, size_bytes: int) -> bytes: ...

    def write(self, offset: int, data: bytes) -> None: ...

    def write_bits(self, offset: int, mask: bytes, data: bytes) -> None:
        """Write the bits that are set in `mask` from those of `data`, as long; all others stay, whoever writes them."""

    def view(self) -> Buffer:
        """The whole area, for reading many places at one moment; a consistent copy where the area can tear."""


class BytesArea:
    """Plain memory of this process."""

    __slots__ = ("_data", "size_bytes")

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._data = bytearray(size_bytes)

    def read(self, offset: int, size_bytes: int) -> bytes:
        return bytes(self._data[offset : offset + size_bytes])

    def write(self, offset: int, data: bytes) -> None:
        self._data[offset : offset + len(data)] = data

    def write_bits(self, offset: int, mask: bytes, data: bytes) -> None:
        end = offset + len(mask)
        keep = int.from_bytes(self._data[offset:end], "little") & ~int.from_bytes(mask, "little")
        value = keep | int.from_bytes(data, "little") & int.from_bytes(mask, "little")
        self._data[offset:end] = value.to_bytes(len(mask), "little")

    def view(self) -> Buffer:
        return self._data


class Kind(NamedTuple):
    """What an index group is: an area by bytes or bits, its size, or clearing it. `bit` for the one-bit groups."""

    access: str
    area: MemoryArea
    group: int
    bit: int = 0


class Spot(NamedTuple):
    """A checked place: `size_bytes` at `offset` of `area`, whose bytes clients reach by `group`.

    bit: the first bit in the byte at `offset`; None for bytes. Of bits, each is one byte on the wire (0 or 1), and
    `size_bytes` counts bits.
    """

    area: MemoryArea
    group: int
    offset: int
    size_bytes: int
    bit: int | None = None

    @property
    def span_bytes(self) -> int:
        """Bytes of the area that it touches."""
        return self.size_bytes if self.bit is None else (self.bit + self.size_bytes + 7) // BITS_PER_BYTE

    def read(self) -> bytes:
        if self.bit is None:
            return self.area.read(self.offset, self.size_bytes)
        value = int.from_bytes(self.area.read(self.offset, self.span_bytes), "little") >> self.bit
        return bytes([value >> index & 1 for index in range(self.size_bytes)])

    def write(self, data: bytes) -> None:
        """`data` is `size_bytes` long."""
        if self.bit is None:
            self.area.write(self.offset, data)
            return
        value = sum(1 << index for index, byte in enumerate(data, self.bit) if byte)
        mask = (1 << len(data)) - 1 << self.bit
        span_bytes = self.span_bytes
        self.area.write_bits(self.offset, mask.to_bytes(span_bytes, "little"), value.to_bytes(span_bytes, "little"))


class Memory:
    """Index groups to areas.

    memory = Memory()
    memory.add(0x4020, BytesArea(128_000))                       # bytes, bits and size: 0x4020, 0x4021, 0x4025
    memory.add_images(inputs=BytesArea(1000), outputs=BytesArea(1000))
    """

    def __init__(self) -> None:
        self._kinds: dict[int, Kind] = {}
        self._images: tuple[MemoryArea, MemoryArea] | None = None

    def add(self, group: int, area: MemoryArea, *, alias_of: int | None = None) -> None:
        """Serve `area` at `group` by bytes, at group + 1 by bits, and tell its size at group + 5.

        alias_of: the group whose symbols and rules count for this one, too.
        """
        known = group if alias_of is None else alias_of
        self._kinds[group] = Kind("bytes", area, known)
        self._kinds[group + BITS_GROUP] = Kind("bits", area, known)
        self._kinds[group + SIZE_GROUP] = Kind("size", area, known)

    def add_images(self, *, inputs: MemoryArea, outputs: MemoryArea) -> None:
        """The process images: 0xF020 and 0xF030 with their bits, sizes and clearing, 0xF060, and 0x4000 and 0x4010."""
        self._images = (inputs, outputs)
        for group, clear, plc, area in (
            (IndexGroup.INPUTS, IndexGroup.CLEAR_INPUTS, IndexGroup.PLC_INPUTS, inputs),
            (IndexGroup.OUTPUTS, IndexGroup.CLEAR_OUTPUTS, IndexGroup.PLC_OUTPUTS, outputs),
        ):
            self.add(group, area)
            self.add(plc, area, alias_of=group)
            self._kinds[clear] = Kind("clear", area, group)
            for bit in range(BITS_PER_BYTE):
                self._kinds[group + ONE_BIT_GROUPS + bit] = Kind("bit", area, group, bit)

    def __contains__(self, group: int) -> bool:
        return group in self._kinds or (group == IndexGroup.INPUTS_AND_OUTPUTS and self._images is not None)

    def area(self, group: int) -> MemoryArea | None:
        """The area whose bytes are at `group`."""
        kind = self._kinds.get(group)
        return kind.area if kind is not None and kind.access == "bytes" else None

    def spot(self, group: int, offset: int, size_bytes: int) -> Spot:
        """The place that (group, offset, size) means.

        Raises AdsFault: 0x701 for a group that is no memory, 0x703 for an offset outside, 0x705 for a range that
        leaves the area.
        """
        kind = self._kinds.get(group)
        if kind is None or kind.access not in ("bytes", "bits", "bit"):
            raise no_service(f"index group {group:#x} is no memory")
        if kind.access == "bytes":
            byte, bit, span = offset, None, size_bytes
        else:
            byte, bit = divmod(offset, BITS_PER_BYTE) if kind.access == "bits" else (offset, kind.bit)
            span = (bit + size_bytes + 7) // BITS_PER_BYTE if size_bytes else 0
        if byte > kind.area.size_bytes or (span and byte == kind.area.size_bytes):
            raise AdsFault(AdsError.INVALID_OFFSET, f"{group:#x}:{offset:#x} is behind the area's end")
        if byte + span > kind.area.size_bytes:
            raise AdsFault(AdsError.INVALID_SIZE, f"{size_bytes} bytes at {group:#x}:{offset:#x} leave the area")
        return Spot(kind.area, kind.group, byte, size_bytes, bit)

    def byte_spot(self, group: int, offset: int, size_bytes: int, bit: int | None) -> Spot:
        """The place of a symbol: bytes, or one bit of the byte at `offset`. Raises AdsFault as `spot`."""
        spot = self.spot(group, offset, size_bytes)
        return spot if bit is None else Spot(spot.area, spot.group, offset, 1, bit)

    def locate(self, address: int) -> tuple[int, int]:
        """(group, offset) that a pointer's value means: the group above 32 bits, the data area where there is none.

        Raises AdsFault 0x703 for a null pointer. Memory of a real program overrides this by what its addresses mean.
        """
        if not address:
            raise AdsFault(AdsError.INVALID_OFFSET, "the pointer is null")
        return address >> 32 or IndexGroup.PLC_DATA, address & 0xFFFF_FFFF

    def reader(self, group: int, offset: int, size_bytes: int) -> Spot | Callable[[], bytes]:
        """What gives a read's bytes: a spot, or a function for an area's size. Raises AdsFault."""
        kind = self._kinds.get(group)
        if kind is None or kind.access != "size":
            return self.spot(group, offset, size_bytes)
        if offset:
            raise no_service(f"{group:#x} has nothing but the size at offset 0")
        told = _U32.pack(kind.area.size_bytes)[:size_bytes]
        return lambda: told

    def read(self, group: int, offset: int, size_bytes: int) -> bytes:
        """What lies there. Raises AdsFault."""
        kind = self._kinds.get(group)
        if kind is not None and kind.access == "bytes" and offset + size_bytes <= kind.area.size_bytes and size_bytes:
            return kind.area.read(offset, size_bytes)  # what nearly all reads are
        reader = self.reader(group, offset, size_bytes)
        return reader.read() if isinstance(reader, Spot) else reader()

    def write(self, group: int, offset: int, data: bytes) -> None:
        """Write bytes or bits, or clear an image. Raises AdsFault."""
        kind = self._kinds.get(group)
        if kind is not None and kind.access == "bytes" and offset + len(data) <= kind.area.size_bytes and data:
            kind.area.write(offset, data)  # as in `read`
            return
        if kind is not None and kind.access == "clear":
            kind.area.write(0, bytes(kind.area.size_bytes))
            return
        self.spot(group, offset, len(data)).write(data)

    def exchange(self, offset: int, size_bytes: int, data: bytes) -> bytes:
        """0xF060: write outputs from `offset`, then read inputs from `offset`. Nothing is written when either fails."""
        if self._images is None:
            raise no_service("there are no process images")
        reading = self.spot(IndexGroup.INPUTS, offset, size_bytes)
        self.spot(IndexGroup.OUTPUTS, offset, len(data)).write(data)
        return reading.read()

    def touched(self, group: int, offset: int, size_bytes: int) -> tuple[int, int, int, int | None]:
        """(group, offset, bytes, bit) that an access touches, for rules and names; as given when unknown.

        bit: where it is a single one.
        """
        kind = self._kinds.get(group)
        if kind is None or kind.access == "size":
            return group, offset, size_bytes, None
        if kind.access == "clear":
            return kind.group, 0, kind.area.size_bytes, None
        if kind.access == "bytes":
            return kind.group, offset, size_bytes, None
        byte, bit = divmod(offset, BITS_PER_BYTE) if kind.access == "bits" else (offset, kind.bit)
        return kind.group, byte, (bit + size_bytes + 7) // BITS_PER_BYTE, bit if size_bytes == 1 else None


def address_of(group: int, offset: int) -> int:
    """The pointer value that `Memory.locate` takes for a place."""
    return group << 32 | offset


def plc_memory(size_bytes: int = 128_000, data_bytes: int = 10 << 20) -> Memory:
    """The areas of a TwinCAT 3 PLC at their default sizes: %M, retain, data, and the process images."""
    memory = Memory()
    memory.add(IndexGroup.PLC_MEMORY, BytesArea(size_bytes))
    memory.add(IndexGroup.PLC_RETAIN, BytesArea(size_bytes))
    memory.add(IndexGroup.PLC_DATA, BytesArea(data_bytes))
    memory.add_images(inputs=BytesArea(size_bytes), outputs=BytesArea(size_bytes))
    return memory
