"""A topology is data; its addresses and QEMU arguments follow from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dinrail.errors import BadRequest
from dinrail.lab.hardware import Wiring, qemu_argv
from dinrail.lab.topology import STANDARD, TOPOLOGIES, Function, Iommu, Port, Topology, topology_named

WIRING = Wiring(
    qemu=("qemu",),
    kernel=Path("/k"),
    initramfs=Path("/i"),
    vbios=Path("/v.rom"),
    near=Path("/n.img"),
    monitor_fd=5,
    agent_fd=6,
    serial="file:/s",
    extra_options=("one=1",),
)


def devices(topology: Topology) -> list[str]:
    argv = qemu_argv(topology, WIRING)
    return [argv[i + 1] for i, word in enumerate(argv) if word == "-device"]


def test_a_function_is_found_on_the_bus_of_its_port() -> None:
    """Ports get bus numbers in their order; functions of one card count up."""
    assert STANDARD.address("gpu") == "0000:01:00.0"
    assert STANDARD.address("usb") == "0000:03:00.0"
    assert topology_named("shared-group").address("gpu-usb") == "0000:01:00.1"


def test_a_bridge_spends_a_bus_of_its_own() -> None:
    """Behind a PCIe-to-PCI bridge each function has a slot on the second bus, and later ports move up by one."""
    bridged = Topology(
        "t",
        "",
        (
            Port(2, (Function("gpu", "bochs-display", vbios=True), Function("x", "edu")), bridged=True),
            Port(3, (Function("nic", "e1000e"),)),
        ),
    )
    assert bridged.address("gpu") == "0000:02:01.0"
    assert bridged.address("x") == "0000:02:02.0"
    assert bridged.address("nic") == "0000:03:00.0"
    assert "bochs-display,id=gpu,bus=bridge1,addr=1,romfile=/v.rom" in devices(bridged)


def test_an_unknown_name_lists_the_known_ones() -> None:
    """A wrong name is the request's fault, and the hint names the right ones."""
    with pytest.raises(BadRequest) as caught:
        topology_named("nonsense")
    assert all(name in str(caught.value.hint) for name in TOPOLOGIES)


def test_the_iommu_has_three_states() -> None:
    """On: device and option. Off: device, and the option against it. Absent: neither."""
    names = {Iommu.ON: "standard", Iommu.OFF: "iommu-off", Iommu.ABSENT: "no-iommu"}
    machines = {iommu: topology_named(name) for iommu, name in names.items()}
    iommu_device = "intel-iommu,intremap=on,caching-mode=on"
    assert {i: iommu_device in devices(t) for i, t in machines.items()} == {
        Iommu.ON: True,
        Iommu.OFF: True,
        Iommu.ABSENT: False,
    }
    assert "intel_iommu=on" in machines[Iommu.ON].kernel_options
    assert "intel_iommu=off" in machines[Iommu.OFF].kernel_options
    assert not any("iommu" in option for option in machines[Iommu.ABSENT].kernel_options)


def test_a_card_with_two_functions_is_multifunction() -> None:
    """Only function 0 says so, and it comes first."""
    cards = [d for d in devices(topology_named("shared-group")) if ",bus=port1" in d]
    assert cards[0].startswith("bochs-display,id=gpu,bus=port1,addr=0.0,multifunction=on")
    assert cards[1] == "qemu-xhci,id=gpu-usb,bus=port1,addr=0.1"


def test_the_only_console_is_the_gpu() -> None:
    """No other display, no serial console: nothing would be left to look at."""
    topology = topology_named("only-console")
    assert topology.displays == ("gpu",)
    assert topology.kernel_options[0] == "console=tty0"
    assert not any("ttyS" in option for option in topology.kernel_options)


def test_the_kernel_gets_all_words_in_one_argument() -> None:
    """The topology's, the boot's and the caller's options."""
    argv = qemu_argv(STANDARD, WIRING)
    words = argv[argv.index("-append") + 1].split()
    assert {"intel_iommu=on", "quiet", "one=1"} <= set(words)
