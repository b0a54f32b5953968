"""The ELF inside a kernel image is found by the boot protocol's header, and nothing else is taken for one."""

from __future__ import annotations

import lzma
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.errors import FormatError
from dinrail.lab.kernel import unpacked_kernel

ELF = b"\x7fELF" + b"kernel" * 100


def bz_image(payload: bytes, *, setup_sectors: int = 1, offset: int = 16) -> bytes:
    """A kernel image with this payload."""
    image = bytearray((setup_sectors + 1) * 512 + offset)
    image[0x1F1] = setup_sectors
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", image, 0x248, offset, len(payload))
    return bytes(image) + payload


def test_the_payload_is_unpacked() -> None:
    """The size that the build appends to the packed kernel is not looked at."""
    assert unpacked_kernel(bz_image(lzma.compress(ELF, check=lzma.CHECK_CRC32) + b"\x5c\x02\0\0")) == ELF


@pytest.mark.parametrize("payload", [b"", b"\x1f\x8b", b"\xfd7zXZ\0garbage", lzma.compress(b"no elf")])
def test_another_payload_is_refused(payload: bytes) -> None:
    """Another packing, a broken one, and another content."""
    with pytest.raises(FormatError):
        unpacked_kernel(bz_image(payload))


@given(st.binary(max_size=2048))
def test_any_bytes_give_the_declared_error(data: bytes) -> None:
    """Nothing but FormatError comes out."""
    with pytest.raises(FormatError):
        unpacked_kernel(data)
