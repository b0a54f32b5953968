"""May this function go to a guest? The machines that the rules exist for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from build_host import (
    AMD_DGPU,
    BEHIND_A_BRIDGE,
    DGPU,
    DGPU_AUDIO,
    IGPU,
    INTEL_IGPU,
    INTGPU_OFF,
    IOMMU_NOT_ASKED,
    IOMMU_OFF,
    MACHINES,
    NEIGHBOUR,
    NO_IOMMU,
    ONLY_CONSOLE,
    RESERVED,
    Framebuffer,
    Machine,
)

from dinrail.finding import Finding, Severity
from dinrail.machine.read import read_facts
from dinrail.machine.sources import Topic
from dinrail.passthrough.rules import DEVICE_RULES, HOST_RULES, TOPICS, judge
from dinrail.pci.address import PciAddress


def judged(machine: Machine, *addresses: str, waivers: frozenset[str] = frozenset()) -> dict[str, Finding]:
    """Findings by rule (the last of each)."""
    found = judge(machine.facts(), [PciAddress.parse(address) for address in addresses], waivers=waivers)
    return {finding.rule: finding for finding in found}


def blocks(machine: Machine, *addresses: str) -> set[str]:
    return {rule for rule, finding in judged(machine, *addresses).items() if finding.severity is Severity.BLOCK}


def evidence(finding: Finding) -> str:
    return "\n".join(f"{item.source}: {item.text}" for item in finding.evidence)


def test_a_machine_in_order_lets_its_gpu_go() -> None:
    """IOMMU on, a serial console, a group of its own: nothing blocks, and the console is warned about."""
    found = judged(INTEL_IGPU, IGPU)
    assert blocks(INTEL_IGPU, IGPU) == set()
    assert found["iommu.on"].severity is Severity.OK
    assert found["console.shared"].severity is Severity.WARN
    assert "ttyS0" in found["console.shared"].message


def test_no_table_names_the_missing_tables() -> None:
    """IOMMU off in the setup: the evidence is the list of tables without DMAR or IVRS, the fix is in the setup."""
    finding = judged(NO_IOMMU, IGPU)["iommu.no-table"]
    assert finding.severity is Severity.BLOCK
    assert "neither DMAR nor IVRS among APIC FACP" in evidence(finding)
    assert "VT-d" in finding.fix


@pytest.mark.parametrize("option", ["intel_iommu=off", "iommu=off", "intel_iommu=on,off"])
def test_the_kernel_option_that_switched_it_off_is_named(option: str) -> None:
    """The table is there, the command line says off: both are evidence."""
    finding = judged(replace(IOMMU_OFF, cmdline=f"ro {option}"), IGPU)["iommu.disabled"]
    assert option.partition("=")[0] in finding.message
    assert "/proc/cmdline" in evidence(finding)
    assert "DMAR: 2 units, 39 address bits" in evidence(finding)


def test_an_absent_option_is_told_from_a_wrong_one() -> None:
    """Off by default of the kernel's build: the Kconfig line is the evidence, intel_iommu=on the fix."""
    finding = judged(IOMMU_NOT_ASKED, IGPU)["iommu.disabled"]
    assert "is absent" in finding.message
    assert "CONFIG_INTEL_IOMMU_DEFAULT_ON is not set" in evidence(finding)
    assert finding.fix.startswith("add intel_iommu=on")


def test_a_kernel_built_without_the_iommu_is_told() -> None:
    """No option helps there."""
    finding = judged(replace(IOMMU_NOT_ASKED, kconfig=("# CONFIG_INTEL_IOMMU is not set",)), IGPU)["iommu.disabled"]
    assert "built without Intel VT-d" in finding.message


def test_debians_default_leaves_the_integrated_gpu_out() -> None:
    """INTGPU_OFF: the IOMMU is on, the iGPU has no group, and intel_iommu=on written out is the fix."""
    finding = judged(INTGPU_OFF, IGPU)["group.none"]
    assert finding.severity is Severity.BLOCK
    assert "INTGPU_OFF=y" in evidence(finding)
    assert "add intel_iommu=on" in finding.fix


def test_igfx_off_is_named() -> None:
    """The option that takes the iGPU out is quoted."""
    finding = judged(replace(INTGPU_OFF, cmdline="ro intel_iommu=on,igfx_off"), IGPU)["group.none"]
    assert "igfx_off" in finding.message


def test_interrupts_that_are_not_remapped_block() -> None:
    """vfio would refuse; where it was told to accept, it is a warning."""
    bare = replace(INTEL_IGPU, interrupt_remapping=False)
    assert blocks(bare, IGPU) == {"iommu.interrupt-remapping"}
    accepted = judged(replace(bare, unsafe_interrupts=True), IGPU)
    assert accepted["iommu.unsafe-interrupts"].severity is Severity.WARN
    assert "iommu.interrupt-remapping" not in accepted


