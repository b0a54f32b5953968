"""Who would run a VBIOS."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from build_rom import card, efi, legacy, pe_image, two_images
from hypothesis import given
from hypothesis import strategies as st

from dinrail.finding import Severity
from dinrail.machine.facts import PciIds
from dinrail.pci.rom import byte_sum
from dinrail.pci.rom_build import build
from dinrail.vbios.consumer import Consumer
from dinrail.vbios.rom import survey_rom
from dinrail.vbios.verdict import Outcome, Verdict, bhyve_window, judge, judge_whole

CARD = card()
IPXE = Path("/usr/lib/ipxe/qemu/efi-e1000.rom")


def verdicts(data: bytes, device: PciIds | None = CARD) -> dict[Consumer, Verdict]:
    rom, _ = survey_rom(data, origin="a.rom")
    return {verdict.consumer: verdict for verdict in judge(rom, device)}


def rules(verdict: Verdict) -> list[str]:
    return [finding.rule.rpartition(".")[2] for finding in verdict.findings]


def patched(data: bytes, at: int, value: bytes, *, mend_sum: bool = False) -> bytes:
    new = bytearray(data[:at] + value + data[at + len(value) :])
    if mend_sum:
        new[6] = (new[6] - byte_sum(new[: new[2] * 512])) & 0xFF
    return bytes(new)


def test_a_card_s_usual_rom_has_something_for_everybody() -> None:
    """Legacy and EFI image together: SeaBIOS runs the first, edk2 and bhyve the second, Linux serves both."""
    found = verdicts(two_images())
    outcomes = {c: (v.outcome, v.image) for c, v in found.items()}
    assert outcomes == {
        Consumer.SEABIOS: (Outcome.RUNS, 0),
        Consumer.EDK2: (Outcome.RUNS, 1),
        Consumer.EDK2_SECURE_BOOT: (Outcome.IGNORES, None),
        Consumer.LINUX: (Outcome.READS, None),
        Consumer.BHYVE: (Outcome.RUNS, 1),
    }
    assert list(found) == list(Consumer)


def test_seabios_does_not_read_device_lists() -> None:
    """A card that only the device list names is the card's for us, and none for SeaBIOS."""
    data = build(legacy(pcir_revision=3, device_list=(0x2222,)))
    verdict = verdicts(data, card(0x1234, 0x2222))[Consumer.SEABIOS]
    assert (verdict.outcome, rules(verdict)) == (Outcome.IGNORES, ["ids"])
    assert verdicts(data)[Consumer.SEABIOS].outcome is Outcome.RUNS


def test_seabios_takes_the_first_image_that_is_the_card_s() -> None:
    """A foreign legacy image in front is stepped over."""
    verdict = verdicts(build(legacy(device_id=0x9999), legacy()))[Consumer.SEABIOS]
    assert (verdict.outcome, verdict.image, rules(verdict)) == (Outcome.RUNS, 1, ["ids"])


def test_a_wrong_checksum_stops_seabios_alone() -> None:
    """One changed byte of the legacy image is SeaBIOS's reason to refuse, shown with the sum; edk2 does not mind."""
    data = patched(two_images(), 0x100, b"\x01")
    found = verdicts(data)
    assert (found[Consumer.SEABIOS].outcome, rules(found[Consumer.SEABIOS])) == (Outcome.IGNORES, ["checksum"])
    assert "sum up to 0x" in found[Consumer.SEABIOS].findings[0].evidence[0].text
    assert found[Consumer.EDK2].outcome is Outcome.RUNS


def test_an_image_without_size_is_none_for_seabios() -> None:
    """The header's size byte 0 means no image."""
    assert rules(verdicts(patched(two_images(), 2, b"\0"))[Consumer.SEABIOS]) == ["size"]


def test_seabios_runs_other_displays_only_with_a_pnp_header() -> None:
    """A display controller that is no VGA (class 0380) gets its ROM run only where it has a $PnP header."""
    display = card(class_code=0x038000)
    assert rules(verdicts(two_images(), display)[Consumer.SEABIOS]) == ["vga"]
    data = patched(build(legacy(pieces={0x100: b"$PnP"})), 0x1A, b"\x00\x01", mend_sum=True)
    assert verdicts(data, display)[Consumer.SEABIOS].outcome is Outcome.RUNS


@pytest.mark.parametrize(
    ("rule", "at", "value"),
    [
        ("efi-signature", 0x04, struct.pack("<I", 0x0EF2)),
        ("machine", 0x0A, struct.pack("<H", 0xAA64)),
        ("subsystem", 0x08, struct.pack("<H", 0x0A)),
        ("compression", 0x0C, struct.pack("<H", 2)),
        ("initialization-size", 0x02, struct.pack("<H", 0x100)),
        ("image-offset", 0x16, struct.pack("<H", 0xFFFF)),
        ("pe", 0x16, struct.pack("<H", 0x20)),
    ],
)
def test_each_demand_of_edk2_is_one_rule_with_its_bytes(rule: str, at: int, value: bytes) -> None:
    """One wrong field of an EFI image breaks exactly one rule, whose evidence quotes offset and bytes."""
    verdict = verdicts(patched(build(efi()), at, value))[Consumer.EDK2]
    assert (verdict.outcome, rules(verdict)) == (Outcome.IGNORES, [rule])
    (finding,) = verdict.findings
    assert finding.rule == f"vbios.edk2.{rule}"
    if rule != "pe":
        assert finding.evidence[0].source == f"a.rom at {at:#x}"
        assert finding.evidence[0].text.startswith(value.hex(" "))


