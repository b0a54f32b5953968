"""Declarations to trees: types, variables, units."""

from __future__ import annotations

import pytest
from plc_sexpr import declared, unit_of, variable

from dinrail.plc.parse.declaration import EnumOf, Pragma, StructDef

TABLE = """
TYPE T : INT := 5; END_TYPE
=> (type T INT := 5)

TYPE T : STRING(20); END_TYPE
=> (type T STRING(20))

TYPE A : INT; B : ARRAY[0..1] OF A; END_TYPE
=> (type A INT)
=> (type B ARRAY[0..1] OF A)

TYPE E : (a, b := 2); END_TYPE
=> (type E (a, b=2))

TYPE E : (a := 1, b) UINT := b; END_TYPE
=> (type E (a=1, b) UINT := b)

TYPE E : UINT (a := 1, b) := a; END_TYPE
=> (type E (a=1, b) UINT := a)

TYPE R : INT (0..5); END_TYPE
=> (type R INT(0..5))

TYPE S : STRUCT x : INT := 1; y, z : BOOL; END_STRUCT END_TYPE
=> (type S (struct x: INT := 1; y: BOOL; z: BOOL))

TYPE S EXTENDS Lib.B : STRUCT x : INT; END_STRUCT; END_TYPE
=> (type S (struct < Lib.B x: INT))

TYPE INTERNAL S : UNION x : INT; y : REAL; END_UNION END_TYPE
=> (type S (union x: INT; y: REAL))

TYPE S : STRUCT END_STRUCT END_TYPE
=> (type S (struct))

VAR_GLOBAL a : INT; END_VAR VAR_GLOBAL CONSTANT b : INT := 1; END_VAR
=> (globals GVL_Test (VAR_GLOBAL a: INT) (VAR_GLOBAL constant b: INT := 1))

VAR_GLOBAL RETAIN PERSISTENT a : INT; END_VAR
=> (globals GVL_Test (VAR_GLOBAL retain persistent a: INT))

PROGRAM P END_PROGRAM
=> (PROGRAM P)

FUNCTION F : INT VAR_INPUT a : INT; END_VAR F := a; END_FUNCTION
=> (FUNCTION F : INT (VAR_INPUT a: INT) (:= F a))

FUNCTION INTERNAL F; VAR_IN_OUT CONSTANT a : INT; END_VAR END_FUNCTION
=> (FUNCTION INTERNAL F (VAR_IN_OUT constant a: INT))

FUNCTION_BLOCK FINAL FB EXTENDS A.B IMPLEMENTS I, J VAR_STAT x : INT; END_VAR END_FUNCTION_BLOCK
=> (FUNCTION_BLOCK FINAL FB < A.B implements I, J (VAR_STAT x: INT))

FUNCTION_BLOCK FB VAR_INST a : INT; END_VAR VAR_TEMP b : INT; END_VAR VAR_EXTERNAL c : INT; END_VAR
    END_FUNCTION_BLOCK
=> (FUNCTION_BLOCK FB (VAR_INST a: INT) (VAR_TEMP b: INT) (VAR_EXTERNAL c: INT))

FUNCTION_BLOCK FB METHOD m END_METHOD x(); METHOD PRIVATE FINAL n : INT n := 1; END_METHOD END_FUNCTION_BLOCK
=> (FUNCTION_BLOCK FB (METHOD m) (METHOD PRIVATE FINAL n : INT (:= n 1)) (call x))

FUNCTION_BLOCK ABSTRACT FB METHOD ABSTRACT m : INT END_METHOD END_FUNCTION_BLOCK
=> (FUNCTION_BLOCK ABSTRACT FB (METHOD ABSTRACT m : INT bare))

FUNCTION_BLOCK FB PROPERTY PROTECTED P : INT GET VAR x : INT; END_VAR P := x; END_GET SET PRIVATE y := P;
    END_SET END_PROPERTY END_FUNCTION_BLOCK
=> (FUNCTION_BLOCK FB (PROPERTY PROTECTED P : INT (METHOD GET (VAR x: INT) (:= P x)) (METHOD PRIVATE SET (:= y
   P))))

FUNCTION_BLOCK FB ACTION a: x := 1; END_ACTION END_FUNCTION_BLOCK
=> (FUNCTION_BLOCK FB (ACTION a (:= x 1)))

PROGRAM P END_PROGRAM ACTION a: x(); END_ACTION METHOD m END_METHOD
=> (PROGRAM P (METHOD m) (ACTION a (call x)))

INTERFACE I EXTENDS A, B METHOD m : BOOL VAR_INPUT x : INT; END_VAR END_METHOD PROPERTY p : INT GET END_GET
    END_PROPERTY END_INTERFACE
=> (INTERFACE I < A, B (METHOD m : BOOL (VAR_INPUT x: INT) bare) (PROPERTY p : INT (METHOD GET bare)) bare)

FUNCTIONBLOCK FB END_FUNCTIONBLOCK
=> (FUNCTION_BLOCK FB)
"""
"""A text, and behind each => one declaration that it makes."""


