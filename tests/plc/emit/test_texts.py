"""Texts: copied as far as they fit, compared unit by unit."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import eq, ge, gt, le, lt, ne

from hypothesis import given, settings
from hypothesis import strategies as st
from plc_run import session_of

from dinrail.plc.emit.session import Session

OPERATORS: dict[str, Callable[[object, object], bool]] = {"=": eq, "<>": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
UNITS = st.text(st.characters(codec="cp1252", exclude_characters="\0"), max_size=14)


@cache
def application(kind: str) -> Session:
    """Compares a and b, of lengths 12 and 5; copies each into the other's kind of place."""
    tests = "\n".join(f"r[{at}] := a {operator} b;" for at, operator in enumerate(OPERATORS))
    return session_of(f"""
    PROGRAM MAIN
    VAR
        a : {kind}(12); b : {kind}(5); c : {kind}(12); same : BOOL; r : ARRAY [0..5] OF BOOL;
        short : {kind}(5); long : {kind}(12);
    END_VAR
    {tests}
    same := a = c;
    short := a;
    long := b;
    END_PROGRAM
    """)


@settings(max_examples=150)
@given(UNITS, UNITS, UNITS, st.sampled_from(["STRING", "WSTRING"]))
def test_texts_of_different_lengths_compare_and_copy_as_their_units_do(a: str, b: str, c: str, kind: str) -> None:
    """Comparison is by the units' numbers; a copy keeps as many as fit. Equal for STRING and WSTRING."""
    session = application(kind)
    for name, text in (("a", a), ("b", b), ("c", c)):
        session.write(f"MAIN.{name}", text)
    assert session.cycle() is None

    def units(text: str, most: int) -> list[int]:
        return list(text[:most].encode("cp1252")) if kind == "STRING" else [ord(each) for each in text[:most]]

    left, right = units(a, 12), units(b, 5)
    assert session.read("MAIN.r") == [compare(left, right) for compare in OPERATORS.values()]
    assert session.read("MAIN.same") == (a[:12] == c[:12])
    assert session.read("MAIN.short") == a[:5]
    assert session.read("MAIN.long") == b[:5]


def test_a_text_without_its_nul_ends_with_its_type() -> None:
    """Memory that holds no NUL is read no further than the type reaches."""
    session = application("STRING")
    spot, other = session.spot("MAIN.b"), session.spot("MAIN.a")
    offset = session.spot("MAIN.b").address - session.spot("MAIN.a").address + other_offset(session, "MAIN.a")
    session.write("MAIN.a", "abcdef")
    session.write_data(offset, b"abcdef")
    assert spot.type.size_bytes == 6
    assert other.type.size_bytes == 13
    assert session.cycle() is None
    assert session.read("MAIN.r") == [True, False, False, True, False, True]
    assert session.read("MAIN.long") == "abcdef"


def other_offset(session: Session, path: str) -> int:
    """A static's offset."""
    return next(each.offset_bytes for each in session.program.statics if each.path.upper() == path.upper())


def test_constants_are_copied_cut_to_the_place() -> None:
    """A literal longer than its place loses its end, and the place ends in a NUL."""
    session = session_of("PROGRAM MAIN\nVAR s : STRING(3); t : STRING(3); END_VAR\ns := 'abc';\nt := s;\nEND_PROGRAM")
    assert session.cycle() is None
    assert session.data()[other_offset(session, "MAIN.s") :][:4] == b"abc\0"
    assert session.read("MAIN.t") == "abc"


@cache
def long_application() -> Session:
    """Compares places of several widths with each other."""
    tests = "\n".join(f"r[{at}] := a {operator} b; s[{at}] := a {operator} c;" for at, operator in enumerate(OPERATORS))
    return session_of(f"""
    PROGRAM MAIN
    VAR
        a : STRING(40); b : STRING(31); c : STRING(40); r, s : ARRAY [0..5] OF BOOL;
    END_VAR
    {tests}
    END_PROGRAM
    """)


FEW = st.sampled_from([0, 0x61, 0x62, 0x80, 0xFF])


@st.composite
def three_memories(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    """41, 32 and 41 bytes that begin alike for a while, with NULs anywhere, and anything behind them."""
    common = bytes(draw(st.lists(st.sampled_from([0x61, 0x62, 0xFF]), max_size=41)))
    a, b, c = (common + bytes(draw(st.lists(FEW, max_size=41))) for _ in range(3))
    return a[:41].ljust(41, b"\xaa"), b[:32].ljust(32, b"\xbb"), c[:41].ljust(41, b"\xaa")


@settings(max_examples=400)
@given(three_memories())
def test_only_what_stands_before_the_nul_is_compared(memories: tuple[bytes, bytes, bytes]) -> None:
    """Whatever lies behind the first NUL, and without one: to the end of each place."""
    session = long_application()
    begin = session.data_address
    for name, data in zip("abc", memories, strict=True):
        session.write_data(session.spot(f"MAIN.{name}").address - begin, data)
    assert session.cycle() is None
    a, b, c = (data.split(b"\0", 1)[0] for data in memories)
    assert session.read("MAIN.r") == [compare(a, b) for compare in OPERATORS.values()]
    assert session.read("MAIN.s") == [compare(a, c) for compare in OPERATORS.values()]
