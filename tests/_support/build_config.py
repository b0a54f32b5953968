"""Configuration spaces from named fields, and their form as a dump that lspci reads."""

from __future__ import annotations

from collections.abc import Mapping

from dinrail.layout import encode
from dinrail.pci.capability import AccessControl, AdvancedFeatures, PciExpress, PowerManagement
from dinrail.pci.config import BridgeHeader, CommonHeader, EndpointHeader, Status


def space(header: CommonHeader, body: EndpointHeader | BridgeHeader, parts: Mapping[int, bytes] | None = None) -> bytes:
    """A whole configuration space: 4096 bytes where a part lies behind 0x100, else 256."""
    extended = any(at >= 0x100 for at in parts or {})
    data = bytearray(0x1000 if extended else 0x100)
    data[:0x40] = encode(header) + encode(body)
    for at, part in (parts or {}).items():
        data[at : at + len(part)] = part
    return bytes(data)


def gpu() -> bytes:
    """A graphics card: a 64-bit and an I/O BAR, a ROM, PM, PCI Express with FLR, AF."""
    return space(
        CommonHeader(
            vendor_id=0x10DE,
            device_id=0x1B80,
            command=0x0007,
            status=Status.CAPABILITY_LIST,
            revision=0xA1,
            class_code=0x030000,
            header_type=0x80,
        ),
        EndpointHeader(
            bar0=0xF6000000,
            bar1=0xE000000C,
            bar2=0x00000002,
            bar3=0xF200000C,
            bar5=0x0000E001,
            subsystem_vendor_id=0x3842,
            subsystem_id=0x6183,
            rom_bar=0xF7000001,
            capability_pointer=0x60,
            interrupt_line=11,
            interrupt_pin=1,
        ),
        {
            0x60: encode(PowerManagement(next=0x78, capabilities=0x0003, control_status=0x0008)),
            0x78: encode(PciExpress(next=0xC0, flags=0x0002, device_capabilities=1 << 28, link_status=0x1103)),
            0xC0: encode(AdvancedFeatures(capabilities=0x03)),
            0x100: (0x0001_0002).to_bytes(4, "little"),
        },
    )


def root_port(control: int = 0x1D) -> bytes:
    """A root port: buses 0 -> 1..2, ACS with `control` switched on."""
    return space(
        CommonHeader(
            vendor_id=0x8086,
            device_id=0x1901,
            command=0x0007,
            status=Status.CAPABILITY_LIST,
            class_code=0x060400,
            header_type=0x01,
        ),
        BridgeHeader(
            primary_bus=0,
            secondary_bus=1,
            subordinate_bus=2,
            memory_base=0xF600,
            memory_limit=0xF7F0,
            capability_pointer=0x88,
        ),
        {
            0x88: bytes((0x0D, 0xA0, 0, 0)) + (0x1043).to_bytes(2, "little") + (0x8694).to_bytes(2, "little"),
            0xA0: encode(PciExpress(flags=0x0142, device_capabilities=0)),
            0x100: (0x1401_000B).to_bytes(4, "little") + (0x0080_0001).to_bytes(4, "little"),
            0x140: encode(AccessControl(header=0x0001_000D, capability_bits=0x1F, control_bits=control)),
        },
    )


def lspci_dump(spaces: Mapping[str, bytes]) -> str:
    """The text that `lspci -F` takes: what `lspci -xxxx` prints."""
    lines: list[str] = []
    for address, data in spaces.items():
        lines.append(f"{address} Device")
        lines += [f"{at:02x}: {data[at : at + 16].hex(' ')}" for at in range(0, len(data), 16)]
        lines.append("")
    return "\n".join(lines)
