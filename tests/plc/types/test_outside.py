"""What the outside sees of an application."""

from __future__ import annotations

import pytest
from plc_wrong import accepted

from dinrail.ams.group import IndexGroup
from dinrail.iec import types as iec
from dinrail.iec.record import record_of, symbols_of
from dinrail.iec.symbol import Symbol
from dinrail.plc.types.outside import outside_symbols


def symbols(text: str) -> dict[str, Symbol]:
    return {each.name: each for each in outside_symbols(accepted(text))}


def member(kind: iec.IecType, name: str) -> iec.Member:
    assert isinstance(kind, iec.StructType)
    return next(each for each in kind.members if each.name == name)


ELEMENTARY = [kind.value[0] for kind in iec.Elementary if kind is not iec.Elementary.BIT]


@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary_types_keep_their_names(name: str) -> None:
    """Each elementary type is the standard's own, in the data group, at its offset."""
    found = symbols(f"VAR_GLOBAL\nbefore : LREAL; x : {name};\nEND_VAR\n")["test.x"]
    assert isinstance(found.type, iec.ElementaryType)
    assert (found.type.name, found.group, found.offset) == (name, IndexGroup.PLC_DATA, 8)


def test_composed_types_are_told_whole() -> None:
    """Texts, arrays, enumerations, aliases, subranges and structures with their members, bits, comments, attributes."""
    found = symbols("""
        {attribute 'ToolTip' := 'a state'}
        TYPE E_State : (Idle, Busy := 5) UINT; END_TYPE
        TYPE T_Level : INT (1..9); END_TYPE
        TYPE ST_A : STRUCT
            {attribute 'Unit' := 'mm'}
            x : LREAL; // how far
            b : BIT;
            c : BIT;
            s : STRING(3);
        END_STRUCT END_TYPE
        VAR_GLOBAL
            (* the one *)
            a : ARRAY [1..2, 0..3] OF ST_A;
            e : E_State;
            t : T_Level;
            w : WSTRING(7);
            {attribute 'TcEncoding' := 'UTF-8'}
            u : STRING(5);
        END_VAR
    """)
    array = found["test.a"].type
    assert isinstance(array, iec.ArrayType)
    assert array.bounds == (iec.Bound(1, 2), iec.Bound(0, 4))
    kind = array.element
    assert isinstance(kind, iec.StructType)
    assert (kind.name, kind.size_bytes, kind.align_bytes) == ("ST_A", 16, 8)
    assert [(each.name, each.offset_bytes, each.bit) for each in kind.members] == [
        ("x", 0, None),
        ("b", 8, 0),
        ("c", 8, 1),
        ("s", 9, None),
    ]
    assert (member(kind, "x").comment, member(kind, "x").attributes) == ("how far", (iec.Attribute("Unit", "mm"),))
    assert found["test.a"].comment == "the one"
    state = found["test.e"].type
    assert isinstance(state, iec.EnumType)
    assert (state.values, state.base.name) == ((("Idle", 0), ("Busy", 5)), "UINT")
    assert state.attributes == (iec.Attribute("ToolTip", "a state"),)
    level = found["test.t"].type
    assert isinstance(level, iec.AliasType)
    assert (level.name, level.target.name, level.low, level.high) == ("T_Level", "INT", 1, 9)
    assert found["test.w"].type == iec.WStringType(7)
    assert found["test.u"].type == iec.StringType(5, iec.Encoding.UTF_8)


