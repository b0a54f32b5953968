"""What outlives a restart."""

from __future__ import annotations

from plc_wrong import accepted

from dinrail.plc.types.retained import RetainedPart, retained_parts


def kept(text: str) -> dict[str, RetainedPart]:
    return {each.path: each for each in retained_parts(accepted(text))}


def test_variables_are_kept_by_path_and_type() -> None:
    """RETAIN and PERSISTENT variables, with their type's text and place; others are not."""
    found = kept("""
        VAR_GLOBAL
            plain : INT;
        END_VAR
        VAR_GLOBAL RETAIN
            r : INT;
            a : ARRAY [1..3] OF STRING(4);
        END_VAR
        VAR_GLOBAL PERSISTENT
            p : LREAL;
        END_VAR
    """)
    assert {path: (each.type, each.size_bytes, each.persistent) for path, each in found.items()} == {
        "test.r": ("INT", 2, False),
        "test.a": ("ARRAY [1..3] OF STRING(4)", 15, False),
        "test.p": ("LREAL", 8, True),
    }


def test_a_structure_is_kept_field_by_field_without_its_addresses() -> None:
    """What changes in a structure does not lose the rest; pointers, references and interfaces are never kept."""
    found = kept("""
        TYPE ST_Inner : STRUCT
            x : INT;
            p : POINTER TO INT;
        END_STRUCT END_TYPE
        TYPE ST_A : STRUCT
            n : DINT;
            inner : ARRAY [0..1] OF ST_Inner;
            b : BIT;
            c : BIT;
        END_STRUCT END_TYPE
        VAR_GLOBAL PERSISTENT
            s : ST_A;
        END_VAR
    """)
    assert {path: (each.type, each.offset_bytes) for path, each in found.items()} == {
        "test.s.n": ("DINT", 0),
        "test.s.inner[0].x": ("INT", 8),
        "test.s.inner[1].x": ("INT", 24),
        "test.s.b": ("BIT", 40),
    }


def test_an_instance_is_kept_without_its_class() -> None:
    """An instance's data is kept, the number of its class is not; a field may be kept in instances that are not."""
    found = kept("""
        FUNCTION_BLOCK FB_A
        VAR
            plain : INT;
        END_VAR
        VAR PERSISTENT
            count : UDINT;
        END_VAR
        END_FUNCTION_BLOCK
        PROGRAM MAIN
        VAR
            one : FB_A;
            some : ARRAY [1..2] OF FB_A;
        END_VAR
        VAR RETAIN
            whole : FB_A;
        END_VAR
        END_PROGRAM
    """)
    assert {path: each.persistent for path, each in found.items()} == {
        "MAIN.one.count": True,
        "MAIN.some[1].count": True,
        "MAIN.some[2].count": True,
        "MAIN.whole.plain": False,
        "MAIN.whole.count": True,
    }
    assert found["MAIN.whole.plain"].offset_bytes % 8 == 0
    assert found["MAIN.whole.count"].offset_bytes - found["MAIN.whole.plain"].offset_bytes == 4
