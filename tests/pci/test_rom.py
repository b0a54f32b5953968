"""Option ROMs: walking a chain, and building one."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest
from build_rom import efi, legacy, pe_image, two_images
from hypothesis import given
from hypothesis import strategies as st

from dinrail.errors import FormatError, Truncated
from dinrail.pci.rom import MAX_DEVICE_LIST, byte_sum, find_start, survey, walk
from dinrail.pci.rom_build import EfiImage, LegacyImage, build
from dinrail.pci.rom_header import CodeType, Machine, Subsystem

IPXE = sorted(Path("/usr/lib/ipxe/qemu").glob("*.rom"))
SEABIOS = sorted(Path("/usr/share/seabios").glob("vgabios*.bin"))
WITHOUT_PCIR = ("vgabios-isavga.bin", "vgabios-ramfb.bin", "vgabios.bin")

GOLDEN_EFI = (
    "55 aa 01 00 f1 0e 00 00  0b 00 64 86 00 00 00 00"  # 1 block, EFI signature, boot service driver, x64, plain
    "00 00 00 00 00 00 fd 01  1c 00 00 00 50 43 49 52"  # driver at 0x1fd, PCIR at 0x1c
    "34 12 11 11 1c 00 1c 00  03 00 00 03 01 00 00 00"  # 1234:1111, list at +0x1c, length 0x1c, rev 3, VGA, 1 block
    "03 80 00 00 00 00 00 00  22 22 33 33 00 00"  # EFI, last; device list 2222, 3333
)


def golden_efi() -> bytes:
    head = bytes.fromhex(GOLDEN_EFI)
    return head + bytes(512 - len(head) - 3) + b"PE!"


def test_an_efi_image_has_the_bytes_that_the_standards_say() -> None:
    """A built EFI image equals one written by hand: driver at the very end, padding before it, PCIR aligned."""
    image = EfiImage(vendor_id=0x1234, device_id=0x1111, payload=b"PE!", device_list=(0x2222, 0x3333))
    assert build(image) == golden_efi()


def test_every_field_of_an_image_is_read() -> None:
    """Walking the hand-written image gives its fields back."""
    (image,) = walk(golden_efi())
    assert (image.offset, image.size_bytes, image.end, image.pcir_offset) == (0, 512, 512, 0x1C)
    assert (image.vendor_id, image.device_ids) == (0x1234, (0x1111, 0x2222, 0x3333))
    assert (image.code_type, image.pcir.class_code, image.is_last) == (CodeType.EFI, 0x030000, True)
    assert image.legacy is None
    assert image.efi is not None
    assert (image.efi.machine, image.efi.subsystem) == (Machine.X64, Subsystem.BOOT_SERVICE_DRIVER)
    assert (image.efi.initialization_size_bytes, image.efi.image_offset) == (512, 0x1FD)
    assert image.claims(0x1234, 0x3333)
    assert not image.claims(0x1235, 0x3333)


def test_a_legacy_image_sums_up_to_zero_and_jumps_to_its_code() -> None:
    """Byte 6 makes the sum right, and the entry leads to the first byte of the code."""
    data = build(legacy(code=b"\xcbcode"))
    (image,) = walk(data)
    assert image.legacy is not None
    assert (sum(data) & 0xFF, image.checksum, image.legacy.size_blocks) == (0, 0, 1)
    assert data[3] == 0xE9
    target = 6 + struct.unpack_from("<H", data, 4)[0]
    assert data[target : target + 5] == b"\xcbcode"


def test_the_step_is_image_length_and_not_the_header_s_size_byte() -> None:
    """An EFI image of 256 blocks and more, whose size byte is only the low half, is stepped over whole."""
    first, second = walk(build(efi(payload=bytes(300 * 512)), legacy()))
    assert first.size_bytes > 256 * 512
    assert second.offset == first.size_bytes
    assert second.code_type is CodeType.X86


def test_a_compressed_driver_is_padded_behind() -> None:
    """Padding follows a compressed driver, so that the decompressor finds it right at the offset."""
    data = build(efi(payload=b"packed", compression=1))
    (image,) = walk(data)
    assert image.efi is not None
    assert data[image.efi.image_offset :].startswith(b"packed\0")


def test_a_payload_that_fills_its_blocks_exactly_gets_no_padding() -> None:
    """No block of padding is added where none is needed, compressed or not."""
    for compression in (0, 1):
        assert len(build(efi(payload=bytes(512 - 0x38), compression=compression))) == 512


def test_unknown_code_types_stay_data() -> None:
    """A vendor's own code type is a number, its checksum runs over ImageLength, and the chain goes on behind it."""
    data = bytearray(build(efi(), legacy()))
    data[0x1C + 0x14] = 0xE0
    first, second = walk(data)
    assert (first.code_type, first.efi, first.legacy) == (0xE0, None, None)
    assert first.checksum == sum(data[: first.end]) & 0xFF
    assert second.code_type is CodeType.X86


