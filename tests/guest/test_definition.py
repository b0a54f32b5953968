"""Guests as values: every spelling of a device."""

from __future__ import annotations

import pytest

from dinrail.errors import BadRequest
from dinrail.guest.definition import NO_ROM, PassedDevice, RomChoice, RomSource
from dinrail.pci.address import PciAddress

IGD = PciAddress(0, 0, 2, 0)


@pytest.mark.parametrize(
    "text", ["00:02.0", "0000:00:02.0", "0/2/0", "pci0:0:2:0", "passthru,0/2/0", "passthru,00:02.0"]
)
def test_a_device_has_many_spellings(text: str) -> None:
    """Linux', lspci's, FreeBSD's and bhyve's name the same device."""
    assert PassedDevice.parse(text) == PassedDevice(IGD, NO_ROM)


def test_the_bhyve_spelling_brings_its_rom() -> None:
    """`rom=` is the path that bhyve would take."""
    found = PassedDevice.parse("passthru,0/2/0,rom=/home/user/vbios.rom")
    assert found == PassedDevice(IGD, RomChoice(RomSource.FILE, "/home/user/vbios.rom"))


def test_a_bare_path_is_refused_with_the_way_to_write_it() -> None:
    """bhyve takes it for a boolean and starts without a ROM; users have lost hours to that."""
    with pytest.raises(BadRequest) as caught:
        PassedDevice.parse("passthru,4/0/0,/vms/vbios.rom")
    assert caught.value.hint == "write `rom=/vms/vbios.rom`"


@pytest.mark.parametrize(
    "text", ["", "passthru", "passthru,", "passthru,0/2/0,rom=", "passthru,0/2/0,rom=a,rom=b", "x"]
)
def test_what_is_no_device_is_a_bad_request(text: str) -> None:
    """One declared error for everything else."""
    with pytest.raises(BadRequest):
        PassedDevice.parse(text)
