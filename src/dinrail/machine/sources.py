"""What may be read from a host, declared once.

`host.live` fetches exactly these bytes, `dinrail collect` archives exactly these bytes, and `host.recorded` gives them
back; the parsers of this package see no difference. A source never changes the machine by being read: reading an
option ROM does (it maps the ROM), so it is an action in `host.rom` and is not listed here.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace


class Topic(enum.StrEnum):
    """What a command needs to know; `fetch` takes a set of these so that `dinrail pci` does not read ACPI tables."""

    PCI = "pci"
    PCI_CONFIG = "pci-config"  # the whole configuration space: slow on real hardware, and root only beyond 64 bytes
    PCI_NAMES = "pci-names"
    IOMMU = "iommu"
    KERNEL = "kernel"
    CPU = "cpu"
    CONSOLE = "console"
    FIRMWARE = "firmware"
    HYPERVISOR = "hypervisor"
    REALTIME = "realtime"


class SourceKind(enum.StrEnum):
    """How a source is read, and what its entry therefore holds."""

    FILE = "file"  # contents of a regular or sysfs file
    LINK = "link"  # target of a symbolic link
    NAMES = "names"  # names in a directory, sorted, one a line
    EXISTS = "exists"  # only that it is there (device nodes: their mode and numbers)
    COMMAND = "command"  # standard output of a command that only reads
    PROBE = "probe"  # a system call or two that change nothing, answered as JSON (`host.probe`)


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to read.

    pattern:   absolute path, `*` matching within one path component and `{release}` standing for the running kernel's
               release (see `for_release`); for COMMAND and PROBE the name that the result goes by.
    argv:      COMMAND only; run without a shell, with LC_ALL=C.
    max_bytes: more than this is cut off and marked; protects against endless or hostile files.
    root:      True where an ordinary user gets nothing or less; the reader says so instead of failing.
    """

    topic: Topic
    kind: SourceKind
    pattern: str
    argv: tuple[str, ...] = ()
    max_bytes: int = 65536
    root: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """What one path or command gave: its bytes, or the reason why there are none (`fault`, an errno name).

    `status` is a command's exit status. A path that does not exist has no entry at all.
    """

    kind: SourceKind
    data: bytes = b""
    fault: str = ""
    status: int = 0
    cut: bool = False

    @property
    def text(self) -> str:
        """The bytes as text, for files that hold one line or a table; undecodable bytes are kept visible."""
        return self.data.decode("utf-8", "backslashreplace")

    @property
    def line(self) -> str:
        return self.text.strip()


@dataclass(frozen=True, slots=True)
class Raw:
    """All bytes fetched from one host.

    `entries` is keyed by path (or `command:NAME`, `probe:NAME`), `system` is `linux` or `freebsd`.
    `topics` says what was asked for, so that "not there" can be told from "not looked at".
    """

    system: str
    entries: Mapping[str, Entry] = field(default_factory=dict)
    topics: frozenset[Topic] = frozenset()

    def get(self, path: str) -> Entry | None:
        return self.entries.get(path)

    def text(self, path: str, default: str = "") -> str:
        """The stripped text of a file or link; `default` where it is missing or could not be read."""
        entry = self.entries.get(path)
        return entry.line if entry is not None and not entry.fault else default

    def children(self, directory: str) -> list[str]:
        """Names right below `directory` that any entry speaks of, sorted."""
        prefix = directory.rstrip("/") + "/"
        return sorted({path[len(prefix) :].split("/", 1)[0] for path in self.entries if path.startswith(prefix)})


def wanted(sources: Iterable[Source], topics: frozenset[Topic]) -> tuple[Source, ...]:
    """The sources of these topics, in their declared order."""
    return tuple(source for source in sources if source.topic in topics)


def for_release(sources: Iterable[Source], release: str) -> tuple[Source, ...]:
    """The sources with `{release}` filled in: other kernels' files are neither read nor archived."""
    return tuple(
        replace(source, pattern=source.pattern.replace("{release}", release))
        if "{release}" in source.pattern
        else source
        for source in sources
    )


