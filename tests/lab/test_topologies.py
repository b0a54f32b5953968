"""Each topology inside is what its name says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dinrail.lab.machine import VirtualPc

pytestmark = pytest.mark.lab


def test_a_shared_group_has_two_functions(booted: Callable[[str], VirtualPc]) -> None:
    """GPU and its USB controller are in one group, and the controller has its driver."""
    pc = booted("shared-group")
    gpu, usb = pc.topology.address("gpu"), pc.topology.address("gpu-usb")
    members = pc.run(["ls", f"/sys/bus/pci/devices/{gpu}/iommu_group/devices"]).stdout.split()
    assert members == [gpu, usb]
    assert pc.run(["readlink", f"/sys/bus/pci/devices/{usb}/driver"]).stdout.strip().endswith("/xhci_hcd")


def test_without_an_iommu_there_is_neither_table_nor_group(booted: Callable[[str], VirtualPc]) -> None:
    """The firmware describes none."""
    pc = booted("no-iommu")
    assert "DMAR" not in pc.run(["ls", "/sys/firmware/acpi/tables"]).stdout.split()
    assert pc.run(["ls", "/sys/kernel/iommu_groups"]).stdout == ""


def test_an_iommu_that_is_off_has_its_table(booted: Callable[[str], VirtualPc]) -> None:
    """Table there, groups not: the kernel option decided it."""
    pc = booted("iommu-off")
    assert "DMAR" in pc.run(["ls", "/sys/firmware/acpi/tables"]).stdout.split()
    assert pc.run(["ls", "/sys/kernel/iommu_groups"]).stdout == ""


def test_the_only_console_is_the_boot_display(booted: Callable[[str], VirtualPc]) -> None:
    """The GPU is the one VGA device, and /proc/consoles knows nothing but it."""
    pc = booted("only-console")
    gpu = pc.topology.address("gpu")
    assert pc.read_file(f"/sys/bus/pci/devices/{gpu}/boot_vga").strip() == b"1"
    assert [line.split()[0] for line in pc.read_file("/proc/consoles").decode().splitlines()] == ["tty0"]
