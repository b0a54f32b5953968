"""Settings, interrupts and control groups in recorded bytes: their values, and how a rehearsal edits them.

What the kernel refuses is refused here too: a partition of no CPU, one that leaves none for the rest of the machine, a
group whose cpuset files do not exist yet.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping

from dinrail.errors import HostError
from dinrail.host.port import TargetGone
from dinrail.machine.change import Change, ChangeKind
from dinrail.machine.cpulist import parse_list
from dinrail.machine.setting import CPUS, Spelling, canonical, spelled, spelling_of
from dinrail.machine.sources import Entry, SourceKind

Entries = dict[str, Entry]


def recorded(entries: Mapping[str, Entry], change: Change) -> str:
    """The value at a change's target. Raises TargetGone for what the archive does not have, HostError."""
    return _VALUES[change.kind](entries, change)


def edit(entries: Entries, change: Change) -> None:
    """Make the change in the entries. Raises HostError where a kernel would refuse."""
    _EDITS[change.kind](entries, change)


def _line(entries: Mapping[str, Entry], path: str) -> str:
    entry = entries.get(path)
    if entry is None or entry.fault:
        raise TargetGone("the file is not in the archive", where=path)
    return entry.line


def _put(entries: Entries, path: str, text: str) -> None:
    entries[path] = Entry(SourceKind.FILE, text.encode())


def _spelling(path: str) -> Spelling:
    spelling = spelling_of(path)
    if spelling is None:
        raise HostError("this file is none of those that dinrail changes", where=path)
    return spelling


def _setting(entries: Mapping[str, Entry], change: Change) -> str:
    return canonical(_spelling(change.target), _line(entries, change.target))


def _edit_setting(entries: Entries, change: Change) -> None:
    _put(entries, change.target, spelled(_spelling(change.target), change.want))


def _irq_path(change: Change) -> str:
    return f"/proc/irq/{change.target}/smp_affinity_list"


def _irq(entries: Mapping[str, Entry], change: Change) -> str:
    return canonical(Spelling.LIST, _line(entries, _irq_path(change)))


def _edit_irq(entries: Entries, change: Change) -> None:
    _put(entries, _irq_path(change), f"{change.want}\n")


def _control(entries: Mapping[str, Entry], change: Change) -> str:
    return "cpuset" if "cpuset" in _line(entries, f"{change.target}/cgroup.subtree_control").split() else ""


def _edit_control(entries: Entries, change: Change) -> None:
    path = f"{change.target}/cgroup.subtree_control"
    words = [word for word in _line(entries, path).split() if word != "cpuset"]
    _put(entries, path, " ".join(([change.want] if change.want else []) + words) + "\n")


def _group(entries: Mapping[str, Entry], change: Change) -> str:
    return "there" if any(path.startswith(f"{change.target}/") for path in entries) else ""


def _edit_group(entries: Entries, change: Change) -> None:
    for path in [path for path in entries if path.startswith(f"{change.target}/")]:
        del entries[path]
    if not change.want:
        return
    root = posixpath.dirname(change.target)
    control = entries.get(f"{root}/cgroup.subtree_control")
    if control is None:
        files = {"cpus": "", "mems": "", "cpu_exclusive": "0", "sched_load_balance": "1"}
    elif "cpuset" in control.line.split():
        files = {"cpus": "", "cpus.partition": "member"}
    else:
        files = {}
    for name, text in files.items():
        _put(entries, f"{change.target}/cpuset.{name}", f"{text}\n")
    if control is not None:
        _put(entries, f"{change.target}/cgroup.type", "domain\n")


def _partition(entries: Mapping[str, Entry], change: Change) -> str:
    words = _line(entries, f"{change.target}/cpuset.cpus.partition").split()
    return words[0] if words else ""


def _edit_partition(entries: Entries, change: Change) -> None:
    cpus = parse_list(_line(entries, f"{change.target}/cpuset.cpus")) or frozenset()
    online = parse_list(_line(entries, f"{CPUS}/online")) or frozenset()
    if change.want != "member" and not (cpus and cpus < online):
        raise HostError("the kernel would not honour the partition", where=f"{change.target}/cpuset.cpus.partition")
    _put(entries, f"{change.target}/cpuset.cpus.partition", f"{change.want}\n")


def _tasks(entries: Mapping[str, Entry], change: Change) -> str:
    tasks = entries.get(f"{change.target}/tasks")
    return "moved" if tasks is not None and tasks.data else ""


def _edit_tasks(entries: Entries, change: Change) -> None:
    if change.want and not _line(entries, f"{change.target}/cpuset.cpus"):
        raise HostError("a cpuset without CPUs takes no tasks", where=change.target)
    if change.want:
        _put(entries, f"{change.target}/tasks", "1\n")
    else:
        entries.pop(f"{change.target}/tasks", None)


_VALUES: Mapping[ChangeKind, Callable[[Mapping[str, Entry], Change], str]] = {
    ChangeKind.SETTING: _setting,
    ChangeKind.IRQ_AFFINITY: _irq,
    ChangeKind.CPUSET_CONTROL: _control,
    ChangeKind.CPUSET_GROUP: _group,
    ChangeKind.CPUSET_PARTITION: _partition,
    ChangeKind.CPUSET_TASKS: _tasks,
}

_EDITS: Mapping[ChangeKind, Callable[[Entries, Change], None]] = {
    ChangeKind.SETTING: _edit_setting,
    ChangeKind.IRQ_AFFINITY: _edit_irq,
    ChangeKind.CPUSET_CONTROL: _edit_control,
    ChangeKind.CPUSET_GROUP: _edit_group,
    ChangeKind.CPUSET_PARTITION: _edit_partition,
    ChangeKind.CPUSET_TASKS: _edit_tasks,
}

KINDS = frozenset(_VALUES)
"""The kinds of change that are about a machine's timing."""
