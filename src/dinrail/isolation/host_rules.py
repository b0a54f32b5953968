"""Rules about the host as a whole: kernel, clocks, scheduler, memory, rights."""

from __future__ import annotations

from dinrail.finding import Evidence, Severity, Verdict
from dinrail.isolation.case import Case
from dinrail.machine.linux.realtime import PROBE
from dinrail.machine.setting import RT_RUNTIME
from dinrail.units import MIB

GOOD_CLOCKS = ("tsc", "arch_sys_counter", "riscv_clocksource", "timebase")
VIRTUAL_CLOCKS = ("kvm-clock", "hyperv_clocksource_tsc_page", "xen")
LOCKED_MEMORY_GOAL_BYTES = 64 * MIB
"""The control locks some tens of megabytes; below this limit it may fail."""


def preemption(case: Case) -> Verdict | None:
    """How long the kernel itself may keep a core from a woken task."""
    if case.host.preempt_rt:
        return None
    flavour = case.host.preemption or "none that it names"
    return Verdict(
        f"the kernel is no PREEMPT_RT one ({flavour}): its own work delays a task by up to some milliseconds",
        (Evidence("/proc/sys/kernel/version", case.host.preemption or "names no preemption"),),
        fix="apt-get install linux-image-rt-amd64 (Debian), or another kernel with CONFIG_PREEMPT_RT",
        verify="cat /sys/kernel/realtime",
    )


def coarse_timers(case: Case) -> Verdict | None:
    """Without high resolution timers a sleep ends at a tick."""
    off = [word for word in case.cmdline if word == "highres=off"]
    built_without = case.kconfig.get("CONFIG_HIGH_RES_TIMERS") == "n"
    if not off and not built_without:
        return None
    evidence = Evidence("/proc/cmdline", off[0]) if off else Evidence("kernel configuration", "HIGH_RES_TIMERS is off")
    return Verdict(
        f"timers end at the scheduler's tick only (HZ={case.kconfig.get('CONFIG_HZ', 'unknown')}): no cycle is shorter",
        (evidence,),
        fix="take highres=off off the command line" if off else "use a kernel with CONFIG_HIGH_RES_TIMERS",
        verify="grep -m1 resolution /proc/timer_list",
    )


def clocksource(case: Case) -> Verdict | None:
    """The clock that each cycle reads several times."""
    name = case.host.clocksource
    if not name or name in GOOD_CLOCKS:
        return None
    virtual = name in VIRTUAL_CLOCKS
    return Verdict(
        f"the clock is {name}: {'the hypervisor scales it' if virtual else 'reading it takes a microsecond or more'}",
        (Evidence("current_clocksource", f"{name} (available: {' '.join(case.host.clocksources)})"),),
        fix="boot with tsc=reliable where the TSC is known to be good; `dmesg | grep -i tsc` says why it was left",
        verify="cat /sys/devices/system/clocksource/clocksource0/current_clocksource",
        severity=Severity.NOTE if virtual else None,
    )


def virtual(case: Case) -> Verdict | None:
    """A hypervisor takes a virtual CPU away whenever it likes."""
    if case.facts.cpus is None or "hypervisor" not in case.facts.cpus.flags:
        return None
    return Verdict(
        "this is a virtual machine: its host may take a CPU away for milliseconds, and nothing in here can prevent it",
        (Evidence("/proc/cpuinfo", "flags hold hypervisor"),),
        fix="run the control on the machine itself; else pin the virtual CPUs to isolated cores of the host",
        verify="dinrail control noise --core N",
    )


def no_fifo(case: Case) -> Verdict | None:
    """Without SCHED_FIFO any program that computes delays the tasks."""
    if case.host.permission.fifo is not False:
        return None
    return Verdict(
        "this user may not run real-time threads",
        (Evidence(PROBE, case.host.permission.fault),),
        fix="run the control as root, or give it CAP_SYS_NICE (AmbientCapabilities=CAP_SYS_NICE CAP_IPC_LOCK)",
        verify="chrt -f 80 true",
    )


def rights_unknown(case: Case) -> Verdict | None:
    """Nobody tried."""
    if case.host.permission.fifo is not None:
        return None
    return Verdict(
        "whether this user may run real-time threads was not tried",
        (Evidence(PROBE, case.host.permission.fault or "not there"),),
        verify="chrt -f 80 true",
    )


