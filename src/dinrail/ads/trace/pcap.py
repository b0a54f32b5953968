"""Capture files: classic pcap (both byte orders, us and ns) and pcapng are read, classic pcap is written.

    pcap     u32 magic | u16 x 2 version | u32 x 2 zone, accuracy | u32 snap length | u32 link type
             records { u32 s | u32 us or ns | u32 length | u32 original length | data }
    pcapng   blocks { u32 type | u32 length | body | u32 length }, byte order by section

Bytes are fed in as they come, packets come out: memory is one packet's, whatever the file's size. Lengths are checked
before anything is kept.

Source: draft-ietf-opsawg-pcap-04; draft-ietf-opsawg-pcapng-02.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from dinrail.ads.trace.captured import Captured, LinkType
from dinrail.errors import FormatError

MAX_PACKET_BYTES = 1 << 20
MAX_BLOCK_BYTES = 16 << 20
MAX_INTERFACES = 1024
_US = 0xA1B2C3D4
_NS = 0xA1B23C4D
_HEAD_BYTES = 24
_RECORD_BYTES = 16
_SECTION = 0x0A0D0D0A
_ORDER_MAGIC = 0x1A2B3C4D
_LINK_MASK = 0x0FFFFFFF  # above: length of a frame check sequence
_S = 10**9


class CaptureReader:
    """Turns the bytes of a capture file into packets. `pending_bytes` at the end: the file was cut in a packet."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._format: _Pcap | _PcapNg | None = None

    @property
    def pending_bytes(self) -> int:
        return len(self._rest)

    def feed(self, data: bytes) -> Iterator[Captured]:
        """The packets that `data` completes. Raises FormatError for what is no capture file."""
        self._rest += data
        if self._format is None:
            self._format = self._recognise()
            if self._format is None:
                return
        at = 0
        try:
            while (size := self._format.next_bytes(self._rest, at)) is not None and len(self._rest) - at >= size:
                piece = bytes(self._rest[at : at + size])
                at += size
                packet = self._format.packet(piece)
                if packet is not None:
                    yield packet
        finally:
            del self._rest[:at]

    def _recognise(self) -> _Pcap | _PcapNg | None:
        if len(self._rest) < 4:
            return None
        magic = bytes(self._rest[:4])
        if int.from_bytes(magic, "little") == _SECTION:
            return _PcapNg()
        for order in ("<", ">"):
            number = struct.unpack(f"{order}I", magic)[0]
            if number in (_US, _NS):
                if len(self._rest) < _HEAD_BYTES:
                    return None
                link_type = struct.unpack_from(f"{order}I", self._rest, 20)[0] & _LINK_MASK
                del self._rest[:_HEAD_BYTES]
                return _Pcap(struct.Struct(f"{order}IIII"), 1 if number == _NS else 1000, link_type)
        raise FormatError(
            f"starts with {magic.hex(' ')}", structure="capture file", field="magic", offset=0, hint="pcap or pcapng"
        )


@dataclass(frozen=True, slots=True)
class _Pcap:
    """Records of a classic file; `unit_ns` of the fraction."""

    head: struct.Struct
    unit_ns: int
    link_type: int

    def next_bytes(self, data: bytearray, at: int) -> int | None:
        if len(data) - at < _RECORD_BYTES:
            return None
        size = int(self.head.unpack_from(data, at)[2])
        if size > MAX_PACKET_BYTES:
            raise _too_long("pcap record", size)
        return _RECORD_BYTES + size

    def packet(self, piece: bytes) -> Captured:
        seconds, fraction, _, _ = self.head.unpack_from(piece)
        return Captured(seconds * _S + fraction * self.unit_ns, self.link_type, piece[_RECORD_BYTES:])


@dataclass(frozen=True, slots=True)
class _Interface:
    """An interface description: ticks per second are 10^-n or 2^-n."""

    link_type: int
    per_second: int = 10**6
    offset_s: int = 0

    def wall_ns(self, ticks: int) -> int:
        return self.offset_s * _S + ticks * _S // self.per_second


