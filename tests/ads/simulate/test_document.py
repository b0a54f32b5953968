"""Simulated devices from TOML and CSV."""

from __future__ import annotations

import contextlib

import pytest
from ads_device import Client
from build_iec import BOOL, DINT, INT, REAL, le
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.simulate.description import FIRST_DATA_OFFSET, Description
from dinrail.ads.simulate.device import SimulatedDevice
from dinrail.ads.simulate.document import MAX_FAULTS, from_csv, from_toml
from dinrail.ads.simulate.generators import Counter, Ramp
from dinrail.errors import BadRequest
from dinrail.iec import types as iec
from dinrail.units import MS_NS, S_NS


def no_files(name: str) -> str:
    raise BadRequest(f"there is no {name}")


def toml(text: str) -> Description:
    return from_toml(text, where="x.toml", read_text=no_files)


def faults_of(text: str) -> str:
    with pytest.raises(BadRequest) as fault:
        toml(text)
    assert fault.value.where == "x.toml"
    return "\n".join(fault.value.lines())


def test_a_device_says_what_it_is() -> None:
    """Name, version, port, cycle and encoding of names come from [device], and have TwinCAT's defaults."""
    given = toml('[device]\nname = "Mixer"\nversion = "2.3.4"\nport = 852\ncycle_ms = 1\nencoding = "cp1252"')
    assert (given.name, given.version, given.port, given.cycle_ns) == ("Mixer", (2, 3, 4), 852, MS_NS)
    assert given.encoding is iec.Encoding.CP1252
    assert (toml("").name, toml("").port, toml("").cycle_ns) == ("Plc30 App", 851, 10 * MS_NS)


def test_symbols_have_types_values_and_addresses() -> None:
    """Without an address a variable gets the next aligned one in the data area; `at` and group/offset place it."""
    given = toml("""
        [symbols]
        "MAIN.b" = "BOOL"
        "MAIN.n" = { type = "DINT", value = -5, comment = "c", read_only = true, persistent = true }
        "MAIN.m" = { type = "INT", at = "%MB10" }
        "MAIN.x" = { type = "BOOL", at = "%MX10.3" }
        "MAIN.i" = { type = "INT", at = "%IW2" }
        "MAIN.a" = { type = "INT", group = 0x4040, offset = 500, attributes = { unit = "mm" } }
    """)
    at = {symbol.name: (symbol.type, symbol.group, symbol.offset) for symbol in given.symbols}
    assert at["MAIN.b"][1:] == (0x4040, FIRST_DATA_OFFSET)
    assert at["MAIN.n"] == (DINT, 0x4040, FIRST_DATA_OFFSET + 4)
    assert at["MAIN.m"] == (INT, 0x4020, 10)
    assert at["MAIN.x"] == (BOOL, 0x4021, 83)
    assert at["MAIN.i"] == (INT, 0xF020, 2)
    assert at["MAIN.a"] == (INT, 0x4040, 500)
    number = given.symbols[1]
    assert (number.comment, number.read_only, number.persistent) == ("c", True, True)
    assert given.symbols[5].attributes == (iec.Attribute("unit", "mm"),)
    assert given.values == (("MAIN.n", le("i", -5)),)


def test_types_may_be_declared_in_any_order() -> None:
    """Structures, unions, enumerations, aliases, subranges, inheritance and pack_mode, before or after their use."""
    given = toml("""
        [symbols]
        "a" = { type = "ARRAY [1..2] OF ST_Outer", value = "[(p := (x := 1, y := 2), m := On), (p := (x := 3))]" }
        [types.ST_Outer]
        members = { p = "ST_Inner", m = "E_Mode", t = "T_Percent", u = "U_Any" }
        [types.ST_Inner]
        pack_mode = 1
        members = { x = "BYTE", y = { type = "DINT", comment = "why", attributes = { unit = "mm" } } }
        [types.E_Mode]
        base = "USINT"
        values = ["Off", "On"]
        [types.T_Percent]
        alias = "INT"
        low = 0
        high = 100
        [types.U_Any]
        union = { n = "DWORD", b = "ARRAY [0..3] OF BYTE" }
        [types.ST_More]
        extends = "ST_Inner"
        members = { z = "BOOL" }
    """)
    kinds = {kind.name: kind for kind in given.types}
    inner, outer, more = kinds["ST_Inner"], kinds["ST_Outer"], kinds["ST_More"]
    assert isinstance(inner, iec.StructType)
    assert isinstance(outer, iec.StructType)
    assert isinstance(more, iec.StructType)
    assert (inner.size_bytes, inner.attributes) == (5, (iec.Attribute("pack_mode", "1"),))
    assert (inner.members[1].comment, inner.members[1].attributes) == ("why", (iec.Attribute("unit", "mm"),))
    assert [member.offset_bytes for member in outer.members] == [0, 5, 6, 8]
    assert kinds["E_Mode"] == iec.EnumType("E_Mode", (("Off", 0), ("On", 1)), iec.ElementaryType(iec.Elementary.USINT))
    assert kinds["T_Percent"] == iec.AliasType("T_Percent", INT, 0, 100)
    assert ([m.name for m in more.members], more.extends) == (["x", "y", "z"], "ST_Inner")
    ((path, data),) = given.values
    assert (path, data) == ("a", b"\1\2\0\0\0\1" + bytes(6) + b"\3" + bytes(11))


