"""Sizes and offsets, against the C compiler's for the same structures, and TwinCAT's own rules."""

from __future__ import annotations

import ctypes
import itertools

import pytest
from plc_wrong import accepted, check_text

from dinrail.plc.core.program import Program
from dinrail.plc.types.model import FunctionBlockType, StructType
from dinrail.plc.types.variable import Variable


def structure(program: Program, name: str) -> StructType:
    return next(each for each in program.structures if each.name == name)


def block(program: Program, name: str) -> FunctionBlockType:
    return next(each for each in program.classes if each.name == name)


def offsets(kind: StructType | FunctionBlockType) -> dict[str, int]:
    return {field.name: field.offset_bytes for field in kind.fields.values()}


C_TYPES = {
    "BOOL": ctypes.c_uint8,
    "SINT": ctypes.c_int8,
    "INT": ctypes.c_int16,
    "DINT": ctypes.c_int32,
    "LINT": ctypes.c_int64,
    "REAL": ctypes.c_float,
    "LREAL": ctypes.c_double,
    "TIME": ctypes.c_uint32,
    "LTIME": ctypes.c_uint64,
    "DT": ctypes.c_uint32,
    "STRING(6)": ctypes.c_char * 7,
    "WSTRING(2)": ctypes.c_uint16 * 3,
    "POINTER TO BOOL": ctypes.c_void_p,
    "ARRAY [1..3] OF INT": ctypes.c_int16 * 3,
}


@pytest.mark.parametrize("pack_bytes", [1, 2, 4, 8])
@pytest.mark.parametrize("order", [list(C_TYPES), list(reversed(C_TYPES)), sorted(C_TYPES), sorted(C_TYPES)[::2]])
def test_fields_lie_where_the_c_compiler_puts_them(order: list[str], pack_bytes: int) -> None:
    """A structure's offsets, size and alignment are those of the same C structure under `#pragma pack`."""
    c_fields = [(f"f{number}", C_TYPES[kind]) for number, kind in enumerate(order)]
    c_type = type("c_type", (ctypes.Structure,), {"_pack_": pack_bytes, "_fields_": c_fields})
    fields = "\n".join(f"f{number} : {kind};" for number, kind in enumerate(order))
    attribute = f"{{attribute 'pack_mode' := '{pack_bytes}'}}"
    program = accepted(f"{attribute}\nTYPE ST_A : STRUCT\n{fields}\nEND_STRUCT END_TYPE\n")
    kind = structure(program, "ST_A")
    assert offsets(kind) == {name: getattr(c_type, name).offset for name, _ in c_fields}
    assert kind.size_bytes == ctypes.sizeof(c_type)
    assert kind.align_bytes == ctypes.alignment(c_type)


def test_a_base_comes_first_and_whole() -> None:
    """A structure's own fields begin behind its base, padding included."""
    program = accepted("""
        TYPE ST_Base : STRUCT
            a : LREAL;
            b : BYTE;
        END_STRUCT END_TYPE
        TYPE ST_Sub EXTENDS ST_Base : STRUCT
            c : BYTE;
        END_STRUCT END_TYPE
    """)
    assert offsets(structure(program, "ST_Sub")) == {"a": 0, "b": 8, "c": 16}
    assert structure(program, "ST_Sub").size_bytes == 24


def test_bits_share_bytes() -> None:
    """Eight BIT fields take one byte; what follows begins at its own alignment."""
    bits = "\n".join(f"b{number} : BIT;" for number in range(9))
    program = accepted(f"TYPE ST_A : STRUCT\na : BYTE;\n{bits}\nw : WORD;\nc : BIT;\nEND_STRUCT END_TYPE\n")
    kind = structure(program, "ST_A")
    placed = {field.name: (field.offset_bytes, field.bit) for field in kind.fields.values()}
    assert [placed[f"b{number}"] for number in range(9)] == [(1, bit) for bit in range(8)] + [(2, 0)]
    assert placed["w"] == (4, -1)
    assert placed["c"] == (6, 0)
    assert kind.size_bytes == 8


def test_a_union_holds_its_widest_field() -> None:
    """All fields of a union lie at 0; its size is that of the widest, in its alignment."""
    program = accepted("""
        TYPE U_A : UNION
            text : STRING(8);
            word : DWORD;
        END_UNION END_TYPE
    """)
    kind = structure(program, "U_A")
    assert offsets(kind) == {"text": 0, "word": 0}
    assert (kind.size_bytes, kind.align_bytes) == (12, 4)


def test_a_function_block_begins_with_the_number_of_its_class() -> None:
    """Fields come behind 8 hidden bytes, then those of what extends it; in-outs and VAR_INST are among them."""
    program = accepted("""
        FUNCTION_BLOCK FB_Base
        VAR_INPUT
            a : BYTE;
        END_VAR
        VAR_IN_OUT
            io : ARRAY [0..99] OF LREAL;
        END_VAR
        VAR_TEMP
            t : LREAL;
        END_VAR
            METHOD Run
            VAR_INST
                kept : INT;
            END_VAR
            VAR_STAT
                shared : LREAL;
            END_VAR
            END_METHOD
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_Sub EXTENDS FB_Base
        VAR
            b : BYTE;
        END_VAR
        VAR CONSTANT
            c : INT := 3;
        END_VAR
        END_FUNCTION_BLOCK
    """)
    assert offsets(block(program, "FB_Base")) == {"a": 8, "io": 16, "kept": 24}
    assert block(program, "FB_Base").size_bytes == 32
    assert offsets(block(program, "FB_Sub")) == {"a": 8, "io": 16, "kept": 24, "b": 32}
    assert block(program, "FB_Sub").size_bytes == 40


