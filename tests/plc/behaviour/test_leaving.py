"""FB_Exit, and methods with call_after_init: when they run, in which order, and what they are given."""

from __future__ import annotations

from plc_run import run_st, session_of

LOGGED = """
VAR_GLOBAL
    gOrder : STRING(200);
    gCopied : BOOL;
END_VAR
FUNCTION F_Note : BOOL
VAR_INPUT what : STRING(20); END_VAR
    gOrder := CONCAT(gOrder, what);
END_FUNCTION
FUNCTION_BLOCK FB_Part
VAR_INPUT name : STRING(4) := 'p'; END_VAR
METHOD FB_Exit : BOOL
VAR_INPUT bInCopyCode : BOOL; END_VAR
    F_Note(name);
    gCopied := gCopied OR bInCopyCode;
END_METHOD
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Base
VAR inner : FB_Part := (name := 'i'); END_VAR
METHOD FB_Exit : BOOL
VAR_INPUT bInCopyCode : BOOL; END_VAR
    F_Note('B');
END_METHOD
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Derived EXTENDS FB_Base
VAR first : FB_Part := (name := '1'); second : FB_Part := (name := '2'); END_VAR
METHOD FB_Exit : BOOL
VAR_INPUT bInCopyCode : BOOL; END_VAR
    F_Note('D');
END_METHOD
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Silent EXTENDS FB_Base
VAR n : INT; END_VAR
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Owner
VAR list : ARRAY [1..2] OF FB_Part := [(name := 'a'), (name := 'b')]; END_VAR
END_FUNCTION_BLOCK
TYPE ST_Pair : STRUCT left : FB_Part := (name := 'l'); n : INT; right : FB_Part := (name := 'r'); END_STRUCT END_TYPE
"""


def left(declared: str, statements: str = "") -> object:
    """The order of all FB_Exit after one cycle and the end."""
    session = session_of(f"{LOGGED}\nPROGRAM MAIN VAR {declared} END_VAR\n{statements};\nEND_PROGRAM")
    assert session.cycle() is None
    assert session.read("test.gOrder") == ""
    assert session.leave() is None
    assert session.read("test.gCopied") is False
    return session.read("test.gOrder")


def test_at_the_end_each_instance_is_left() -> None:
    """Derived first, then base; owner before what it holds; in the reverse of the order in which all was made."""
    assert left("d : FB_Derived;") == "D21Bi"
    assert left("a : FB_Part := (name := 'x'); b : FB_Part := (name := 'y');") == "yx"
    assert left("s : FB_Silent;") == "Bi"


def test_instances_are_left_wherever_they_lie() -> None:
    """In arrays, structures, blocks that have no FB_Exit of their own, VAR_STAT and VAR_INST; not through pointers."""
    assert left("o : FB_Owner;") == "ab"
    assert left("p : ST_Pair; r : REFERENCE TO FB_Part;") == "rl"
    assert left("m : ARRAY [0..1, 0..1] OF FB_Silent;") == "Bi" * 4
    text = """
    FUNCTION_BLOCK FB_M
    METHOD M : INT
    VAR_INST kept : FB_Part := (name := 'k'); END_VAR
    VAR_STAT one : FB_Part := (name := 's'); END_VAR
    VAR here : FB_Part := (name := 'h'); END_VAR
        M := 1;
    END_METHOD
    END_FUNCTION_BLOCK
    PROGRAM MAIN VAR x, y : FB_M; n : INT; END_VAR n := x.M() + y.M(); END_PROGRAM
    """
    session = session_of(LOGGED + text)
    assert session.cycle() is None
    assert session.leave() is None
    assert sorted(str(session.read("test.gOrder"))) == ["k", "k", "s"]


def test_nothing_to_leave_is_no_code() -> None:
    """A program without FB_Exit exports none."""
    session = session_of("PROGRAM MAIN VAR t : TON; END_VAR t(); END_PROGRAM")
    assert session.program.leave.body == []
    assert session.leave() is None


def test_delete_leaves_the_whole_instance() -> None:
    """__DELETE through a pointer to the base runs the derived FB_Exit, the base's, and those of what it holds."""
    text = f"""{LOGGED}
    PROGRAM MAIN
    VAR p : POINTER TO FB_Base; d : POINTER TO FB_Derived; o : POINTER TO FB_Owner; seen : STRING(80); END_VAR
        d := __NEW(FB_Derived);
        p := d;
        __DELETE(p);
        o := __NEW(FB_Owner);
        __DELETE(o);
        seen := gOrder;
        gOrder := '';
    END_PROGRAM
    """
    assert run_st(text, ["MAIN.seen"], 2) == {"MAIN.seen": ["D21Biab", "D21Biab"]}


AFTER = """
VAR_GLOBAL gCount : INT; END_VAR
{attribute 'call_after_init'}
FUNCTION_BLOCK FB_A
VAR_INPUT in1 : INT := 1; END_VAR
VAR seen, order : INT; END_VAR
METHOD FB_Init : BOOL
VAR_INPUT bInitRetains : BOOL; bInCopyCode : BOOL; END_VAR
    order := 1;
END_METHOD
{attribute 'call_after_init'}
METHOD FB_AfterInit : BOOL
    seen := in1;
    order := order * 10 + 2;
    gCount := gCount + 1;
END_METHOD
END_FUNCTION_BLOCK
{attribute 'call_after_init'}
FUNCTION_BLOCK FB_B EXTENDS FB_A
VAR own : INT; END_VAR
{attribute 'call_after_init'}
METHOD FB_AfterInit : BOOL
    SUPER^.FB_AfterInit();
    own := seen * 2;
END_METHOD
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Without EXTENDS FB_A
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Holder
VAR a : FB_A := (in1 := 5); END_VAR
END_FUNCTION_BLOCK
"""


def test_methods_run_behind_the_initial_values() -> None:
    """Behind FB_Init and behind the declaration's values; overridden ones as the class has them; in arrays, blocks,
    and with __NEW. A class without the attribute does not call them."""
    text = f"""{AFTER}
    PROGRAM MAIN
    VAR
        a : FB_A := (in1 := 99);
        b : FB_B := (in1 := 7);
        w : FB_Without := (in1 := 3);
        l : ARRAY [0..1] OF FB_A := [(in1 := 4), (in1 := 6)];
        h : FB_Holder;
        p : POINTER TO FB_B;
        made : INT;
        before : INT := 0;
    END_VAR
        before := gCount;
        p := __NEW(FB_B);
        made := p^.own;
        __DELETE(p);
    END_PROGRAM
    """
    watch = {
        "MAIN.a.seen": 99, "MAIN.a.order": 12, "MAIN.b.seen": 7, "MAIN.b.own": 14, "MAIN.w.order": 1,
        "MAIN.l[0].seen": 4, "MAIN.l[1].seen": 6, "MAIN.h.a.seen": 5, "MAIN.made": 2, "MAIN.before": 5,
    }  # fmt: skip
    found = run_st(text, list(watch))
    assert {name: values[-1] for name, values in found.items()} == watch
