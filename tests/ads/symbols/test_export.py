"""What clients read about symbols and types: the entries, as TwinCAT 3 makes them."""

from __future__ import annotations

import pytest
from build_iec import ADDER, AXIS, BOOL, DINT, INT, LREAL, MODE, POINT, REAL, array, struct_of

from dinrail.ads.symbols.export import Exporter
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ams.datatype import DataTypeEntry, TypeFlag, parse_types
from dinrail.ams.entry import ArrayBound, Attribute, DataTypeId
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.symbol import SymbolEntry, parse_symbols
from dinrail.ams.text import CP1252, UTF_8
from dinrail.iec import types as iec
from dinrail.iec.structure import structure
from dinrail.iec.symbol import Symbol

DATE_AND_TIME = iec.ElementaryType(iec.Elementary.DATE_AND_TIME)
PACKED = (iec.Attribute("pack_mode", "3"), iec.Attribute("ads-client-datatype-attribute", "example-datatype-value-ääö"))
ST_STRUCT = struct_of("ST_Struct", ("SomeText", iec.StringType(50)), ("SomeReal", REAL), ("SomeDate", DATE_AND_TIME))
ST_TEST = structure(
    "ST_TestDataType", [iec.Member("Member", ST_STRUCT, 0)], comment="Test comment äääöö ", attributes=PACKED
)
PERCENT = iec.AliasType("T_Percent", INT, 0, 100)


def exporter(encoding: iec.Encoding = iec.Encoding.UTF_8) -> Exporter:
    return Exporter(
        SymbolTable(
            [
                Symbol("GVL.test", ST_TEST, 0x4040, 100),
                Symbol(
                    "GVL.TestSymbol",
                    iec.StringType(82),
                    0x4040,
                    200,
                    comment="Test comment äääöö",
                    attributes=(iec.Attribute("ads-client-attribute", "example-value-ääö"),),
                    persistent=True,
                ),
                Symbol("GVL.axes", array(AXIS, (1, 2), (0, 3)), 0x4040, 1000),
                Symbol("GVL.adder", ADDER, 0x4040, 5000),
                Symbol("GVL.percent", PERCENT, 0x4040, 5100, read_only=True),
                Symbol("GVL.utf8", array(iec.StringType(9, iec.Encoding.UTF_8), (0, 1)), 0x4040, 5200),
                Symbol("GVL.greek", INT, 0x4040, 5300, comment="Ω"),
            ],
            encoding=encoding,
        )
    )


def symbol(path: str) -> SymbolEntry:
    entry, end = SymbolEntry.parse(data := exporter().symbol_entry(path), code_page=UTF_8)
    assert end == len(data)
    return entry


def kind(name: str) -> DataTypeEntry:
    entry, end = DataTypeEntry.parse(data := exporter().type_entry(name), code_page=UTF_8)
    assert end == len(data)
    return entry


def test_a_structure_is_what_ads_client_expects_of_a_real_plc() -> None:
    """Flags, sizes, names, member flags 130 and attributes of a structure are those of TwinCAT 3."""
    entry = kind("st_testdatatype")
    assert (entry.version, entry.size_bytes, entry.data_type) == (1, 60, DataTypeId.BIGTYPE)
    assert entry.flags == 2_101_377
    assert (entry.name, entry.type_name, entry.comment) == ("ST_TestDataType", "", "Test comment äääöö ")
    assert [tuple(attribute) for attribute in entry.attributes] == [(a.name, a.value) for a in PACKED]
    (member,) = entry.sub_items
    assert (member.name, member.type_name, member.flags, member.size_bytes) == ("Member", "ST_Struct", 130, 60)


@pytest.mark.parametrize(
    ("name", "size", "data_type", "flags", "guid"),
    [
        ("STRING(50)", 51, DataTypeId.STRING, 2_097_281, "95190718000000000000000100000032"),
        ("REAL", 4, DataTypeId.REAL32, 2_101_377, "9519071800000000000000000000000d"),
        ("DATE_AND_TIME", 4, DataTypeId.UINT32, 2_097_281, "9519071800000000000000000000004d"),
        ("BOOL", 1, DataTypeId.BIT, 2_097_281, "95190718000000000000000000000030"),
    ],
)
def test_base_types_are_those_of_twincat(name: str, size: int, data_type: int, flags: int, guid: str) -> None:
    """Elementary types have entries with TwinCAT's sizes, numbers, flags and GUIDs."""
    entry = kind(name)
    assert (entry.size_bytes, entry.data_type, entry.flags, entry.guid.hex()) == (size, data_type, flags, guid)
    assert (entry.type_name, entry.sub_items) == ("", ())


