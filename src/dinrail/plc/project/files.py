"""Files to texts: encodings, limits, and errors that name the file."""

from __future__ import annotations

import os
from pathlib import Path

from dinrail.errors import BadRequest
from dinrail.files import os_refusal
from dinrail.units import MIB

MAX_FILE_BYTES = 64 * MIB


def read_bytes(path: Path) -> bytes:
    """A whole file. Raises HostError, or BadRequest for one that is no source text by its size."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BadRequest("this file is larger than 64 MiB", where=str(path), why="no source text is")
        return path.read_bytes()
    except OSError as fault:
        raise os_refusal(fault, "read it", path, hint="check the path") from fault


def decode(data: bytes) -> str:
    """Text with plain newlines: UTF-8 (with or without mark), UTF-16 with its mark, else Windows-1252.

    Every sequence of bytes is a text: what Windows-1252 leaves undefined reads as the control character of its number.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = "".join(_CP1252[byte] for byte in data)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _cp1252() -> list[str]:
    table = []
    for byte in range(256):
        char = bytes([byte]).decode("cp1252", "ignore")
        table.append(char or chr(byte))
    return table


_CP1252 = _cp1252()


def shown(path: Path, root: Path) -> str:
    """A path as messages spell it: from the working directory where that is short, else from the project."""
    relative = os.path.relpath(path)
    if not relative.startswith(".."):
        return relative
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