def test_what_follows_the_last_image_is_padding() -> None:
    """Bytes behind the image marked last are counted, not read."""
    data = two_images()
    assert walk(data + b"\xff" * 1000) == walk(data)
    assert survey(data + b"\xff" * 1000).trailing_bytes == 1000


PLACES = re.compile(r"(ROM header|PCIR|device list|image)( of image)? \d")


def test_every_truncation_names_the_structure_and_field_that_it_lost() -> None:
    """A two-image ROM cut anywhere gives Truncated with image, structure, field and offset, and keeps whole images."""
    data = two_images()
    images = walk(data)
    fields: set[tuple[str, str]] = set()
    for length in range(len(data)):
        with pytest.raises(Truncated) as fault:
            walk(data[:length], where="cut.rom")
        assert PLACES.fullmatch(fault.value.structure)
        assert fault.value.field is not None
        assert fault.value.offset is not None
        assert str(fault.value).startswith("cut.rom: ")
        fields.add((fault.value.structure, fault.value.field))
        found = survey(data[:length])
        assert found.images == tuple(image for image in images if image.end <= length)
        assert found.trailing_bytes == length - (found.images[-1].end if found.images else 0)
    assert {("ROM header of image 0", "pcir_offset"), ("PCIR of image 1", "vendor_id"), ("image 1", "code")} <= fields
    assert {("ROM header of image 1", "signature"), ("PCIR of image 1", "dmtf_clp_offset")} <= fields


@pytest.mark.parametrize(
    ("at", "value", "structure", "field"),
    [
        (0x00, b"\x00", "ROM header of image 0", "signature"),
        (0x1C, b"PICR", "PCIR of image 0", "signature"),
        (0x26, b"\x17\x00", "PCIR of image 0", "length"),
        (0x2C, b"\x00\x00", "PCIR of image 0", "image_blocks"),
        (0x2C, b"\xff\xff", "image 0", "code"),
        (0x24, b"\xff\xff", "device list of image 0", "terminator"),
        (0x31, b"\x00", "ROM header of image 1", "signature"),
    ],
)
def test_every_wrong_field_is_named(at: int, value: bytes, structure: str, field: str) -> None:
    """One wrong field gives one fault that names it."""
    data = bytearray(golden_efi())
    data[at : at + len(value)] = value
    with pytest.raises(FormatError) as fault:
        walk(data)
    assert (fault.value.structure, fault.value.field) == (structure, field)


def test_a_device_list_without_end_is_not_followed_for_ever() -> None:
    """A list that fills its image is a fault, and so is one longer than any that makes sense."""
    with pytest.raises(FormatError, match="has no end"):
        walk(build(efi(device_list=tuple(range(1, MAX_DEVICE_LIST + 2)))))
    assert len(walk(build(efi(device_list=tuple(range(1, MAX_DEVICE_LIST)))))[0].device_list) == MAX_DEVICE_LIST - 1


def test_a_flash_dump_says_where_its_rom_starts() -> None:
    """Where a vendor's header stands in front, the fault says at which offset the first image is."""
    dump = b"NVGI" + b"\x55\xaa" * 100 + bytes(0x600 - 204) + two_images()
    assert find_start(dump) == 0x600
    with pytest.raises(FormatError) as fault:
        walk(dump)
    assert "0x600" in (fault.value.hint or "")
    assert find_start(b"\x55\xaa" * 50_000) is None


@pytest.mark.parametrize(
    ("images", "why"),
    [
        ((legacy(code=bytes(256 * 512)),), "do not fit the 8-bit size"),
        ((efi(payload=bytes(65536 * 512)),), "do not fit the 16-bit"),
        ((legacy(device_list=(1,)),), "needs PCIR revision 3"),
        ((efi(device_list=(1, 0)),), "cannot be in it"),
        ((legacy(pieces={0x20: b"x"}),), "overlaps"),
    ],
)
def test_what_a_rom_cannot_hold_is_our_bug(images: tuple[LegacyImage | EfiImage, ...], why: str) -> None:
    """Building from values that do not fit is a ValueError."""
    with pytest.raises(ValueError, match=why):
        build(*images)


