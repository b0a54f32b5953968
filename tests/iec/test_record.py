"""Symbols as bytes: everything comes back, equal symbols give equal bytes, and other bytes are one clear error."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest
from build_iec import ADDER, AXIS, DINT, MODE, POINT, array, attributes, names, types
from hypothesis import given
from hypothesis import strategies as st

from dinrail.errors import FormatError
from dinrail.iec.record import record_of, symbols_of
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import OpaqueType, PointerType

SYMBOLS = (
    Symbol("MAIN.fbAxis", AXIS, 0x4040, 64, "the axis, in µm", read_only=True),
    Symbol("MAIN.aAdders", array(ADDER, (0, 3)), 0x4040, 512, persistent=True),
    Symbol("GVL.eMode", MODE, 0x4020, 2, is_static=True),
    Symbol("GVL.pOpaque", PointerType(OpaqueType("FB_Elsewhere", 12, 4)), 0x4040, 8),
)

symbols = st.builds(
    Symbol,
    names,
    types,
    st.sampled_from([0x4040, 0xF020, 0x4021]),
    st.integers(0, 0xFFFF_FFFF),
    st.text("abc ä€\n", max_size=9),
    attributes,
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


def test_every_kind_of_type_comes_back() -> None:
    """Structures with methods, arrays, enumerations, pointers and opaque types are what they were."""
    assert symbols_of(record_of(SYMBOLS)) == SYMBOLS


@given(st.lists(symbols, max_size=4))
def test_any_symbols_come_back(given: list[Symbol]) -> None:
    """Whatever the types are made of, and however they share their parts."""
    assert symbols_of(record_of(given)) == tuple(given)


def test_equal_symbols_give_equal_bytes() -> None:
    """The bytes rest on values, not on which objects are the same."""
    apart = [Symbol(one.name, copy.deepcopy(one.type), 1, 0) for one in SYMBOLS + SYMBOLS]
    together = [Symbol(one.name, one.type, 1, 0) for one in SYMBOLS + SYMBOLS]
    assert record_of(apart) == record_of(together)


def test_a_type_stands_once() -> None:
    """Ten thousand symbols of one type do not carry it ten thousand times."""
    many = [replace(SYMBOLS[0], name=f"MAIN.fb{at}", offset=at) for at in range(100)]
    table = json.loads(record_of(many))["types"]
    assert [row[1] for row in table if row[0] == "struct"] == ["ST_Point", "ST_Axis"]


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"types": []},
        {"types": [["elementary", "FLOAT"]], "symbols": []},
        {"types": [["array", 0, [[0, 1]]]], "symbols": []},
        {"types": [["elementary", "INT"], ["array", 0, []]], "symbols": []},
        {"types": [["elementary", "INT"], ["array", 0, [[0, 1 << 40]]]], "symbols": []},
        {"types": [["elementary", "INT"], ["alias", "A", -1, None, None, "", []]], "symbols": []},
        {"types": [["string", True, "cp1252"]], "symbols": []},
        {"types": [["string", 1, "latin-1"]], "symbols": []},
        {"types": [["wstring", -1]], "symbols": []},
        {
            "types": [["elementary", "LREAL"], ["struct", "S", 4, 4, "", "", [], [["a", 0, 0, None, "", []]], []]],
            "symbols": [],
        },
        {"types": [["wstring", 3], ["enum", "E", 0, [], "", []]], "symbols": []},
        {"types": [["elementary", "INT"]], "symbols": [["MAIN.x", 0, 0x4040, -1, "", [], 0]]},
        {"types": [["elementary", "INT"]], "symbols": [["MAIN.x", 1, 0x4040, 0, "", [], 0]]},
        {"types": [["elementary", "INT"]], "symbols": [["MAIN.x", 0, 0x4040, 0, "", [], 8]]},
        {"types": [["elementary", "INT"]], "symbols": [["MAIN.x", 0, 0x4040, 0, "", []]]},
    ],
)
def test_what_is_no_symbol_is_an_error(document: object) -> None:
    """A number out of its range, a type that is not there, a member outside its structure: FormatError."""
    with pytest.raises(FormatError):
        symbols_of(json.dumps(document).encode())


@given(st.binary(max_size=40))
def test_any_bytes_are_symbols_or_an_error(data: bytes) -> None:
    """Nothing else is ever raised."""
    try:
        symbols_of(data)
    except FormatError:
        return
    assert json.loads(data)["symbols"] == []


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=4)))
def test_any_types_are_symbols_or_an_error(row: object) -> None:
    """Rows of any shape."""
    for kind in ("struct", "array", "enum", "alias", "pointer"):
        document = {"types": [["elementary", "INT"], [kind, *(row if isinstance(row, list) else [row])]], "symbols": []}
        try:
            symbols_of(json.dumps(document).encode())
        except FormatError:
            continue


def test_a_pointer_leads_to_the_very_type() -> None:
    """POINTER TO a structure that is also declared elsewhere."""
    made = symbols_of(
        record_of([Symbol("a", PointerType(POINT), 1, 2), Symbol("b", POINT, 1, 8), Symbol("c", DINT, 1, 0)])
    )
    assert made[0].type == PointerType(made[1].type)
