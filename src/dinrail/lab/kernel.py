"""A kernel image without its packing: an emulator spends four seconds on what takes one second here, once.

Source: the kernel's Documentation/arch/x86/boot.rst (setup_sects at 0x1F1, "HdrS" at 0x202, payload_offset at 0x248 and
payload_length at 0x24C, both relative to the protected-mode code). QEMU boots the ELF inside by its PVH entry point,
which Debian's kernels have (CONFIG_PVH).
"""

from __future__ import annotations

import lzma
import struct

from dinrail.errors import FormatError

_SECTOR = 512
_XZ, _ELF = b"\xfd7zXZ\0", b"\x7fELF"


def unpacked_kernel(image: bytes) -> bytes:
    """The ELF file inside a bzImage that is packed with XZ, as Debian's are. Raises FormatError for anything else."""
    if image[0x202:0x206] != b"HdrS" or len(image) < 0x250:
        raise FormatError("is no Linux kernel image", structure="bzImage", field="header", offset=0x202)
    start = ((image[0x1F1] or 4) + 1) * _SECTOR
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[start + offset : start + offset + length]
    if not payload.startswith(_XZ):
        raise FormatError("is not packed with XZ", structure="bzImage", field="payload", offset=start + offset)
    try:
        # The build appends the unpacked size, four bytes that are not XZ's.
        elf = lzma.LZMADecompressor().decompress(payload)
    except lzma.LZMAError as error:
        raise FormatError(str(error), structure="bzImage", field="payload", offset=start + offset) from error
    if not elf.startswith(_ELF):
        raise FormatError("holds no ELF file", structure="bzImage", field="payload", offset=start + offset)
    return elf
