"""Rules about the IOMMU: there, on, remapping interrupts, wide enough, and with a group for the device."""

from __future__ import annotations

from dinrail.finding import Evidence, Verdict
from dinrail.machine.facts import HostFacts, IommuState, Kernel
from dinrail.machine.linux.iommu import INTERRUPTS
from dinrail.machine.linux.kernel import CMDLINE, option
from dinrail.passthrough.case import KEEPS_GROUP_VIABLE, Case, describe

_VERIFY_ON = "ls /sys/class/iommu shows dmar0 (Intel) or ivhd0 (AMD), and `dinrail pci --groups` lists groups"
_DEFAULT_ON = ("CONFIG_INTEL_IOMMU_DEFAULT_ON", "CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF")
_INTGPU_OFF = "CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF"


def _state(facts: HostFacts, state: IommuState) -> tuple[Evidence, ...] | None:
    """The evidence, where the IOMMU is in that state (the interrupts speak of remapping only)."""
    if facts.iommu is None or facts.iommu.state is not state:
        return None
    return tuple(evidence for evidence in facts.iommu.evidence if evidence.source != INTERRUPTS)


def is_on(facts: HostFacts) -> Verdict | None:
    """Said aloud, so that a user sees that it was looked at."""
    if facts.iommu is None or facts.iommu.state is not IommuState.ON:
        return None
    name = {"intel": "Intel VT-d", "amd": "AMD-Vi"}.get(facts.iommu.kind, "the IOMMU")
    return Verdict(f"{name} is on, {len(facts.groups)} groups", facts.iommu.evidence)


def no_table(facts: HostFacts) -> Verdict | None:
    """Only the firmware's setup can help: no kernel option makes a table."""
    evidence = _state(facts, IommuState.NO_TABLE)
    if evidence is None:
        return None
    return Verdict(
        "the firmware announces no IOMMU: the ACPI table DMAR (Intel) or IVRS (AMD) is missing",
        evidence,
        fix="switch on VT-d (Intel) or IOMMU/SVM (AMD) in the firmware setup; a virtual machine needs a virtual IOMMU",
        verify="ls /sys/firmware/acpi/tables shows DMAR or IVRS",
    )


def disabled(facts: HostFacts) -> Verdict | None:
    """The table is there, the kernel left it alone: by an option, or because no option says otherwise."""
    evidence = _state(facts, IommuState.DISABLED)
    if evidence is None or facts.iommu is None:
        return None
    message, decided, fix = _why_disabled(facts.iommu.kind, facts.kernel)
    return Verdict(message, (*evidence, *decided), fix, _VERIFY_ON)


def _why_disabled(kind: str, kernel: Kernel | None) -> tuple[str, tuple[Evidence, ...], str]:
    name, own = ("AMD-Vi", "amd_iommu") if kind == "amd" else ("Intel VT-d", "intel_iommu")
    if kernel is None:
        return f"the firmware has {name}, the kernel left it off", (), f"look at {own}= on the kernel's command line"
    for key in ("iommu", own):
        if "off" in option(kernel.cmdline, key):
            remedy = f"take {key}=off off the kernel's command line" + (f" and add {own}=on" if kind != "amd" else "")
            return (
                f"{name} is switched off by the kernel option {key}=off",
                (Evidence(CMDLINE, f"{key}=off"),),
                f"{remedy} (GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub), and reboot",
            )
    line = Evidence(CMDLINE, " ".join(kernel.cmdline) or "empty")
    missing = _not_built(kind, kernel)
    if missing:
        return f"this kernel was built without {name}", (missing,), "use a kernel that has it"
    if kind != "amd" and not any(kernel.config.get(name) == "y" for name in _DEFAULT_ON):
        told = "is not set" if kernel.config else "could not be read"
        return (
            f"{name} is off because the kernel option {own}=on is absent",
            (line, Evidence(kernel.config_path, f"{_DEFAULT_ON[0]} {told}")),
            f"add {own}=on to the kernel's command line and reboot",
        )
    return (
        f"{name} is announced, but the kernel did not start it and no option says why",
        (line,),
        f"add {own}=on to the kernel's command line; then read the kernel's log for DMAR or AMD-Vi",
    )


def _not_built(kind: str, kernel: Kernel) -> Evidence | None:
    name = "CONFIG_AMD_IOMMU" if kind == "amd" else "CONFIG_INTEL_IOMMU"
    if kernel.config and kernel.config.get(name, "n") == "n":
        return Evidence(kernel.config_path, f"{name} is not set")
    return None


def no_groups(facts: HostFacts) -> Verdict | None:
    """Units are there, and no device was put behind them."""
    evidence = _state(facts, IommuState.NO_GROUPS)
    if evidence is None:
        return None
    return Verdict(
        "the IOMMU is enabled, yet the kernel made no groups",
        evidence,
        fix="iommu=pt or intel_iommu=on without further values on the kernel's command line; look for DMAR errors in"
        " its log",
        verify="ls /sys/kernel/iommu_groups is not empty",
    )


def unknown(facts: HostFacts) -> Verdict | None:
    """Neither groups nor units, and no list of tables to say why."""
    evidence = _state(facts, IommuState.UNKNOWN)
    if evidence is None:
        return None
    return Verdict(
        "no IOMMU is in use, and what would say why cannot be read",
        evidence,
        fix="run as root; in a container, run on the host itself",
        verify=_VERIFY_ON,
    )


