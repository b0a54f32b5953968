"""Object to shared object, by binutils' ld: no C compiler, and no start-up code that a library would not need."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dinrail.plc.emit.failure import EmitFault

_LIBRARIES = ("libm.so.5", "libc.so.7") if sys.platform.startswith("freebsd") else ("libm.so.6", "libc.so.6")
"""Named as files: what `-lm` means needs the development packages."""

_FLAGS = (
    "-shared",
    "--build-id=none",
    "--hash-style=gnu",
    "--no-undefined",
    "--as-needed",
    "-znoexecstack",
    "-znow",
    "-zrelro",
    "-ztext",
)
"""All symbols are found at load (`now`): no cycle ever enters the dynamic linker."""


@dataclass(frozen=True, slots=True)
class Linked:
    """code: what is loaded, without symbol table and line tables. whole: the same, with them."""

    code: bytes
    whole: bytes


def link(objects: list[bytes]) -> Linked:
    """One shared object. Raises EmitFault: ld or objcopy is missing, or refuses."""
    with tempfile.TemporaryDirectory(prefix="dinrail-link-") as folder:
        place = Path(folder)
        names = []
        for index, data in enumerate(objects):
            names.append(f"{index}.o")
            (place / names[-1]).write_bytes(data)
        libraries = [f"-l:{name}" for name in _LIBRARIES]
        _run(["ld", *_FLAGS, "-o", "whole.so", *names, *libraries], place)
        _run(["objcopy", "--strip-all", "whole.so", "code.so"], place)
        return Linked((place / "code.so").read_bytes(), (place / "whole.so").read_bytes())


def _run(argv: list[str], place: Path) -> None:
    try:
        done = subprocess.run(argv, cwd=place, capture_output=True, text=True, check=False, timeout=120)
    except FileNotFoundError as error:
        raise EmitFault(f"there is no {argv[0]}", why="binutils link the image", hint="install binutils") from error
    except subprocess.TimeoutExpired as error:
        raise EmitFault(f"{argv[0]} did not end") from error
    if done.returncode != 0:
        raise EmitFault(f"{argv[0]} refuses the code", why=done.stderr.strip() or None)
