"""Control groups that take CPUs out of the scheduler: the controller, a group, its partition, its tasks.

Source: Linux Documentation/admin-guide/cgroup-v2.rst (cgroup.subtree_control, cpuset.cpus.partition) and
cgroup-v1/cpusets.rst (tasks). A group is made and removed by mkdir and rmdir; a partition that the kernel took but does
not honour reads `isolated invalid (reason)`.
"""

from __future__ import annotations

import errno
import posixpath
import time
from pathlib import Path

from dinrail.errors import HostError
from dinrail.files import os_refusal
from dinrail.host.apply.tree import Tree
from dinrail.host.port import InUse
from dinrail.machine.change import Change
from dinrail.machine.setting import HYBRID_CGROUPS, MERGED_CGROUPS, is_our_group

THERE, MOVED, CONTROLLER = "there", "moved", "cpuset"
_TRIES, _PAUSE_S = 20, 0.05
_PASSES = 8
"""Processes fork while they are moved; each pass moves those that the last one missed."""


def control_current(tree: Tree, change: Change) -> str:
    """`cpuset` when the root's children have that controller. Raises TargetGone, HostError."""
    return CONTROLLER if CONTROLLER in tree.line(_control(change)).split() else ""


def control_make(tree: Tree, change: Change) -> None:
    """Give it to the children, or take it from them. Raises InUse when another group passes it on by now."""
    path = _control(change)
    number = tree.attempt(path, "+cpuset" if change.want else "-cpuset")
    if number == errno.EBUSY and not change.want:
        raise InUse("another group uses the cpuset controller by now, so it stays", where=path)
    if number:
        raise os_refusal(OSError(number, ""), "hand on the cpuset controller", path)


def group_current(tree: Tree, change: Change) -> str:
    """`there` or empty. Raises HostError for a path that is no group of ours."""
    return THERE if tree.exists(_group(change)) else ""


def group_make(tree: Tree, change: Change) -> None:
    """Make or remove the directory. Raises HostError: a group with processes in it cannot be removed."""
    path = _group(change)
    try:
        if change.want:
            tree.path(path).mkdir()
        else:
            _remove(tree.path(path))
    except OSError as fault:
        hint = "stop the control first: processes still run in this group" if fault.errno == errno.EBUSY else None
        raise os_refusal(fault, f"{'make' if change.want else 'remove'} the control group", path, hint=hint) from fault


def _remove(directory: Path) -> None:
    """A process that is ending leaves its group a moment after it has closed its files. Raises OSError."""
    for _ in range(_TRIES):
        try:
            directory.rmdir()
        except OSError as fault:
            if fault.errno != errno.EBUSY:
                raise
            time.sleep(_PAUSE_S)
        else:
            return
    directory.rmdir()


def partition_current(tree: Tree, change: Change) -> str:
    """`member`, `root` or `isolated`, be it honoured or not. Raises TargetGone, HostError."""
    words = tree.line(_partition(change)).split()
    return words[0] if words else ""


def partition_make(tree: Tree, change: Change) -> None:
    """Write, and believe only what is read back. Raises HostError with the kernel's own reason."""
    path = _partition(change)
    number = tree.attempt(path, change.want)
    if number:
        raise os_refusal(OSError(number, ""), f"make the partition {change.want}", path, hint=_OLD_KERNEL)
    found = tree.line(path)
    if found != change.want:
        raise HostError(
            f"the kernel does not honour the partition: {found}",
            where=path,
            why="these CPUs are wanted by another group, or nothing would be left for the rest of the machine",
            hint="`dinrail doctor --realtime` shows who has them",
        )


_OLD_KERNEL = "isolated partitions need Linux 6.1 or later"


def tasks_current(tree: Tree, change: Change) -> str:
    """`moved` when tasks are in the group. Raises TargetGone, HostError."""
    return MOVED if tree.lines(f"{_group(change)}/tasks") else ""


def tasks_make(tree: Tree, change: Change) -> None:
    """Move all tasks of the parent into the group, or back. Kernel threads that are bound to a CPU stay where they are.

    Raises TargetGone, HostError when none could be moved.
    """
    group = _group(change)
    parent = posixpath.dirname(group)
    source, target = (parent, group) if change.want else (group, parent)
    stay: set[str] = set()
    for _ in range(_PASSES):
        tasks = [task for task in tree.lines(f"{source}/tasks") if task not in stay]
        if not tasks:
            break
        for task in tasks:
            number = tree.attempt(f"{target}/tasks", task)
            if number not in (0, errno.ESRCH):  # ESRCH: it ended meanwhile
                stay.add(task)
    found = tasks_current(tree, change)
    if found != change.want:
        raise HostError(f"the tasks stay in {source}", where=group, why=f"none of {len(stay)} could be moved")


def _control(change: Change) -> str:
    if change.target not in (MERGED_CGROUPS, HYBRID_CGROUPS):
        raise HostError("this is no root of a version 2 hierarchy", where=change.target)
    return f"{change.target}/cgroup.subtree_control"


def _group(change: Change) -> str:
    if not is_our_group(change.target):
        raise HostError("this is no control group that dinrail makes", where=change.target)
    return change.target


def _partition(change: Change) -> str:
    return f"{_group(change)}/cpuset.cpus.partition"
