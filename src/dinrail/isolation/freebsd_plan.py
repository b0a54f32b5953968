"""FreeBSD: the commands that give cores to the control alone, and those that take that back.

They are shown, and not run: dinrail's journal knows Linux only so far. Source: cpuset(1), sysctl(8), rtprio(1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dinrail.isolation.case import Wish
from dinrail.machine.cpulist import format_list
from dinrail.machine.realtime import FreeBsdRealTime

_IRQ = re.compile(r"irq(\d{1,5}):")
_RT_PRIORITY = 0
"""rtprio's highest, of 0 to 31."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command, the one that takes it back (empty for none), and why."""

    argv: tuple[str, ...]
    undo: tuple[str, ...]
    why: str


def commands(host: FreeBsdRealTime, wish: Wish) -> tuple[Command, ...]:
    """In the order in which they are to be run; undo goes backwards. Nothing for a wish without cores."""
    if not wish.cores or not host.online - wish.cores:
        return ()
    return tuple(_commands(host, wish))


def start_command(wish: Wish, program: tuple[str, ...]) -> tuple[str, ...]:
    """The words that start the control on its cores at a real-time priority."""
    return ("cpuset", "-l", format_list(wish.cores), "rtprio", str(_RT_PRIORITY), *program)


def _commands(host: FreeBsdRealTime, wish: Wish) -> Iterator[Command]:
    yield from _sysctl(host, "kern.timecounter.alloweddeviation", "0", "a sleep ends when it should")
    if host.number("kern.eventtimer.periodic") == 1:
        yield from _sysctl(host, "kern.eventtimer.periodic", "0", "timers are not bound to ticks")
    if host.sysctls.get("hw.acpi.cpu.cx_lowest", "C1") != "C1":
        yield from _sysctl(host, "hw.acpi.cpu.cx_lowest", "C1", "cores wake up at once")
    rest, all_cores = format_list(host.online - wish.cores), format_list(host.online)
    before = format_list(host.default_set if host.default_set is not None else host.online)
    for name in sorted(host.interrupts) if wish.interrupts else ():
        match = _IRQ.match(name)
        if match:
            words = ("-x", match[1])
            yield Command(
                ("cpuset", "-l", rest, *words), ("cpuset", "-l", all_cores, *words), f"{name}: served elsewhere"
            )
    if host.default_set is None or host.default_set & wish.cores:
        yield Command(
            ("cpuset", "-l", rest, "-s", "1"), ("cpuset", "-l", before, "-s", "1"), "all others run elsewhere"
        )


def _sysctl(host: FreeBsdRealTime, name: str, want: str, why: str) -> Iterator[Command]:
    before = host.sysctls.get(name)
    if before is not None and before != want:
        yield Command(("sysctl", f"{name}={want}"), ("sysctl", f"{name}={before}"), why)
