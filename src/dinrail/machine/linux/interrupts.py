"""Numbered interrupts: /proc/interrupts for names and counts, /proc/irq for where they may be served.

Source: Linux fs/proc/interrupts.c, kernel/irq/proc.c, Documentation/core-api/irq/irq-affinity.rst.
"""

from __future__ import annotations

import re

from dinrail.machine.cpulist import parse_list
from dinrail.machine.linux.text import number
from dinrail.machine.realtime import Interrupt
from dinrail.machine.sources import Raw

INTERRUPTS = "/proc/interrupts"
IRQS = "/proc/irq"
_HEAD = re.compile(r"CPU(\d{1,5})")
_LINE = re.compile(r"\s*(\d{1,6}):(.*)")


def read_interrupts(raw: Raw) -> tuple[Interrupt, ...]:
    """All interrupts that have a number, by number."""
    counted = _table(raw.text(INTERRUPTS))
    numbers = {int(name) for name in raw.children(IRQS) if number(name) is not None} | counted.keys()
    found = []
    for irq in sorted(numbers):
        name, counts = counted.get(irq, ("", {}))
        cpus = parse_list(raw.text(f"{IRQS}/{irq}/smp_affinity_list"))
        effective = raw.get(f"{IRQS}/{irq}/effective_affinity_list")
        found.append(
            Interrupt(
                number=irq,
                name=name,
                cpus=cpus or frozenset(),
                effective=parse_list(effective.line) or None if effective is not None else None,
                counts=counts,
            )
        )
    return tuple(found)


def _table(text: str) -> dict[int, tuple[str, dict[int, int]]]:
    """Name and counts by interrupt number. The first line names the CPUs of the columns (those that are online)."""
    lines = text.splitlines()
    columns = [int(cpu) for cpu in _HEAD.findall(lines[0])] if lines else []
    found: dict[int, tuple[str, dict[int, int]]] = {}
    for line in lines[1:]:
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        words = match[2].split()
        counts = [number(word) for word in words[: len(columns)]]
        rest = words[len(columns) :]
        by_cpu = {cpu: count for cpu, count in zip(columns, counts, strict=False) if count is not None}
        found[int(match[1])] = (" ".join(rest[2:]), by_cpu)
    return found
