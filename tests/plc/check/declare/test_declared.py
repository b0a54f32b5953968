"""Right declarations: tables, images, names and libraries as they come out."""

from __future__ import annotations

import struct

from plc_shapes import SHAPES
from plc_wrong import accepted, assert_said, check_text

from dinrail.plc.core.program import Program
from dinrail.plc.parse.declaration import Unit
from dinrail.plc.parse.unit import parse_source
from dinrail.plc.source import Report, Source
from dinrail.plc.types.model import EnumType, FunctionBlockType
from dinrail.plc.types.variable import Role, Storage, Variable


def block(program: Program, name: str) -> FunctionBlockType:
    return next(each for each in program.classes if each.name == name)


def static(program: Program, path: str) -> Variable:
    return next(each for each in program.statics if each.path == path)


def image(program: Program, path: str) -> bytes:
    variable = static(program, path)
    return variable.initial or bytes(variable.type.size_bytes)


def library(text: str, namespace: str) -> Unit:
    report = Report()
    unit = parse_source(Source("library.st", text, 9, from_library=True), report)
    unit.namespace = namespace
    assert report.messages == []
    return unit


# ------------------------------------------------------------------------------------------------ classes, tables


def test_slots_are_the_same_in_every_class_below() -> None:
    """The body has slot 0; a derived class keeps its base's slots and adds its own behind."""
    program = accepted(SHAPES)
    base, derived = block(program, "FB_Shape"), block(program, "FB_Cube")
    assert base.slots == {"": 0, "AREA": 1, "TWICE": 2, "NAME.GET": 3, "NAME.SET": 4}
    assert derived.slots == base.slots | {"VOLUME": 5}


def test_a_class_runs_the_methods_nearest_to_it() -> None:
    """What a class overrides is its own; what it does not is its base's, also one half of a property."""
    derived = block(accepted(SHAPES), "FB_Cube")
    assert {name: function.name for name, function in derived.methods.items()} == {
        "AREA": "FB_Cube.Area",
        "TWICE": "FB_Shape.Twice",
        "NAME.GET": "FB_Cube.Name.get",
        "NAME.SET": "FB_Shape.Name.set",
        "VOLUME": "FB_Cube.Volume",
    }


def test_an_interface_lists_what_it_inherits_first() -> None:
    """An interface's methods keep the order of its base; a class has all interfaces, each once."""
    program = accepted(SHAPES)
    assert [list(each.methods) for each in program.interfaces] == [
        ["AREA", "NAME.GET"],
        ["AREA", "NAME.GET", "VOLUME"],
    ]
    assert [each.name for each in block(program, "FB_Cube").interfaces] == ["I_Shape", "I_Solid"]


def test_parameters_stand_in_calling_order() -> None:
    """An aggregate's result comes first, bounds behind their open array; scalars by value, the rest by address."""
    program = accepted("""
        TYPE ST_A : STRUCT
            n : INT;
        END_STRUCT END_TYPE
        FUNCTION F_A : ST_A
        VAR_INPUT
            a : INT;
            s : ST_A;
            r : REFERENCE TO INT;
        END_VAR
        VAR_IN_OUT
            list : ARRAY [*, *] OF INT;
        END_VAR
        VAR_OUTPUT
            done : BOOL;
        END_VAR
            F_A := s;
        END_FUNCTION
    """)
    (function,) = program.functions
    assert [(each.name, each.storage) for each in function.parameters] == [
        ("F_A", Storage.POINTER),
        ("a", Storage.VALUE),
        ("s", Storage.POINTER),
        ("r", Storage.VALUE),
        ("list", Storage.POINTER),
        ("list^lower1", Storage.VALUE),
        ("list^upper1", Storage.VALUE),
        ("list^lower2", Storage.VALUE),
        ("list^upper2", Storage.VALUE),
        ("done", Storage.POINTER),
    ]
    assert function.result is None


# ---------------------------------------------------------------------------------------------------------- images