def no_interrupt_remapping(facts: HostFacts) -> Verdict | None:
    """vfio_iommu_type1 refuses a group whose interrupts are not remapped, unless told otherwise."""
    iommu = facts.iommu
    if iommu is None or iommu.state is not IommuState.ON or iommu.interrupt_remapping is not False:
        return None
    evidence = [e for e in iommu.evidence if e.source == INTERRUPTS or e.source.endswith(("DMAR", "IVRS"))]
    given = _remapping_options(facts.kernel)
    if iommu.unsafe_interrupts_allowed:
        return None
    return Verdict(
        "interrupts are not remapped: vfio refuses, because a guest could raise any interrupt of the host",
        (*evidence, *given),
        fix=f"take {given[0].text} off the kernel's command line"
        if given
        else "switch on interrupt remapping (x2APIC, VT-d) in the firmware setup; where the guest is trusted,"
        " options vfio_iommu_type1 allow_unsafe_interrupts=1",
        verify="grep IR- /proc/interrupts shows remapped interrupts",
    )


def unsafe_interrupts(facts: HostFacts) -> Verdict | None:
    """It was told otherwise."""
    iommu = facts.iommu
    if iommu is None or not iommu.unsafe_interrupts_allowed or iommu.interrupt_remapping:
        return None
    return Verdict(
        "interrupts are not remapped and vfio was told to accept that: a guest can raise any interrupt of the host",
        (Evidence("vfio_iommu_type1", "allow_unsafe_interrupts=Y"),),
        fix="only with guests that you trust; else switch on interrupt remapping in the firmware setup",
    )


def _remapping_options(kernel: Kernel | None) -> tuple[Evidence, ...]:
    if kernel is None:
        return ()
    given = [word for word in kernel.cmdline if word in ("nointremap", "intremap=off")]
    return tuple(Evidence(CMDLINE, word) for word in given)


def narrow(facts: HostFacts) -> Verdict | None:
    """A guest that is told the CPU's width places BARs where the IOMMU cannot map them."""
    iommu, cpus = facts.iommu, facts.cpus
    if iommu is None or cpus is None or iommu.address_bits is None or cpus.physical_bits is None:
        return None
    if iommu.address_bits >= cpus.physical_bits:
        return None
    return Verdict(
        f"the IOMMU maps {iommu.address_bits} address bits, the CPU has {cpus.physical_bits}:"
        " a guest that uses the upper ones gets vfio_container_dma_map(...) = -22",
        (
            Evidence("/sys/class/iommu/*/intel-iommu/cap", f"{iommu.address_bits} address bits"),
            Evidence("/proc/cpuinfo", f"{cpus.physical_bits} bits physical"),
        ),
        fix=f"-cpu host,host-phys-bits=on,host-phys-bits-limit={iommu.address_bits}",
        verify="the guest's /proc/cpuinfo shows no more physical bits than that",
    )


def without_group(case: Case) -> Verdict | None:
    """The IOMMU is on, and this function was left out of it."""
    facts, function = case.facts, case.function
    if function.group is not None or facts.iommu is None or facts.iommu.state is not IommuState.ON:
        return None
    found = Evidence(f"/sys/bus/pci/devices/{function.address}/iommu_group", "not there")
    kernel = facts.kernel
    intel_gpu = function.is_display and function.ids.vendor_id == 0x8086
    if kernel is not None and intel_gpu:
        given = option(kernel.cmdline, "intel_iommu")
        if "igfx_off" in given:
            return Verdict(
                "the kernel option intel_iommu=igfx_off takes the integrated GPU out of the IOMMU",
                (found, Evidence(CMDLINE, "igfx_off")),
                fix="take igfx_off off the kernel's command line",
            )
        if kernel.config.get(_INTGPU_OFF) == "y" and "on" not in given:
            return Verdict(
                "this kernel switches the IOMMU on for all but the integrated GPU, unless told intel_iommu=on",
                (found, Evidence(kernel.config_path, f"{_INTGPU_OFF}=y")),
                fix="add intel_iommu=on to the kernel's command line and reboot",
                verify=f"ls /sys/bus/pci/devices/{function.address}/iommu_group",
            )
    return Verdict("the function belongs to no IOMMU group, so vfio cannot take it", (found,))


def shared_group(case: Case) -> Verdict | None:
    """All endpoints of a group go to one guest, or none does. Bridges and idle members may stay."""
    function = case.function
    group = case.facts.group_of(function)
    if group is None:
        return None
    others = (case.facts.function(member) for member in group.members if member not in case.together)
    held = [
        other
        for other in others
        if other is not None and not other.is_bridge and other.driver and other.driver not in KEEPS_GROUP_VIABLE
    ]
    if not held:
        return None
    slot = all(other.address.same_slot(function.address) for other in held)
    both = " ".join(str(address) for address in sorted({function.address, *(other.address for other in held)}))
    move = "" if slot else "; or move the card to another slot"
    return Verdict(
        f"IOMMU group {group.number} also holds {'; '.join(describe(other) for other in held)}",
        tuple(
            Evidence(f"/sys/kernel/iommu_groups/{group.number}/devices/{other.address}", f"driver {other.driver}")
            for other in held
        ),
        fix=f"hand over the whole group: {both}{move}",
        verify=f"ls /sys/kernel/iommu_groups/{group.number}/devices",
    )


def reserved_direct(case: Case) -> Verdict | None:
    """Memory that the firmware wants the device to reach, always (RMRR, IVMD). `direct-relaxable` may be given up."""
    group = case.facts.group_of(case.function)
    lines = [line for line in group.reserved if line.split()[-1:] == ["direct"]] if group else []
    if group is None or not lines:
        return None
    source = f"/sys/kernel/iommu_groups/{group.number}/reserved_regions"
    return Verdict(
        "the firmware reserves memory that this device must always reach: the kernel refuses to hand it to a guest",
        tuple(Evidence(source, line) for line in lines),
        fix="look in the firmware setup for what uses the device (legacy USB, remote management, shared storage); else"
        " use another device",
        verify=f"grep direct {source}",
    )
