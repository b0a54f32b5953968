"""Symbols and types from .tmc and .tpy files."""

from __future__ import annotations

import contextlib
from xml.sax.saxutils import escape

import pytest
from build_iec import BIT, BYTE, DINT, INT, REAL, UDINT, array, le
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.simulate.description import Description
from dinrail.ads.simulate.device import SimulatedDevice
from dinrail.ads.simulate.project import from_project
from dinrail.errors import BadRequest, FormatError
from dinrail.iec import types as iec


def tag(name: str, *parts: object, **attributes: str) -> str:
    """An element; parts that are elements stay, others are text."""
    inner = "".join(part if isinstance(part, str) and part.startswith("<") else escape(str(part)) for part in parts)
    return f"<{name}{''.join(f' {key}={value!r}' for key, value in attributes.items())}>{inner}</{name}>"


def bounds(lower: int, count: int) -> str:
    return tag("ArrayInfo", tag("LBound", lower), tag("Elements", count))


def item(name: str, kind: str, bits: int, at: int, *more: str, **attributes: str) -> str:
    place = (tag("BitSize", bits), tag("BitOffs", at))
    return tag("SubItem", tag("Name", name), tag("Type", kind, **attributes), *place, *more)


def data_type(name: str, bits: int, *more: str) -> str:
    return tag("DataType", tag("Name", name), tag("BitSize", bits), *more)


def symbol(name: str, kind: str, bits: int, at: int, *more: str, **attributes: str) -> str:
    place = (tag("BitSize", bits), tag("BaseType", kind, **attributes), tag("BitOffs", at))
    return tag("Symbol", tag("Name", name), *place, *more)


def properties(**values: str) -> str:
    return tag("Properties", *(tag("Property", tag("Name", k), tag("Value", v)) for k, v in values.items()))


def tmc(types: str, symbols: str, area: str = "Internal") -> Description:
    where = tag("DataArea", f"<AreaNo AreaType='{area}'>3</AreaNo>", symbols)
    port = properties(AdsPort="852")
    text = tag("TcModuleClass", tag("DataTypes", types), tag("Modules", tag("Module", tag("DataAreas", where), port)))
    return from_project(text.encode(), where="x.tmc")


def kinds(description: Description) -> dict[str, iec.IecType]:
    return {one.name: one.type for one in description.symbols}


TYPES = (
    data_type("E_Mode", 16, tag("BaseType", "INT"), tag("EnumInfo", tag("Text", "Off"), tag("Enum", -1)))
    + data_type("T_Text", 88, tag("BaseType", "STRING(10)"))
    + data_type(
        "ST_In", 64, item("n", "INT", 16, 0, tag("Default", tag("Value", 5))), item("r", "REAL", 32, 32),
        item("b0", "BIT", 1, 16), item("b1", "BIT", 1, 17),
    )
    + data_type(
        "FB_Out", 512, item("a", "ST_In", 128, 0, bounds(1, 2)), item("p", "BYTE", 64, 128, PointerTo="1"),
        item("q", "ST_In", 64, 192, ReferenceTo="true"), item("s", "T_Text", 88, 256),
        tag(
            "Method", tag("Name", "Do"), tag("ReturnType", "BOOL"), tag("ReturnBitSize", 8),
            tag("Parameter", tag("Name", "x"), tag("Type", "DINT"), tag("BitSize", 32)),
            tag("Parameter", tag("Name", "y"), tag("Type", "REAL"), tag("BitSize", 32), properties(ItemType="Output")),
        ),
    )
    + data_type("I_Face", 64, tag("Method", tag("Name", "Run")))
)  # fmt: skip


def test_symbols_lie_where_the_compiler_put_them() -> None:
    """Offsets, types, comments and attributes of a .tmc; the area decides the index group."""
    given = tmc(
        "", symbol("MAIN.n", "INT", 16, 3_080_000, tag("Comment", " why "), properties(unit="mm", TcPersistent=""))
    )
    (one,) = given.symbols
    assert (one.name, one.type, one.group, one.offset, one.comment) == ("MAIN.n", INT, 0x4040, 385_000, "why")
    assert (one.attributes[0], one.persistent) == (iec.Attribute("unit", "mm"), True)
    assert given.port == 852
    groups = {
        area: tmc("", symbol("a", "INT", 16, 0), area).symbols[0].group for area in ("InputDst", "OutputSrc", "MArea")
    }
    assert groups == {"InputDst": 0xF020, "OutputSrc": 0xF030, "MArea": 0x4020}


