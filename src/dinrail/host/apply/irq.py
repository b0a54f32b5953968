"""Where an interrupt may be served: /proc/irq/N/smp_affinity_list.

Source: Linux kernel/irq/proc.c (write_irq_affinity): EIO for interrupts whose affinity the kernel manages or that are
per CPU, ENOSPC where the new CPUs have no vector left. Both leave the affinity as it was.
"""

from __future__ import annotations

import errno

from dinrail.errors import HostError
from dinrail.files import os_refusal
from dinrail.host.apply.tree import Tree, unexpected
from dinrail.host.port import Unchangeable
from dinrail.machine.change import Change
from dinrail.machine.setting import Spelling, canonical

_UNMOVABLE = {
    errno.EIO: "the kernel manages this interrupt's affinity by itself",
    errno.ENOSPC: "the other CPUs have no interrupt vector left",
}


def current(tree: Tree, change: Change) -> str:
    """The list of CPUs. Raises TargetGone for an interrupt that nobody has any more, HostError."""
    return canonical(Spelling.LIST, tree.line(_path(change)))


def make(tree: Tree, change: Change) -> None:
    """Move it. Raises TargetGone, Unchangeable, HostError."""
    path = _path(change)
    tree.require(path, "the interrupt")
    number = tree.attempt(path, f"{change.want}\n")
    if number in _UNMOVABLE:
        raise Unchangeable(f"interrupt {change.target} stays where it is", where=path, why=_UNMOVABLE[number])
    if number:
        raise os_refusal(OSError(number, ""), f"move interrupt {change.target} to CPU {change.want}", path)
    found = current(tree, change)
    if found != change.want:
        raise unexpected(f"interrupt {change.target}", path, change.want, found)


def _path(change: Change) -> str:
    if not change.target.isascii() or not change.target.isdecimal():
        raise HostError(f"{change.target!r} is no interrupt's number")
    return f"/proc/irq/{change.target}/smp_affinity_list"