def test_an_option_that_switched_remapping_off_is_named_in_the_fix() -> None:
    """intremap=off is quoted."""
    bare = replace(INTEL_IGPU, interrupt_remapping=False, cmdline="ro intel_iommu=on intremap=off")
    assert "intremap=off" in judged(bare, IGPU)["iommu.interrupt-remapping"].fix


def test_a_second_endpoint_of_the_group_is_named_with_its_driver() -> None:
    """The other device, its ids and its driver stand in the message; the bridge above does not count."""
    finding = judged(BEHIND_A_BRIDGE, "02:00.0")["group.shared"]
    assert finding.severity is Severity.BLOCK
    assert NEIGHBOUR in finding.message
    assert "e1000e" in finding.message
    assert "pcieport" not in finding.message


def test_the_cards_own_second_function_counts_too() -> None:
    """GPU alone is refused, GPU with its audio function is a whole group."""
    assert blocks(AMD_DGPU, DGPU) == {"group.shared"}
    assert f"{DGPU} {DGPU_AUDIO}" in judged(AMD_DGPU, DGPU)["group.shared"].fix
    assert blocks(AMD_DGPU, DGPU, DGPU_AUDIO) == set()


@pytest.mark.parametrize("driver", [None, "vfio-pci", "pci-stub"])
def test_an_idle_neighbour_does_no_harm(driver: str | None) -> None:
    """Group members without a driver, or held by one that starts no DMA, may stay behind."""
    assert blocks(BEHIND_A_BRIDGE.changed(NEIGHBOUR, driver=driver), "02:00.0") == set()


def test_the_hosts_only_console_is_refused_until_the_user_insists() -> None:
    """No serial line, no second display: BLOCK, waived by --headless-ok to a warning that says so."""
    finding = judged(ONLY_CONSOLE, IGPU)["console.only"]
    assert (finding.severity, finding.waiver) == (Severity.BLOCK, "--headless-ok")
    assert "i915drmfb" in evidence(finding)
    insisted = judged(ONLY_CONSOLE, IGPU, waivers=frozenset({"--headless-ok"}))["console.only"]
    assert insisted.severity is Severity.WARN
    assert "you insist: --headless-ok" in insisted.message


def test_another_waiver_waives_nothing() -> None:
    """Each rule has its own option."""
    assert (
        judged(ONLY_CONSOLE, IGPU, waivers=frozenset({"--rom-mismatch-ok"}))["console.only"].severity is Severity.BLOCK
    )


def test_a_second_display_keeps_the_host_seen_unless_it_goes_too() -> None:
    """With both GPUs handed over the host is blind again."""
    second = "0000:0c:00.0"
    assert "console.shared" in judged(AMD_DGPU, second)
    assert "console.only" in judged(AMD_DGPU, second, DGPU, DGPU_AUDIO)


def test_a_graphics_card_without_a_monitor_shows_nobody_anything() -> None:
    """A second DRM card counts only with a framebuffer or a connected monitor."""
    dark = replace(AMD_DGPU, framebuffers=AMD_DGPU.framebuffers[:1], drm={"card1": DGPU})
    assert "console.only" in judged(dark, "0c:00.0")
    assert "console.shared" in judged(replace(dark, connected=("card1-DP-1",)), "0c:00.0")


def test_a_firmware_picture_on_a_display_controller_stays_in_the_way() -> None:
    """vfio-pci pushes it aside for VGA class devices only."""
    shown = replace(
        BEHIND_A_BRIDGE.without(NEIGHBOUR),
        framebuffers=(Framebuffer("simple"),),
        iomem=((0xFD000000, 3 << 20, "BOOTFB"),),
    )
    assert judged(shown, "02:00.0")["console.firmware"].severity is Severity.WARN
    assert "console.firmware" not in judged(shown.changed("0000:02:00.0", class_code=0x030000), "02:00.0")


def test_reserved_memory_blocks_unless_it_may_be_given_up() -> None:
    """`direct` blocks, `direct-relaxable` does not."""
    assert "group.reserved" in blocks(RESERVED, "00:1f.6")
    assert "group.reserved" not in judged(RESERVED, IGPU)


def test_bridges_stay_with_the_host() -> None:
    """A bridge is not handed over."""
    assert "device.bridge" in blocks(AMD_DGPU, "00:03.1")


def test_a_device_that_is_not_there_is_told_with_what_is() -> None:
    """The functions of the same slot are named."""
    finding = judged(AMD_DGPU, "0b:00.5")["device.missing"]
    assert finding.severity is Severity.BLOCK
    assert DGPU in evidence(finding)