def variables_of(text: str) -> list[str]:
    """The variables of one VAR block, as texts."""
    unit = unit_of(f"PROGRAM P\nVAR\n{text}\nEND_VAR\nEND_PROGRAM")
    return [variable(declaration) for declaration in unit.pous[0].blocks[0].variables]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a : INT;", ["a: INT"]),
        ("a, b : INT := 5;", ["a: INT := 5", "b: INT := 5"]),
        ("a AT %I* : BOOL;", ["a@%I*: BOOL"]),
        ("a AT %QX1.0 : BOOL := TRUE;", ["a@%QX1.0: BOOL := True"]),
        ("at : INT; set : BOOL; test : INT;", ["at: INT", "set: BOOL", "test: INT"]),
        ("t : Tc2_Standard.TON;", ["t: Tc2_Standard.TON"]),
        (
            "s : STRING; s2 : STRING(20); s3 : STRING[n + 1]; w : WSTRING(5);",
            ["s: STRING", "s2: STRING(20)", "s3: STRING((+ n 1))", "w: WSTRING(5)"],
        ),
        ("s : STRING(3) := 'abc';", ["s: STRING(3) := b'abc'"]),
        ("a : ARRAY[0..9] OF INT;", ["a: ARRAY[0..9] OF INT"]),
        ("a : ARRAY [1..n, -1..1] OF ARRAY[0..1] OF BOOL;", ["a: ARRAY[1..n,(- 1)..1] OF ARRAY[0..1] OF BOOL"]),
        ("a : ARRAY[*, *] OF INT;", ["a: ARRAY[*,*] OF INT"]),
        (
            "p : POINTER TO POINTER TO INT; r : REFERENCE TO ST_X REF= x;",
            ["p: POINTER TO POINTER TO INT", "r: REFERENCE TO ST_X := x"],
        ),
        ("i : INT(0..100) := 5;", ["i: INT(0..100) := 5"]),
        ("e : (Idle, Busy := 5) UINT := Busy;", ["e: (Idle, Busy=5) UINT := Busy"]),
        ("a : ARRAY[1..3] OF INT := [1, 2(5)];", ["a: ARRAY[1..3] OF INT := [1 2x5]"]),
        ("a : ARRAY[1..3] OF INT := 1, 2, 3;", ["a: ARRAY[1..3] OF INT := [1 2 3]"]),
        ("a : ARRAY[1..9] OF INT := 9(0);", ["a: ARRAY[1..9] OF INT := [9x0]"]),
        (
            "a : ARRAY[1..2, 1..2] OF INT := [[1, 2], [3(), 4]];",
            ["a: ARRAY[1..2,1..2] OF INT := [[1 2] [3xdefault 4]]"],
        ),
        ("s : ST_X := (a := 1, b := [1, 2], c := (d := 3));", ["s: ST_X := {a=1 b=[1 2] c={d=3}}"]),
        ("a : ARRAY[1..2] OF ST_X := [(a := 1), 1((a := 2))];", ["a: ARRAY[1..2] OF ST_X := [{a=1} 1x{a=2}]"]),
        ("fb : FB_X(x := 1, 2) := (in := 3);", ["fb: FB_X(x:=1 2) := {in=3}"]),
        ("fb : FB_X();", ["fb: FB_X()"]),
        ("a : ARRAY[1..2] OF FB_X[(x := 1), (x := 2)];", ["a: ARRAY[1..2] OF FB_X[(x:=1) (x:=2)]"]),
        ("r : REAL := -1.5 * (2 + cX);", ["r: REAL := (* (- 1.5) (+ 2 cX))"]),
        ("i : I_Face := fb;", ["i: I_Face := fb"]),
    ],
)
def test_a_declared_variable_becomes_this(text: str, shown: list[str]) -> None:
    """Every type, address, argument and initial value that a declaration can have."""
    assert variables_of(text) == shown


