"""Rules about the wanted cores: are they there, whose are they, how fast are they awake."""

from __future__ import annotations

from dinrail.finding import Evidence, Severity, Verdict
from dinrail.isolation.case import GROUP, Case, own_group
from dinrail.machine.cpulist import format_list, parse_list
from dinrail.machine.linux.kernel import CMDLINE, option
from dinrail.machine.setting import CPUS

QUICK_WAKE_US = 10
"""A sleep that is left within this time costs a cycle of 250 us nothing that anybody would notice."""


def single_cpu(case: Case) -> Verdict | None:
    """With one CPU there is nothing to take out."""
    if len(case.host.online) != 1:
        return None
    return Verdict(
        "this machine has one CPU: nothing can be kept away from the control",
        (Evidence(f"{CPUS}/online", format_list(case.host.online)),),
        fix="give the machine a second core",
        verify=f"cat {CPUS}/online",
    )


def not_online(case: Case) -> Verdict | None:
    """Cores that are wanted and not there."""
    missing = case.cores - case.host.online
    if not missing:
        return None
    return Verdict(
        f"core {format_list(missing)} is not online",
        (Evidence(f"{CPUS}/online", format_list(case.host.online)),),
        fix=f"choose among {format_list(case.host.online)}",
        verify=f"cat {CPUS}/online",
        subject=_named(missing),
    )


def none_left(case: Case) -> Verdict | None:
    """Everything else has to run somewhere, too."""
    if not case.cores or case.rest or not case.host.online:
        return None
    return Verdict(
        "no core would be left for everything else",
        (Evidence(f"{CPUS}/online", format_list(case.host.online)),),
        fix="leave the machine at least one core",
        subject=_named(case.cores),
    )


def taken(case: Case) -> Verdict | None:
    """Another group has a wanted core for itself; in version 1 each group that uses it is in the way."""
    ours = own_group(case.host.cpuset)
    for group in case.host.cpuset.groups:
        shared = group.cpus & case.cores
        alone = group.exclusive or group.partition.split(" ")[0] in ("root", "isolated")
        if group.path not in (ours, f"{ours}-rest") and shared and (alone or case.host.cpuset.version == 1):
            how = group.partition or ("cpu_exclusive" if group.exclusive else "version 1")
            return Verdict(
                f"core {format_list(shared)} belongs to {group.path}{' alone' if alone else ''}",
                (Evidence(group.path, f"cpus {format_list(group.cpus)}, {how}"),),
                fix="choose another core, or take that group's CPUs back first",
                verify=f"cat {group.path}/cpuset.cpus",
                subject=_named(shared),
            )
    return None


def own_group_stands(case: Case) -> Verdict | None:
    """A group of our name with other cores: another control, or one that was left behind."""
    ours = own_group(case.host.cpuset)
    found = next((group for group in case.host.cpuset.groups if group.path == ours), None)
    if found is None or not case.cores or case.isolated_by_us:
        return None
    return Verdict(
        f"there is a group {GROUP} already, with core {format_list(found.cpus) or 'none'}",
        (Evidence(ours, f"cpus {format_list(found.cpus)}, {found.partition or 'version 1'}"),),
        fix="dinrail control release (or dinrail undo); remove the directory by hand if the journal does not know it",
        verify=f"ls -d {ours}",
    )


def boot_cpu(case: Case) -> Verdict | None:
    """CPU 0 boots the machine, and some work never leaves it."""
    if 0 not in case.cores:
        return None
    return Verdict(
        "CPU 0 serves timers and interrupts that cannot be moved",
        (Evidence("/proc/interrupts", f"{_on_cpu_0(case)} interrupts were served by CPU 0"),),
        fix="choose a core with a higher number",
        subject="core 0",
    )


def sibling(case: Case) -> Verdict | None:
    """The other hardware thread of a core shares its execution units and caches."""
    for core in sorted(case.cores):
        others = case.host.cpu(core).siblings & case.host.online - case.cores - {core}
        if others:
            return Verdict(
                f"core {core} is one of two hardware threads: CPU {format_list(others)} computes on the same core",
                (
                    Evidence(
                        f"{CPUS}/cpu{core}/topology/thread_siblings_list", format_list(case.host.cpu(core).siblings)
                    ),
                ),
                fix=f"take both (--core {core} --core {format_list(others)}), or boot with nosmt",
                verify=f"cat {CPUS}/smt/active",
                subject=f"core {core}",
            )
    return None