_PCI = "/sys/bus/pci/devices/*"
_CPU = "/sys/devices/system/cpu"
_CGROUPS = "/sys/fs/cgroup"

LINUX: tuple[Source, ...] = (
    # --- devices
    # `uevent` holds class, ids and subsystem ids in one read. Of the configuration space 64 bytes are enough here: each
    # further dword is a bus cycle. PCI_CONFIG reads the same path whole, and comes later so that it wins.
    Source(Topic.PCI, SourceKind.FILE, f"{_PCI}/config", max_bytes=64),
    Source(Topic.PCI_CONFIG, SourceKind.FILE, f"{_PCI}/config", max_bytes=4096, root=True),
    *(
        Source(Topic.PCI, SourceKind.FILE, f"{_PCI}/{name}")
        for name in ("uevent", "resource", "enable", "boot_vga", "reset_method", "driver_override", "numa_node")
    ),
    Source(Topic.PCI, SourceKind.EXISTS, f"{_PCI}/rom"),
    Source(Topic.PCI, SourceKind.LINK, f"{_PCI}"),
    *(Source(Topic.PCI, SourceKind.LINK, f"{_PCI}/{name}") for name in ("driver", "iommu_group")),
    Source(Topic.PCI_NAMES, SourceKind.FILE, "/usr/share/misc/pci.ids", max_bytes=8 << 20),
    Source(Topic.PCI_NAMES, SourceKind.FILE, "/usr/share/hwdata/pci.ids", max_bytes=8 << 20),
    # --- IOMMU
    Source(Topic.IOMMU, SourceKind.NAMES, "/sys/class/iommu"),
    Source(Topic.IOMMU, SourceKind.FILE, "/sys/class/iommu/*/intel-iommu/cap"),
    Source(Topic.IOMMU, SourceKind.FILE, "/sys/class/iommu/*/intel-iommu/ecap"),
    Source(Topic.IOMMU, SourceKind.FILE, "/sys/kernel/iommu_groups/*/type"),
    Source(Topic.IOMMU, SourceKind.FILE, "/sys/kernel/iommu_groups/*/reserved_regions"),
    Source(Topic.IOMMU, SourceKind.NAMES, "/sys/kernel/iommu_groups/*/devices"),
    Source(Topic.IOMMU, SourceKind.NAMES, "/sys/firmware/acpi/tables"),
    Source(Topic.IOMMU, SourceKind.FILE, "/sys/firmware/acpi/tables/DMAR", root=True),
    Source(Topic.IOMMU, SourceKind.FILE, "/sys/firmware/acpi/tables/IVRS", root=True),
    Source(Topic.IOMMU, SourceKind.FILE, "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"),
    Source(Topic.IOMMU, SourceKind.FILE, "/proc/interrupts", max_bytes=4 << 20),
    # --- kernel
    Source(Topic.KERNEL, SourceKind.FILE, "/proc/cmdline"),
    Source(Topic.KERNEL, SourceKind.FILE, "/proc/version"),
    Source(Topic.KERNEL, SourceKind.FILE, "/proc/sys/kernel/osrelease"),
    Source(Topic.KERNEL, SourceKind.FILE, "/proc/sys/kernel/hostname"),
    Source(Topic.KERNEL, SourceKind.FILE, "/proc/sys/kernel/random/boot_id"),
    Source(Topic.KERNEL, SourceKind.FILE, "/sys/kernel/security/lockdown"),
    Source(Topic.KERNEL, SourceKind.NAMES, "/sys/firmware/efi"),
    Source(Topic.KERNEL, SourceKind.FILE, "/boot/config-{release}", max_bytes=1 << 20),
    Source(Topic.KERNEL, SourceKind.FILE, "/proc/config.gz", max_bytes=1 << 20),
    Source(Topic.KERNEL, SourceKind.EXISTS, "/sys/bus/pci/drivers/vfio-pci"),
    Source(Topic.KERNEL, SourceKind.EXISTS, "/lib/modules/{release}/kernel/drivers/vfio/pci/vfio-pci.ko*"),
    Source(Topic.KERNEL, SourceKind.EXISTS, "/dev/vfio/vfio"),
    Source(Topic.KERNEL, SourceKind.EXISTS, "/dev/iommu"),
    # --- CPU and memory
    Source(Topic.CPU, SourceKind.FILE, "/proc/cpuinfo", max_bytes=4 << 20),
    Source(Topic.CPU, SourceKind.FILE, "/proc/meminfo"),
    Source(Topic.CPU, SourceKind.FILE, "/proc/self/limits"),
    Source(Topic.CPU, SourceKind.EXISTS, "/dev/kvm"),
    Source(Topic.CPU, SourceKind.PROBE, "kvm", root=True),
    # --- who shows the host's picture
    Source(Topic.CONSOLE, SourceKind.FILE, "/proc/iomem", max_bytes=1 << 20, root=True),
    Source(Topic.CONSOLE, SourceKind.FILE, "/proc/fb"),
    Source(Topic.CONSOLE, SourceKind.FILE, "/proc/consoles"),
    Source(Topic.CONSOLE, SourceKind.LINK, "/sys/class/graphics/*/device"),
    Source(Topic.CONSOLE, SourceKind.FILE, "/sys/class/vtconsole/*/name"),
    Source(Topic.CONSOLE, SourceKind.FILE, "/sys/class/vtconsole/*/bind"),
    Source(Topic.CONSOLE, SourceKind.LINK, "/sys/class/drm/*/device"),
    Source(Topic.CONSOLE, SourceKind.FILE, "/sys/class/drm/*/status"),
    # --- firmware for guests, and the hypervisor
    Source(Topic.FIRMWARE, SourceKind.FILE, "/usr/share/qemu/firmware/*.json"),
    Source(Topic.FIRMWARE, SourceKind.FILE, "/etc/qemu/firmware/*.json"),
    Source(Topic.HYPERVISOR, SourceKind.COMMAND, "qemu-version", argv=("qemu-system-x86_64", "--version")),
    Source(
        Topic.HYPERVISOR, SourceKind.COMMAND, "qemu-vfio-pci", argv=("qemu-system-x86_64", "-device", "vfio-pci,help")
    ),
    Source(Topic.HYPERVISOR, SourceKind.COMMAND, "qemu-machines", argv=("qemu-system-x86_64", "-machine", "help")),
    # --- what decides about good cycles
    *(
        Source(Topic.REALTIME, SourceKind.FILE, f"{_CPU}/{name}")
        for name in ("online", "isolated", "nohz_full", "smt/active", "cpufreq/boost", "intel_pstate/no_turbo")
    ),
    *(
        Source(Topic.REALTIME, SourceKind.FILE, f"{_CPU}/cpu*/{name}")
        for name in (
            "topology/thread_siblings_list",
            *(f"cpufreq/scaling_{name}" for name in ("governor", "available_governors", "driver")),
            *(f"cpuidle/state*/{name}" for name in ("name", "latency", "disable")),
        )
    ),
    Source(Topic.REALTIME, SourceKind.FILE, "/proc/interrupts", max_bytes=4 << 20),
    Source(Topic.REALTIME, SourceKind.FILE, "/proc/irq/*/smp_affinity_list"),
    Source(Topic.REALTIME, SourceKind.FILE, "/proc/irq/*/effective_affinity_list"),
    Source(Topic.REALTIME, SourceKind.FILE, "/proc/irq/default_smp_affinity"),
    Source(Topic.REALTIME, SourceKind.FILE, "/sys/devices/virtual/workqueue/cpumask"),
    Source(Topic.REALTIME, SourceKind.FILE, "/sys/devices/virtual/workqueue/writeback/cpumask"),
    *(
        Source(Topic.REALTIME, SourceKind.FILE, f"{root}/{name}")
        for root in (_CGROUPS, f"{_CGROUPS}/unified")
        for name in (
            *("cgroup.controllers", "cgroup.subtree_control", "cgroup.type", "cpuset.cpus.isolated"),
            *("*/cpuset.cpus", "*/cpuset.cpus.partition"),
        )
    ),
    *(
        Source(Topic.REALTIME, SourceKind.FILE, f"{root}/{name}")
        for root in (f"{_CGROUPS}/cpuset", f"{_CGROUPS}/cpuset,cpu", "/dev/cpuset")
        for name in (
            *("cpuset.cpus", "cpuset.mems", "cpuset.sched_load_balance"),
            *("*/cpuset.cpus", "*/cpuset.mems", "*/cpuset.cpu_exclusive", "*/cpuset.sched_load_balance"),
        )
    ),
    Source(Topic.REALTIME, SourceKind.FILE, "/sys/kernel/realtime"),
    Source(Topic.REALTIME, SourceKind.FILE, "/sys/devices/system/clocksource/clocksource0/current_clocksource"),
    Source(Topic.REALTIME, SourceKind.FILE, "/sys/devices/system/clocksource/clocksource0/available_clocksource"),
    *(
        Source(Topic.REALTIME, SourceKind.FILE, f"/proc/sys/kernel/{name}")
        for name in ("version", "sched_rt_runtime_us", "sched_rt_period_us", "timer_migration", "nmi_watchdog")
    ),
    Source(Topic.REALTIME, SourceKind.FILE, "/sys/kernel/mm/transparent_hugepage/enabled"),
    Source(Topic.REALTIME, SourceKind.FILE, "/sys/kernel/mm/ksm/run"),
    Source(Topic.REALTIME, SourceKind.FILE, "/proc/swaps"),
    Source(Topic.REALTIME, SourceKind.EXISTS, "/dev/cpu_dma_latency"),
    # Only these names: an archive holds no list of the machine's processes.
    Source(Topic.REALTIME, SourceKind.COMMAND, "daemons", argv=("pgrep", "-x", "-l", "irqbalance|tuned|tlp|thermald")),
    Source(Topic.REALTIME, SourceKind.PROBE, "realtime"),
)
"""Linux's sources. Order is the order of reading; nothing depends on it."""

