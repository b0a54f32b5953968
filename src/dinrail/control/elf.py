"""Sections of an ELF shared object: found, and appended. Enough of the format to keep an image's parts in one file.

Source: System V Application Binary Interface, "Object Files" (64-bit, little-endian).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dinrail.errors import FormatError
from dinrail.layout import decode, encode, raw, record, u16, u32, u64

_MAGIC = b"\x7fELF\x02\x01\x01"
_SHT_PROGBITS, _SHT_STRTAB = 1, 3
_PT_LOAD, _PF_X = 1, 1
_MAX_SECTIONS = 512


@record(size_bytes=64, name="Elf64_Ehdr", source="System V ABI, chapter 4")
class ElfHeader:
    """The first 64 bytes."""

    ident: bytes = raw(0, 16)
    kind: int = u16(16)
    machine: int = u16(18)
    version: int = u32(20)
    entry: int = u64(24)
    program_headers: int = u64(32)
    section_headers: int = u64(40)
    flags: int = u32(48)
    header_bytes: int = u16(52)
    program_header_bytes: int = u16(54)
    program_header_count: int = u16(56)
    section_header_bytes: int = u16(58)
    section_count: int = u16(60)
    names_index: int = u16(62)


@record(size_bytes=64, name="Elf64_Shdr", source="System V ABI, chapter 4")
class SectionHeader:
    """One row of the section table."""

    name: int = u32(0)
    kind: int = u32(4)
    flags: int = u64(8)
    address: int = u64(16)
    offset: int = u64(24)
    size_bytes: int = u64(32)
    link: int = u32(40)
    info: int = u32(44)
    align_bytes: int = u64(48)
    entry_bytes: int = u64(56)


@record(size_bytes=56, name="Elf64_Phdr", source="System V ABI, chapter 5")
class ProgramHeader:
    """One row of the program header table."""

    kind: int = u32(0)
    flags: int = u32(4)
    offset: int = u64(8)
    address: int = u64(16)
    physical: int = u64(24)
    file_bytes: int = u64(32)
    memory_bytes: int = u64(40)
    align_bytes: int = u64(48)


def code_range(data: bytes) -> range:
    """Where code lies in memory, counted from where the object is loaded: of the first segment that may be run.

    Raises FormatError for what is no ELF64 object; an empty range when nothing of it may be run.
    """
    elf = decode(ElfHeader, data)
    if not elf.ident.startswith(_MAGIC) or elf.program_header_bytes != 56:
        raise FormatError("this is no 64-bit ELF object", structure="Elf64_Ehdr", field="ident")
    rows = (decode(ProgramHeader, data, elf.program_headers + 56 * n) for n in range(elf.program_header_count))
    runs = next((row for row in rows if row.kind == _PT_LOAD and row.flags & _PF_X), None)
    return range(runs.address, runs.address + runs.memory_bytes) if runs else range(0)


def read_sections(data: bytes, *, where: str | None = None) -> dict[str, bytes]:
    """Every section that has bytes in the file, by name. Raises FormatError for anything that is no ELF64 object."""
    _, headers = _table(data, where)
    return {name: _bytes(data, header, where) for name, header in headers if header.kind == _SHT_PROGBITS}


def add_sections(data: bytes, parts: Mapping[str, bytes]) -> bytes:
    """The object with further sections that no loader maps: appended, with a new section table behind them.

    Bytes of the old file stay where they are but for the header's three words about its section table.
    Raises FormatError.
    """
    elf, headers = _table(data, None)
    out = bytearray(data)
    names = bytearray(_names(data, elf, None))
    rows = [header for _, header in headers]
    for name, content in parts.items():
        _pad(out)
        rows.append(_row(len(names), _SHT_PROGBITS, len(out), len(content)))
        names += name.encode() + b"\0"
        out += content
    _pad(out)
    rows[elf.names_index] = _row(rows[elf.names_index].name, _SHT_STRTAB, len(out), len(names))
    out += names
    _pad(out)
    header = replace(elf, section_headers=len(out), section_count=len(rows))
    out[: len(encode(header))] = encode(header)
    for row in rows:
        out += encode(row)
    return bytes(out)


def without_section_table(data: bytes) -> bytes:
    """The file with the header's words about its section table cleared: equal before and after `add_sections`."""
    out = bytearray(data)
    out[40:48] = bytes(8)
    out[60:64] = bytes(4)
    return bytes(out)


def _table(data: bytes, where: str | None) -> tuple[ElfHeader, list[tuple[str, SectionHeader]]]:
    elf = decode(ElfHeader, data, where=where)
    if not elf.ident.startswith(_MAGIC) or elf.section_header_bytes != 64:
        raise FormatError("this is no 64-bit ELF object", structure="Elf64_Ehdr", field="ident", where=where)
    if not 0 < elf.section_count <= _MAX_SECTIONS or elf.names_index >= elf.section_count:
        raise FormatError("its section table is impossible", structure="Elf64_Ehdr", where=where)
    rows = [decode(SectionHeader, data, elf.section_headers + 64 * n, where=where) for n in range(elf.section_count)]
    names = _bytes(data, rows[elf.names_index], where)
    return elf, [(_name(names, row.name), row) for row in rows]


def _names(data: bytes, elf: ElfHeader, where: str | None) -> bytes:
    return _bytes(data, decode(SectionHeader, data, elf.section_headers + 64 * elf.names_index, where=where), where)


def _name(names: bytes, at: int) -> str:
    return names[at : names.find(b"\0", at)].decode("ascii", "replace") if at < len(names) else ""


def _bytes(data: bytes, header: SectionHeader, where: str | None) -> bytes:
    if header.offset + header.size_bytes > len(data):
        raise FormatError("a section ends behind the file", structure="Elf64_Shdr", field="size", where=where)
    return data[header.offset : header.offset + header.size_bytes]


def _row(name: int, kind: int, offset: int, size_bytes: int) -> SectionHeader:
    return SectionHeader(
        name=name,
        kind=kind,
        flags=0,
        address=0,
        offset=offset,
        size_bytes=size_bytes,
        link=0,
        info=0,
        align_bytes=1,
        entry_bytes=0,
    )


def _pad(out: bytearray) -> None:
    out.extend(bytes(-len(out) % 8))
