"""DMAR and the header that all ACPI tables share."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest
from build_host import dmar, drhd, ivhd, ivrs, rmrr, scope
from hypothesis import given
from hypothesis import strategies as st

from dinrail.acpi.dmar import ScopeKind, parse_dmar
from dinrail.acpi.ivrs import parse_ivrs
from dinrail.acpi.table import parse_table, sealed
from dinrail.errors import FormatError, Truncated

TABLE = dmar(
    drhd(0xFED90000, scope(0, (2, 0))),
    drhd(0xFED91000, scope(0xF0, (0x1F, 0), kind=3), takes_all_others=True),
    rmrr(0x8D800000, 0x8FFFFFFF, scope(0, (0x1C, 0), (0, 1))),
    address_bits=39,
)


def iasl(table: bytes, name: str, folder: Path) -> str:
    """What ACPICA's disassembler reads in the table."""
    if shutil.which("iasl") is None:
        pytest.skip("iasl is not installed")
    path = folder / f"{name}.dat"
    path.write_bytes(table)
    subprocess.run(["iasl", "-d", str(path)], check=True, capture_output=True, cwd=folder)
    return (folder / f"{name}.dsl").read_text()


def test_a_table_says_what_was_put_in() -> None:
    """Units, scopes through bridges, reserved memory and the flags come back as they were written."""
    table = parse_dmar(TABLE)
    assert (table.host_address_bits, table.interrupt_remapping, table.x2apic_opt_out) == (39, True, False)
    assert [(unit.register_base, unit.takes_all_others) for unit in table.units] == [
        (0xFED90000, False),
        (0xFED91000, True),
    ]
    assert table.units[1].scopes[0].kind is ScopeKind.IOAPIC
    assert (table.reserved[0].base, table.reserved[0].limit) == (0x8D800000, 0x8FFFFFFF)
    assert table.reserved[0].scopes[0].path == ((0x1C, 0), (0, 1))


def test_iasl_reads_the_same_dmar(tmp_path: Path) -> None:
    """ACPICA agrees about every number and finds the checksum right."""
    text = iasl(TABLE, "dmar", tmp_path)
    assert "Incorrect checksum" not in text
    for line in (
        "Host Address Width : 26",
        "00000000FED90000",
        "00000000FED91000",
        "000000008FFFFFFF",
        "PCI Path : 1C,00",
    ):
        assert line in text, text


def test_iasl_reads_the_same_ivrs(tmp_path: Path) -> None:
    """ACPICA agrees about the unit's address and finds the checksum right."""
    text = iasl(ivrs(ivhd(0xFEB80000)), "ivrs", tmp_path)
    assert "Incorrect checksum" not in text
    assert "00000000FEB80000" in text


def test_ivrs_says_what_was_put_in() -> None:
    """Address sizes and the unit's own PCI address come back as they were written."""
    table = parse_ivrs(ivrs(ivhd(0xFEB80000, device_id=0x0002), physical_bits=48, virtual_bits=64))
    assert (table.physical_bits, table.virtual_bits) == (48, 64)
    unit = table.units[0]
    assert (unit.bus, unit.device, unit.function, unit.iommu_base) == (0, 0, 2, 0xFEB80000)


def test_a_wrong_checksum_is_named_with_its_rest() -> None:
    """A flipped bit is found before anything in the table is believed."""
    broken = bytearray(TABLE)
    broken[50] ^= 0x10
    with pytest.raises(FormatError, match="add up to 0x") as caught:
        parse_dmar(bytes(broken))
    assert caught.value.field == "checksum"


def test_another_signature_is_named() -> None:
    """Both signatures stand in the message."""
    with pytest.raises(FormatError, match=r"b'IVRS', not b'DMAR'"):
        parse_dmar(ivrs())


def test_bytes_behind_the_table_are_not_part_of_it() -> None:
    """The length in the header decides."""
    assert parse_table(TABLE + b"more", b"DMAR").data == TABLE


@given(end=st.integers(0, len(TABLE) - 1))
def test_a_truncated_table_names_what_it_lost(end: int) -> None:
    """Wherever the table ends too early, the error is Truncated and names a field."""
    with pytest.raises(Truncated) as caught:
        parse_dmar(TABLE[:end])
    assert caught.value.field


@given(at=st.integers(36, len(TABLE) - 1), bit=st.integers(0, 7))
def test_any_single_bit_behind_the_header_gives_a_table_or_the_declared_error(at: int, bit: int) -> None:
    """A table altered by someone who put the checksum right still gives a value or a FormatError."""
    altered = bytearray(TABLE)
    altered[at] ^= 1 << bit
    with contextlib.suppress(FormatError):
        parse_dmar(sealed(bytes(altered)))


@given(body=st.binary(max_size=200))
def test_any_body_gives_a_table_or_the_declared_error(body: bytes) -> None:
    """Garbage behind a valid header never escapes as anything but a FormatError, in either table."""
    for name, parse in ((b"DMAR", parse_dmar), (b"IVRS", parse_ivrs)):
        header = name + (36 + len(body)).to_bytes(4, "little") + bytes(28)
        with contextlib.suppress(FormatError):
            parse(sealed(header + body))