def no_lock(case: Case) -> Verdict | None:
    """Memory that is not locked may be on the disk when it is needed."""
    limit = case.facts.cpus.locked_memory_bytes if case.facts.cpus is not None else None
    refused = case.host.permission.lock is False
    scarce = limit is not None and limit < LOCKED_MEMORY_GOAL_BYTES and case.host.permission.lock is not True
    if not refused and not scarce:
        return None
    told = case.host.permission.fault if refused else f"Max locked memory {limit} bytes"
    return Verdict(
        "this user may not lock enough memory: a page that is missing costs a cycle",
        (Evidence(PROBE if refused else "/proc/self/limits", told),),
        fix="LimitMEMLOCK=infinity in the unit, `ulimit -l unlimited`, or CAP_IPC_LOCK",
        verify="ulimit -l",
    )


def throttled(case: Case) -> Verdict | None:
    """The kernel's own protection against a runaway real-time task."""
    runtime, period = case.host.rt_runtime_us, case.host.rt_period_us or 1_000_000
    if runtime is None or runtime == -1:
        return None
    if runtime == 0:
        return Verdict(
            "real-time tasks get no time at all",
            (Evidence(RT_RUNTIME, "0"),),
            fix=f"sysctl kernel.sched_rt_runtime_us={period * 95 // 100}",
            verify="sysctl kernel.sched_rt_runtime_us",
            severity=Severity.BLOCK,
        )
    return Verdict(
        f"real-time tasks that compute for more than {runtime / period:.0%} of {period / 1e6:g} s are stopped for the"
        " rest of it; good programs never come near",
        (Evidence(RT_RUNTIME, str(runtime)),),
        fix="leave it: it lets you stop a runaway; `control isolate --unthrottled` takes it off",
        verify="sysctl kernel.sched_rt_runtime_us",
    )


def group_scheduling(case: Case) -> Verdict | None:
    """Budgets per control group: SCHED_FIFO fails in a group that has none."""
    if case.kconfig.get("CONFIG_RT_GROUP_SCHED") != "y":
        return None
    return Verdict(
        "the kernel schedules real-time tasks by group: outside of the root group they may get no time",
        (Evidence("kernel configuration", "CONFIG_RT_GROUP_SCHED=y"),),
        fix="boot with rt_group_sched=0, or run the control in the root group of the cpu controller",
        verify="chrt -f 80 true",
    )


def swap(case: Case) -> Verdict | None:
    """The control's own memory is locked; the disk's interrupts are not its own."""
    if not case.host.swap:
        return None
    return Verdict(
        "there is swap: locked memory stays, but a machine that swaps is busy for seconds",
        (Evidence("/proc/swaps", " ".join(case.host.swap)),),
        fix="swapoff -a, and memory limits for guests",
        verify="cat /proc/swaps",
    )


def huge_pages(case: Case) -> Verdict | None:
    """khugepaged moves pages under running programs."""
    if case.host.huge_pages != "always":
        return None
    return Verdict(
        "the kernel makes huge pages of any memory by itself, which stops a program for a moment",
        (Evidence("/sys/kernel/mm/transparent_hugepage/enabled", "always"),),
        fix="echo madvise > /sys/kernel/mm/transparent_hugepage/enabled (transparent_hugepage=madvise at boot)",
        verify="cat /sys/kernel/mm/transparent_hugepage/enabled",
    )


def merging(case: Case) -> Verdict | None:
    """KSM shares equal pages, and a write to one then takes a fault."""
    if not case.host.ksm:
        return None
    return Verdict(
        "equal pages are merged (KSM): a write to one takes a fault, and the scan takes time",
        (Evidence("/sys/kernel/mm/ksm/run", "1"),),
        fix="echo 2 > /sys/kernel/mm/ksm/run",
        verify="cat /sys/kernel/mm/ksm/run",
    )


def nmi_watchdog(case: Case) -> Verdict | None:
    """A performance counter interrupts every core, each few seconds."""
    if not case.host.nmi_watchdog:
        return None
    return Verdict(
        "the NMI watchdog interrupts every core now and then, for some microseconds",
        (Evidence("/proc/sys/kernel/nmi_watchdog", "1"),),
        fix="sysctl kernel.nmi_watchdog=0 (nmi_watchdog=0 at boot)",
        verify="sysctl kernel.nmi_watchdog",
    )


def timer_migration(case: Case) -> Verdict | None:
    """Timers of idle cores move to busy ones."""
    if not case.host.timer_migration or case.isolated_by_boot or case.isolated_by_us:
        return None
    return Verdict(
        "timers of idle cores may move to the control's core until it is isolated",
        (Evidence("/proc/sys/kernel/timer_migration", "1"),),
        fix="dinrail control isolate: an isolated core takes none",
        verify="sysctl kernel.timer_migration",
    )