def test_a_symbol_is_what_ads_client_expects_of_a_real_plc() -> None:
    """Flags 4105 (persistent, GUID, attributes), no legacy dimensions, the comment and the attribute."""
    entry = symbol("gvl.testsymbol")
    assert (entry.name, entry.type_name, entry.size_bytes, entry.data_type) == ("GVL.TestSymbol", "STRING(82)", 83, 30)
    assert (entry.flags, entry.bounds, entry.comment) == (4105, (), "Test comment äääöö")
    assert entry.guid.hex() == "95190718000000000000000100000052"
    assert entry.attributes == (Attribute("ads-client-attribute", "example-value-ääö"),)


def test_an_array_s_entry_names_its_element_and_its_bounds() -> None:
    """ARRAY types have entries of their own; several dimensions are several bounds, the element is one step on."""
    entry = kind("ARRAY [1..2,0..3] OF ST_Axis")
    assert entry.bounds == (ArrayBound(1, 2), ArrayBound(0, 4))
    assert (entry.type_name, entry.size_bytes, entry.data_type) == ("ST_Axis", 8 * AXIS.size_bytes, DataTypeId.BIGTYPE)
    grid = kind("array [0..1,5..7] of int")
    assert (grid.type_name, grid.data_type) == ("INT", DataTypeId.INT16)


def test_members_and_elements_have_symbol_entries() -> None:
    """An entry by name is given for any path, at its own address; a bit is addressed and counted in bits."""
    entry = symbol("GVL.axes[2,1].aPoints[2].y")
    place = exporter().table.find("GVL.axes[2,1].aPoints[2].y")
    assert (entry.name, entry.type_name, entry.group, entry.offset) == (place.path, "INT", 0x4040, place.offset)
    bit, at = symbol("GVL.axes[1,0].bit1"), exporter().table.find("GVL.axes[1,0].bit1").offset
    assert (bit.group, bit.offset, bit.size_bytes, bit.data_type) == (0x4041, at * 8 + 1, 1, DataTypeId.BIT)
    assert bit.flags & 0x02


def test_bits_of_a_structure_are_counted_in_bits() -> None:
    """A BIT member has the flag BitValues, size 1 and its offset in bits; so has the type BIT."""
    members = {item.name: item for item in kind("ST_Axis").sub_items}
    first, second = members["bit0"], members["bit1"]
    assert first.flags == second.flags == 130 | TypeFlag.BIT_VALUES
    assert (first.offset % 8, second.offset - first.offset, first.size_bytes) == (0, 1, 1)
    assert kind("BIT").flags & TypeFlag.BIT_VALUES


def test_enumerations_aliases_and_subranges_name_what_they_stand_for() -> None:
    """ads-client follows an enumeration to its base, an alias to its target, a subrange to its base."""
    mode = kind("e_mode")
    assert (mode.type_name, mode.data_type, mode.size_bytes) == ("INT", DataTypeId.INT16, 2)
    assert [(value.name, value.raw) for value in mode.enums][-1] == ("Fault", b"\xff\xff")
    assert mode.flags & TypeFlag.ENUMS
    assert kind("T_Percent").type_name == "INT (0..100)"
    assert kind("INT (0..100)").type_name == "INT"


def test_pointers_and_references_say_what_they_are() -> None:
    """A pointer's entry has its flag, eight bytes and its target's name; a reference its own flag."""
    pointer, reference = kind("POINTER TO ST_Point"), kind("REFERENCE TO ST_Point")
    assert (pointer.size_bytes, pointer.type_name, pointer.data_type) == (8, "ST_Point", DataTypeId.UINT64)
    assert pointer.flags & TypeFlag.PLC_POINTER
    assert reference.flags & TypeFlag.REFERENCE
    assert symbol("GVL.axes[1,0].refPoint").flags & 0x04


def test_what_lies_behind_a_pointer_has_no_address() -> None:
    """A dereferenced path is told with TwinCAT's dummy group, so that clients use a handle."""
    entry = symbol("GVL.axes[1,0].pNext^.x")
    assert (entry.group, entry.offset, entry.type_name) == (0xF014, 0, "INT")