FREEBSD_SYSCTLS = (
    *("kern.ostype", "kern.osrelease", "kern.hostname", "hw.model", "hw.ncpu", "kern.smp.threads_per_core"),
    *("kern.timecounter.hardware", "kern.timecounter.choice", "kern.timecounter.alloweddeviation"),
    *("kern.eventtimer.periodic", "kern.eventtimer.timer", "kern.hz", "kern.sched.name", "kern.vm_guest"),
    *("machdep.idle", "machdep.idle_available", "hw.acpi.cpu.cx_lowest", "dev.cpu.0.cx_supported"),
    *("dev.cpu.0.freq", "dev.cpu.0.freq_levels", "vm.swap_enabled"),
)
"""What FreeBSD is asked for by name; one that a machine does not have gives a line of complaint and nothing else."""

FREEBSD: tuple[Source, ...] = (
    Source(Topic.REALTIME, SourceKind.COMMAND, "sysctl", argv=("sysctl", *FREEBSD_SYSCTLS)),
    Source(Topic.REALTIME, SourceKind.COMMAND, "cpuset", argv=("cpuset", "-g", "-s", "1")),
    Source(Topic.REALTIME, SourceKind.COMMAND, "vmstat", argv=("vmstat", "-ai"), max_bytes=1 << 20),
    Source(Topic.REALTIME, SourceKind.COMMAND, "swapinfo", argv=("swapinfo", "-k")),
    Source(Topic.REALTIME, SourceKind.COMMAND, "id", argv=("id", "-u")),
    Source(Topic.REALTIME, SourceKind.COMMAND, "mac-priority", argv=("kldstat", "-q", "-m", "mac_priority")),
)
"""FreeBSD's sources, as far as they are known yet: timing. Its devices follow with the bhyve side."""

BY_SYSTEM: Mapping[str, tuple[Source, ...]] = {"linux": LINUX, "freebsd": FREEBSD}
"""The sources of each system, by the name that `uname` gives it (in lower case)."""
