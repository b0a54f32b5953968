"""The one table of rules: what stands between this machine and good cycles? Each row is an id, a weight and a judge.

Ids are stable: users, documents and scripts refer to them. docs/realtime.md explains each. BLOCK is for what makes
cycles impossible, WARN for what makes them bad, NOTE for what a careful user changes last.
"""

from __future__ import annotations

from dinrail.finding import Evidence, Finding, Severity
from dinrail.isolation import core_rules as core
from dinrail.isolation import freebsd_rules as freebsd
from dinrail.isolation import host_rules as host
from dinrail.isolation import neighbour_rules as neighbour
from dinrail.isolation.case import Case, FreeBsdCase, FreeBsdRule, Rule, Wish
from dinrail.machine.facts import HostFacts
from dinrail.machine.sources import Topic

TOPICS = (Topic.REALTIME, Topic.KERNEL, Topic.CPU)
"""What the rules need to know."""

RULES: tuple[Rule, ...] = (
    Rule("cores.single", Severity.BLOCK, core.single_cpu),
    Rule("cores.offline", Severity.BLOCK, core.not_online),
    Rule("cores.all", Severity.BLOCK, core.none_left),
    Rule("cores.taken", Severity.BLOCK, core.taken),
    Rule("cores.group", Severity.BLOCK, core.own_group_stands),
    Rule("cores.boot-cpu", Severity.WARN, core.boot_cpu),
    Rule("cores.sibling", Severity.WARN, core.sibling),
    Rule("cores.isolated", Severity.OK, neighbour.isolated),
    Rule("cores.shared", Severity.WARN, neighbour.not_isolated),
    Rule("cores.container", Severity.WARN, neighbour.container),
    Rule("timers.coarse", Severity.BLOCK, host.coarse_timers),
    Rule("rights.fifo", Severity.BLOCK, host.no_fifo),
    Rule("rights.unknown", Severity.NOTE, host.rights_unknown),
    Rule("rights.memory", Severity.WARN, host.no_lock),
    Rule("sched.throttled", Severity.NOTE, host.throttled),
    Rule("sched.groups", Severity.NOTE, host.group_scheduling),
    Rule("kernel.preempt", Severity.WARN, host.preemption),
    Rule("kernel.tick", Severity.NOTE, core.tick),
    Rule("kernel.rcu", Severity.NOTE, core.rcu),
    Rule("kernel.workqueues", Severity.NOTE, neighbour.workqueues),
    Rule("kernel.nmi-watchdog", Severity.NOTE, host.nmi_watchdog),
    Rule("timers.migration", Severity.NOTE, host.timer_migration),
    Rule("clock.source", Severity.WARN, host.clocksource),
    Rule("irq.here", Severity.WARN, neighbour.interrupts),
    Rule("irq.new", Severity.WARN, neighbour.new_interrupts),
    Rule("irq.managed", Severity.NOTE, neighbour.managed),
    Rule("irq.balance", Severity.WARN, neighbour.irqbalance),
    Rule("power.governor", Severity.WARN, core.governor),
    Rule("power.idle", Severity.WARN, core.deep_sleep),
    Rule("power.turbo", Severity.NOTE, core.turbo),
    Rule("power.daemon", Severity.WARN, neighbour.power_daemon),
    Rule("machine.virtual", Severity.WARN, host.virtual),
    Rule("memory.swap", Severity.NOTE, host.swap),
    Rule("memory.huge-pages", Severity.NOTE, host.huge_pages),
    Rule("memory.ksm", Severity.NOTE, host.merging),
)

FREEBSD_RULES: tuple[FreeBsdRule, ...] = (
    FreeBsdRule("cores.offline", Severity.BLOCK, freebsd.not_online),
    FreeBsdRule("cores.all", Severity.BLOCK, freebsd.none_left),
    FreeBsdRule("rights.fifo", Severity.BLOCK, freebsd.unprivileged),
    FreeBsdRule("cores.shared", Severity.WARN, freebsd.default_set),
    FreeBsdRule("cores.sibling", Severity.WARN, freebsd.siblings),
    FreeBsdRule("timers.deviation", Severity.WARN, freebsd.deviation),
    FreeBsdRule("timers.coarse", Severity.WARN, freebsd.periodic),
    FreeBsdRule("clock.source", Severity.WARN, freebsd.timecounter),
    FreeBsdRule("power.idle", Severity.WARN, freebsd.idle),
    FreeBsdRule("machine.virtual", Severity.WARN, freebsd.virtual),
    FreeBsdRule("memory.swap", Severity.NOTE, freebsd.swap),
)


def judge(facts: HostFacts, wish: Wish) -> tuple[Finding, ...]:
    """All findings about this host and this wish, in the table's order."""
    if facts.freebsd_realtime is not None:
        freebsd_case = FreeBsdCase(facts.freebsd_realtime, wish)
        return tuple(found for rule in FREEBSD_RULES if (found := rule.on(freebsd_case)) is not None)
    if facts.realtime is None:
        return (_nothing_known(),)
    case = Case(facts, facts.realtime, wish)
    return tuple(found for rule in RULES if (found := rule.on(case)) is not None)


def suggested_core(facts: HostFacts) -> int | None:
    """The core to take when the user named none: one that the boot isolated already, else the highest; never CPU 0."""
    known = facts.freebsd_realtime or facts.realtime
    if known is None:
        return None
    isolated = facts.realtime.isolated if facts.realtime is not None else frozenset()
    return max((isolated & known.online) - {0}, default=max(known.online - {0}, default=None))


def _nothing_known() -> Finding:
    return Finding(
        rule="facts.missing",
        subject="host",
        severity=Severity.BLOCK,
        message="the facts about this host's timing were not read, so nothing can be promised",
        evidence=(Evidence("facts", "without realtime"),),
        fix="collect the host again: dinrail collect",
    )
