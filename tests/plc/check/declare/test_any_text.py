"""Whatever is written, the checker answers with messages."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from plc_shapes import SHAPES
from plc_wrong import check_text

WHOLE = (
    SHAPES
    + """
        TYPE E_State : (Idle, Busy := 7, Done) UINT := Busy; END_TYPE
        TYPE ST_Node EXTENDS ST_Base : STRUCT
            next : POINTER TO ST_Node;
            list : ARRAY [0..cCount] OF STRING(cCount) := [2('a')];
        END_STRUCT END_TYPE
        TYPE ST_Base : STRUCT
            b : BIT;
            n : INT (1..cCount) := 3;
        END_STRUCT END_TYPE
        VAR_GLOBAL CONSTANT
            cCount : INT := SIZEOF(ST_Base) + E_State.Done;
        END_VAR
        FUNCTION F_Sum : ST_Base
        VAR_IN_OUT
            list : ARRAY [*] OF INT;
        END_VAR
            F_Sum.n := list[1];
        END_FUNCTION
        PROGRAM MAIN
        VAR
            cube : FB_Cube;
            shape : I_Shape := cube;
            node : ST_Node := (n := 4, next := ADR(node));
            out AT %QW0 : INT := 2;
            list : ARRAY [1..3] OF INT := [3(1)];
            r : REFERENCE TO INT := list[1];
        END_VAR
            node.n := F_Sum(list).n;
            r := LREAL_TO_INT(shape.Area());
        END_PROGRAM
"""
)
TOKENS = re.findall(r"\s+|[A-Za-z_0-9#.%]+|.", WHOLE)
WORDS = sorted({token for token in TOKENS if token.strip()})
places = st.integers(0, len(TOKENS) - 1)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("put"), places, st.sampled_from(WORDS)),
        st.tuples(st.just("drop"), places, st.just("")),
        st.tuples(st.just("add"), places, st.sampled_from(WORDS)),
    ),
    min_size=1,
    max_size=4,
)


def test_the_text_itself_is_right() -> None:
    """What is changed below is a right program."""
    assert check_text(WHOLE)[1].messages == []


@settings(max_examples=60, deadline=None)
@given(changes)
def test_any_change_gives_messages_and_no_exception(made: list[tuple[str, int, str]]) -> None:
    """A program with words exchanged, dropped or added is checked to its end."""
    tokens = list(TOKENS)
    for what, at, word in made:
        tokens[at] = {"put": word, "drop": "", "add": f"{tokens[at]} {word} "}[what]
    check_text("".join(tokens))
