"""Rules about who else would run on the wanted cores: other programs, interrupts, the kernel's own workers."""

from __future__ import annotations

from dinrail.finding import Evidence, Severity, Verdict
from dinrail.isolation.case import Case, own_group
from dinrail.machine.cpulist import format_list
from dinrail.machine.linux.kernel import option
from dinrail.machine.realtime import Interrupt
from dinrail.machine.setting import DEFAULT_AFFINITY, WORKQUEUE_MASK

_NAMED = 5
"""How many interrupts are named as evidence, the busiest first."""


def isolated(case: Case) -> Verdict | None:
    """Good news: nobody else is put there."""
    if not case.cores or not (case.isolated_by_boot or case.isolated_by_us):
        return None
    how = own_group(case.host.cpuset) if case.isolated_by_us else "/sys/devices/system/cpu/isolated"
    return Verdict(
        f"core {format_list(case.cores)} is out of the scheduler",
        (Evidence(how, format_list(case.host.isolated) or "isolated"),),
        subject=f"core {format_list(case.cores)}",
    )


def not_isolated(case: Case) -> Verdict | None:
    """Other programs may run there, and how that would be changed."""
    if not case.cores or case.isolated_by_boot or case.isolated_by_us:
        return None
    hierarchy = case.host.cpuset
    told = {
        2: "cgroup version 2: an isolated partition can be made while the machine runs",
        1: "cpusets of version 1: everybody else can be moved aside while the machine runs",
        0: "no cpuset controller: only the boot can take a core out",
    }[hierarchy.version if hierarchy.is_host else 0]
    possible = hierarchy.version != 0 and hierarchy.is_host
    cores = format_list(case.cores)
    return Verdict(
        f"other programs run on core {cores}, too",
        (Evidence(hierarchy.mount or "/sys/fs/cgroup", told),),
        fix=f"dinrail control isolate --core {cores}" if possible else f"boot with isolcpus=domain,managed_irq,{cores}",
        verify="cat /sys/devices/system/cpu/isolated; dinrail doctor --realtime",
        subject=f"core {cores}",
    )


def container(case: Case) -> Verdict | None:
    """Inside a container the root of the hierarchy is somebody's child, and no partition can be made there."""
    if case.host.cpuset.version != 2 or case.host.cpuset.is_host:
        return None
    return Verdict(
        "this is a container: it cannot take a core out of the host's scheduler",
        (Evidence(f"{case.host.cpuset.mount}/cgroup.type", "there, so this is not the host's root"),),
        fix="isolate on the host, and give the container those cores alone",
        verify=f"ls {case.host.cpuset.mount}/cgroup.type",
    )


def interrupts(case: Case) -> Verdict | None:
    """Interrupts that may be served on the wanted cores."""
    here = sorted(movable(case), key=lambda i: (-_served(case, i), i.number))
    if not here:
        return None
    served = sum(_served(case, interrupt) for interrupt in here)
    more = f" and {len(here) - _NAMED} more" if len(here) > _NAMED else ""
    cores = format_list(case.cores)
    return Verdict(
        f"{len(here)} interrupts may be served on core {cores}{more and f' ({_NAMED} busiest shown)'}: {served} were",
        tuple(
            Evidence(
                f"/proc/irq/{i.number}/smp_affinity_list",
                f"{format_list(i.cpus)} ({i.name or 'no driver'}): {_served(case, i)} served here",
            )
            for i in here[:_NAMED]
        ),
        fix=f"dinrail control isolate --core {cores} moves them (irqaffinity={format_list(case.rest)} at boot)",
        verify="grep . /proc/irq/*/smp_affinity_list",
        subject=f"core {cores}",
        severity=None if served else Severity.NOTE,
    )


def new_interrupts(case: Case) -> Verdict | None:
    """Where interrupts of devices that appear later begin."""
    default = case.host.default_affinity
    if default is None or not default & case.cores:
        return None
    return Verdict(
        f"interrupts of new devices may come to core {format_list(default & case.cores)}",
        (Evidence(DEFAULT_AFFINITY, format_list(default)),),
        fix="dinrail control isolate changes that",
        verify=f"cat {DEFAULT_AFFINITY}",
        subject=f"core {format_list(case.cores)}",
    )


def irqbalance(case: Case) -> Verdict | None:
    """It moves interrupts back within ten seconds."""
    if "irqbalance" not in case.host.daemons:
        return None
    return Verdict(
        "irqbalance runs: it moves interrupts as it likes, also back to the control's cores",
        (Evidence("pgrep -x irqbalance", "running"),),
        fix="systemctl disable --now irqbalance, or IRQBALANCE_BANNED_CPULIST in /etc/default/irqbalance",
        verify="pgrep irqbalance",
    )


def power_daemon(case: Case) -> Verdict | None:
    """It sets governors and the like again."""
    found = [name for name in case.host.daemons if name in ("tuned", "tlp", "thermald")]
    if not found:
        return None
    return Verdict(
        f"{' and '.join(found)} may change frequencies and sleep states under the control",
        (Evidence(f"pgrep -x {found[0]}", "running"),),
        fix=f"systemctl disable --now {' '.join(found)}, or a profile that leaves the control's cores alone",
        verify=f"pgrep {found[0]}",
    )


def workqueues(case: Case) -> Verdict | None:
    """Unbound work of the kernel."""
    mask = case.host.workqueue_cpus
    if mask is None or not mask & case.cores or case.isolated_by_us:
        return None
    return Verdict(
        f"the kernel's unbound workers may run on core {format_list(mask & case.cores)}",
        (Evidence(WORKQUEUE_MASK, format_list(mask)),),
        fix="dinrail control isolate changes that",
        verify=f"cat {WORKQUEUE_MASK}",
        subject=f"core {format_list(case.cores)}",
    )


def managed(case: Case) -> Verdict | None:
    """Interrupts that the kernel keeps on a wanted core: only their number and use can be told."""
    if not case.cores or "managed_irq" in option(case.cmdline, "isolcpus"):
        return None
    here = [i for i in case.host.interrupts if i.cpus and i.cpus <= case.cores and _served(case, i)]
    if not here:
        return None
    return Verdict(
        f"interrupt {', '.join(str(i.number) for i in here[:_NAMED])} is served here only:"
        " if the kernel manages it (queues of NVMe and network cards), it stays",
        tuple(
            Evidence(f"/proc/irq/{i.number}/smp_affinity_list", f"{format_list(i.cpus)} ({i.name})") for i in here[:5]
        ),
        fix=f"boot with isolcpus=managed_irq,{format_list(case.cores)}",
        verify="cat /proc/cmdline",
        subject=f"core {format_list(case.cores)}",
        severity=Severity.NOTE,
    )


def movable(case: Case) -> tuple[Interrupt, ...]:
    """Interrupts that may be served on a wanted core, by number."""
    return tuple(i for i in case.host.interrupts if i.cpus & case.cores)


def _served(case: Case, interrupt: Interrupt) -> int:
    return sum(count for cpu, count in interrupt.counts.items() if cpu in case.cores)