def governor(case: Case) -> Verdict | None:
    """A core that is slowed down between cycles starts each of them slowly."""
    slow = {core: case.host.cpu(core).governor for core in sorted(case.cores)}
    slow = {core: name for core, name in slow.items() if name not in ("", "performance")}
    if not slow:
        return None
    core, name = next(iter(slow.items()))
    return Verdict(
        f"the frequency governor of core {format_list(slow)} is {name}",
        tuple(Evidence(f"{CPUS}/cpu{c}/cpufreq/scaling_governor", g) for c, g in slow.items()),
        fix="dinrail control isolate sets performance"
        if "performance" in case.host.cpu(core).governors
        else "choose full performance in the firmware setup: the driver offers no such governor",
        verify=f"cat {CPUS}/cpu{core}/cpufreq/scaling_governor",
        subject=_named(frozenset(slow)),
    )


def deep_sleep(case: Case) -> Verdict | None:
    """Deep idle states: /dev/cpu_dma_latency keeps a running control out of them."""
    if not case.cores or any(word in case.cmdline for word in ("idle=poll", "processor.max_cstate=1")):
        return None
    core = min(case.cores)
    deep = [s for s in case.host.cpu(core).idle if s.latency_us > QUICK_WAKE_US and not s.disabled]
    if not deep:
        return None
    state = max(deep, key=lambda s: s.latency_us)
    message = f"core {core} may sleep so deeply ({state.name}) that waking up takes {state.latency_us} us"
    evidence = (Evidence(f"{CPUS}/cpu{core}/cpuidle", ", ".join(f"{s.name} {s.latency_us} us" for s in deep)),)
    if case.host.dma_latency:
        return Verdict(
            f"{message}; the control holds /dev/cpu_dma_latency open at 0 while it runs, which forbids that",
            evidence,
            subject=f"core {core}",
            severity=Severity.NOTE,
        )
    return Verdict(
        message,
        evidence,
        fix="boot with processor.max_cstate=1 intel_idle.max_cstate=0, or idle=poll",
        verify=f"grep . {CPUS}/cpu{core}/cpuidle/state*/disable",
        subject=f"core {core}",
    )


def turbo(case: Case) -> Verdict | None:
    """Turbo changes the frequency as the neighbours' load changes."""
    if not case.host.turbo:
        return None
    return Verdict(
        "turbo is on: the control's speed depends a little on what the other cores do",
        (Evidence(f"{CPUS}/cpufreq", "boost is on, or no_turbo is 0"),),
        fix="where equal execution times matter more than short ones, switch it off",
    )


def tick(case: Case) -> Verdict | None:
    """The scheduler's tick interrupts each busy core CONFIG_HZ times a second, for about a microsecond."""
    missing = case.cores - case.host.nohz_full
    if not missing:
        return None
    return Verdict(
        f"the scheduler's tick stays on core {format_list(missing)}",
        (Evidence(f"{CPUS}/nohz_full", format_list(case.host.nohz_full) or "none"),),
        fix=f"worth it only for tasks that compute for most of a cycle: boot with nohz_full={format_list(missing)}",
        verify=f"cat {CPUS}/nohz_full",
        subject=_named(missing),
    )


def rcu(case: Case) -> Verdict | None:
    """RCU callbacks run in soft interrupts of the core that queued them, unless they are offloaded."""
    offloaded = _cpus_of(case, "rcu_nocbs") | case.host.nohz_full
    missing = case.cores - offloaded
    if not missing or case.kconfig.get("CONFIG_RCU_NOCB_CPU_DEFAULT_ALL") == "y":
        return None
    return Verdict(
        f"RCU callbacks may run on core {format_list(missing)}",
        (Evidence(CMDLINE, " ".join(w for w in case.cmdline if w.startswith("rcu_nocbs")) or "without rcu_nocbs="),),
        fix=f"boot with rcu_nocbs={format_list(case.cores)}",
        verify="cat /proc/cmdline",
        subject=_named(missing),
    )


def _cpus_of(case: Case, name: str) -> frozenset[int]:
    """The CPUs that a list on the command line names; words among them (`all`, `domain`) are passed over."""
    values = option(case.cmdline, name)
    if "all" in values:
        return case.host.online
    return frozenset().union(*(found for value in values if (found := parse_list(value))))


def _named(cores: frozenset[int]) -> str:
    return f"core {format_list(cores)}"


def _on_cpu_0(case: Case) -> int:
    return sum(interrupt.counts.get(0, 0) for interrupt in case.host.interrupts)
