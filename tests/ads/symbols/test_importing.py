"""From a device's entries back to IEC types."""

from __future__ import annotations

from dataclasses import replace

from build_iec import ADDER, AXIS, BOOL, DINT, INT, MODE, POINT, REAL, array, struct_of, types
from hypothesis import assume, given
from hypothesis import strategies as st

from dinrail.ads.symbols.export import Exporter
from dinrail.ads.symbols.importing import Importer
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ams.datatype import DataTypeEntry, EnumValue, TypeFlag, parse_types
from dinrail.ams.entry import ArrayBound, Attribute, DataTypeId
from dinrail.ams.symbol import SymbolEntry, UploadInfo, parse_symbols
from dinrail.ams.text import UTF_8
from dinrail.errors import FormatError
from dinrail.iec import types as iec
from dinrail.iec.symbol import Symbol


def through_the_wire(symbols: list[Symbol]) -> tuple[Symbol, ...]:
    out = Exporter(SymbolTable(symbols))
    importer = Importer(parse_types(out.types, code_page=UTF_8), out.info())
    found = importer.symbols(parse_symbols(out.symbols, code_page=UTF_8))
    assert importer.missing == set()
    return found


def told(kind: iec.IecType) -> object:
    """A type as far as entries tell it: alignment does not travel, nor what a pointer inside a structure points to."""
    match kind:
        case iec.ArrayType():
            return ("array", told(kind.element), kind.bounds)
        case iec.PointerType():
            return ("pointer", kind.target.name, kind.is_reference, kind.size_bytes)
        case iec.StructType():
            members = [
                (m.name, told(m.type), m.offset_bytes, m.bit, m.comment, _plain(m.attributes)) for m in kind.members
            ]
            return ("struct", kind.name, members, kind.size_bytes, kind.extends, kind.comment, _plain(kind.attributes))
        case iec.AliasType():
            low_high, more = (kind.low, kind.high), (kind.comment, _plain(kind.attributes))
            return ("alias", kind.name, told(kind.target), low_high, more)
    return kind


def _plain(attributes: tuple[iec.Attribute, ...]) -> list[iec.Attribute]:
    return [attribute for attribute in attributes if attribute.name != "TcEncoding"]


def one_of_each_name(kind: iec.IecType, seen: dict[str, object]) -> bool:
    """Whether no two different types in here have the same name, as in any project that compiles."""
    inner: list[iec.IecType] = []
    match kind:
        case iec.ArrayType():
            return one_of_each_name(kind.element, seen)
        case iec.PointerType():
            return one_of_each_name(kind.target, seen)
        case iec.StructType():
            inner = [member.type for member in kind.members]
        case iec.AliasType():
            inner = [kind.target]
        case iec.EnumType():
            pass
        case _:
            return True
    key = kind.name.lower()
    return seen.setdefault(key, kind) == kind and all(one_of_each_name(part, seen) for part in inner)


@given(types, st.booleans(), st.booleans())
def test_any_type_comes_back_from_its_entries(kind: iec.IecType, read_only: bool, persistent: bool) -> None:
    """Whatever a symbol's type: exported, encoded, parsed and imported it has its names, offsets, sizes and values."""
    assume(one_of_each_name(kind, {}))
    symbol = Symbol("MAIN.v", kind, 0x4040, 1234, "comment", (), read_only, persistent)
    (found,) = through_the_wire([symbol])
    assert told(found.type) == told(kind)
    assert replace(found, type=INT, attributes=()) == replace(symbol, type=INT)


def test_function_blocks_come_back_with_their_methods() -> None:
    """Methods, parameters, directions and return types survive."""
    (found,) = through_the_wire([Symbol("fb", ADDER, 0x4040, 0)])
    assert found.type == ADDER


def test_a_structure_s_alignment_is_found_from_its_layout() -> None:
    """The widest alignment that the offsets allow is taken, so that offline layouts agree."""
    (found,) = through_the_wire([Symbol("axis", AXIS, 0x4040, 0)])
    assert found.type.align_bytes == 8
    packed = struct_of("ST_Packed", ("b", BOOL), ("r", REAL), pack_bytes=1)
    (found,) = through_the_wire([Symbol("p", packed, 0x4040, 0)])
    assert found.type.align_bytes == 1


def entry(name: str, size: int, type_name: str = "", **more: object) -> DataTypeEntry:
    return DataTypeEntry(name, type_name, size, DataTypeId.BIGTYPE, **more)  # type: ignore[arg-type]  # named fields


def item(name: str, type_name: str, size: int, offset: int, flags: int = 2, **more: object) -> DataTypeEntry:
    return DataTypeEntry(name, type_name, size, 65, flags, offset, **more)  # type: ignore[arg-type]  # named fields


def test_circles_of_pointers_end_and_can_be_followed() -> None:
    """A parent that holds a child that points to its parent: both are whole, and a path goes round and round."""
    importer = Importer(
        [
            entry("Child", 16, sub_items=(item("n", "INT", 2, 0), item("up", "POINTER TO Parent", 8, 8))),
            entry("Parent", 24, sub_items=(item("child", "Child", 16, 0), item("m", "DINT", 4, 16))),
        ]
    )
    child, parent = importer.type_of("Child", 16), importer.type_of("Parent", 24)
    assert isinstance(parent, iec.StructType)
    assert parent.members[0].type == child
    table = SymbolTable([Symbol("c", child, 0x4040, 0)], extra_types=[parent])
    assert table.find("c.up^.child.up^.child.n").type == INT
    assert Exporter(table).type_entry("Parent") == Exporter(table).type_entry("PARENT")


