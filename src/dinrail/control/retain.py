"""RETAIN and PERSISTENT variables in a file that survives a power cut at any moment.

Saving writes a new file, makes it durable, keeps the last one as `<file>.1`, and renames: at every moment there is one
whole generation on disk. Loading takes the newest that is whole. Values are found again by path and type's text, so a
changed program takes what is still the same.

    file: magic u64 | count u32 | crc32 of what follows u32 | count times: lengths u16, u16, u32; path, type, bytes
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dinrail.control.image import Retained
from dinrail.errors import FormatError
from dinrail.files import ensure_directory, fsync_directory, os_refusal, read_file, write_all

_MAGIC = int.from_bytes(b"DRRETAIN", "little")
_HEAD = struct.Struct("<QII")
_ENTRY = struct.Struct("<HHI")
_MAX_BYTES = 64 << 20
_MODE = 0o600

Values = Mapping[tuple[str, str], bytes]
"""(path, type) -> bytes."""


def encode_values(values: Values) -> bytes:
    """The file's bytes. Equal values give equal bytes."""
    parts = []
    for (path, kind), data in sorted(values.items()):
        name, text = path.encode(), kind.encode()
        parts.append(_ENTRY.pack(len(name), len(text), len(data)) + name + text + data)
    body = b"".join(parts)
    return _HEAD.pack(_MAGIC, len(values), zlib.crc32(body)) + body


def decode_values(data: bytes, *, where: str | None = None) -> dict[tuple[str, str], bytes]:
    """The values in a file's bytes. Raises FormatError for any that were not written whole."""
    if len(data) < _HEAD.size:
        raise FormatError("it is too short", structure="Retained", where=where)
    magic, count, crc = _HEAD.unpack_from(data)
    if magic != _MAGIC or zlib.crc32(data[_HEAD.size :]) != crc:
        raise FormatError("it is damaged", structure="Retained", field="crc", where=where)
    values = dict(_entries(data))
    if len(values) != count:
        raise FormatError("its count is wrong", structure="Retained", field="count", where=where)
    return values


def _entries(data: bytes) -> Iterator[tuple[tuple[str, str], bytes]]:
    at = _HEAD.size
    while at + _ENTRY.size <= len(data):
        name, kind, size = _ENTRY.unpack_from(data, at)
        at += _ENTRY.size
        path, text = data[at : at + name], data[at + name : at + name + kind]
        at += name + kind + size
        yield (path.decode("utf-8", "replace"), text.decode("utf-8", "replace")), data[at - size : at]


def older(path: Path) -> Path:
    """The generation before."""
    return path.with_name(path.name + ".1")


def save(path: Path, values: Values) -> None:
    """Make these the newest generation, durably. Raises HostError; the older ones stand then."""
    temporary = path.with_name(f".{path.name}.new")
    ensure_directory(path.parent)
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
        try:
            write_all(fd, encode_values(values))
            os.fsync(fd)
        finally:
            os.close(fd)
        with contextlib.suppress(FileNotFoundError):
            path.replace(older(path))
        temporary.replace(path)
        fsync_directory(path.parent)
    except OSError as fault:
        raise os_refusal(fault, "save the retained values", path) from fault


def load(path: Path) -> tuple[dict[tuple[str, str], bytes], list[str]]:
    """The newest whole generation (none: empty), and what was wrong with newer ones. Raises HostError."""
    notes: list[str] = []
    for generation in (path, older(path)):
        if not generation.exists():
            continue
        try:
            return decode_values(read_file(generation, max_bytes=_MAX_BYTES), where=str(generation)), notes
        except FormatError as fault:
            notes.append(str(fault))
    return {}, notes


def forget(path: Path) -> None:
    """No generation any more. Raises HostError."""
    try:
        for generation in (path, older(path)):
            generation.unlink(missing_ok=True)
        fsync_directory(path.parent)
    except OSError as fault:
        raise os_refusal(fault, "forget the retained values", path) from fault


def matching(values: Values, retained: Sequence[Retained]) -> Iterator[tuple[Retained, bytes]]:
    """Which variables get which bytes: same path, same type, same size."""
    for variable in retained:
        data = values.get((variable.path, variable.type))
        if data is not None and len(data) == variable.size_bytes:
            yield variable, data