def test_initial_values_are_laid_into_memory() -> None:
    """Defaults of fields and types, lists with repetition, and values of fields all end as constant bytes."""
    program = accepted("""
        TYPE E_State : (Idle, Busy := 7, Done) UINT := Busy; END_TYPE
        TYPE T_Level : INT (5..9); END_TYPE
        TYPE T_Ratio : LREAL := 0.5; END_TYPE
        TYPE ST_Point : STRUCT
            x : INT := 1;
            y : INT := 2;
        END_STRUCT END_TYPE
        PROGRAM MAIN
        VAR
            state : E_State;
            level : T_Level;
            ratio : T_Ratio;
            points : ARRAY [0..4] OF ST_Point := [(x := 10), 2((y := 20)), 1()];
            grid : ARRAY [0..1, 0..2] OF BYTE := [1, 2, 2(3), 4];
            text : STRING(5) := 'abc';
            wide : WSTRING(3) := "ab";
            wait : TIME := T#1S500MS;
            real_ : REAL := 1.5;
        END_VAR
        END_PROGRAM
    """)
    assert image(program, "MAIN.state") == struct.pack("<H", 7)
    assert image(program, "MAIN.level") == struct.pack("<h", 5)
    assert image(program, "MAIN.ratio") == struct.pack("<d", 0.5)
    assert image(program, "MAIN.points") == struct.pack("<10h", 10, 2, 1, 20, 1, 20, 1, 2, 1, 2)
    assert image(program, "MAIN.grid") == bytes([1, 2, 3, 3, 4, 0])
    assert image(program, "MAIN.text") == b"abc\0\0\0"
    assert image(program, "MAIN.wide") == "ab\0\0".encode("utf-16-le")
    assert image(program, "MAIN.wait") == struct.pack("<I", 1500)
    assert image(program, "MAIN.real_") == struct.pack("<f", 1.5)


def test_an_instance_carries_the_number_of_its_class() -> None:
    """Each instance's image begins with its class, wherever it lies; defaults and its own values follow."""
    program = accepted("""
        FUNCTION_BLOCK FB_Base
        VAR_INPUT
            n : INT := 3;
        END_VAR
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_Sub EXTENDS FB_Base
        VAR
            inner : FB_Base := (n := 4);
            m : INT := 5;
        END_VAR
        END_FUNCTION_BLOCK
        PROGRAM MAIN
        VAR
            fb : FB_Sub := (n := 6);
        END_VAR
        END_PROGRAM
    """)
    base, sub = block(program, "FB_Base").number, block(program, "FB_Sub").number
    assert [program.classes[number].name for number in (base, sub)] == ["FB_Base", "FB_Sub"]
    assert image(program, "MAIN.fb") == struct.pack("<Qh6xQh6xh6x", sub, 6, base, 4, 5)


def test_a_constant_copies_another() -> None:
    """A constant may be made of others, whole structures included, in any order."""
    program = accepted("""
        TYPE ST_Point : STRUCT
            x, y : INT;
        END_STRUCT END_TYPE
        VAR_GLOBAL CONSTANT
            cAll : ARRAY [0..1] OF ST_Point := [cOne, (x := cOne.y)];
            cOne : ST_Point := (x := 1, y := 2);
        END_VAR
    """)
    assert image(program, "test.cAll") == struct.pack("<4h", 1, 2, 2, 0)


# ----------------------------------------------------------------------------------------------------------- names


def test_a_list_with_qualified_only_is_named() -> None:
    """Its variables are found behind its name alone; among themselves they need none."""
    text = """
        {attribute 'qualified_only'}
        VAR_GLOBAL CONSTANT
            cHalf : INT := 21;
            cWhole : INT := cHalf * 2;
        END_VAR
        PROGRAM MAIN
        VAR
            a : INT := test.cWhole;
            b : INT := cWhole;
        //             ^ undeclared: cWhole is not declared
        END_VAR
        END_PROGRAM
    """
    assert_said(text)


