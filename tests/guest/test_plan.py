"""A definition against a host: the plan, and everything that is to be said about it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from build_guest import FILES, PLAIN, SECURE, facts_of, guest, ovmf
from build_host import AMD_DGPU, DGPU, DGPU_AUDIO, INTEL_IGPU, Machine

from dinrail.finding import Severity
from dinrail.guest.plan import GuestPlan, GuestRom, plan_guest

BODY = 'os = "linux"\ncpus = 2\nmemory = "4 GiB"\n'


def plan(toml: str, machine: Machine = AMD_DGPU, rom: GuestRom | None = None) -> GuestPlan:
    return plan_guest(guest(toml), facts_of(machine), files=FILES, rom=rom)


def rules(found: GuestPlan, severity: Severity | None = None) -> list[str]:
    return sorted(f.rule for f in found.findings if severity in (None, f.severity))


def test_a_gpu_brings_its_audio_along() -> None:
    """The functions of one card in one group go to one guest, said aloud."""
    found = plan(BODY + 'gpu = "0b:00.0"\n')
    assert [str(address) for address in found.addresses] == [DGPU, DGPU_AUDIO]
    assert [device.role for device in found.devices] == ["gpu", "companion"]
    assert "guest.device.companion" in rules(found, Severity.NOTE)
    assert not found.blocked


def test_all_conflicts_are_told_at_once() -> None:
    """Memory, CPUs, a device twice, a device that is not there, a bridge: one run shows them all."""
    found = plan(
        'os = "linux"\ncpus = 64\nmemory = "64 GiB"\ngpu = "0b:00.0"\nusb = ["0b:00.0", "0f:00.0", "00:03.1"]\n'
    )
    assert rules(found, Severity.BLOCK) == [
        "guest.cpus",
        "guest.device.bridge",
        "guest.device.missing",
        "guest.device.twice",
        "guest.memory",
    ]
    messages = " ".join(f.message for f in found.blocked)
    for both in ("64 GiB", "16000 MiB", "64 CPUs", "has 4"):
        assert both in messages
    assert "guest hmi" in str(found.refusal())


def test_kvm_is_used_where_it_works_and_said_aloud_where_not() -> None:
    """The decision carries what it was concluded from."""
    assert plan(BODY).use_kvm
    slow = plan(BODY, replace(AMD_DGPU, cpu_flags="fpu"))
    assert not slow.use_kvm
    (finding,) = [f for f in slow.findings if f.rule == "guest.accel"]
    assert finding.severity is Severity.WARN
    assert any(e.source == "/dev/kvm" for e in finding.evidence)


@pytest.mark.parametrize(("kvm", "limit"), [(True, 39), (False, None)])
def test_the_cpu_announces_no_more_bits_than_the_iommu_translates(kvm: bool, limit: int | None) -> None:
    """With 46 bits over an IOMMU with 39, BARs would land where no mapping reaches; TCG has 40 and keeps them."""
    machine = replace(INTEL_IGPU, physical_bits=46, cpu_flags="fpu vmx" if kvm else "fpu")
    found = plan(BODY + 'gpu = "00:02.0"\n', machine)
    assert found.phys_bits_limit == limit
    assert ("guest.address-bits" in rules(found)) is kvm
    assert plan(BODY, machine).phys_bits_limit is None


def test_firmware_is_chosen_by_its_descriptor() -> None:
    """Without Secure Boot and SMM, for q35, with a variable store; the first by name."""
    found = plan(BODY)
    assert found.firmware is not None
    assert (found.firmware.code_path, found.firmware.vars_path) == (PLAIN.code_path, f"{FILES.state}/vars.fd")


@pytest.mark.parametrize("known", [(), (SECURE,), (ovmf("1.json", machines=("pc-i440fx-*",)),)])
def test_firmware_that_is_missing_blocks_with_every_objection(known: tuple[object, ...]) -> None:
    """What is there is named, with why it does not do."""
    facts = replace(facts_of(AMD_DGPU), firmware=known)
    found = plan_guest(guest(BODY), facts, files=FILES)
    (finding,) = found.blocked
    assert finding.rule == "guest.firmware.missing"
    assert len(finding.evidence) == max(1, len(known))


def test_bios_needs_no_descriptor() -> None:
    """The hypervisor's own BIOS is always there."""
    found = plan_guest(guest(BODY + 'firmware = "bios"\n'), replace(facts_of(AMD_DGPU), firmware=()), files=FILES)
    assert found.firmware is None
    assert not found.blocked


def test_uuid_and_mac_stay_the_same() -> None:
    """A guest that is activated, or known to a switch, is the same machine at every start; another guest is another."""
    text = BODY + 'networks = [{ kind = "host-only" }, { kind = "host-only" }]\n'
    one, again, other = plan(text), plan(text), plan_guest(guest(text, name="b"), facts_of(AMD_DGPU), files=FILES)
    assert (one.uuid, one.nics) == (again.uuid, again.nics)
    assert one.uuid != other.uuid
    assert len({nic.mac for nic in (*one.nics, *other.nics)}) == 4
    assert "guest.network.unplugged" in rules(one, Severity.WARN)


def test_the_rom_is_said_aloud() -> None:
    """Which ROM the guest gets, that it gets none, or why none could be had."""
    text = BODY + 'gpu = "0b:00.0"\n'
    staged = GuestRom(f"{FILES.run}/gpu.rom", "the card's own ROM")
    with_rom = plan(text, rom=staged)
    assert with_rom.devices[0].rom_path == staged.path
    assert "guest.rom" in rules(with_rom, Severity.OK)
    assert "guest.rom.missing" in rules(plan(text), Severity.WARN)
    none = plan(BODY + 'gpu = { device = "0b:00.0", rom = "none" }\n')
    assert "guest.rom.none" in rules(none, Severity.NOTE)


def test_a_gpu_that_is_no_display_is_a_warning() -> None:
    """Somebody may want that; nobody should get it by a typing error."""
    found = plan(BODY + 'gpu = "0b:00.1"\n')
    assert "guest.gpu.class" in rules(found, Severity.WARN)


def test_no_picture_at_all_is_said() -> None:
    """A guest without GPU and display is legal and told."""
    assert "guest.picture.none" in rules(plan(BODY + 'display = "none"\n'), Severity.WARN)