def test_sizes_may_depend_on_each_other_across_declarations() -> None:
    """Bounds and lengths are constant expressions over constants and sizes that are declared further down."""
    program = accepted("""
        VAR_GLOBAL
            a : ARRAY [1..cCount * 2] OF STRING(cLength);
            b : ARRAY [0..SIZEOF(ST_A) - 1] OF BYTE;
        END_VAR
        VAR_GLOBAL CONSTANT
            cLength : INT := cCount + 4;
            cCount : INT := E_Size.Three;
        END_VAR
        TYPE E_Size : (Zero, Three := cThree) ; END_TYPE
        TYPE ST_A : STRUCT
            x : LREAL;
            y : BYTE;
        END_STRUCT END_TYPE
        VAR_GLOBAL CONSTANT
            cThree : INT := 3;
        END_VAR
    """)
    sizes = {variable.name: variable.type.size_bytes for variable in program.statics}
    assert sizes == {"a": 6 * 8, "b": 16}


def placed(program: Program) -> dict[str, Variable]:
    return {variable.path: variable for variable in program.statics}


def test_what_one_task_runs_lies_together() -> None:
    """Globals come first, in a segment of the first task's; then each task's own; nothing overlaps."""
    program, report = check_text(
        """
        VAR_GLOBAL
            g : ARRAY [0..9] OF BYTE;
        END_VAR
        PROGRAM P_Fast
        VAR
            a : LREAL;
        END_VAR
            P_Both();
        END_PROGRAM
        PROGRAM P_Slow
        VAR
            b : BYTE;
            c : LREAL;
        END_VAR
            P_Both();
            P_Part();
        END_PROGRAM
        PROGRAM P_Both
        VAR
            d : INT;
        END_VAR
        END_PROGRAM
        PROGRAM P_Part
        VAR
            e : INT;
        END_VAR
        END_PROGRAM
        """,
        tasks=[("Fast", ["P_Fast"]), ("Slow", ["P_Slow"])],
    )
    assert not report.failed
    found = placed(program)
    segments = program.segments
    assert [(each.task_index, each.offset_bytes % 64, each.size_bytes % 64) for each in segments] == [
        (0, 0, 0),
        (0, 0, 0),
        (1, 0, 0),
    ]
    names = [
        {
            path
            for path, each in found.items()
            if part.offset_bytes <= each.offset_bytes < part.offset_bytes + part.size_bytes
        }
        for part in segments
    ]
    assert names == [{"test.g", "P_Both.d"}, {"P_Fast.a"}, {"P_Slow.b", "P_Slow.c", "P_Part.e"}]
    assert program.data_bytes == sum(part.size_bytes for part in segments)
    ends = sorted((each.offset_bytes, each.offset_bytes + each.type.size_bytes) for each in found.values())
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(ends))
    assert all(each.offset_bytes % each.type.align_bytes == 0 for each in found.values())


def test_addresses_without_a_number_lie_behind_those_with_one() -> None:
    """Written addresses are kept, also where they overlap; `*` follows behind the last, in declared order."""
    program = accepted("""
        PROGRAM MAIN
        VAR
            free AT %I* : INT;
            wide AT %ID4 : DWORD;
            low AT %IW4 : WORD;
            bit AT %IX6.3 : BOOL;
            flag AT %I* : BOOL;
            next AT %I* : DINT;
            out AT %Q* : LREAL;
            mark AT %MB10 : ARRAY [0..4] OF BYTE;
        END_VAR
        END_PROGRAM
    """)
    found = {each.name: (each.area.value if each.area else "", each.offset_bytes, each.bit) for each in program.areas}
    assert found == {
        "free": ("I", 8, -1),
        "wide": ("I", 4, -1),
        "low": ("I", 4, -1),
        "bit": ("I", 6, 3),
        "flag": ("I", 10, -1),
        "next": ("I", 12, -1),
        "out": ("Q", 0, -1),
        "mark": ("M", 10, -1),
    }
    assert program.area_bytes == {"I": 16, "Q": 8, "M": 15}


def test_var_config_gives_addresses_to_what_is_declared_elsewhere() -> None:
    """Variables AT %I* and fields of instances, also in arrays, lie where VAR_CONFIG puts them."""
    program = accepted("""
        FUNCTION_BLOCK FB_A
        VAR
            x AT %I* : INT;
        END_VAR
        END_FUNCTION_BLOCK
        PROGRAM MAIN
        VAR
            fb : ARRAY [1..2] OF FB_A;
            y AT %I* : INT;
            z AT %I* : BOOL;
        END_VAR
        END_PROGRAM
        VAR_CONFIG
            MAIN.fb[2].x AT %IW20 : INT;
            MAIN.y AT %IW8 : INT;
            MAIN.z AT %IX4.2 : BOOL;
        END_VAR
    """)
    assert {each.path: (each.offset_bytes, each.bit) for each in program.areas} == {
        "MAIN.y": (8, -1),
        "MAIN.z": (4, 2),
        "MAIN.fb[1].x": (22, -1),
        "MAIN.fb[2].x": (20, -1),
    }


def test_constants_and_what_libraries_do_not_need_take_no_memory() -> None:
    """A scalar constant lives in the code; a constant array lies in the data, as TwinCAT shows it."""
    program = accepted("""
        VAR_GLOBAL CONSTANT
            cOne : INT := 1;
            cList : ARRAY [0..1] OF INT := [1, 2];
        END_VAR
        PROGRAM MAIN
        VAR
            n : INT := cOne;
        END_VAR
        END_PROGRAM
    """)
    assert set(placed(program)) == {"test.cList", "MAIN.n"}