def test_a_name_that_two_lists_have_needs_one_of_them() -> None:
    """Without a list's name it is ambiguous, and both are named."""
    units = []
    for name in ("GVL_A", "GVL_B"):
        report = Report()
        units.append(parse_source(Source(f"{name}.st", "VAR_GLOBAL\nspeed : INT;\nEND_VAR\n", 1), report))
        units[-1].globals[0].name = name
    text = """
        PROGRAM MAIN
            GVL_A.speed := 1;
            speed := 2;
        //  ^ ambiguous: several variable lists have a SPEED
        //    hint: write one of GVL_A.SPEED, GVL_B.SPEED
        END_PROGRAM
    """
    assert_said(text, libraries=units)


def test_names_are_the_same_in_any_case() -> None:
    """Case never matters, in types, variables, members and libraries."""
    accepted("""
        TYPE st_point : STRUCT
            X : INT;
        END_STRUCT END_TYPE
        PROGRAM Main
        VAR
            p : ST_POINT := (x := 1);
        END_VAR
            P.x := p.X + 1;
        END_PROGRAM
    """)


def test_an_enumeration_in_place_of_a_type_is_its_pou_s_own() -> None:
    """Two POUs may each have members of one name."""
    program = accepted("""
        PROGRAM MAIN
        VAR
            s : (Idle, Run);
        END_VAR
            s := Run;
        END_PROGRAM
        PROGRAM P_Other
        VAR
            s : (Run, Idle) := Idle;
        END_VAR
        END_PROGRAM
    """)
    kinds = [variable.type for variable in program.statics]
    assert [kind.members for kind in kinds if isinstance(kind, EnumType)] == [
        {"Idle": 0, "Run": 1},
        {"Run": 0, "Idle": 1},
    ]
    assert image(program, "P_Other.s") == struct.pack("<h", 1)


def test_var_external_is_the_global_itself() -> None:
    """It takes no memory of its own."""
    program = accepted("""
        VAR_GLOBAL
            counter : INT;
        END_VAR
        PROGRAM MAIN
        VAR_EXTERNAL
            counter : INT;
        END_VAR
            counter := counter + 1;
        END_PROGRAM
    """)
    assert [variable.path for variable in program.statics] == ["test.counter"]


def test_an_action_has_temporaries_of_its_own() -> None:
    """VAR_TEMP lives as long as one call: a body's is not an action's."""
    program = accepted("""
        PROGRAM MAIN
        VAR_TEMP
            t : INT;
        END_VAR
            t := 1;
            Step();
        ACTION Step:
            t := 2;
        END_ACTION
        END_PROGRAM
    """)
    temporaries = [each for function in program.functions for each in function.locals if each.role is Role.TEMP]
    assert len({id(each) for each in temporaries}) == 2


def test_the_system_s_own_types_are_there() -> None:
    """__SYSTEM's types may be declared, under IBaseLibrary's name too, and its interface extended."""
    program = accepted("""
        INTERFACE I_A EXTENDS __SYSTEM.IQueryInterface
        END_INTERFACE
        FUNCTION_BLOCK FB_A IMPLEMENTS I_A
        END_FUNCTION_BLOCK
        PROGRAM MAIN
        VAR
            code : __SYSTEM.ExceptionCode;
            class : IBaseLibrary.TypeClass := IBaseLibrary.TYPE_INT;
            other : __SYSTEM.TYPE_CLASS := __SYSTEM.TYPE_CLASS.TYPE_BOOL;
            fb : FB_A;
            asked : __SYSTEM.IQueryInterface := fb;
        END_VAR
            __TRY
                fb();
            __CATCH (code)
                fb();
            __ENDTRY
        END_PROGRAM
    """)
    assert image(program, "MAIN.class") == struct.pack("<I", 7)
    assert [each.name for each in block(program, "FB_A").interfaces] == ["I_A", "IQueryInterface"]


