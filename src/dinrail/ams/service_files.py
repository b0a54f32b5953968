"""The system service's file structures (index groups 120-139): open modes, what finding gives, what stat gives.

Source: Beckhoff/ADS AdsLib/AdsFile.cpp and AdsFile.h; birkenfeld/ads-rs src/file.rs; Windows' WIN32_FIND_DATAA.
"""

from __future__ import annotations

import enum

from dinrail.layout import pad, raw, record, u32, u64

SELECTOR_SHIFT = 16
"""Bits 16-31 of an index offset say in which directory a name is meant; FFILEFIND alone has it in the low bits."""
FIND_BYTES = 324
FIND_NAME_BYTES = 260
STAT_BYTES = 36
DIRECTORY_ATTRIBUTE = 0x10
NORMAL_ATTRIBUTE = 0x80


class FileGroup(enum.IntEnum):
    """Index groups of the file services."""

    OPEN_CREATE = 100
    OPEN_READ = 101
    OPEN_WRITE = 102
    CREATE_FILE = 110
    CLOSE_HANDLE = 111
    FLUSH = 112
    TRUNCATE = 114
    OPEN = 120
    CLOSE = 121
    READ = 122
    WRITE = 123
    SEEK = 124
    TELL = 125
    GETS = 126
    PUTS = 127
    EOF = 130
    DELETE = 131
    RENAME = 132
    FIND = 133
    STAT = 134
    COPY = 136
    MD5 = 137
    MAKE_DIRECTORY = 138
    REMOVE_DIRECTORY = 139


class OpenFlag(enum.IntFlag):
    """Low half of FOPEN's index offset."""

    READ = 0x1
    WRITE = 0x2
    APPEND = 0x4
    PLUS = 0x8
    BINARY = 0x10
    TEXT = 0x20
    ENSURE_DIRECTORY = 0x40
    ENABLE_DIRECTORY = 0x80
    OVERWRITE = 0x100
    OVERWRITE_RENAME = 0x200
    EXTRACT_ZIP = 0x400
    FORCE_CLOSE = 0x800


@record(size_bytes=FIND_BYTES, name="TcFileFindData", source="AdsLib/AdsFile.cpp; WIN32_FIND_DATAA")
class FileFound:
    """One entry of a directory. `handle` is the index offset of the next call. Times are FILETIMEs."""

    handle: int = u32(0x00)
    attributes: int = u32(0x04)
    created: int = u64(0x08)
    accessed: int = u64(0x10)
    modified: int = u64(0x18)
    size_high: int = u32(0x20)
    size_low: int = u32(0x24)
    _reserved_28: bytes = pad(0x28, 8)
    name: bytes = raw(0x30, FIND_NAME_BYTES)
    _alternate_name: bytes = pad(0x134, 14)
    _padding: bytes = pad(0x142, 2)


@record(size_bytes=STAT_BYTES, name="file status", source="ads.md 2.8, index group 134")
class FileStatus:
    """What is known of one file. Times are FILETIMEs."""

    size_bytes: int = u64(0x00)
    created: int = u64(0x08)
    modified: int = u64(0x10)
    accessed: int = u64(0x18)
    attributes: int = u32(0x20)
