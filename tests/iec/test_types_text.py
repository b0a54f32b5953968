"""Types as they are declared."""

from __future__ import annotations

import contextlib

import pytest
from build_iec import INT, POINT, REAL, array
from hypothesis import given
from hypothesis import strategies as st

from dinrail.errors import BadRequest
from dinrail.iec.types import (
    AliasType,
    ArrayType,
    Bound,
    Elementary,
    ElementaryType,
    Encoding,
    IecType,
    PointerType,
    StringType,
    WStringType,
)
from dinrail.iec.types_text import MAX_DEPTH, parse_type

bounds = st.lists(st.builds(Bound, st.integers(-9, 9), st.integers(0, 3)), min_size=1, max_size=3).map(tuple)
declared = st.recursive(
    st.one_of(
        st.sampled_from(Elementary).map(ElementaryType),
        st.builds(StringType, st.integers(0, 300)),
        st.builds(WStringType, st.integers(0, 300)),
        st.just(POINT),
    ),
    lambda inner: st.one_of(st.builds(ArrayType, inner, bounds), st.builds(PointerType, inner, st.booleans())),
    max_leaves=5,
)


def lookup(name: str) -> IecType | None:
    return POINT if name.lower() == "st_point" else None


@given(declared)
def test_a_type_s_name_is_its_declaration(kind: IecType) -> None:
    """Reading the name of any type gives the type, in any case."""
    assert parse_type(kind.name, lookup) == kind
    assert parse_type(f"  {kind.name.lower()} ", lookup) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("STRING", StringType(80)),
        ("string[20]", StringType(20)),
        ("WSTRING ( 5 )", WStringType(5)),
        ("TOD", ElementaryType(Elementary.TIME_OF_DAY)),
        ("DT", ElementaryType(Elementary.DATE_AND_TIME)),
        ("UINT16", ElementaryType(Elementary.UINT)),
        ("ARRAY[1..2,-1..0]OF REAL", array(REAL, (1, 2), (-1, 0))),
        ("ARRAY [0..1] OF ARRAY [2..3] OF INT", array(array(INT, (2, 3)), (0, 1))),
        ("ARRAY [0..-1] OF INT", array(INT, (0, -1))),
        ("INT (0..100)", AliasType("INT (0..100)", INT, 0, 100)),
        ("PVOID", AliasType("PVOID", ElementaryType(Elementary.ULINT))),
    ],
)
def test_every_spelling_is_read(text: str, kind: IecType) -> None:
    """Spaces, brackets, synonyms, subranges and nested arrays are read as the compiler does."""
    assert parse_type(text) == kind


def test_the_encoding_and_the_size_of_pointers_are_the_caller_s() -> None:
    """STRINGs take the encoding that is given, pointers the size."""
    assert parse_type("STRING(5)", encoding=Encoding.UTF_8) == StringType(5, Encoding.UTF_8)
    assert parse_type("POINTER TO INT", pointer_bytes=4).size_bytes == 4


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "there is no type ''"),
        ("ST_Nope", "there is no type 'ST_Nope'"),
        ("ARRAY [] OF INT", "'' is no range"),
        ("ARRAY [5..1] OF INT", "'5..1' is no range"),
        ("ARRAY [*] OF INT", "'*' is no range"),
        ("ARRAY [1..2] INT", "there is no type"),
        ("POINTER INT", "there is no type"),
        ("INT (9..1)", "there is no type"),
        ("STRING(9999999999)", "there is no type"),
        ("ARRAY [0..99999999] OF LREAL", "bytes, 268435456 are allowed"),
        ("ARRAY [0..999999999] OF ARRAY [0..999999999] OF INT", "are allowed"),
        ("POINTER TO " * (MAX_DEPTH + 2) + "INT", "nested too deeply"),
        ("x" * 100_000, "too long"),
    ],
)
def test_what_is_no_type_is_told(text: str, why: str) -> None:
    """A text that declares no type, or one beyond all measure, is a BadRequest that says why."""
    with pytest.raises(BadRequest) as fault:
        parse_type(text, where="symbols.x")
    assert why in (fault.value.why or "")
    assert fault.value.where == "symbols.x"


@given(st.text("ARRAYOF[]POINTERTSG()0123.,- ST_x\n²"))
def test_any_text_gives_a_type_or_a_bad_request(text: str) -> None:
    """No text raises anything else."""
    with contextlib.suppress(BadRequest):
        assert parse_type(text, lookup).size_bytes >= 0
