"""Linux's timing: CPUs, their sleep and speed, scheduler limits, clocks, and what the asking user may do.

Source: Linux Documentation/ABI/testing/sysfs-devices-system-cpu, admin-guide/sysctl/kernel.rst,
admin-guide/pm/cpuidle.rst.
"""

from __future__ import annotations

import json
import re

from dinrail.machine.cpulist import parse_list, parse_mask
from dinrail.machine.linux.cpuset import read_cpusets
from dinrail.machine.linux.interrupts import read_interrupts
from dinrail.machine.linux.text import number
from dinrail.machine.realtime import Cpu, Cpus, IdleState, Permission, RealTime
from dinrail.machine.setting import CPUS, DEFAULT_AFFINITY, RT_RUNTIME, WORKQUEUE_MASK, WRITEBACK_MASK
from dinrail.machine.sources import Raw

PROBE = "probe:realtime"
_KERNEL = "/proc/sys/kernel"
_CLOCK = "/sys/devices/system/clocksource/clocksource0"
_FLAVOUR = re.compile(r"\bPREEMPT(?:_RT|_DYNAMIC|_VOLUNTARY|_LAZY| RT)?\b")
_CPU_NAME = re.compile(r"cpu(\d{1,5})")
_BRACKETS = re.compile(r"\[(\w{1,32})\]")


def read_realtime(raw: Raw) -> RealTime:
    """Facts of Topic.REALTIME."""
    flavour = _FLAVOUR.search(raw.text(f"{_KERNEL}/version"))
    preemption = flavour[0].replace(" ", "_") if flavour else ""
    return RealTime(
        online=_list(raw, f"{CPUS}/online"),
        isolated=_list(raw, f"{CPUS}/isolated"),
        nohz_full=_list(raw, f"{CPUS}/nohz_full"),
        smt_active=raw.text(f"{CPUS}/smt/active") == "1",
        cpus=_cpus(raw),
        turbo=_turbo(raw),
        interrupts=read_interrupts(raw),
        default_affinity=_mask(raw, DEFAULT_AFFINITY),
        workqueue_cpus=_mask(raw, WORKQUEUE_MASK),
        writeback_cpus=_mask(raw, WRITEBACK_MASK),
        cpuset=read_cpusets(raw),
        preempt_rt=raw.text("/sys/kernel/realtime") == "1" or preemption == "PREEMPT_RT",
        preemption=preemption,
        clocksource=raw.text(f"{_CLOCK}/current_clocksource"),
        clocksources=tuple(raw.text(f"{_CLOCK}/available_clocksource").split()),
        rt_runtime_us=number(raw.text(RT_RUNTIME)),
        rt_period_us=number(raw.text(f"{_KERNEL}/sched_rt_period_us")),
        timer_migration=_switch(raw, f"{_KERNEL}/timer_migration"),
        nmi_watchdog=_switch(raw, f"{_KERNEL}/nmi_watchdog"),
        huge_pages=_chosen(raw.text("/sys/kernel/mm/transparent_hugepage/enabled")),
        ksm=_switch(raw, "/sys/kernel/mm/ksm/run"),
        swap=tuple(line.split()[0] for line in raw.text("/proc/swaps").splitlines()[1:] if line.split()),
        daemons=_daemons(raw),
        dma_latency=raw.get("/dev/cpu_dma_latency") is not None,
        permission=_permission(raw),
    )


def _list(raw: Raw, path: str) -> Cpus:
    """CPUs of a list file; none where it is missing, or says `(null)` as nohz_full does without any."""
    return parse_list(raw.text(path)) or frozenset()


def _mask(raw: Raw, path: str) -> Cpus | None:
    return parse_mask(raw.text(path))


def _switch(raw: Raw, path: str) -> bool | None:
    value = number(raw.text(path))
    return None if value is None else value != 0


def _chosen(text: str) -> str:
    """`always [madvise] never`: the one in brackets stands."""
    match = _BRACKETS.search(text)
    return match[1] if match else ""


def _turbo(raw: Raw) -> bool | None:
    intel = _switch(raw, f"{CPUS}/intel_pstate/no_turbo")
    return (not intel) if intel is not None else _switch(raw, f"{CPUS}/cpufreq/boost")


def _cpus(raw: Raw) -> dict[int, Cpu]:
    found: dict[int, Cpu] = {}
    for name in raw.children(CPUS):
        match = _CPU_NAME.fullmatch(name)
        if match is None:
            continue
        at = f"{CPUS}/{name}"
        this = int(match[1])
        found[this] = Cpu(
            number=this,
            siblings=(parse_list(raw.text(f"{at}/topology/thread_siblings_list")) or frozenset()) | {this},
            governor=raw.text(f"{at}/cpufreq/scaling_governor"),
            governors=tuple(raw.text(f"{at}/cpufreq/scaling_available_governors").split()),
            driver=raw.text(f"{at}/cpufreq/scaling_driver"),
            idle=_idle(raw, f"{at}/cpuidle"),
        )
    return found


def _idle(raw: Raw, at: str) -> tuple[IdleState, ...]:
    states = sorted(raw.children(at), key=lambda name: (len(name), name))  # state10 comes after state9
    return tuple(
        IdleState(
            name=raw.text(f"{at}/{state}/name"),
            latency_us=number(raw.text(f"{at}/{state}/latency")) or 0,
            disabled=raw.text(f"{at}/{state}/disable") not in ("", "0"),
        )
        for state in states
        if state.startswith("state")
    )


def _daemons(raw: Raw) -> tuple[str, ...]:
    """Names out of `pgrep -l`: `812 irqbalance`."""
    rows = (line.split() for line in raw.text("command:daemons").splitlines())
    return tuple(sorted({words[1] for words in rows if len(words) == 2}))


def _permission(raw: Raw) -> Permission:
    entry = raw.get(PROBE)
    if entry is None or entry.fault:
        return Permission(None, None, f"not probed{f' ({entry.fault})' if entry else ''}")
    try:
        answer = json.loads(entry.data)
    except (ValueError, RecursionError):
        return Permission(None, None, "answered no JSON")
    if not isinstance(answer, dict):
        return Permission(None, None, "answered no object")
    fifo, lock = (answer[name] if isinstance(answer.get(name), bool) else None for name in ("fifo", "lock"))
    return Permission(fifo, lock, str(answer.get("fault") or ""))