def test_an_overriding_method_keeps_values_of_its_own() -> None:
    """VAR_INST of one name in a method and in what overrides it are two fields."""
    program = accepted("""
        FUNCTION_BLOCK FB_A
            METHOD Run
            VAR_INST
                kept : INT;
            END_VAR
                kept := 1;
            END_METHOD
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK FB_B EXTENDS FB_A
            METHOD Run
            VAR_INST
                kept : INT;
            END_VAR
                kept := 2;
            END_METHOD
        END_FUNCTION_BLOCK
    """)
    assert [each.offset_bytes for each in block(program, "FB_B").fields.values()] == [8, 16]


# ------------------------------------------------------------------------------------------------------- libraries

LIBRARY = """
TYPE ST_Lib : STRUCT
    n : INT := 9;
END_STRUCT END_TYPE
VAR_GLOBAL CONSTANT
    cUnused : ARRAY [0..9] OF INT := [10(1)];
END_VAR
FUNCTION F_Used : INT
VAR_INPUT
    n : INT;
END_VAR
    F_Used := F_Inner(n) + 1;
END_FUNCTION
FUNCTION F_Inner : INT
VAR_INPUT
    n : INT;
END_VAR
    F_Inner := n * 2;
END_FUNCTION
FUNCTION F_Unused : INT
    F_Unused := 1;
END_FUNCTION
FUNCTION_BLOCK FB_Used EXTENDS FB_Base
VAR
    s : ST_Lib;
END_VAR
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Base
VAR_STAT
    count : INT;
END_VAR
    count := count + 1;
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Unused
VAR_STAT
    count : INT;
END_VAR
    count := count + 1;
END_FUNCTION_BLOCK
"""


def test_of_a_library_only_what_is_mentioned_is_taken() -> None:
    """Functions, classes and their statics come with whoever mentions them, bodies included; the rest does not."""
    text = """
        PROGRAM MAIN
        VAR
            fb : Lib.FB_Used;
            n : INT;
        END_VAR
            fb();
            n := Lib.F_Used(1);
        END_PROGRAM
    """
    program = accepted(text, libraries=[library(LIBRARY, "Lib")])
    assert {function.name for function in program.functions} == {"MAIN", "F_Used", "F_Inner", "FB_Used", "FB_Base"}
    assert {kind.name for kind in program.classes} == {"FB_Used", "FB_Base"}
    assert [kind.number for kind in program.classes] == [0, 1]
    assert {each.path for each in program.statics} == {"MAIN.fb", "MAIN.n", "FB_Base.count"}
    assert image(program, "MAIN.fb") == struct.pack("<Qh6x", block(program, "FB_Used").number, 9)


def test_a_project_s_own_name_hides_a_library_s() -> None:
    """A project that declares what a library has uses its own."""
    text = """
        FUNCTION F_Used : LREAL
        VAR_INPUT
            x : LREAL;
        END_VAR
            F_Used := x;
        END_FUNCTION
        PROGRAM MAIN
        VAR
            r : LREAL;
        END_VAR
            r := F_Used(0.5);
        END_PROGRAM
    """
    program = accepted(text, libraries=[library(LIBRARY, "Lib")])
    assert {function.name for function in program.functions} == {"MAIN", "F_Used"}


def test_a_library_has_what_it_has() -> None:
    """A name behind a library's that it does not declare is told."""
    text = """
        TYPE ST_Own : STRUCT
            n : INT;
        END_STRUCT END_TYPE
        VAR_GLOBAL
            s : Lib.ST_Own;
        //      ^ unknown-type: the library Lib has no type ST_Own
        END_VAR
    """
    assert_said(text, libraries=[library(LIBRARY, "Lib")])


def test_equal_sources_give_equal_programs() -> None:
    """Order, numbers, offsets and images depend on the text alone."""
    first, second = (check_text(SHAPES + "VAR_GLOBAL\na : INT; c : FB_Cube;\nEND_VAR\n")[0] for _ in range(2))
    assert [(each.path, each.offset_bytes, each.initial) for each in first.statics] == [
        (each.path, each.offset_bytes, each.initial) for each in second.statics
    ]
    assert [function.name for function in first.functions] == [function.name for function in second.functions]
