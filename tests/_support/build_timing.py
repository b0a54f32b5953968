"""Hosts as far as their timing goes, built from named fields: what each would give to the sources of Topic.REALTIME.

The machines at the end are those that the rules exist for: a good one, Debian as it is installed, an old cgroup
version 1 box, a virtual machine, a container, and a FreeBSD like TwinCAT/BSD.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from dinrail.machine.cpulist import format_list, format_mask, parse_list
from dinrail.machine.facts import HostFacts
from dinrail.machine.read import read_facts
from dinrail.machine.sources import Entry, Raw, SourceKind, Topic

TOPICS = frozenset({Topic.REALTIME, Topic.KERNEL, Topic.CPU})
_CPU = "/sys/devices/system/cpu"


@dataclass(frozen=True, slots=True)
class Irq:
    """One interrupt: where it may be served, and how often each CPU has served it."""

    number: int
    name: str
    cpus: str
    counts: tuple[int, ...]
    hardware: str = "IR-PCI-MSI 524288-edge"


@dataclass(frozen=True, slots=True)
class LinuxBox:
    """A Linux host. `cpus`: how many; `threads`: hardware threads of a core, numbered as Linux does (0 and 4, ...).

    cgroups: 2, 1, or 0 for none; container: what looks like the root of version 2 is none.
    partitions: groups of version 2 (name, cpus, state); v1_groups: of version 1 (name, cpus, exclusive).
    """

    cpus: int = 4
    threads: int = 1
    isolated: str = ""
    nohz_full: str = "(null)"
    cmdline: str = "BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet"
    version: str = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)"
    realtime: bool = False
    kconfig: tuple[str, ...] = ("CONFIG_HZ=250", "CONFIG_HIGH_RES_TIMERS=y", "CONFIG_PREEMPT_DYNAMIC=y")
    flags: str = "fpu vmx"
    governor: str = "schedutil"
    governors: str = "performance schedutil"
    idle: tuple[tuple[str, int], ...] = (("POLL", 0), ("C1", 2), ("C10", 890))
    turbo: bool | None = True
    irqs: tuple[Irq, ...] = ()
    default_affinity: str = ""
    workqueue: str = ""
    cgroups: int = 2
    cpuset_enabled: bool = False
    container: bool = False
    partitions: tuple[tuple[str, str, str], ...] = ()
    v1_groups: tuple[tuple[str, str, bool], ...] = ()
    clocksource: str = "tsc"
    rt_runtime_us: int = 950_000
    nmi_watchdog: bool = True
    huge_pages: str = "[always] madvise never"
    swap: tuple[str, ...] = ("/dev/sda2",)
    daemons: tuple[str, ...] = ()
    dma_latency: bool = True
    fifo: bool | None = True
    lock: bool = True

    def raw(self, topics: frozenset[Topic] = TOPICS) -> Raw:
        entries = {path: Entry(SourceKind.FILE, f"{text}\n".encode()) for path, text in self._files().items()}
        if self.dma_latency:
            entries["/dev/cpu_dma_latency"] = Entry(SourceKind.EXISTS, b"crw------- 10:124")
        running = "".join(f"{700 + n} {name}\n" for n, name in enumerate(self.daemons))
        entries["command:daemons"] = Entry(SourceKind.COMMAND, running.encode(), status=0 if running else 1)
        if self.fifo is not None:
            fault = "" if self.fifo else "sched_setscheduler(SCHED_FIFO): EPERM"
            answer = {"fifo": self.fifo, "lock": self.lock, "fault": fault}
            entries["probe:realtime"] = Entry(SourceKind.PROBE, json.dumps(answer).encode())
        return Raw("linux", entries, topics)

    def facts(self) -> HostFacts:
        return read_facts(self.raw())

    def _files(self) -> dict[str, str]:
        online = format_list(range(self.cpus))
        found = self._kernel_files() | {
            f"{_CPU}/online": online,
            f"{_CPU}/isolated": self.isolated,
            f"{_CPU}/nohz_full": self.nohz_full,
            f"{_CPU}/smt/active": str(int(self.threads > 1)),
            "/proc/irq/default_smp_affinity": _mask(self.default_affinity or online),
            "/sys/devices/virtual/workqueue/cpumask": _mask(self.workqueue or online),
            "/sys/devices/virtual/workqueue/writeback/cpumask": _mask(self.workqueue or online),
            "/proc/interrupts": self._interrupts(),
        }
        if self.turbo is not None:
            found[f"{_CPU}/intel_pstate/no_turbo"] = str(int(not self.turbo))
        for cpu in range(self.cpus):
            found |= self._cpu_files(cpu)
        for irq in self.irqs:
            found[f"/proc/irq/{irq.number}/smp_affinity_list"] = irq.cpus
        return found | (self._second() if self.cgroups == 2 else self._first() if self.cgroups == 1 else {})

    def _cpu_files(self, cpu: int) -> dict[str, str]:
        cores = self.cpus // self.threads
        siblings = [cpu % cores + thread * cores for thread in range(self.threads)]
        found = {f"{_CPU}/cpu{cpu}/topology/thread_siblings_list": format_list(siblings)}
        if self.governor:
            found[f"{_CPU}/cpu{cpu}/cpufreq/scaling_governor"] = self.governor
            found[f"{_CPU}/cpu{cpu}/cpufreq/scaling_available_governors"] = self.governors
        for number, (name, latency_us) in enumerate(self.idle):
            at = f"{_CPU}/cpu{cpu}/cpuidle/state{number}"
            found |= {f"{at}/name": name, f"{at}/latency": str(latency_us), f"{at}/disable": "0"}
        return found

    def _interrupts(self) -> str:
        head = "".join(f"{f'CPU{cpu}':>11}" for cpu in range(self.cpus))
        lines = [f"    {head}"]
        for irq in self.irqs:
            counts = "".join(f"{count:>11}" for count in irq.counts)
            lines.append(f"{irq.number:>4}:{counts}  {irq.hardware}  {irq.name}")
        lines.append("LOC:" + "".join(f"{1000 + cpu:>11}" for cpu in range(self.cpus)) + "   Local timer interrupts")
        return "\n".join(lines)

    def _kernel_files(self) -> dict[str, str]:
        release = "6.1.0-40-rt-amd64" if self.realtime else "6.1.0-40-amd64"
        processors = "\n\n".join(f"processor\t: {n}\nflags\t\t: {self.flags}" for n in range(self.cpus))
        found = {
            "/proc/cmdline": self.cmdline,
            "/proc/version": f"Linux version {release}",
            "/proc/sys/kernel/osrelease": release,
            "/proc/sys/kernel/version": self.version,
            "/proc/sys/kernel/random/boot_id": "2d5bb0a4-7f4c-4c1e-9c0a-5a3c0f3f9d11",
            f"/boot/config-{release}": "\n".join(self.kconfig),
            "/proc/cpuinfo": processors,
            "/proc/meminfo": "MemTotal:       16384000 kB",
            "/proc/self/limits": "Max locked memory         8388608              8388608              bytes",
            "/proc/sys/kernel/sched_rt_runtime_us": str(self.rt_runtime_us),
            "/proc/sys/kernel/sched_rt_period_us": "1000000",
            "/proc/sys/kernel/timer_migration": "1",
            "/proc/sys/kernel/nmi_watchdog": str(int(self.nmi_watchdog)),
            "/sys/kernel/mm/transparent_hugepage/enabled": self.huge_pages,
            "/sys/kernel/mm/ksm/run": "0",
            "/proc/swaps": "\n".join(
                ["Filename Type Size Used Priority", *(f"{s} partition 1 0 -2" for s in self.swap)]
            ),
            "/sys/devices/system/clocksource/clocksource0/current_clocksource": self.clocksource,
            "/sys/devices/system/clocksource/clocksource0/available_clocksource": f"{self.clocksource} acpi_pm",
        }
        return found | ({"/sys/kernel/realtime": "1"} if self.realtime else {})

    def _second(self) -> dict[str, str]:
        root = "/sys/fs/cgroup"
        found = {
            f"{root}/cgroup.controllers": "cpuset cpu io memory pids",
            f"{root}/cgroup.subtree_control": "cpuset memory pids" if self.cpuset_enabled else "memory pids",
        }
        if self.container:
            found[f"{root}/cgroup.type"] = "domain"
        for name, cpus, state in self.partitions:
            found |= {f"{root}/{name}/cpuset.cpus": cpus, f"{root}/{name}/cpuset.cpus.partition": state}
        return found

    def _first(self) -> dict[str, str]:
        root = "/sys/fs/cgroup/cpuset"
        found = {
            f"{root}/cpuset.cpus": format_list(range(self.cpus)),
            f"{root}/cpuset.mems": "0",
            f"{root}/cpuset.sched_load_balance": "1",
        }
        for name, cpus, exclusive in self.v1_groups:
            found |= {f"{root}/{name}/cpuset.cpus": cpus, f"{root}/{name}/cpuset.cpu_exclusive": str(int(exclusive))}
        return found


@dataclass(frozen=True, slots=True)
class FreeBsdBox:
    """A FreeBSD host: sysctls by name, cpuset 1, interrupts with their totals, swap devices, user id."""

    sysctls: dict[str, str] = field(default_factory=dict)
    default_set: str = "0, 1, 2, 3"
    interrupts: tuple[tuple[str, int], ...] = (("irq16: xhci0", 5123), ("irq264: igb0:rxq0", 88123), ("cpu0:timer", 99))
    swap: tuple[str, ...] = ()
    user: int = 0
    mac_priority: bool = False

    def raw(self) -> Raw:
        def command(text: str, status: int = 0) -> Entry:
            return Entry(SourceKind.COMMAND, text.encode(), status=status)

        rows = "".join(f"{name:<30}{total:>12}{total // 100:>10}\n" for name, total in self.interrupts)
        entries = {
            "command:sysctl": command("".join(f"{name}: {value}\n" for name, value in self.sysctls.items())),
            "command:cpuset": command(
                f"cpuset 1 mask: {self.default_set}\ncpuset 1 domain policy: first-touch mask: 0\n"
            ),
            "command:vmstat": command(
                f"interrupt                          total       rate\n{rows}Total   99999   1\n"
            ),
            "command:swapinfo": command(
                "Device 1K-blocks Used Avail Capacity\n" + "".join(f"{s} 1 0 1 0%\n" for s in self.swap)
            ),
            "command:id": command(f"{self.user}\n"),
            "command:mac-priority": command("", 0 if self.mac_priority else 1),
        }
        return Raw("freebsd", entries, frozenset({Topic.REALTIME}))

    def facts(self) -> HostFacts:
        return read_facts(self.raw())


def _mask(cpus: str) -> str:
    return format_mask(parse_list(cpus) or frozenset())


# --- the machines

_BUSY = (
    Irq(0, "timer", "0-3", (34, 0, 0, 0), "IR-IO-APIC    2-edge"),
    Irq(125, "eth0-rx-0", "0-3", (10, 20, 30, 40_000)),
    Irq(126, "xhci_hcd", "0-3", (900, 0, 0, 0)),
    Irq(130, "nvme0q4", "3", (0, 0, 0, 512)),
)

GOOD = LinuxBox(
    isolated="3",
    nohz_full="3",
    cmdline="BOOT_IMAGE=/vmlinuz ro isolcpus=domain,managed_irq,3 nohz_full=3 rcu_nocbs=3 irqaffinity=0-2",
    version="#1 SMP PREEMPT_RT Debian 6.1.140-1 (2025-05-22)",
    realtime=True,
    kconfig=("CONFIG_HZ=250", "CONFIG_HIGH_RES_TIMERS=y", "CONFIG_PREEMPT_RT=y"),
    governor="performance",
    turbo=False,
    irqs=(Irq(0, "timer", "0-2", (34, 0, 0, 0)), Irq(125, "eth0-rx-0", "0-2", (10, 20, 30, 0))),
    default_affinity="0-2",
    workqueue="0-2",
    nmi_watchdog=False,
    huge_pages="always [madvise] never",
    swap=(),
    rt_runtime_us=-1,
)
"""An isolated core on bare metal with PREEMPT_RT: nothing to complain about."""

PLAIN = LinuxBox(cpus=8, threads=2, irqs=tuple(Irq(i.number, i.name, "0-7", (*i.counts, 0, 0, 0, 0)) for i in _BUSY))
"""Debian as it is installed, on four cores with two threads each: core 3's other thread is CPU 7."""