def test_types_are_built_as_they_lie() -> None:
    """Structures, bits, arrays, pointers, references, enumerations, aliases, methods."""
    found = kinds(
        tmc(TYPES, symbol("fb", "FB_Out", 512, 0) + symbol("e", "E_Mode", 16, 512) + symbol("i", "I_Face", 64, 576))
    )
    fb = found["fb"]
    assert isinstance(fb, iec.StructType)
    members = {member.name: member for member in fb.members}
    inner = members["a"].type
    assert isinstance(inner, iec.ArrayType)
    assert isinstance(inner.element, iec.StructType)
    assert [(m.name, m.offset_bytes, m.bit) for m in inner.element.members] == [
        ("n", 0, None), ("r", 4, None), ("b0", 2, 0), ("b1", 2, 1)
    ]  # fmt: skip
    assert inner.element.members[2].type == BIT
    assert members["p"].type == iec.PointerType(BYTE)
    reference = members["q"].type
    assert isinstance(reference, iec.PointerType)
    assert (reference.is_reference, reference.target.name) == (True, "ST_In")
    assert members["s"].type == iec.AliasType("T_Text", iec.StringType(10))
    assert fb.methods == (
        iec.Method(
            "Do",
            iec.ElementaryType(iec.Elementary.BOOL),
            (iec.Parameter("x", DINT), iec.Parameter("y", REAL, iec.Passing.OUT)),
        ),
    )
    assert found["e"] == iec.EnumType("E_Mode", (("Off", -1),))
    assert isinstance(found["i"], iec.StructType)


def test_first_values_are_those_of_the_project() -> None:
    """A symbol's own default, one of its parts', and those that its type declares for members."""
    part = tag("SubItem", tag("Name", ".a[2].r"), tag("Value", "2.5")) + tag(
        "SubItem", tag("Name", ".s"), tag("String", "hi")
    )
    given = tmc(
        TYPES,
        symbol("fb", "FB_Out", 512, 0, tag("Default", part))
        + symbol("n", "INT", 16, 512, tag("Default", tag("Value", "7")))
        + symbol("e", "E_Mode", 16, 544, tag("Default", tag("EnumText", "E_Mode.Off")))
        + symbol("odd", "INT", 16, 576, tag("Default", tag("Value", "what only the compiler knows"))),
    )
    values = dict(given.values)
    assert values["fb"] == (le("hxxf", 5, 0) + le("hxxf", 5, 2.5) + bytes(16) + b"hi").ljust(64, b"\0")
    assert (values["n"], values["e"]) == (le("h", 7), le("h", -1))
    assert "odd" not in values


def test_what_does_not_fit_together_is_opaque() -> None:
    """An unknown type, a size that differs and a member outside: bytes of the size that is said."""
    bad = data_type("ST_Bad", 16, item("n", "DINT", 32, 0))
    found = kinds(tmc(bad, symbol("a", "ST_Nope", 32, 0) + symbol("b", "INT", 32, 32) + symbol("c", "ST_Bad", 16, 64)))
    assert found == {
        "a": iec.OpaqueType("ST_Nope", 4), "b": iec.OpaqueType("INT", 4), "c": iec.OpaqueType("ST_Bad", 2)
    }  # fmt: skip


def test_32_bit_projects_have_their_pointers() -> None:
    """A pointer has the size that the project says, also in an array."""
    found = kinds(
        tmc("", symbol("p", "INT", 32, 0, PointerTo="1") + symbol("a", "INT", 96, 32, bounds(0, 3), PointerTo="1"))
    )
    assert found["p"] == iec.PointerType(INT, False, 4, 4)
    assert found["a"] == array(iec.PointerType(INT, False, 4, 4), (0, 2))


