"""Where the members of a structure lie."""

from __future__ import annotations

import pytest
from build_iec import AXIS, BIT, BOOL, BYTE, DINT, INT, LREAL, array, struct_of

from dinrail.iec.structure import structure, union
from dinrail.iec.types import Member, StringType, StructType

MEMBERS = [Member("b", BOOL, 0), Member("d", LREAL, 0), Member("i", INT, 0), Member("s", StringType(4), 0)]


@pytest.mark.parametrize(
    ("pack_bytes", "offsets", "size"),
    [(8, [0, 8, 16, 18], 24), (4, [0, 4, 12, 14], 20), (2, [0, 2, 10, 12], 18), (1, [0, 1, 9, 11], 16)],
)
def test_pack_mode_limits_the_alignment(pack_bytes: int, offsets: list[int], size: int) -> None:
    """Members stand at multiples of their alignment or of pack_mode, whichever is less; the end is padded alike."""
    kind = structure("ST", MEMBERS, pack_bytes=pack_bytes)
    assert [member.offset_bytes for member in kind.members] == offsets
    assert (kind.size_bytes, kind.align_bytes) == (size, min(8, pack_bytes))


def test_an_inner_structure_keeps_the_alignment_that_it_was_packed_with() -> None:
    """A packed structure inside an unpacked one is aligned to its own pack_mode."""
    inner = structure("ST_In", MEMBERS, pack_bytes=1)
    outer = struct_of("ST_Out", ("b", BOOL), ("inner", inner), ("d", DINT))
    assert [member.offset_bytes for member in outer.members] == [0, 1, 20]


def test_bits_share_bytes_until_something_else_follows() -> None:
    """Eight BITs fill a byte, a ninth begins the next, and what follows begins a new byte."""
    kind = struct_of("ST", *((f"b{at}", BIT) for at in range(9)), ("n", BYTE), ("c", BIT))
    assert [(m.offset_bytes, m.bit) for m in kind.members] == [
        *((0, bit) for bit in range(8)), (1, 0), (2, None), (3, 0)
    ]  # fmt: skip
    assert kind.size_bytes == 4


def test_the_base_s_members_come_first() -> None:
    """EXTENDS puts the base's members in front, where the base has them."""
    derived = structure("FB_Derived", [Member("extra", BYTE, 0)], base=AXIS)
    assert derived.members[:-1] == AXIS.members
    assert (derived.members[-1].offset_bytes, derived.extends) == (AXIS.size_bytes, "ST_Axis")


def test_a_union_s_members_share_their_bytes() -> None:
    """All members of a union are at 0, and it is as large as the largest, padded."""
    kind = union("U", [Member("n", DINT, 0), Member("b", array(BYTE, (0, 4)), 0)])
    assert [(m.offset_bytes, kind.size_bytes, kind.align_bytes) for m in kind.members] == [(0, 8, 4)] * 2


def test_nothing_is_a_structure_too() -> None:
    """A structure and a union without members have no size."""
    assert structure("ST_Empty", []) == StructType("ST_Empty", (), 0, 1)
    assert union("U_Empty", []).size_bytes == 0