OLD = LinuxBox(cgroups=1, irqs=_BUSY, daemons=("irqbalance",), kconfig=("CONFIG_HZ=250", "CONFIG_RT_GROUP_SCHED=y"))
"""cgroup version 1, with irqbalance."""

VIRTUAL = LinuxBox(
    cpus=2, flags="fpu hypervisor", governor="", idle=(("POLL", 0),), turbo=None, clocksource="kvm-clock", swap=()
)
"""Two virtual CPUs."""

CONTAINER = LinuxBox(container=True, fifo=False, lock=False, dma_latency=False)
"""A container without privileges: no FIFO, no locked memory, no partition."""

FREEBSD = FreeBsdBox(
    sysctls={
        "hw.ncpu": "4",
        "kern.smp.threads_per_core": "1",
        "kern.timecounter.hardware": "TSC-low",
        "kern.timecounter.alloweddeviation": "5",
        "kern.eventtimer.periodic": "0",
        "kern.hz": "1000",
        "kern.vm_guest": "none",
        "machdep.idle": "acpi",
        "hw.acpi.cpu.cx_lowest": "C3",
    },
    swap=("/dev/ada0p3",),
)
"""A FreeBSD as it is installed, on four cores."""

FREEBSD_READY = FreeBsdBox(
    sysctls=FREEBSD.sysctls | {"kern.timecounter.alloweddeviation": "0", "hw.acpi.cpu.cx_lowest": "C1"},
    default_set="0, 1, 2",
)
"""The same, prepared as TwinCAT/BSD is: core 3 left out of the default set."""

BOXES = {"good": GOOD, "plain": PLAIN, "old": OLD, "virtual": VIRTUAL, "container": CONTAINER}