@pytest.mark.parametrize("case", TABLE.strip().split("\n\n"))
def test_a_declaration_becomes_this_tree(case: str) -> None:
    """Types, global lists and units of every kind, as plain text has them."""
    text, *shown = (" ".join(part.split()) for part in case.split("\n=> "))
    assert [tree.replace(" )", ")") for tree in declared(text)] == shown


def test_attributes_belong_to_what_follows() -> None:
    """A type, a list, a block, a variable, a member and a unit each have the attributes right before them."""
    unit = unit_of("""
{attribute 'qualified_only'}
{attribute 'strict' := 'yes'}
TYPE E : ({attribute 'first'} a, b); END_TYPE
TYPE {attribute 'pack_mode' := '1'} S : STRUCT {attribute 'x'} m : INT; n : INT; END_STRUCT END_TYPE
{attribute 'list'}
VAR_GLOBAL
    {attribute displaymode := 'hex'}
    {region "not an attribute"}
    v, w : INT;
END_VAR
{attribute 'unit'}
FUNCTION_BLOCK FB
{attribute 'block'}
VAR x : INT; END_VAR
{attribute 'TcRpcEnable'}
METHOD m END_METHOD
END_FUNCTION_BLOCK
""")
    enum, struct = unit.types
    assert enum.attributes == (Pragma("qualified_only"), Pragma("strict", "yes"))
    assert isinstance(enum.definition, EnumOf)
    assert [member.attributes for member in enum.definition.members] == [(Pragma("first"),), ()]
    assert struct.attributes == (Pragma("pack_mode", "1"),)
    assert isinstance(struct.definition, StructDef)
    assert [member.attributes for member in struct.definition.members] == [(Pragma("x"),), ()]
    listed = unit.globals[0]
    assert listed.attributes == (Pragma("list"),)
    assert [each.attributes for each in listed.blocks[0].variables] == [(Pragma("displaymode", "hex"),)] * 2
    block = unit.pous[0]
    assert (block.attributes, block.blocks[0].attributes) == ((Pragma("unit"),), (Pragma("block"),))
    assert block.methods[0].attributes == (Pragma("TcRpcEnable"),)


def test_comments_belong_to_their_declaration() -> None:
    """The comment behind a declaration on its line, else those on the lines right above it."""
    unit = unit_of("""
// far away

// The block
// of the axis.
{attribute 'unit'}
FUNCTION_BLOCK FB
VAR
    a : INT; // behind a
    // above b
    b : INT;
    c : INT; (* behind c *) d : INT;
    // above e
    {attribute 'x'}
    e : ARRAY[0..1]
        OF INT; // behind e
    f : INT;
END_VAR
END_FUNCTION_BLOCK
TYPE E : ( // of the bracket
    a, // behind a
    // above b
    b
); END_TYPE
""")
    block = unit.pous[0]
    assert block.comment == "The block\nof the axis."
    comments = [each.comment for each in block.blocks[0].variables]
    assert comments == ["behind a", "above b", "behind c", "", "behind e", ""]
    enum = unit.types[0].definition
    assert isinstance(enum, EnumOf)
    assert [each.comment for each in enum.members] == ["behind a", "above b"]


def test_a_list_has_its_file_s_name() -> None:
    """`lists/GVL_Test.st` holds GVL_Test."""
    assert [listed.name for listed in unit_of("VAR_GLOBAL END_VAR").globals] == ["GVL_Test"]
