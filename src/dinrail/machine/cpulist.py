"""Sets of CPUs in the two spellings of Linux: lists (`0-2,7`) and masks in words of 32 bits (`00000001,0000000f`).

Source: Linux lib/bitmap.c (bitmap_parselist, bitmap_parse), Documentation/admin-guide/kernel-parameters.rst.
Archives come from strangers, so nothing is made larger than MAX_CPUS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_CPUS = 8192
"""What the kernel itself can be built for (CONFIG_NR_CPUS on x86-64)."""

_PART = re.compile(r"(\d{1,6})(?:-(\d{1,6})(?::(\d{1,6})/(\d{1,6}))?)?")
_MASK = re.compile(r"[0-9a-fA-F]{1,8}(?:,[0-9a-fA-F]{8})*")


def parse_list(text: str) -> frozenset[int] | None:
    """The CPUs of `0-2,7` (also `0-7:1/2`: 1 of each group of 2); empty for an empty text, None for anything else."""
    found: set[int] = set()
    for part in text.strip().split(",") if text.strip() else ():
        match = _PART.fullmatch(part.strip())
        if match is None:
            return None
        first, last = int(match[1]), int(match[2] or match[1])
        used, group = int(match[3] or 1), int(match[4] or 1)
        if not first <= last < MAX_CPUS or not 1 <= used <= group:
            return None
        found.update(cpu for cpu in range(first, last + 1) if (cpu - first) % group < used)
    return frozenset(found)


def format_list(cpus: Iterable[int]) -> str:
    """`0-2,7`, as the kernel prints it; empty for no CPU."""
    runs: list[list[int]] = []
    for cpu in sorted(set(cpus)):
        if runs and runs[-1][1] == cpu - 1:
            runs[-1][1] = cpu
        else:
            runs.append([cpu, cpu])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)


def parse_mask(text: str) -> frozenset[int] | None:
    """The CPUs of `00000001,0000000f`; None for anything else."""
    stripped = text.strip()
    if len(stripped) > MAX_CPUS // 4 + MAX_CPUS // 32 or not _MASK.fullmatch(stripped):
        return None
    bits = int(stripped.replace(",", ""), 16)
    return frozenset(cpu for cpu in range(min(bits.bit_length(), MAX_CPUS)) if bits >> cpu & 1)


def format_mask(cpus: Iterable[int]) -> str:
    """The mask in words of 32 bits, without leading zeros."""
    bits = sum(1 << cpu for cpu in set(cpus))
    words = [f"{bits >> 32 * word & 0xFFFFFFFF:08x}" for word in range(max(1, -(-bits.bit_length() // 32)))]
    return ",".join(reversed(words)).lstrip("0") or "0"
