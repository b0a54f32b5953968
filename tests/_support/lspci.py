"""lspci's reading of configuration spaces: somebody else's idea of the standard."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from build_config import lspci_dump

HAVE_LSPCI = shutil.which("lspci") is not None
PCI_IDS = Path("/usr/share/misc/pci.ids")


@dataclass(frozen=True, slots=True)
class Seen:
    """One device as `lspci -vv` prints it: its lines, without the tab in front."""

    head: str
    lines: tuple[str, ...]

    def find(self, pattern: str) -> list[str]:
        """The first group of every line that matches."""
        return [match[1] for line in self.lines if (match := re.search(pattern, line))]

    @property
    def capabilities(self) -> list[int]:
        return [int(at, 16) for at in self.find(r"^Capabilities: \[([0-9a-f]+)")]


def lspci(tmp_path: Path, spaces: Mapping[str, bytes], *options: str) -> dict[str, Seen]:
    """Feed configuration spaces to lspci; the answers by address."""
    dump = tmp_path / "dump"
    dump.write_text(lspci_dump(spaces))
    argv = ["lspci", "-F", str(dump), *(options or ("-vv",))]
    environment = {"LC_ALL": "C", "PATH": os.environ["PATH"]}
    out = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment).stdout
    seen = {}
    for block in out.strip().split("\n\n"):
        head, *lines = block.splitlines()
        address, _, rest = head.partition(" ")
        seen[address] = Seen(rest, tuple(line.strip() for line in lines))
    return seen
