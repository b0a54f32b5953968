"""From facts and a wish to the steps that give cores to the control alone.

In this order, so that undo (which walks backwards) is legal at every point, and so that no step changes what a later
one was planned for:

    limits, governors, workqueue masks         each by itself
    interrupts: those to come, then each one   the kernel refuses some; those stay
    the group, its cores, the partition        last: from here on the cores are the control's

How a core is taken out depends on what the host has: a version 2 partition; version 1 cpusets, where everybody else is
moved into a group of their own; or nothing, where the boot has to do it (the interrupts still move).
"""

from __future__ import annotations

from collections.abc import Iterator

from dinrail.isolation.case import REST, Case, Wish, own_group
from dinrail.isolation.neighbour_rules import movable
from dinrail.isolation.rules import judge
from dinrail.machine.change import Change, ChangeKind, ChangePlan
from dinrail.machine.cpulist import format_list
from dinrail.machine.facts import HostFacts
from dinrail.machine.setting import CPUS, DEFAULT_AFFINITY, RT_RUNTIME, WORKQUEUE_MASK, WRITEBACK_MASK


def plan_isolation(facts: HostFacts, wish: Wish) -> ChangePlan:
    """The plan, with all findings: every conflict at once. Needs the facts of `rules.TOPICS`; Linux only.

    A blocked plan still shows its steps. What is as wanted already needs no step.
    """
    findings = judge(facts, wish)
    steps: tuple[Change, ...] = ()
    if facts.realtime is not None and wish.cores:
        case = Case(facts, facts.realtime, wish)
        steps = (*_settings(case), *_interrupts(case), *_cores(case))
    return ChangePlan(purpose=f"isolate core {format_list(wish.cores)}", changes=steps, findings=findings)


def _set(path: str, before: str, want: str, why: str) -> Iterator[Change]:
    if before != want:
        yield Change(ChangeKind.SETTING, path, before, want, why=why)


def _settings(case: Case) -> Iterator[Change]:
    host = case.host
    if case.wish.unthrottled and host.rt_runtime_us not in (None, -1):
        yield from _set(RT_RUNTIME, str(host.rt_runtime_us), "-1", "real-time tasks are never stopped by the kernel")
    for core in sorted(case.cores) if case.wish.governor else ():
        cpu = host.cpu(core)
        if cpu.governor and "performance" in cpu.governors:
            path = f"{CPUS}/cpu{core}/cpufreq/scaling_governor"
            yield from _set(path, cpu.governor, "performance", "the core always runs at full speed")
    for path, mask in ((WORKQUEUE_MASK, host.workqueue_cpus), (WRITEBACK_MASK, host.writeback_cpus)):
        if mask is not None and mask & case.cores and mask - case.cores:
            yield from _set(path, format_list(mask), format_list(mask - case.cores), "the kernel's workers keep away")


def _interrupts(case: Case) -> Iterator[Change]:
    if not case.wish.interrupts:
        return
    default = case.host.default_affinity
    if default is not None and default & case.cores and default - case.cores:
        want = format_list(default - case.cores)
        yield from _set(DEFAULT_AFFINITY, format_list(default), want, "interrupts of new devices keep away")
    for interrupt in movable(case):
        target = interrupt.cpus - case.cores or case.rest
        if target:
            yield Change(
                ChangeKind.IRQ_AFFINITY,
                str(interrupt.number),
                format_list(interrupt.cpus),
                format_list(target),
                why=f"{interrupt.name or 'no driver'}: served elsewhere",
            )


def _cores(case: Case) -> Iterator[Change]:
    hierarchy = case.host.cpuset
    if case.isolated_by_boot or case.isolated_by_us or not hierarchy.is_host:
        return
    if hierarchy.version == 2:
        yield from _partition(case)
    elif hierarchy.version == 1:
        yield from _exclusive(case)


def _partition(case: Case) -> Iterator[Change]:
    mount, group = case.host.cpuset.mount, own_group(case.host.cpuset)
    if not case.host.cpuset.enabled:
        yield Change(ChangeKind.CPUSET_CONTROL, mount, "", "cpuset", why="groups may have CPUs of their own")
    yield Change(ChangeKind.CPUSET_GROUP, group, "", "there", why="the control's group")
    yield from _set(f"{group}/cpuset.cpus", "", format_list(case.cores), "its cores")
    why = "nobody else is scheduled on them"
    yield Change(ChangeKind.CPUSET_PARTITION, group, "member", "isolated", why=why)


def _exclusive(case: Case) -> Iterator[Change]:
    """Version 1: the control's group, one for everybody else, and no load balancing between them."""
    hierarchy = case.host.cpuset
    group, rest = own_group(hierarchy), f"{hierarchy.mount}/{REST}"
    for path, cpus in ((group, case.cores), (rest, case.rest)):
        yield Change(ChangeKind.CPUSET_GROUP, path, "", "there", why="a group of its own")
        yield from _set(f"{path}/cpuset.cpus", "", format_list(cpus), "its cores")
        yield from _set(f"{path}/cpuset.mems", "", hierarchy.mems, "its memory nodes: all")
    yield from _set(f"{group}/cpuset.cpu_exclusive", "0", "1", "no other group may have these cores")
    yield Change(ChangeKind.CPUSET_TASKS, rest, "", "moved", why="everybody else runs elsewhere")
    if hierarchy.load_balance:
        yield from _set(f"{hierarchy.mount}/cpuset.sched_load_balance", "1", "0", "no balancing across the groups")
    yield from _set(f"{group}/cpuset.sched_load_balance", "1", "0", "no balancing among the control's cores")