def test_a_structure_may_point_to_itself() -> None:
    """A linked list is declared as in the PLC, and its path can be followed."""
    device = SimulatedDevice(
        toml("""
        [types.ST_Node]
        members = { n = "INT", pNext = "POINTER TO ST_Node" }
        [symbols]
        "node" = "ST_Node"
    """)
    )
    place = device.table.find("node.pNext^.pNext^.n")
    assert (place.type, len(place.steps)) == (INT, 2)


def test_generators_move_symbols_members_and_elements() -> None:
    """A symbol's own generator, and those of [generators] for parts of symbols."""
    given = toml("""
        [types.ST]
        members = { x = "REAL", n = "INT" }
        [symbols]
        "n" = { type = "INT", generator = "counter low=0 high=9" }
        "a" = "ARRAY [1..2] OF ST"
        [generators]
        "A[2].X" = { kind = "ramp", low = 0, high = 1, period_s = 1 }
    """)
    assert [(drive.path, drive.generator) for drive in given.drives] == [
        ("n", Counter(0, 9, 1, 10 * MS_NS)),
        ("a[2].x", Ramp(0, 1, S_NS)),
    ]


def test_methods_give_what_the_description_says() -> None:
    """A function block's methods are served: result and outputs as described, zero where nothing is said."""
    device = SimulatedDevice(
        toml("""
        [types.FB]
        members = { n = "UDINT" }
        [types.FB.methods.Get]
        inputs = { a = "INT" }
        outputs = { b = "INT", c = "REAL" }
        returns = "DINT"
        result = 42
        results = { b = 7 }
        [types.FB.methods.Nothing]
        [symbols]
        "fb" = "FB"
    """)
    )
    client = Client(device)
    result, handle = client.read_write(0xF003, 0, 4, b"fb#Get\0")
    assert result == 0
    assert client.read_write(0xF005, int.from_bytes(handle, "little"), 10, le("h", 1)) == (0, le("ihf", 42, 7, 0))
    result, handle = client.read_write(0xF003, 0, 4, b"FB#nothing")
    assert client.read_write(0xF005, int.from_bytes(handle, "little"), 0, b"") == (0, b"")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = ", "is no TOML"),
        ("[devise]\n", "devise: is no section; there are: device, types, symbols, generators"),
        ("symbols = 5", "symbols: is no section"),
        ("[device]\nport = 0", "device: port has to be a number from 1 to 65535"),
        ('[device]\nversion = "3"', "'3' is no version"),
        ('[device]\nencoding = "latin"', "'latin' is no encoding"),
        ("[device]\ncycle = 1", "device: cycle is not known here"),
        ('[symbols]\nx = "IN"', "symbols.x: 'IN' is no type (there is no type 'IN')"),
        ("[symbols]\nx = 5", "symbols.x: the type has to be a text"),
        ('[symbols]\nx = { type = "INT", vlaue = 1 }', "symbols.x: vlaue is not known here"),
        ('[symbols]\nx = { type = "INT", value = 99999 }', "symbols.x: 99999 is no INT (the range is"),
        ('[symbols]\nx = { type = "INT", at = "%MX1.1" }', "a INT cannot lie at the bit"),
        ('[symbols]\nx = { type = "INT", at = "MB1" }', "'MB1' is no address"),
        ('[symbols]\nx = { type = "INT", at = "%MB127999" }', "its area ends before that"),
        ('[symbols]\nx = { type = "INT", group = 0x4040 }', "group and offset belong together"),
        ('[symbols]\nx = { type = "INT", group = 0xF005, offset = 0 }', "index group 0xf005 cannot hold variables"),
        ('[symbols]\nx = "INT"\nX = "INT"', "the same name"),
        ('[generators]\nx = "counter"', "generators.x: symbol not found"),
        ('[symbols]\nx = "POINTER TO INT"\n[generators]\n"x^" = "counter"', "no variable at a fixed place"),
        ("[types]\nA = 5", "types.A: has to be a table"),
        ('[types.A]\nmembers = { a = "A" }', "types.A: contains itself"),
        ('[types.A]\nmembers = { a = "INT", A = "INT" }', "types.A.A: is there twice"),
        ("[types.A]\nmembers = 5", "types.A: members has to be a table"),
        ('[types.A]\nextends = "INT"', "INT is no structure"),
        ("[types.A]\npack_mode = 3", "pack_mode has to be 1, 2, 4 or 8"),
        ('[types.A]\nvalues = { X = 1 }\nbase = "REAL"', "base has to be an integer type"),
        ("[types.A]\nvalues = {}", "values has to be a table like"),
        ("[types.A]\nvalues = { X = 99999 }", "types.A: X: 99999 is no INT"),
        ('[types.A]\nalias = "INT"\nlow = "x"', "low and high have to be whole numbers"),
        ('[types.A]\nalias = "B"', "there is no type 'B'"),
        ('[types.A]\nmethods.M = { returns = "INT", result = "x" }', "types.A.methods.M: 'x' is no INT"),
        ("[types.A]\nmethods.M = { results = { q = 1 } }", "there is no output q"),
        ("[types.A]\nmethods.M = { result = 1 }", "a result needs a type"),
        ("[types.A]\n[types.a]", "types.a: is declared twice"),
    ],
)
def test_each_mistake_is_told_with_its_place(text: str, says: str) -> None:
    """Whatever is wrong, the line says where and what."""
    assert says in faults_of(text)


