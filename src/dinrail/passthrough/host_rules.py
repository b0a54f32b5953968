"""Rules about the host that are not the IOMMU's: kernel, lockdown, KVM, memory."""

from __future__ import annotations

from dinrail.finding import Evidence, Verdict
from dinrail.machine.facts import HostFacts


def facts_missing(facts: HostFacts) -> Verdict | None:
    """Nothing is allowed because nobody looked: an archive may lack what the rules need."""
    needed = {"iommu": facts.iommu, "kernel": facts.kernel, "console": facts.consoles}
    missing = [name for name, value in needed.items() if value is None]
    if not missing:
        return None
    return Verdict(
        f"the facts about {', '.join(missing)} were not read, so nothing can be promised",
        (Evidence("facts", f"without {' '.join(missing)}"),),
        fix="collect the host again: dinrail collect",
    )


def no_vfio_pci(facts: HostFacts) -> Verdict | None:
    """Neither registered nor on the disk, and the kernel's configuration says that there is none."""
    kernel = facts.kernel
    if kernel is None or kernel.vfio_pci_available is not False:
        return None
    return Verdict(
        "this kernel has no vfio-pci driver",
        (Evidence(kernel.config_path, "CONFIG_VFIO_PCI is not set"),),
        fix="use a kernel with CONFIG_VFIO_PCI (Debian's linux-image-amd64 has it; cloud kernels do not)",
        verify="modprobe vfio-pci; ls /sys/bus/pci/drivers/vfio-pci",
    )


def lockdown(facts: HostFacts) -> Verdict | None:
    """Does not hinder vfio: only what people try next to it."""
    kernel = facts.kernel
    if kernel is None or kernel.lockdown in ("", "none"):
        return None
    return Verdict(
        f"the kernel is locked down ({kernel.lockdown}): vfio works, but only signed modules load, and setpci and"
        " direct access to BARs are refused",
        (Evidence("/sys/kernel/security/lockdown", kernel.lockdown),),
        fix="nothing, unless a module like vendor-reset is needed: sign it, or switch off Secure Boot",
    )


def no_kvm(facts: HostFacts) -> Verdict | None:
    """A guest starts all the same, slowly."""
    if facts.cpus is None or facts.cpus.kvm.usable:
        return None
    return Verdict(
        "KVM does not work here: guests run by emulation (TCG), some 10 to 50 times slower",
        facts.cpus.kvm.evidence,
        fix="switch on virtualization (VT-x, SVM) in the firmware setup; in a virtual machine, nested virtualization",
        verify="grep -E -c 'vmx|svm' /proc/cpuinfo; ls /dev/kvm",
    )


def locked_memory(facts: HostFacts) -> Verdict | None:
    """Devices write by themselves, so a guest's memory may not be paged out."""
    cpus = facts.cpus
    if cpus is None or cpus.locked_memory_bytes is None or cpus.locked_memory_bytes >= cpus.memory_bytes:
        return None
    return Verdict(
        "vfio locks all of a guest's memory; this session may lock less than that, unless QEMU runs as root",
        (Evidence("/proc/self/limits", f"Max locked memory {cpus.locked_memory_bytes} bytes"),),
        fix="start guests as root, or raise the limit (LimitMEMLOCK=infinity, ulimit -l unlimited)",
    )