def test_a_function_block_shows_its_data_and_its_methods_for_clients() -> None:
    """Members behind the hidden class, the base's first; in-outs as references; methods with TcRpcEnable."""
    found = symbols("""
        INTERFACE I_A
        END_INTERFACE
        FUNCTION_BLOCK FB_Base
        VAR_INPUT
            n : INT;
        END_VAR
        VAR_IN_OUT
            io : LREAL;
        END_VAR
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_A EXTENDS FB_Base
        VAR
            partner : I_A;
            r : REFERENCE TO INT;
            {attribute 'hide'}
            secret : INT;
            io2 AT %I* : INT;
        END_VAR
            {attribute 'TcRpcEnable'}
            METHOD Add : DINT // adds
            VAR_INPUT
                a : INT; // the first
            END_VAR
            VAR_OUTPUT
                text : STRING(9);
            END_VAR
                Add := a;
            END_METHOD
            METHOD Inner
            VAR_INST
                kept : INT;
            END_VAR
            END_METHOD
        END_FUNCTION_BLOCK
        VAR_GLOBAL
            fb : FB_A;
        END_VAR
    """)
    kind = found["test.fb"].type
    assert isinstance(kind, iec.StructType)
    assert (kind.name, kind.extends, kind.size_bytes) == ("FB_A", "FB_Base", 64)
    assert [(each.name, each.offset_bytes) for each in kind.members] == [
        ("n", 8),
        ("io", 16),
        ("partner", 24),
        ("r", 32),
    ]
    assert member(kind, "io").type == iec.PointerType(iec.ElementaryType(iec.Elementary.LREAL), is_reference=True)
    assert member(kind, "partner").type == iec.OpaqueType("I_A", 8, 8)
    (method,) = kind.methods
    assert (method.name, method.returns) == ("Add", iec.ElementaryType(iec.Elementary.DINT))
    assert [(each.name, each.type.name, each.passing) for each in method.parameters] == [
        ("a", "INT", iec.Passing.IN),
        ("text", "STRING(9)", iec.Passing.OUT),
    ]
    assert found["test.fb.io2"].group == IndexGroup.INPUTS


def test_addresses_are_in_their_areas_groups() -> None:
    """%I, %Q and %M by bytes; a single bit by the group of bits, byte * 8 + bit."""
    found = symbols("""
        PROGRAM MAIN
        VAR
            i AT %IW2 : INT;
            q AT %QX1.3 : BOOL;
            m AT %MB7 : BYTE;
        END_VAR
            m := %IB2;
        END_PROGRAM
    """)
    assert {name: (each.group, each.offset) for name, each in found.items()} == {
        "MAIN.i": (IndexGroup.INPUTS, 2),
        "MAIN.q": (IndexGroup.OUTPUT_BITS, 11),
        "MAIN.m": (IndexGroup.PLC_MEMORY, 7),
    }


def test_flags_say_what_may_be_done() -> None:
    """Constants are read-only, PERSISTENT and VAR_STAT are told; what is hidden is no symbol."""
    found = symbols("""
        VAR_GLOBAL CONSTANT
            c : ARRAY [0..1] OF INT := [1, 2];
        END_VAR
        VAR_GLOBAL PERSISTENT
            p : INT;
        END_VAR
        PROGRAM MAIN
        VAR_STAT
            s : INT;
        END_VAR
        VAR
            {attribute 'hide'}
            h : INT;
        END_VAR
        END_PROGRAM
    """)
    assert {name: (each.read_only, each.persistent, each.is_static) for name, each in found.items()} == {
        "test.c": (True, False, False),
        "test.p": (False, True, False),
        "MAIN.s": (False, False, True),
    }


def test_types_that_point_in_circles_come_to_an_end() -> None:
    """Structures and classes that point to each other are told; the pointer's target is mentioned by name."""
    found = symbols("""
        TYPE ST_Node : STRUCT
            next : POINTER TO ST_Node;
            owner : POINTER TO FB_List;
        END_STRUCT END_TYPE
        FUNCTION_BLOCK FB_List
        VAR
            first : ST_Node;
            all : ARRAY [0..2] OF POINTER TO FB_List;
        END_VAR
        END_FUNCTION_BLOCK
        VAR_GLOBAL
            list : FB_List;
            p : POINTER TO ST_Node;
        END_VAR
    """)
    node = member(found["test.list"].type, "first").type
    assert member(node, "next").type == iec.PointerType(iec.OpaqueType("ST_Node", 16, 8))
    assert member(node, "owner").type == iec.PointerType(iec.OpaqueType("FB_List", 48, 8))
    assert found["test.p"].type == iec.PointerType(node)


def test_symbols_survive_their_record() -> None:
    """What the image carries is what was made."""
    text = """
        TYPE ST_A : STRUCT
            a : ARRAY [0..1] OF STRING(4);
            b : BIT;
        END_STRUCT END_TYPE
        VAR_GLOBAL
            s : ST_A;
            p : POINTER TO ST_A;
            q AT %Q* : WORD;
        END_VAR
    """
    made = outside_symbols(accepted(text))
    assert symbols_of(record_of(made)) == made
