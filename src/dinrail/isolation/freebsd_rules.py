"""Rules about a FreeBSD host.

Source: timecounters(4), eventtimers(4), cpuset(1), rtprio(1), mac_priority(4); `kern.timecounter.alloweddeviation` in
sys/kern/kern_clocksource.c and kern_tc.c (sleeps may be late by that share of their length, in percent).
"""

from __future__ import annotations

from dinrail.finding import Evidence, Verdict
from dinrail.isolation.case import FreeBsdCase
from dinrail.machine.cpulist import format_list


def not_online(case: FreeBsdCase) -> Verdict | None:
    """Cores that are wanted and not there."""
    missing = case.wish.cores - case.host.online
    if not missing:
        return None
    return Verdict(
        f"core {format_list(missing)} is not there",
        (Evidence("sysctl hw.ncpu", case.host.sysctls.get("hw.ncpu", "unknown")),),
        fix=f"choose among {format_list(case.host.online)}",
        verify="sysctl hw.ncpu",
    )


def none_left(case: FreeBsdCase) -> Verdict | None:
    """Everything else has to run somewhere, too."""
    if not case.wish.cores or not case.host.online or case.host.online - case.wish.cores:
        return None
    return Verdict(
        "no core would be left for everything else",
        (Evidence("sysctl hw.ncpu", case.host.sysctls.get("hw.ncpu", "unknown")),),
        fix="leave the machine at least one core",
    )


def unprivileged(case: FreeBsdCase) -> Verdict | None:
    """rtprio needs root, or mac_priority(4)."""
    if case.host.privileged is not False:
        return None
    return Verdict(
        "this user may not run real-time threads",
        (Evidence("id -u", "not 0, and mac_priority is not loaded"),),
        fix="run the control as root, or kldload mac_priority and put the user into the group realtime",
        verify="rtprio 0 true",
    )


def deviation(case: FreeBsdCase) -> Verdict | None:
    """Sleeps may end late, so that several end together."""
    found = case.host.number("kern.timecounter.alloweddeviation")
    if not found:
        return None
    return Verdict(
        f"sleeps may end late by {found} % of their length: {found * 10} us of a cycle of 1 ms",
        (Evidence("sysctl kern.timecounter.alloweddeviation", str(found)),),
        fix="sysctl kern.timecounter.alloweddeviation=0",
        verify="sysctl kern.timecounter.alloweddeviation",
    )


def timecounter(case: FreeBsdCase) -> Verdict | None:
    """The clock that each cycle reads several times."""
    name = case.host.sysctls.get("kern.timecounter.hardware", "")
    if not name or name.startswith(("TSC", "ARM MPCore", "kvmclock")):
        return None
    return Verdict(
        f"the timecounter is {name}: reading it takes a microsecond or more",
        (Evidence("sysctl kern.timecounter.hardware", name),),
        fix="sysctl kern.timecounter.hardware=TSC-low where kern.timecounter.choice offers it",
        verify="sysctl kern.timecounter.choice",
    )


def periodic(case: FreeBsdCase) -> Verdict | None:
    """Periodic event timers: sleeps end at ticks."""
    if case.host.number("kern.eventtimer.periodic") != 1:
        return None
    return Verdict(
        f"timers are periodic: a sleep ends at a tick (kern.hz={case.host.sysctls.get('kern.hz', 'unknown')})",
        (Evidence("sysctl kern.eventtimer.periodic", "1"),),
        fix="sysctl kern.eventtimer.periodic=0",
        verify="sysctl kern.eventtimer.periodic",
    )


def default_set(case: FreeBsdCase) -> Verdict | None:
    """Every process starts in cpuset 1."""
    shared = (case.host.default_set or frozenset()) & case.wish.cores
    if not shared:
        return None
    rest = format_list(case.host.online - case.wish.cores)
    return Verdict(
        f"other programs run on core {format_list(shared)}, too",
        (Evidence("cpuset -g -s 1", format_list(case.host.default_set or ())),),
        fix=f"cpuset -l {rest} -s 1 (dinrail control isolate --dry-run shows all the commands)",
        verify="cpuset -g -s 1",
    )


def siblings(case: FreeBsdCase) -> Verdict | None:
    """Hardware threads share their core."""
    threads = case.host.threads_per_core
    if threads < 2 or not case.wish.cores:
        return None
    # FreeBSD numbers the threads of one core one after another.
    whole = {cpu // threads * threads + n for cpu in case.wish.cores for n in range(threads)}
    others = frozenset(whole) - case.wish.cores
    if not others:
        return None
    return Verdict(
        f"CPU {format_list(others)} is the other hardware thread of a wanted core",
        (Evidence("sysctl kern.smp.threads_per_core", str(threads)),),
        fix="take both, or machdep.hyperthreading_allowed=0 in /boot/loader.conf",
        verify="sysctl kern.smp.threads_per_core",
    )


def idle(case: FreeBsdCase) -> Verdict | None:
    """How a core sleeps between two cycles."""
    how, lowest = case.host.sysctls.get("machdep.idle", ""), case.host.sysctls.get("hw.acpi.cpu.cx_lowest", "")
    if how in ("", "spin") or (how != "acpi" and lowest in ("", "C1")) or (how == "acpi" and lowest == "C1"):
        return None
    return Verdict(
        f"cores may sleep as deeply as {lowest or how}, and wake up slowly",
        (Evidence("sysctl machdep.idle hw.acpi.cpu.cx_lowest", f"{how}, {lowest or 'none'}"),),
        fix="sysctl hw.acpi.cpu.cx_lowest=C1 (machdep.idle=spin for the shortest way)",
        verify="sysctl hw.acpi.cpu.cx_lowest",
    )


def virtual(case: FreeBsdCase) -> Verdict | None:
    """A hypervisor takes a virtual CPU away whenever it likes."""
    guest = case.host.sysctls.get("kern.vm_guest", "none")
    if guest == "none":
        return None
    return Verdict(
        f"this is a virtual machine ({guest}): its host may take a CPU away for milliseconds",
        (Evidence("sysctl kern.vm_guest", guest),),
        fix="run the control on the machine itself",
        verify="sysctl kern.vm_guest",
    )


def swap(case: FreeBsdCase) -> Verdict | None:
    """The control's own memory is wired; the disk's interrupts are not its own."""
    if not case.host.swap:
        return None
    return Verdict(
        "there is swap: wired memory stays, but a machine that swaps is busy for seconds",
        (Evidence("swapinfo", " ".join(case.host.swap)),),
        fix="swapoff -a, and memory limits for guests",
        verify="swapinfo",
    )