def test_edk2_stops_at_an_unaligned_pcir() -> None:
    """An image whose PCIR is not aligned hides itself and all behind it from edk2, of whatever kind it is."""
    data = build(legacy(pcir_at=0x1E), efi())
    found = verdicts(data)
    assert (found[Consumer.EDK2].outcome, rules(found[Consumer.EDK2])) == (Outcome.IGNORES, ["pcir-alignment"])
    assert found[Consumer.SEABIOS].outcome is Outcome.RUNS


def test_secure_boot_wants_a_signature() -> None:
    """A signed driver may run, an unsigned one does not, and inside a packed one nobody can see."""
    for signed, outcome in ((True, Outcome.MAY_RUN), (False, Outcome.IGNORES)):
        assert verdicts(build(efi(payload=pe_image(signed=signed))))[Consumer.EDK2_SECURE_BOOT].outcome is outcome
    packed = verdicts(build(efi(payload=b"packed", compression=1)))[Consumer.EDK2_SECURE_BOOT]
    assert packed.outcome is Outcome.MAY_RUN
    assert "packed" in packed.sentence


def test_bhyve_has_no_bios() -> None:
    """A legacy-only ROM is nothing to bhyve, whose findings concern bhyve alone."""
    verdict = verdicts(build(legacy()))[Consumer.BHYVE]
    assert verdict.outcome is Outcome.IGNORES
    assert [b.value for f in verdict.findings for b in f.backends] == ["bhyve"]


@pytest.mark.parametrize(("file", "window"), [(1, 2048), (2047, 2048), (2048, 4096), (65536, 131072), (65535, 65536)])
def test_bhyve_doubles_a_file_that_is_a_power_of_two(file: int, window: int) -> None:
    """bhyve's ROM window is the power of two above the file's size, never equal to it."""
    assert bhyve_window(file) == window


def test_linux_serves_up_to_the_last_image() -> None:
    """What follows the last image is not read."""
    sentence = verdicts(two_images() + bytes(700))[Consumer.LINUX].sentence
    assert f"{len(two_images())} bytes" in sentence
    assert "700" in sentence


def test_a_rom_for_nobody_is_blocked() -> None:
    """A ROM that no firmware would run blocks; one that some firmware runs does not."""
    rom, fault = survey_rom(build(efi(machine=0xAA64)), origin="a.rom")
    assert [f.rule for f in judge_whole(rom, fault, judge(rom, CARD))] == ["vbios.nobody"]
    rom, fault = survey_rom(two_images(), origin="a.rom")
    assert judge_whole(rom, fault, judge(rom, CARD)) == ()


def test_damage_is_told_with_structure_and_field_and_the_whole_images_still_count() -> None:
    """A ROM cut in its second image blocks with the lost field as evidence; SeaBIOS would still run the first."""
    rom, fault = survey_rom(two_images()[:-1], origin="a.rom")
    (finding,) = judge_whole(rom, fault, judge(rom, CARD))
    assert (finding.rule, finding.severity) == ("vbios.damaged", Severity.BLOCK)
    assert "image 1, field 'code'" in finding.evidence[0].text
    assert verdicts(two_images()[:-1])[Consumer.SEABIOS].outcome is Outcome.RUNS


@pytest.mark.parametrize("data", [b"", b"\x55\xaa", bytes(512)])
def test_no_rom_at_all_is_a_verdict_too(data: bytes) -> None:
    """Nothing to run is said by every consumer, with the first bytes as evidence."""
    for verdict in verdicts(data).values():
        assert verdict.outcome is Outcome.CANNOT
        assert verdict.findings[0].evidence


@pytest.mark.skipif(not IPXE.exists(), reason="ipxe-qemu is not installed")
def test_a_rom_that_ovmf_is_known_to_run_is_judged_so() -> None:
    """iPXE's ROM for QEMU's e1000, which SeaBIOS and OVMF run every day, is said to run in both."""
    found = verdicts(IPXE.read_bytes(), card(0x8086, 0x100E, class_code=0x020000))
    assert (found[Consumer.SEABIOS].image, found[Consumer.EDK2].image) == (0, 1)


WHOLE = two_images()


@given(st.integers(0, len(WHOLE) - 4), st.integers(0, 31), st.sampled_from((0, 1)), st.booleans())
def test_every_damaged_rom_gets_its_five_verdicts(at: int, exponent: int, less: int, with_card: bool) -> None:
    """2^n and 2^n - 1 written anywhere never break the judging itself, and no verdict lacks a sentence."""
    data = patched(WHOLE, at, struct.pack("<I", (1 << exponent) - less))
    found = verdicts(data, CARD if with_card else None)
    assert len(found) == len(Consumer)
    assert all(v.sentence for v in found.values())
    assert all(v.uses or v.findings for v in found.values())