def test_missing_types_are_opaque_and_named() -> None:
    """A type that no entry describes is opaque, with the size that its user says, and told in `missing`."""
    importer = Importer([entry("ST", 12, sub_items=(item("x", "ST_Nope", 8, 0), item("n", "INT", 2, 8)))])
    kind = importer.type_of("ST", 12)
    assert isinstance(kind, iec.StructType)
    assert kind.members[0].type == iec.OpaqueType("ST_Nope", 8)
    assert importer.type_of("ARRAY [0..1] OF ST_Other", 10) == iec.OpaqueType("ARRAY [0..1] OF ST_Other", 10)
    assert {"ST_Nope", "ST_Other"} <= importer.missing


def test_a_size_that_does_not_fit_makes_a_type_opaque() -> None:
    """What claims another size than its type has is bytes; a member outside its structure spoils only that type."""
    importer = Importer([entry("Bad", 4, sub_items=(item("x", "DINT", 4, 2),)), entry("Alias", 4, "Bad")])
    assert importer.type_of("INT", 4) == iec.OpaqueType("INT", 4)
    assert importer.type_of("Bad", 4) == iec.OpaqueType("Bad", 4)
    assert importer.type_of("Alias", 4) == iec.AliasType("Alias", iec.OpaqueType("Bad", 4))


def test_a_structure_that_contains_itself_ends() -> None:
    """Containment by value in a circle, which no memory can hold, ends in an opaque type."""
    importer = Importer([entry("A", 8, sub_items=(item("b", "B", 8, 0),)), entry("B", 8, "A")])
    kind = importer.type_of("A", 8)
    assert isinstance(kind, iec.StructType)
    assert kind.members[0].type == iec.AliasType("B", iec.OpaqueType("A", 8))


def test_older_servers_are_understood() -> None:
    """Bounds at the symbol or member itself, 32-bit pointers, and base types that only have a number."""
    importer = Importer([DataTypeEntry("INT_T", "", 2, DataTypeId.INT16, 0)], UploadInfo(0, 0, flags=0))
    old = SymbolEntry(".a", "INT", 0x4040, 0, 8, 2, bounds=(ArrayBound(1, 4),))
    assert importer.symbol(old).type == array(INT, (1, 4))
    assert importer.type_of("POINTER TO INT", 4) == iec.PointerType(INT, False, 4, 4)
    assert importer.type_of("ARRAY [0..1] OF POINTER TO INT", 8) == array(iec.PointerType(INT, False, 4, 4), (0, 1))
    assert importer.type_of("INT_T", 2) == iec.AliasType("INT_T", INT)


def test_symbols_of_bits_and_of_utf_8_are_read() -> None:
    """A symbol with the bit flag is a BIT at its bit address; TcEncoding and the info's flag make STRINGs UTF-8."""
    bit = Importer().symbol(SymbolEntry("b", "BIT", 0x4041, 77, 1, 33, flags=2))
    assert (bit.type, bit.group, bit.offset) == (iec.ElementaryType(iec.Elementary.BIT), 0x4041, 77)
    (at_bit,) = through_the_wire([Symbol("b", BOOL, 0x4021, 77)])
    assert (at_bit.type, at_bit.group, at_bit.offset) == (BOOL, 0x4021, 77)
    told_utf_8 = SymbolEntry("s", "STRING(5)", 0x4040, 0, 6, 30, attributes=(Attribute("tcencoding", "utf-8"),))
    assert Importer().symbol(told_utf_8).type == iec.StringType(5, iec.Encoding.UTF_8)
    all_utf_8 = Importer(info=UploadInfo(0, 0, flags=7))
    assert all_utf_8.type_of("STRING(5)", 6) == iec.StringType(5, iec.Encoding.UTF_8)


def test_what_has_no_storage_is_no_member() -> None:
    """Static members and properties do not lie in the structure, and are left out."""
    items = (item("n", "INT", 2, 0), item("s", "INT", 2, 9999, 2 | TypeFlag.STATIC), item("p", "INT", 2, 0, 0x42))
    kind = Importer([entry("FB", 2, sub_items=items)]).type_of("FB", 2)
    assert isinstance(kind, iec.StructType)
    assert [member.name for member in kind.members] == ["n"]


def test_enumerations_over_nothing_whole_are_opaque() -> None:
    """An enumeration takes its base by name or by number; over a REAL it is only bytes."""
    values = (EnumValue("A", b"\1\0\0\0"),)
    by_number = DataTypeEntry("E", "", 4, DataTypeId.INT32, enums=values)
    assert Importer([by_number]).type_of("E", 4) == iec.EnumType("E", (("A", 1),), DINT)
    assert isinstance(Importer([replace(by_number, type_name="REAL")]).type_of("E", 4), iec.OpaqueType)
    assert MODE.base == INT


@given(st.binary(max_size=400), st.data())
def test_any_bytes_give_symbols_or_a_format_error(raw: bytes, data: st.DataObject) -> None:
    """Damaged uploads end in a FormatError or in symbols, whose types can be shown and found."""
    out = Exporter(SymbolTable([Symbol("a", AXIS, 0x4040, 0), Symbol("p", POINT, 0x4040, 500)]))
    types_raw, symbols_raw = bytearray(out.types), bytearray(out.symbols)
    for target in (types_raw, symbols_raw):
        for byte in raw[:20]:
            target[data.draw(st.integers(0, len(target) - 1))] = byte
    try:
        entries = parse_types(bytes(types_raw), code_page=UTF_8)
        symbols = parse_symbols(bytes(symbols_raw), code_page=UTF_8)
    except FormatError:
        return
    for symbol in Importer(entries).symbols(symbols):
        assert symbol.type.name is not None
        assert symbol.type.size_bytes >= 0