def test_a_reference_to_an_array_is_one_address() -> None:
    """With the size of one address it refers to the array; with the size of many, each element is one."""
    one = symbol("r", "INT", 64, 0, bounds(0, 4), ReferenceTo="true")
    many = symbol("p", "INT", 256, 64, bounds(0, 4), PointerTo="1")
    found = kinds(tmc("", one + many))
    assert found["r"] == iec.PointerType(array(INT, (0, 3)), is_reference=True)
    assert found["p"] == array(iec.PointerType(INT), (0, 3))


def test_circles_of_pointers_end() -> None:
    """Structures that point to each other are built, and paths go round."""
    types = data_type("A", 128, item("n", "INT", 16, 0), item("b", "B", 64, 64, PointerTo="1")) + data_type(
        "B", 192, item("a", "A", 128, 0), item("m", "INT", 16, 128)
    )
    device = SimulatedDevice(tmc(types, symbol("x", "A", 128, 0)))
    assert device.table.find("x.b^.a.b^.m").type == INT


def test_tpy_names_arrays_and_addresses_in_its_own_way() -> None:
    """In a .tpy an array is a type with bounds, and a symbol has group and offset."""
    types = data_type("ARRAY [0..3] OF BYTE", 32, tag("Type", "BYTE"), bounds(0, 4)) + data_type(
        "ST", 64, item("a", "ARRAY [0..3] OF BYTE", 32, 0), item("n", "UDINT", 32, 32)
    )
    places = tag("IGroup", 16448), tag("IOffset", 385_002)
    text = tag(
        "PlcProjectInfo",
        tag("RoutingInfo", tag("AdsInfo", tag("Port", 853))),
        tag("DataTypes", types),
        tag("Symbols", tag("Symbol", tag("Name", "MAIN.st"), tag("Type", "ST"), *places, tag("BitSize", 64))),
    )
    given = from_project(text.encode(), where="x.tpy")
    (one,) = given.symbols
    assert (one.name, one.group, one.offset, given.port) == ("MAIN.st", 0x4040, 385_002, 853)
    assert isinstance(one.type, iec.StructType)
    assert [member.type for member in one.type.members] == [array(BYTE, (0, 3)), UDINT]


def test_symbols_at_services_are_moved() -> None:
    """A symbol whose index group is no memory gets a place in the data area, so that it can be served."""
    places = tag("IGroup", 0xF019), tag("IOffset", 0)
    one = tag("Symbol", tag("Name", "prop"), tag("Type", "INT"), *places, tag("BitSize", 16))
    (moved,) = from_project(tag("PlcProjectInfo", tag("Symbols", one)).encode(), where="x.tpy").symbols
    assert moved.group == 0x4040


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<a/>", "begins with <a>"),
        (tag("TcModuleClass", data_type("A", 8).replace("8", "x")), "'x' is no number"),
        (tag("PlcProjectInfo", tag("Symbols", tag("Symbol", tag("IOffset", 10**12)))), "beyond all measure"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(text: str, says: str) -> None:
    """Another kind of XML, and numbers that are none, are told with their place."""
    with pytest.raises(FormatError) as fault:
        from_project(text.encode(), where="x.tmc")
    assert says in str(fault.value)


def test_a_symbol_beyond_all_measure_is_refused() -> None:
    """An offset that no memory of ours would hold is a BadRequest, not an allocation."""
    with pytest.raises(BadRequest, match="beyond all measure"):
        tmc("", symbol("far", "INT", 16, 1 << 32))


words = st.sampled_from(["INT", "A", "B", "STRING(5)", "ARRAY [0..3] OF A", "POINTER TO B", "", "x"])
numbers = st.sampled_from([-8, 0, 1, 8, 16, 32, 64, 128, 1 << 22])


@given(st.lists(st.tuples(words, numbers, words, numbers, numbers, st.booleans()), max_size=6), words, numbers)
def test_any_project_gives_a_device_or_an_error(
    parts: list[tuple[str, int, str, int, int, bool]], kind: str, bits: int
) -> None:
    """However types refer to each other, and whatever sizes are said, nothing else is raised."""
    types = "".join(
        data_type(name, size, item("m", inner, width, at, bounds(0, 2) if many else "<x/>"))
        for name, size, inner, width, at, many in parts
    )
    with contextlib.suppress(FormatError, BadRequest):
        SimulatedDevice(tmc(types, symbol("v", kind, bits, 0)))
