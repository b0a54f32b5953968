"""Whose VBIOS is it? Ids, board, version; and how two files relate."""

from __future__ import annotations

import struct

import pytest
from build_rom import BOARD, atom, card, efi, legacy, two_images
from hypothesis import given
from hypothesis import strategies as st

from dinrail.finding import Finding, Severity, blocking
from dinrail.machine.facts import PciIds
from dinrail.pci.rom_build import build
from dinrail.vbios.compare import MAX_DIFFERENCES, Relation, compare
from dinrail.vbios.identity import WAIVER, identity
from dinrail.vbios.rom import Rom, read_rom, survey_rom
from dinrail.vbios.strings import VbiosText, read_text

AMD = card(0x1002, 0x67DF, board=BOARD)


def rom(data: bytes, origin: str = "a.rom") -> Rom:
    return read_rom(data, origin=origin)


def judged(data: bytes, ids: PciIds, own: bytes | None = None) -> dict[str, Finding]:
    found = identity(rom(data), ids, subject="01:00.0", own=None if own is None else rom(own, "01:00.0 rom"))
    return {finding.rule: finding for finding in found}


def test_a_rom_of_the_card_s_ids_is_the_card_s() -> None:
    """Equal ids give OK, with the PCIR's offset as evidence."""
    finding = judged(two_images(), card())["vbios.ids"]
    assert finding.severity is Severity.OK
    assert finding.evidence[0].source == "a.rom at 0x20"


def test_a_foreign_rom_is_blocked_and_both_id_pairs_are_named() -> None:
    """A ROM of other ids blocks; the message has the ROM's pair and the card's, the waiver is named."""
    finding = judged(two_images(), card(0x10DE, 0x1B80))["vbios.ids"]
    assert finding.severity is Severity.BLOCK
    assert "1234:1111" in finding.message
    assert "10de:1b80" in finding.message
    assert finding.waiver == WAIVER == "--rom-mismatch-ok"


def test_a_device_list_makes_the_rom_the_card_s() -> None:
    """Ids in the revision 3 device list count, for the vendor of that image only."""
    data = build(efi(device_list=(0x2222,)))
    assert not blocking(tuple(judged(data, card(0x1234, 0x2222)).values()))
    assert blocking(tuple(judged(data, card(0x4321, 0x2222)).values()))


def test_a_rom_of_mixed_ids_is_told() -> None:
    """One foreign image beside one of the card's warns and names the image."""
    finding = judged(build(legacy(device_id=0x9999), efi()), card())["vbios.ids"]
    assert finding.severity is Severity.WARN
    assert "image 0" in finding.message


def test_another_board_s_rom_is_blocked_where_the_rom_names_its_board() -> None:
    """AMD ROMs carry subsystem ids: equal ones are OK, others block naming both, and unknown ones say nothing."""
    data = build(atom())
    assert judged(data, AMD)["vbios.board"].severity is Severity.OK
    foreign = judged(data, card(0x1002, 0x67DF, board=(0x1043, 0x0519)))["vbios.board"]
    assert (foreign.severity, foreign.waiver) == (Severity.BLOCK, WAIVER)
    assert "1af4:1100" in foreign.message
    assert "1043:0519" in foreign.message
    assert "vbios.board" not in judged(data, card(0x1002, 0x67DF))


def test_another_version_than_the_card_s_own_is_blocked() -> None:
    """Both ROMs say which version they are and differ: blocked until the user insists."""
    own, other = build(atom()), build(atom(version="015.002.000.000"))
    finding = judged(other, AMD, own)["vbios.version"]
    assert (finding.severity, finding.waiver) == (Severity.BLOCK, WAIVER)
    assert "015.001.000.000" in finding.message
    assert "015.002.000.000" in finding.message
    assert judged(own, AMD, own)["vbios.version"].severity is Severity.OK


def test_an_amd_image_says_what_it_is() -> None:
    """Part number, version, date and board are read from the ATOM image."""
    assert read_text(rom(build(atom()))) == VbiosText("amd", "113-TEST-001", "015.001.000.000", "01/31/26 12:00", BOARD)


def test_an_nvidia_image_says_its_version() -> None:
    """The version that the card shows at power-on is found in its x86 image, and in no other vendor's."""
    text = b"GP104 VBIOS Version 86.04.50.00.64 \r\n"
    found = read_text(rom(build(legacy(vendor_id=0x10DE, code=text))))
    assert found is not None
    assert found.identity == "86.04.50.00.64"
    assert read_text(rom(build(legacy(code=text)))) is None


def test_an_efi_only_rom_says_nothing_about_itself() -> None:
    """Only x86 images carry these texts."""
    assert read_text(rom(build(efi()))) is None


def change(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


LONG = build(legacy(code=bytes(600)))


@pytest.mark.parametrize(
    ("first", "second", "relation"),
    [
        (two_images(), two_images(), Relation.SAME),
        (two_images(), two_images() + b"\xff" * 512, Relation.SAME_IMAGES),
        (two_images(), build(legacy(code=b"\xcb" * 600), efi(device_list=(0x1111, 0x4444))), Relation.PATCHED),
        (build(legacy(device_id=1)), build(legacy(device_id=2)), Relation.PATCHED),
        (build(atom()), build(atom(version="015.002.000.000")), Relation.OTHER_VERSION),
        (build(atom()), change(build(atom()), 0x1F8, b"posted"), Relation.SAME_VERSION),
        (LONG, change(LONG, 0x200, b"\x01" * 100), Relation.DIFFERENT),
        (LONG, build(legacy(device_id=9, code=b"other" * 100)), Relation.OTHER_DEVICE),
    ],
)
def test_two_files_are_the_same_padded_patched_another_version_or_another_device_s(
    first: bytes, second: bytes, relation: Relation
) -> None:
    """Each way in which two ROMs can differ has its name, whichever comes first."""
    one, other = rom(first), rom(second, "b.rom")
    assert compare(one, other).relation is relation
    assert compare(other, one).relation is relation


def test_differences_are_listed_up_to_a_bound() -> None:
    """The first differing offsets are given, and not a million of them."""
    found = compare(rom(LONG), rom(change(LONG, 0x200, b"\x01" * 100)))
    assert found.differences == tuple(range(0x200, 0x200 + MAX_DIFFERENCES))


ATOM = build(atom())


@given(st.integers(0, len(ATOM) - 2), st.integers(0, 15), st.sampled_from((0, 1)))
def test_a_vendor_s_pointers_may_be_wrong(at: int, exponent: int, less: int) -> None:
    """2^n and 2^n - 1 over any place of an AMD image give texts of bounded length, or none."""
    found, _ = survey_rom(change(ATOM, at, struct.pack("<H", (1 << exponent) - less)), origin="a.rom")
    text = read_text(found)
    if text is not None:
        assert all(len(word) <= 64 and word.isprintable() for word in (text.part_number, text.version, text.date))
    identity(found, AMD, subject="01:00.0", own=rom(ATOM))
