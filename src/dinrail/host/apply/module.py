"""Whether a kernel module is loaded: the directory /sys/module/NAME, changed by modprobe.

A driver that is built into the kernel has that directory, too, so it counts as loaded; it never has to be loaded, and
so undo never tries to unload it. A module that others use by now stays: unloading it is tidiness, not repair.
"""

from __future__ import annotations

import re

from dinrail.errors import CommandFailed, HostError
from dinrail.host import run
from dinrail.host.apply.tree import Tree, unexpected
from dinrail.host.port import InUse
from dinrail.machine.change import Change
from dinrail.units import S_NS

LOADED = "loaded"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_TIMEOUT_NS = 60 * S_NS


def current(tree: Tree, change: Change) -> str:
    """`loaded` or empty. Raises HostError for a name that is none."""
    return LOADED if tree.exists(_directory(change)) else ""


def make(tree: Tree, change: Change) -> None:
    """Load or unload. Raises InUse, HostError."""
    directory = _directory(change)
    if not tree.is_machine:
        raise HostError(f"modules of {tree.root} cannot be loaded or unloaded", where=change.target)
    if change.want == LOADED:
        _modprobe((change.target,), hint="is the module there? `modinfo` shows where it was looked for")
    else:
        if tree.exists(f"{directory}/refcnt") and tree.line(f"{directory}/refcnt") != "0":
            raise _in_use(change)
        try:
            _modprobe(("-r", change.target), hint=None)
        except CommandFailed as fault:
            if "in use" in fault.stderr:  # taken between our look and modprobe's
                raise _in_use(change) from fault
            raise
    found = current(tree, change)
    if found != change.want:
        raise unexpected("the module", change.target, change.want, found)


def _modprobe(words: tuple[str, ...], *, hint: str | None) -> None:
    try:
        run.run(("modprobe", *words), timeout_ns=_TIMEOUT_NS, keep_lock=True)
    except CommandFailed as fault:
        fault.hint = fault.hint or hint
        raise


def _in_use(change: Change) -> InUse:
    return InUse("the module is in use by now, so it stays loaded", where=change.target)


def _directory(change: Change) -> str:
    if not _NAME.fullmatch(change.target):
        raise HostError(f"{change.target!r} is not a module's name")
    return f"/sys/module/{change.target.replace('-', '_')}"
