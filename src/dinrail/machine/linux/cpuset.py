"""Where CPUs can be taken out of the scheduler: cgroup version 2 partitions, cpusets of version 1, or nowhere.

Source: Linux Documentation/admin-guide/cgroup-v2.rst (Cpuset) and cgroup-v1/cpusets.rst. Only the root of the host's
hierarchy has no `cgroup.type`; a container's root has one.
"""

from __future__ import annotations

from dinrail.machine.cpulist import parse_list
from dinrail.machine.realtime import CpusetHierarchy, Group
from dinrail.machine.setting import HYBRID_CGROUPS, MERGED_CGROUPS, V1_CPUSETS
from dinrail.machine.sources import Raw


def read_cpusets(raw: Raw) -> CpusetHierarchy:
    """The hierarchy that has the cpuset controller; version 0 where none has."""
    for mount in (MERGED_CGROUPS, HYBRID_CGROUPS):
        if "cpuset" in raw.text(f"{mount}/cgroup.controllers").split():
            return _second(raw, mount)
    for mount in V1_CPUSETS:
        if raw.get(f"{mount}/cpuset.cpus") is not None:
            return _first(raw, mount)
    return CpusetHierarchy(0)


def _second(raw: Raw, mount: str) -> CpusetHierarchy:
    isolated = raw.get(f"{mount}/cpuset.cpus.isolated")
    return CpusetHierarchy(
        version=2,
        mount=mount,
        enabled="cpuset" in raw.text(f"{mount}/cgroup.subtree_control").split(),
        is_host=raw.get(f"{mount}/cgroup.type") is None,
        isolated=None if isolated is None or isolated.fault else parse_list(isolated.line),
        groups=_groups(raw, mount),
    )


def _first(raw: Raw, mount: str) -> CpusetHierarchy:
    return CpusetHierarchy(
        version=1,
        mount=mount,
        groups=_groups(raw, mount),
        load_balance=raw.text(f"{mount}/cpuset.sched_load_balance", "1") != "0",
        mems=raw.text(f"{mount}/cpuset.mems"),
    )


def _groups(raw: Raw, mount: str) -> tuple[Group, ...]:
    found = []
    for name in raw.children(mount):
        path = f"{mount}/{name}"
        if raw.get(f"{path}/cpuset.cpus") is None:
            continue
        found.append(
            Group(
                path=path,
                cpus=parse_list(raw.text(f"{path}/cpuset.cpus")) or frozenset(),
                partition=raw.text(f"{path}/cpuset.cpus.partition"),
                exclusive=raw.text(f"{path}/cpuset.cpu_exclusive") == "1",
            )
        )
    return tuple(found)