def test_all_mistakes_are_told_at_once() -> None:
    """One reading tells every fault of the document, up to a number that a person reads."""
    told = faults_of('[symbols]\na = "X"\nb = { type = "INT", value = "y" }\nc = { type = "INT", generator = "z" }')
    assert all(place in told for place in ("has 3 faults", "symbols.a", "symbols.b", "symbols.c"))
    many = "[symbols]\n" + "\n".join(f's{at} = "X"' for at in range(MAX_FAULTS + 50))
    assert "and 50 more" in faults_of(many)


@given(
    st.recursive(
        st.one_of(st.integers(), st.booleans(), st.text(max_size=6)),
        lambda x: st.dictionaries(
            st.sampled_from(["type", "value", "members", "values", "alias", "at", "INT"]), x, max_size=3
        ),
        max_leaves=6,
    )
)
def test_any_document_gives_a_device_or_a_bad_request(spec: object) -> None:
    """However a document is built, nothing else is raised."""

    def written(value: object) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key} = {written(part)}" for key, part in value.items()) + "}"
        if isinstance(value, bool):
            return str(value).lower()
        return str(value) if isinstance(value, int) else '"' + "".join(c for c in str(value) if c.isalnum()) + '"'

    for text in (f'[types]\nT = {written(spec)}\n[symbols]\nx = "T"', f"[symbols]\nx = {written(spec)}"):
        with contextlib.suppress(BadRequest):
            SimulatedDevice(toml(text))


def test_csv_is_a_list_of_symbols() -> None:
    """Commas, semicolons or tabs; only name and type have to be there; values in IEC notation."""
    for mark in ",;\t":
        lines = [
            "name|type|value|generator",
            "MAIN.n|INT|16#FF|",
            "MAIN.f|REAL||sine low=-1 high=1",
            "MAIN.s|STRING(5)|abc|",
        ]
        given = from_csv("\n".join(lines).replace("|", mark), where="x.csv", read_text=no_files)
        assert [(symbol.name, symbol.type) for symbol in given.symbols] == [
            ("MAIN.n", INT), ("MAIN.f", REAL), ("MAIN.s", iec.StringType(5))
        ]  # fmt: skip
        assert dict(given.values) == {"MAIN.n": le("h", 255), "MAIN.s": b"abc\0\0\0"}
        assert [drive.path for drive in given.drives] == ["MAIN.f"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has the columns none"),
        ("name,kind\na,INT", "has the columns name, kind"),
        ("name,type\na,INT\na,INT", "line 3: a is there twice"),
        ("name,type\n,INT", "a symbol without a name"),
        ("name,type\na,INT,5", "line 2: has more columns"),
        ("name,type,value\na,INT,x\nb,QQ,1", "symbols.b: 'QQ' is no type"),
    ],
)
def test_mistakes_in_csv_are_told_with_their_place(text: str, says: str) -> None:
    """Whatever is wrong, the line or symbol is named."""
    with pytest.raises(BadRequest) as fault:
        from_csv(text, where="x.csv", read_text=no_files)
    assert says in "\n".join(fault.value.lines())
