"""What decides about good cycles on a host, as values: schedulers, interrupts, cpusets, clocks. Part of `HostFacts`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Cpus = frozenset[int]
"""A set of CPU numbers."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """One numbered interrupt.

    cpus:   where it may be served; effective: where it is (None where the kernel does not say).
    counts: how often it was served so far, by CPU.
    """

    number: int
    name: str
    cpus: Cpus
    effective: Cpus | None
    counts: Mapping[int, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class IdleState:
    """One way of a CPU to sleep. `latency_us`: how long it takes to wake up, as the driver declares."""

    name: str
    latency_us: int
    disabled: bool


@dataclass(frozen=True, slots=True)
class Cpu:
    """One CPU's own settings.

    siblings:  hardware threads of the same core, this one included.
    governor:  empty where the frequency is not the kernel's business; governors are those to choose from.
    """

    number: int
    siblings: Cpus
    governor: str = ""
    governors: tuple[str, ...] = ()
    driver: str = ""
    idle: tuple[IdleState, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """One cpuset below the root. partition: empty for version 1; exclusive: version 1's cpu_exclusive."""

    path: str
    cpus: Cpus
    partition: str = ""
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class CpusetHierarchy:
    """Where CPUs can be taken out of the scheduler.

    version:     2, 1, or 0 for none; mount: its root.
    enabled:     version 2: the root's children have the cpuset controller already.
    is_host:     False inside a container: what looks like the root is none, and a partition cannot be made there.
    isolated:    version 2: CPUs in isolated partitions, where the kernel says (6.7 and later).
    groups:      what stands directly below the root.
    load_balance: version 1: the root's sched_load_balance; mems: the root's memory nodes.
    """

    version: int
    mount: str = ""
    enabled: bool = False
    is_host: bool = True
    isolated: Cpus | None = None
    groups: tuple[Group, ...] = ()
    load_balance: bool = True
    mems: str = ""


@dataclass(frozen=True, slots=True)
class Permission:
    """What the asking user may do, tried out in a child process. `fault`: the call that failed, with its errno.

    fifo:  SCHED_FIFO at the highest priority; lock: mlockall. None where nobody tried.
    """

    fifo: bool | None
    lock: bool | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class RealTime:
    """A Linux host's timing. Empty texts and None: the kernel does not have it, or would not say.

    isolated:      CPUs that the boot or a partition took out of the load balancer; nohz_full: without a tick.
    preempt_rt:    the kernel is built with PREEMPT_RT; preemption: its flavour in words (`PREEMPT_DYNAMIC`).
    rt_runtime_us: sched_rt_runtime_us, -1 for no limit.
    daemons:       running programs that undo such settings (irqbalance, tuned).
    """

    online: Cpus
    isolated: Cpus = frozenset()
    nohz_full: Cpus = frozenset()
    smt_active: bool = False
    cpus: Mapping[int, Cpu] = field(default_factory=dict)
    turbo: bool | None = None
    interrupts: tuple[Interrupt, ...] = ()
    default_affinity: Cpus | None = None
    workqueue_cpus: Cpus | None = None
    writeback_cpus: Cpus | None = None
    cpuset: CpusetHierarchy = field(default_factory=lambda: CpusetHierarchy(0))
    preempt_rt: bool = False
    preemption: str = ""
    clocksource: str = ""
    clocksources: tuple[str, ...] = ()
    rt_runtime_us: int | None = None
    rt_period_us: int | None = None
    timer_migration: bool | None = None
    nmi_watchdog: bool | None = None
    huge_pages: str = ""
    ksm: bool | None = None
    swap: tuple[str, ...] = ()
    daemons: tuple[str, ...] = ()
    dma_latency: bool = False
    permission: Permission = field(default_factory=lambda: Permission(None, None))

    def cpu(self, number: int) -> Cpu:
        """A CPU's settings; one of which nothing is known is alone on its core."""
        return self.cpus.get(number) or Cpu(number, frozenset({number}))


@dataclass(frozen=True, slots=True)
class FreeBsdRealTime:
    """A FreeBSD host's timing.

    sysctls:     those of `sources.FREEBSD` that exist, by name.
    default_set: CPUs of cpuset 1, in which every process starts; None where it could not be asked.
    interrupts:  name (`irq16: xhci0`) -> how often so far.
    privileged:  the asking user is root, or mac_priority(4) is loaded; None where that is unknown.
    """

    sysctls: Mapping[str, str]
    default_set: Cpus | None
    interrupts: Mapping[str, int]
    swap: tuple[str, ...]
    privileged: bool | None
    root: bool | None = None

    def number(self, name: str) -> int | None:
        """A sysctl as an integer, None where it is missing or none."""
        text = self.sysctls.get(name, "")
        return int(text) if text.lstrip("-").isdecimal() and len(text) < 20 else None

    @property
    def online(self) -> Cpus:
        return frozenset(range(min(self.number("hw.ncpu") or 0, 1024)))

    @property
    def threads_per_core(self) -> int:
        return self.number("kern.smp.threads_per_core") or 1