def test_methods_travel_with_their_parameters() -> None:
    """A function block's entry has its methods: parameters, their direction, and the return type."""
    add, nothing = kind("FB_Adder").methods
    assert (add.name, add.return_type, add.return_bytes, add.return_data_type) == ("Add", "DINT", 4, DataTypeId.INT32)
    assert [(p.name, p.type_name, p.size_bytes, p.flags) for p in add.parameters] == [
        ("a", "DINT", 4, 1),
        ("b", "DINT", 4, 1),
        ("even", "BOOL", 1, 2),
    ]
    assert (nothing.return_type, nothing.return_bytes, nothing.parameters) == ("", 0, ())


def test_utf_8_in_a_string_is_told_by_its_attribute() -> None:
    """A symbol or member with a UTF-8 STRING, also in an array, has the attribute TcEncoding."""
    assert symbol("GVL.utf8").attributes == (Attribute("TcEncoding", "UTF-8"),)
    assert symbol("GVL.axes").attributes == ()


def test_read_only_is_told() -> None:
    """A read-only symbol has flag 0x20."""
    assert symbol("GVL.percent").flags & 0x20
    assert not symbol("GVL.greek").flags & 0x20


def test_uploads_and_their_info_agree() -> None:
    """Counts and sizes of the info are those of the uploads; each type is there once, in any case of its name."""
    out = exporter()
    info = out.info(max_dynamic=2000, used_dynamic=3)
    symbols, types = parse_symbols(out.symbols, code_page=UTF_8), parse_types(out.types, code_page=UTF_8)
    assert (info.symbols, info.symbol_bytes) == (len(symbols), len(out.symbols)) == (7, len(out.symbols))
    assert (info.data_types, info.data_type_bytes) == (len(types), len(out.types))
    assert (info.code_page, info.flags, info.max_dynamic, info.used_dynamic) == (65001, 3, 2000, 3)
    names = [entry.name.lower() for entry in types]
    assert len(set(names)) == len(names)
    assert {"int", "st_axis", "st_point", "e_mode", "int (0..100)", "array [1..3] of st_point"} <= set(names)
    # Whatever a type refers to is there, too, so that a client never has to guess.
    for entry in types:
        for name in (entry.type_name, *(item.type_name for item in entry.sub_items)):
            assert name == "" or name.lower() in names


def test_a_single_entry_is_the_one_of_the_upload() -> None:
    """F009 and F011 give the same bytes as the uploads."""
    out = exporter()
    assert out.symbols.startswith(out.symbol_entry("GVL.TEST"))
    assert out.type_entry("st_point") in out.types


@pytest.mark.parametrize("name", ["", "GVL.nope", "GVL.adder#Add"])
def test_what_is_no_symbol_and_no_type_is_not_found(name: str) -> None:
    """Unknown names, and methods, which have no entry, are 0x710: ads-client then falls back to its own types."""
    for ask in (exporter().symbol_entry, exporter().type_entry):
        with pytest.raises(AdsFault) as fault:
            ask(name)
        assert fault.value.code == AdsError.SYMBOL_NOT_FOUND


def test_the_code_page_is_the_table_s_and_cannot_fail() -> None:
    """With code page 1252 names are in 1252, and a comment that it cannot say does not stop the upload."""
    out = exporter(iec.Encoding.CP1252)
    assert out.info().code_page == CP1252
    entries = {entry.name: entry for entry in parse_symbols(out.symbols, code_page=CP1252)}
    assert entries["GVL.TestSymbol"].comment == "Test comment äääöö"
    assert entries["GVL.greek"].comment == "?"


def test_entries_remembered_are_bounded() -> None:
    """Asking for entries of many elements keeps only so many."""
    out = Exporter(SymbolTable([Symbol("a", array(DINT, (0, 9000)), 0x4040, 0)]))
    for at in range(9000):
        out.symbol_entry(f"a[{at}]")
    assert len(out._entries) <= 8192


def test_the_layout_is_in_a_type_s_guid() -> None:
    """Two structures of one name and different layout have different GUIDs; the same one always the same."""
    first, second = struct_of("ST", ("a", INT), ("b", BOOL)), struct_of("ST", ("b", BOOL), ("a", INT))
    guids = [Exporter(SymbolTable([], extra_types=[one])).type_entry("ST") for one in (first, second, first)]
    assert guids[0] != guids[1]
    assert guids[0] == guids[2]
    assert kind("LREAL").guid != kind("E_Mode").guid
    assert (LREAL.size_bytes, MODE.size_bytes, POINT.size_bytes) == (8, 2, 4)
