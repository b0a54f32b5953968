"""What the product refuses inside the virtual PC, with which words, and that nothing was touched."""

from __future__ import annotations

import json

import pytest
from lab_guest import config_for

from dinrail.lab.channel import Completed
from dinrail.lab.devices import device_states
from dinrail.lab.machine import Parts, VirtualPc
from dinrail.lab.vbios import Ids, vbios

from .conftest import Booted

pytestmark = pytest.mark.lab


def refused(pc: VirtualPc, *words: str) -> Completed:
    """The command exits 1, and the GPU is as it was."""
    gpu = pc.topology.address("gpu")
    before = device_states(pc, gpu)
    done = pc.run(["dinrail", *words])
    assert done.exit_code == 1, done.stdout + done.stderr
    assert device_states(pc, gpu) == before
    left = pc.run(["dinrail", "undo", "--list", "--json"])
    assert json.loads(left.stdout) == {"open": [], "damaged": []}
    return done


def test_without_an_iommu_the_claim_names_the_missing_table(booted: Booted) -> None:
    """No IOMMU at all: the refusal names the table that is not there and where it is switched on."""
    pc = booted("no-iommu")
    done = refused(pc, "gpu", "claim", pc.topology.address("gpu"))
    assert "DMAR" in done.stderr
    assert "/sys/firmware/acpi/tables" in done.stderr
    assert "fix:" in done.stderr


def test_an_iommu_that_is_off_names_the_option_that_decided_it(booted: Booted) -> None:
    """Table there, kernel told not to use it: the refusal quotes the option and tells the right one."""
    pc = booted("iommu-off")
    done = refused(pc, "gpu", "claim", pc.topology.address("gpu"))
    assert "/proc/cmdline" in done.stderr
    assert "intel_iommu=off" in done.stderr
    assert "intel_iommu=on" in done.stderr


def test_a_group_with_another_endpoint_names_it_and_its_driver(booted: Booted) -> None:
    """The GPU alone is refused where its group has a second endpoint that a host driver uses."""
    pc = booted("shared-group")
    done = refused(pc, "gpu", "claim", pc.topology.address("gpu"))
    assert pc.topology.address("gpu-usb") in done.stderr
    assert "xhci_hcd" in done.stderr


def test_the_whole_group_may_go_together(booted: Booted) -> None:
    """Both functions of the group named, the claim is made, and released as found."""
    pc = booted("shared-group")
    both = pc.topology.address("gpu"), pc.topology.address("gpu-usb")
    before = device_states(pc, *both)
    assert pc.run(["dinrail", "gpu", "claim", *both]).exit_code == 0
    assert {state["driver"] for state in device_states(pc, *both).values()} == {"vfio-pci"}
    assert pc.run(["dinrail", "gpu", "release", *both]).exit_code == 0
    assert device_states(pc, *both) == before


def test_the_only_console_is_kept_unless_the_user_insists(booted: Booted) -> None:
    """The GPU with the host's only console is refused, and goes with --headless-ok; afterwards it is as found."""
    pc = booted("only-console")
    gpu = pc.topology.address("gpu")
    done = refused(pc, "gpu", "claim", gpu)
    assert "--headless-ok" in done.stderr
    before = device_states(pc, gpu)
    insisted = pc.run(["dinrail", "gpu", "claim", gpu, "--headless-ok"])
    assert insisted.exit_code == 0, insisted.stderr
    assert device_states(pc, gpu)[gpu]["driver"] == "vfio-pci"
    assert pc.run(["dinrail", "gpu", "release", gpu]).exit_code == 0
    assert device_states(pc, gpu) == before


def test_a_rom_of_another_device_is_refused_before_anything_is_claimed(pc: VirtualPc, lab_parts: Parts) -> None:
    """A ROM whose PCIR names another device stops the start with exit 1, naming both id pairs."""
    pc.write_file("/run/other.rom", vbios(ids=Ids(0x10DE, 0x1C82)))
    config = config_for(pc, lab_parts, rom="/run/other.rom")
    done = refused(pc, "guest", "start", "--config", config, "hmi")
    assert "10de:1c82" in done.stderr
    assert "1234:1111" in done.stderr
    assert "--rom-mismatch-ok" in done.stderr


def test_a_truncated_rom_names_what_it_lost(pc: VirtualPc, lab_parts: Parts) -> None:
    """A ROM that ends early stops the start with exit 1, naming the structure and the field."""
    pc.write_file("/run/short.rom", vbios()[: 28672 + 0x20])
    config = config_for(pc, lab_parts, rom="/run/short.rom")
    for words in (("vbios", "check", "/run/short.rom"), ("guest", "start", "--config", config, "hmi")):
        done = refused(pc, *words)
        said = done.stdout + done.stderr
        assert "PCIR" in said
        assert "field" in said
