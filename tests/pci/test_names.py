"""Names from pci.ids."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from build_config import space
from hypothesis import given
from hypothesis import strategies as st
from lspci import HAVE_LSPCI, PCI_IDS, lspci

from dinrail.pci.config import CommonHeader, EndpointHeader
from dinrail.pci.names import PciNames

SMALL = """\
# a comment
0e11  Compaq
\t0001  PCI to EISA Bridge
# a comment between device and subsystem
\t\t0e11 0040  Board [brackets]
\t0002  Second
8086  Intel Corporation
\t0001  Other device of the same number
\t\t0e11 0040  Intel's board
C 03  Display controller
\t00  VGA compatible controller
\t\t00  VGA controller
\t80  Display controller
C 0e  A class whose number is a vendor's beginning
"""
NAMES = PciNames(SMALL.encode())


def test_each_level_is_found_inside_its_own_block() -> None:
    """Devices belong to their vendor and boards to their device, though numbers repeat elsewhere."""
    assert NAMES.vendor(0x0E11) == "Compaq"
    assert NAMES.device(0x0E11, 0x0001) == "PCI to EISA Bridge"
    assert NAMES.device(0x8086, 0x0001) == "Other device of the same number"
    assert NAMES.device(0x8086, 0x0002) is None
    assert NAMES.subsystem(0x0E11, 0x0001, 0x0E11, 0x0040) == "Board [brackets]"
    assert NAMES.subsystem(0x8086, 0x0001, 0x0E11, 0x0040) == "Intel's board"
    assert NAMES.subsystem(0x0E11, 0x0002, 0x0E11, 0x0040) is None


def test_a_board_with_the_device_s_own_ids_has_the_device_s_name() -> None:
    """A board that carries the device's ids is called as the device."""
    assert NAMES.subsystem(0x0E11, 0x0002, 0x0E11, 0x0002) == "Second"


def test_classes_fall_back_to_their_base() -> None:
    """The sub class is named, else the base class; the interface only where the file knows it."""
    assert NAMES.class_name(0x030000) == "VGA compatible controller"
    assert NAMES.class_name(0x034200) == "Display controller"
    assert NAMES.class_name(0x990000) is None
    assert (NAMES.interface(0x030000), NAMES.interface(0x030001), NAMES.interface(0x990000)) == (
        "VGA controller",
        None,
        None,
    )


def test_what_is_not_there_has_no_name() -> None:
    """Unknown vendors and an empty file give None."""
    assert (NAMES.vendor(0xFFFF), NAMES.device(0xFFFF, 1)) == (None, None)
    assert PciNames(b"").vendor(0x8086) is None


needs_pci_ids = pytest.mark.skipif(not PCI_IDS.exists() or not HAVE_LSPCI, reason="pci.ids or lspci is missing")


def _samples(text: str) -> list[tuple[int, int, int, int]]:
    """Every 600th board of the file: (vendor, device, subsystem vendor, subsystem)."""
    found, vendor, device = [], 0, 0
    for line in text.partition("\nC 00")[0].splitlines():
        if match := re.match(r"([0-9a-f]{4})  ", line):
            vendor = int(match[1], 16)
        elif match := re.match(r"\t([0-9a-f]{4})  ", line):
            device = int(match[1], 16)
        elif match := re.match(r"\t\t([0-9a-f]{4}) ([0-9a-f]{4})  ", line):
            found.append((vendor, device, int(match[1], 16), int(match[2], 16)))
    return found[::600]


@needs_pci_ids
def test_lspci_gives_the_same_names(tmp_path: Path) -> None:
    """Vendor, device, board and class names agree with lspci for boards from the whole file."""
    data = PCI_IDS.read_bytes()
    names, samples = PciNames(data), _samples(data.decode())
    classes = (0x030000, 0x020000, 0x010802, 0x0C0330, 0x060400)
    spaces = {
        f"{n:02x}:00.0": space(
            CommonHeader(vendor_id=ids[0], device_id=ids[1], class_code=classes[n % len(classes)]),
            EndpointHeader(subsystem_vendor_id=ids[2], subsystem_id=ids[3]),
        )
        for n, ids in enumerate(samples)
    }
    assert len(spaces) > 15
    seen = lspci(tmp_path, spaces, "-vmm")
    for address, ids, class_code in zip(spaces, samples, classes * len(samples), strict=False):
        fields = dict(line.split(":\t", 1) for line in seen[f"Slot:\t{address}"].lines if ":\t" in line)
        assert fields["Vendor"] == names.vendor(ids[0])
        assert fields["Device"] == names.device(ids[0], ids[1])
        assert fields["SVendor"] == (names.vendor(ids[2]) or f"Unknown vendor {ids[2]:04x}")
        assert fields["SDevice"] == names.subsystem(*ids)
        assert fields["Class"] == names.class_name(class_code)


@needs_pci_ids
def test_twenty_devices_are_named_within_a_few_milliseconds() -> None:
    """Naming a machine's devices costs no index of the file (generous bound: 100 ms for 20 of them)."""
    data = PCI_IDS.read_bytes()
    samples = _samples(data.decode())[:20]
    started_ns = time.perf_counter_ns()
    names = PciNames(data)
    assert all(names.vendor(v) and names.device(v, d) for v, d, _, _ in samples)
    assert time.perf_counter_ns() - started_ns < 100_000_000


@given(st.text("0123456789abcdefC \t\n#x", max_size=300), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFF))
def test_a_damaged_file_names_nothing_and_breaks_nothing(text: str, number: int, class_code: int) -> None:
    """Any file gives a name or None."""
    names = PciNames(text.encode())
    for found in (names.vendor(number), names.device(number, number), names.class_name(class_code)):
        assert found is None or isinstance(found, str)
    names.subsystem(number, number, number, number)
    names.interface(class_code)
