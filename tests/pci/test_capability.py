"""Capability lists."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from build_config import gpu, root_port
from hypothesis import given
from hypothesis import strategies as st
from lspci import HAVE_LSPCI, lspci

from dinrail.errors import FormatError, Truncated
from dinrail.pci.capability import Acs, CapabilityId, ExtendedId, PortType, survey, walk

needs_lspci = pytest.mark.skipif(not HAVE_LSPCI, reason="pciutils is not installed")


def changed(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def test_both_lists_are_walked_in_their_order() -> None:
    """A card's classic and extended capabilities come with id and offset."""
    found = walk(gpu())
    assert [(c.id, c.offset) for c in found.classic] == [
        (CapabilityId.POWER_MANAGEMENT, 0x60),
        (CapabilityId.PCI_EXPRESS, 0x78),
        (CapabilityId.ADVANCED_FEATURES, 0xC0),
    ]
    assert [(c.id, c.version, c.offset) for c in found.extended] == [(ExtendedId.VIRTUAL_CHANNEL, 1, 0x100)]


def test_what_passthrough_asks_about_is_decoded() -> None:
    """Reset by function level, by D3, the port's type and the link's width are read."""
    found = walk(gpu())
    assert found.pcie is not None
    assert (found.pcie.port_type, found.pcie.version, found.pcie.link_width) == (PortType.ENDPOINT, 2, 16)
    assert found.has_function_level_reset
    assert found.power is not None
    assert (found.power.state, found.power.resets_in_d3) == (0, False)
    assert found.advanced_features is not None
    assert found.advanced_features.has_function_level_reset


def test_a_port_isolates_only_with_all_four_services_on() -> None:
    """SV, RR, CR and UF together isolate; each one missing does not, whatever the capability offers."""
    port = walk(root_port())
    assert port.acs is not None
    assert (port.acs.isolates, port.acs.control.letters) == (True, "SV RR CR UF")
    assert port.acs.capabilities == Acs(0x1F)
    assert port.subsystem is not None
    assert (port.subsystem.subsystem_vendor_id, port.subsystem.subsystem_id) == (0x1043, 0x8694)
    for bit in (0x01, 0x04, 0x08, 0x10):
        acs = walk(root_port(0x1D & ~bit)).acs
        assert acs is not None
        assert not acs.isolates


@pytest.mark.parametrize(
    ("at", "value", "why"),
    [
        (0x79, b"\x60", "loops back to 0x60"),
        (0x61, b"\x60", "loops back to 0x60"),
        (0x61, b"\x10", "below the list's start"),
        (0x78, b"\xff", "reads as all ones"),
        (0x100, struct.pack("<I", 0x1001_0002), "loops back to 0x100"),
        (0x100, struct.pack("<I", 0x0401_0002), "below the list's start"),
    ],
)
def test_a_broken_list_is_walked_up_to_the_break(at: int, value: bytes, why: str) -> None:
    """A loop, a pointer into the header or all ones ends the walk: strict raises, tolerant keeps what came before."""
    data = changed(gpu(), at, value)
    with pytest.raises(FormatError, match=why):
        walk(data)
    found = survey(data)
    assert found.fault is not None
    assert found.power is not None


def test_an_ordinary_user_sees_64_bytes_and_is_told_why_there_are_no_capabilities() -> None:
    """Linux gives an ordinary user the header only; the fault says that root sees more."""
    found = survey(gpu()[:64])
    assert found.classic == ()
    assert isinstance(found.fault, Truncated)
    assert "root" in (found.fault.hint or "")


def test_a_capability_at_the_very_end_is_listed_and_its_cut_body_is_the_fault() -> None:
    """A capability whose body does not fit is named with the field that is missing."""
    data = changed(changed(gpu()[:256], 0x34, b"\xfc"), 0xFC, b"\x10\x00")
    found = survey(data)
    assert [c.offset for c in found.classic] == [0xFC]
    assert found.pcie is None
    assert found.fault is not None
    assert found.fault.structure == "PCI Express capability"


def test_unknown_ids_stay_numbers() -> None:
    """A capability that nobody knows is data."""
    found = walk(changed(gpu(), 0x60, b"\x7e"))
    assert found.classic[0].id == 0x7E


@needs_lspci
def test_lspci_finds_the_same_capabilities(tmp_path: Path) -> None:
    """Offsets of both lists, ACS bits, FLR and NoSoftRst agree with lspci on the same bytes."""
    spaces = {"00:01.0": root_port(0x15), "01:00.0": gpu()}
    seen = lspci(tmp_path, spaces)
    for address, data in spaces.items():
        found = walk(data)
        assert seen[address].capabilities == [c.offset for c in (*found.classic, *found.extended)]
    acs, card = walk(spaces["00:01.0"]).acs, walk(spaces["01:00.0"])
    assert acs is not None
    names = ("SrcValid", "TransBlk", "ReqRedir", "CmpltRedir", "UpstreamFwd", "EgressCtrl", "DirectTrans")
    for register, bits in (("ACSCap", acs.capabilities), ("ACSCtl", acs.control)):
        words = " ".join(f"{name}{'+' if bits & 1 << n else '-'}" for n, name in enumerate(names))
        assert seen["00:01.0"].find(rf"^{register}:\s*(.*)") == [words]
    assert card.power is not None
    assert seen["01:00.0"].find(r"NoSoftRst([+-])") == ["-" if card.power.resets_in_d3 else "+"]
    assert seen["01:00.0"].find(r"FLReset([+-]) Slot") == ["+"]
    assert seen["01:00.0"].find(r"AFCap: TP\+ FLR([+-])") == ["+"]


@given(st.binary(min_size=64, max_size=64), st.binary(min_size=192, max_size=192), st.booleans())
def test_any_bytes_end_in_a_list_or_a_format_error(header: bytes, rest: bytes, is_long: bool) -> None:
    """Garbage gives capabilities inside the data and at most one fault, and never loops."""
    data = b"\x86\x80" + header[2:6] + b"\x10\x00" + header[8:14] + b"\x00" + header[15:] + rest
    data += rest * 20 if is_long else b""
    found = survey(data[:4096])
    assert all(0x40 <= c.offset < 0x100 for c in found.classic)
    assert all(0x100 <= c.offset < 0x1000 for c in found.extended)
    assert len(found.classic) <= 48


@given(st.integers(0, 0x13F), st.integers(0, 31), st.sampled_from((0, 1)))
def test_powers_of_two_anywhere_do_no_harm(at: int, exponent: int, less: int) -> None:
    """2^n and 2^n - 1 written over any place of a valid space give a value or a FormatError."""
    data = changed(root_port(), at, struct.pack("<I", (1 << exponent) - less))
    found = survey(data)
    if found.fault is not None:
        with pytest.raises(FormatError):
            walk(data)