U16 = st.integers(0, 0xFFFF)
LISTS = st.lists(st.integers(1, 0xFFFF), max_size=5).map(tuple)
COMMON = {"vendor_id": U16, "device_id": U16, "class_code": st.integers(0, 0xFFFFFF), "code_revision": U16}
LEGACY = st.builds(
    LegacyImage,
    **COMMON,
    code=st.binary(max_size=2000),
    pcir_at=st.sampled_from((0x1C, 0x40, 0x1F0)),
    device_list=st.just(()),
)
EFI = st.builds(
    EfiImage, **COMMON, payload=st.binary(max_size=2000), device_list=LISTS, compression=st.sampled_from((0, 1))
)


@given(st.lists(st.one_of(LEGACY, EFI), min_size=1, max_size=4), st.binary(max_size=600))
def test_what_is_built_is_what_is_walked(images: list[LegacyImage | EfiImage], behind: bytes) -> None:
    """Any chain of images comes back field by field, whatever follows it."""
    data = build(*images)
    found = walk(data + behind)
    assert [i.is_last for i in found] == [n == len(images) - 1 for n in range(len(images))]
    assert found[-1].end == len(data)
    for made, image in zip(images, found, strict=True):
        pcir = image.pcir
        assert (pcir.vendor_id, pcir.device_id) == (made.vendor_id, made.device_id)
        assert (pcir.class_code, pcir.code_revision) == (made.class_code, made.code_revision)
        assert image.device_list == made.device_list
        if isinstance(made, LegacyImage):
            assert (image.code_type, image.checksum) == (CodeType.X86, 0)
        else:
            assert image.efi is not None
            driver = data[image.offset + image.efi.image_offset : image.end]
            assert driver.startswith(made.payload)


@given(st.binary(max_size=3000))
def test_any_bytes_give_images_or_one_declared_error(data: bytes) -> None:
    """Garbage gives a FormatError with structure and field, or images that lie inside the data."""
    found = survey(data)
    assert all(image.end <= len(data) for image in found.images)
    assert found.fault is not None or (found.images and found.images[-1].is_last)


WHOLE = two_images()


@given(st.integers(0, len(WHOLE) - 4), st.integers(0, 31), st.sampled_from((0, 1)))
def test_lengths_and_pointers_near_powers_of_two_do_no_harm(at: int, exponent: int, less: int) -> None:
    """A valid ROM with 2^n or 2^n - 1 written anywhere gives images inside the data, or a FormatError."""
    data = bytearray(WHOLE)
    struct.pack_into("<I", data, at, (1 << exponent) - less)
    found = survey(data)
    assert all(image.end <= len(data) for image in found.images)
    if found.fault is not None:
        with pytest.raises(FormatError):
            walk(data)


@given(st.binary(max_size=2000))
def test_the_fast_sum_is_the_sum(data: bytes) -> None:
    """The checksum equals the plain sum modulo 256."""
    assert byte_sum(data) == sum(data) & 0xFF
    assert byte_sum(memoryview(b"\xff" * len(data))) == 255 * len(data) & 0xFF


@pytest.mark.skipif(not IPXE, reason="ipxe-qemu is not installed")
@pytest.mark.parametrize("path", IPXE, ids=lambda path: path.name)
def test_roms_made_by_another_tool_are_walked_whole(path: Path) -> None:
    """iPXE's ROMs (legacy parts by iPXE, EFI parts by edk2's format) walk to their last byte, checksums right."""
    images = walk(path.read_bytes())
    kinds = [CodeType.X86, CodeType.EFI] if path.name.startswith("efi-") else [CodeType.X86]
    assert [image.code_type for image in images] == kinds
    assert images[-1].end == path.stat().st_size
    assert images[0].checksum == 0
    if len(images) == 2:
        assert images[1].efi is not None
        assert images[1].efi.machine is Machine.X64
        pe = images[1].offset + images[1].efi.image_offset
        assert path.read_bytes()[pe : pe + 2] == b"MZ"


@pytest.mark.skipif(not SEABIOS, reason="seabios is not installed")
@pytest.mark.parametrize("path", SEABIOS, ids=lambda path: path.name)
def test_seabios_s_roms_are_walked_or_refused_for_their_missing_pcir(path: Path) -> None:
    """PCI variants walk whole; the ISA variants have no PCIR, and that is what is said."""
    found = survey(path.read_bytes())
    if path.name in WITHOUT_PCIR:
        assert found.fault is not None
        assert (found.fault.structure, found.fault.field) == ("PCIR of image 0", "signature")
    else:
        assert found.fault is None
        assert [(i.code_type, i.checksum, i.end) for i in found.images] == [(CodeType.X86, 0, path.stat().st_size)]


def test_pe_fixtures_are_what_they_claim() -> None:
    """The PE image that the tests wrap starts with MZ and leads to its PE header."""
    pe = pe_image()
    assert pe[:2] == b"MZ"
    assert pe[struct.unpack_from("<I", pe, 0x3C)[0] :][:4] == b"PE\0\0"