class _PcapNg:
    """Blocks of a pcapng file. Interfaces belong to their section, and so does the byte order."""

    def __init__(self) -> None:
        self._order = "<"
        self._interfaces: list[_Interface] = []

    def next_bytes(self, data: bytearray, at: int) -> int | None:
        if len(data) - at < 12:
            return None
        if int.from_bytes(data[at : at + 4], "little") == _SECTION:  # reads the same both ways
            self._order = self._section_order(bytes(data[at + 8 : at + 12]))
        size = int(struct.unpack_from(f"{self._order}I", data, at + 4)[0])
        if size < 12 or size % 4 or size > MAX_BLOCK_BYTES:
            raise _too_long("pcapng block", size)
        return size

    @staticmethod
    def _section_order(magic: bytes) -> str:
        for order in ("<", ">"):
            if struct.unpack(f"{order}I", magic)[0] == _ORDER_MAGIC:
                return order
        raise FormatError(f"reads {magic.hex(' ')}", structure="pcapng section", field="byte-order magic")

    def packet(self, piece: bytes) -> Captured | None:
        kind = int(struct.unpack_from(f"{self._order}I", piece)[0])
        body = piece[8:-4]
        if kind == _SECTION:
            self._interfaces = []
        elif kind == 1:
            self._add_interface(body)
        elif kind == 6:
            interface, high, low, size = self._fields("IIII", body)
            return self._captured(interface, high << 32 | low, body[20:], size)
        elif kind == 2:
            interface, _, high, low, size = self._fields("HHIII", body)
            return self._captured(interface, high << 32 | low, body[20:], size)
        elif kind == 3:  # has no time
            (size,) = self._fields("I", body)
            return self._captured(0, 0, body[4:], min(size, len(body) - 4))
        return None

    def _captured(self, interface: int, ticks: int, data: bytes, size: int) -> Captured:
        if interface >= len(self._interfaces):
            raise FormatError(f"is of interface {interface}, which was never described", structure="pcapng packet")
        if size > len(data) or size > MAX_PACKET_BYTES:
            raise _too_long("pcapng packet", size)
        described = self._interfaces[interface]
        return Captured(described.wall_ns(ticks), described.link_type, data[:size])

    def _add_interface(self, body: bytes) -> None:
        link_type, _, _ = self._fields("HHI", body)
        if len(self._interfaces) >= MAX_INTERFACES:
            raise FormatError(f"more than {MAX_INTERFACES} interfaces", structure="pcapng section")
        options = self._options(body[8:])
        resolution = options.get(9, b"\x06")[:1] or b"\x06"
        exponent = resolution[0] & 0x7F
        if exponent > (63 if resolution[0] & 0x80 else 18):
            raise FormatError(f"time resolution {resolution[0]:#x}", structure="pcapng interface", field="if_tsresol")
        offset = options.get(14, b"")
        offset_s = struct.unpack(f"{self._order}q", offset)[0] if len(offset) == 8 else 0
        self._interfaces.append(_Interface(link_type, 2**exponent if resolution[0] & 0x80 else 10**exponent, offset_s))

    def _options(self, data: bytes) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        at = 0
        while at + 4 <= len(data):
            code, size = struct.unpack_from(f"{self._order}HH", data, at)
            if code == 0:
                break
            found.setdefault(code, data[at + 4 : at + 4 + size])
            at += 4 + (size + 3 & ~3)
        return found

    def _fields(self, codes: str, body: bytes) -> tuple[int, ...]:
        packer = struct.Struct(self._order + codes)
        if len(body) < packer.size:
            raise FormatError(f"{len(body)} bytes are too few", structure="pcapng block")
        return packer.unpack_from(body)


def _too_long(structure: str, size: int) -> FormatError:
    return FormatError(f"says {size} bytes", structure=structure, field="length", why="no packet is as long as that")


_WRITE_HEAD = struct.Struct("<IHHIIII")
_WRITE_RECORD = struct.Struct("<IIII")


def file_header(link_type: int = LinkType.RAW) -> bytes:
    """The start of a classic pcap file with ns stamps."""
    return _WRITE_HEAD.pack(_NS, 2, 4, 0, 0, MAX_PACKET_BYTES, link_type)


def record(wall_ns: int, data: bytes) -> bytes:
    """One packet of such a file. Times before 1970 and after 2106 are told as the nearest one that fits."""
    seconds, fraction = divmod(min(max(wall_ns, 0), 0xFFFFFFFF * _S), _S)
    return _WRITE_RECORD.pack(seconds, fraction, len(data), len(data)) + data
