"""ROMs, PE images and cards from named fields, for tests. Every value spells its own place where it can."""

from __future__ import annotations

from dinrail.layout import encode
from dinrail.machine.facts import PciFunction, PciIds
from dinrail.pci.address import PciAddress
from dinrail.pci.rom_build import EfiImage, LegacyImage, build
from dinrail.vbios.signature import DataDirectory, DirectoryCount, DosHeader, PeHeader

VENDOR, DEVICE = 0x1234, 0x1111
BOARD = (0x1AF4, 0x1100)

PE_OFFSET = 0x40
OPTIONAL_BYTES = 0x70 + 16 * 8


def pe_image(*, signed: bool = False, machine: int = 0x8664, magic: int = 0x20B, body: bytes = b"driver") -> bytes:
    """A PE32+ image that is all headers; `signed` hangs a certificate table behind the body."""
    optional = bytearray(OPTIONAL_BYTES)
    optional[0x6C:0x70] = encode(DirectoryCount(count=16))
    certificates_at = PE_OFFSET + 0x18 + OPTIONAL_BYTES + len(body)
    certificates = b"certificate table" if signed else b""
    directory = DataDirectory(at=certificates_at if signed else 0, size_bytes=len(certificates))
    optional[0x70 + 4 * 8 : 0x70 + 5 * 8] = encode(directory)
    dos = DosHeader(magic=b"MZ", stub=bytes(0x3A), pe_offset=PE_OFFSET)
    header = PeHeader(
        signature=b"PE\0\0",
        machine=machine,
        sections=0,
        timestamp=0,
        symbols_at=0,
        symbols=0,
        optional_size_bytes=OPTIONAL_BYTES,
        characteristics=0x2022,
        magic=magic,
    )
    return encode(dos) + encode(header) + bytes(optional[2:]) + body + certificates


def legacy(**fields: object) -> LegacyImage:
    """A legacy image for the test card, changed by `fields`."""
    return LegacyImage(**{"vendor_id": VENDOR, "device_id": DEVICE, **fields})  # type: ignore[arg-type]  # test shorthand


def efi(**fields: object) -> EfiImage:
    """An EFI image for the test card, changed by `fields`."""
    values = {"vendor_id": VENDOR, "device_id": DEVICE, "payload": pe_image(), **fields}
    return EfiImage(**values)  # type: ignore[arg-type]  # test shorthand


def two_images() -> bytes:
    """What most cards carry: a legacy image, then an EFI image with a device list."""
    return build(legacy(code=b"\xcb" * 600), efi(device_list=(0x1111, 0x2222)))


def atom(*, part_number: str = "113-TEST-001", version: str = "015.001.000.000", **fields: object) -> LegacyImage:
    """An x86 image with AMD's ATOM header: strings at 0x94, the build line behind them, the header at 0x140."""
    build_line = b"ATOMBIOSBK-AMD VER" + version.encode() + b"\0"
    board = fields.pop("board", BOARD)
    assert isinstance(board, tuple)
    header = b"\x24\x00\x01\x01ATOM" + bytes(16) + b"".join(part.to_bytes(2, "little") for part in board)
    pieces = {
        0x2F: b"\x01",
        0x30: b" 761295520",
        0x48: (0x140).to_bytes(2, "little"),
        0x50: b"01/31/26 12:00",
        0x6E: (0x94).to_bytes(2, "little"),
        0x94: part_number.encode() + b"\0",
        0xC0: build_line,
        0x140: header,
    }
    return legacy(**{"vendor_id": 0x1002, "device_id": 0x67DF, "pcir_at": 0x180, "pieces": pieces, **fields})


def card(vendor_id: int = VENDOR, device_id: int = DEVICE, *, board: tuple[int, int] = (0, 0), **more: int) -> PciIds:
    """The ids of a VGA card."""
    return PciIds(vendor_id, device_id, *board, **{"class_code": 0x030000, "revision": 0, **more})


def function(ids: PciIds | None = None, address: str = "01:00.0") -> PciFunction:
    """A card in a slot."""
    return PciFunction(
        address=PciAddress.parse(address),
        ids=ids or card(),
        parent=None,
        driver=None,
        driver_override=None,
        group=1,
        reset_methods=(),
        boot_vga=False,
        bars=(),
        has_rom=True,
        enabled=True,
        numa_node=None,
        config=b"",
    )