def test_a_silent_device_blocks() -> None:
    """A configuration space of ones is a device that does not answer."""
    assert "device.silent" in blocks(INTEL_IGPU.changed(IGPU, silent=True), IGPU)


def test_a_device_without_reset_warns() -> None:
    """Empty reset_method: the second start may fail."""
    assert judged(INTEL_IGPU.changed(IGPU, reset=""), IGPU)["device.reset"].severity is Severity.WARN


def test_a_bus_reset_that_others_would_feel_warns() -> None:
    """Only `bus`, and a neighbour on the bus that stays with the host."""
    assert NEIGHBOUR in judged(BEHIND_A_BRIDGE, "02:00.0")["device.bus-reset"].message
    assert "device.bus-reset" not in judged(AMD_DGPU, DGPU, DGPU_AUDIO)


def test_the_boot_gpus_rom_may_be_the_shadow() -> None:
    """The shadow at C0000 is told from the card's own ROM."""
    assert judged(INTEL_IGPU, IGPU)["device.boot-vga"].severity is Severity.WARN
    assert judged(AMD_DGPU, "0c:00.0")["device.boot-vga"].severity is Severity.NOTE


def test_a_gpu_without_rom_is_noted() -> None:
    """No ROM to read: the guest's firmware shows nothing without a file."""
    assert judged(INTEL_IGPU.changed(IGPU, rom=False), IGPU)["device.rom"].severity is Severity.NOTE


def test_a_driver_known_to_hang_warns_and_others_are_noted() -> None:
    """amdgpu on a GPU warns, a network driver is noted, vfio-pci is claimed already."""
    assert judged(AMD_DGPU, DGPU)["device.in-use"].severity is Severity.WARN
    assert judged(INTEL_IGPU, "00:1f.6")["device.in-use"].severity is Severity.NOTE
    assert "device.claimed" in judged(AMD_DGPU.changed(DGPU, driver="vfio-pci"), DGPU)


def test_an_iommu_narrower_than_the_cpu_warns_with_the_limit() -> None:
    """The fix holds the number."""
    finding = judged(replace(INTEL_IGPU, physical_bits=46), IGPU)["iommu.narrow"]
    assert finding.severity is Severity.WARN
    assert "host-phys-bits-limit=39" in finding.fix


def test_kvm_that_does_not_work_warns() -> None:
    """Guests then run by emulation."""
    assert judged(replace(INTEL_IGPU, kvm_ran=False), IGPU)["cpu.kvm"].severity is Severity.WARN


def test_a_kernel_without_vfio_pci_blocks() -> None:
    """Cloud kernels have none."""
    assert "kernel.vfio-pci" in blocks(replace(INTEL_IGPU, kconfig=("# CONFIG_VFIO_PCI is not set",)), IGPU)


def test_lockdown_is_noted() -> None:
    """vfio works under it, other things do not."""
    found = judged(replace(INTEL_IGPU, lockdown="none [integrity] confidentiality"), IGPU)
    assert found["kernel.lockdown"].severity is Severity.NOTE


def test_what_nobody_looked_at_is_not_allowed() -> None:
    """Facts without the IOMMU promise nothing."""
    facts = read_facts(INTEL_IGPU.raw({Topic.PCI, Topic.KERNEL}))
    found = {finding.rule: finding for finding in judge(facts, [PciAddress.parse(IGPU)])}
    assert found["facts.missing"].severity is Severity.BLOCK
    assert "iommu, console" in found["facts.missing"].message


def test_all_conflicts_come_at_once() -> None:
    """Two devices, three faults: one answer."""
    facts = replace(ONLY_CONSOLE, interrupt_remapping=False).changed(IGPU, silent=True).facts()
    found = judge(facts, [PciAddress.parse(IGPU), PciAddress.parse("09:00.0")])
    rules = {finding.rule for finding in found if finding.severity is Severity.BLOCK}
    assert rules == {"iommu.interrupt-remapping", "device.silent", "console.only", "device.missing"}


def test_rule_ids_are_unique_and_documented() -> None:
    """docs/doctor.md explains each rule of the table."""
    ids = [rule.id for rule in (*HOST_RULES, *DEVICE_RULES)]
    assert len(ids) == len(set(ids))
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
    assert [rule for rule in (*ids, "device.missing") if f"`{rule}`" not in page] == []


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_every_blocking_or_warning_finding_has_evidence(name: str) -> None:
    """For every function of every machine; `Finding` itself would refuse otherwise."""
    machine = MACHINES[name]
    facts = read_facts(machine.raw(TOPICS))
    for function in facts.functions:
        for finding in judge(facts, [function.address]):
            assert finding.evidence or finding.severity in (Severity.NOTE, Severity.OK)
