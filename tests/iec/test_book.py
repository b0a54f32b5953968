"""Types that refer to each other by name."""

from __future__ import annotations

from functools import partial

from build_iec import BYTE, INT, array, struct_of

from dinrail.iec.book import MAX_NESTING, MAX_PARTS, Definition, TypeBook, contains_itself
from dinrail.iec.types import AliasType, ArrayType, Bound, IecType, OpaqueType, PointerType, StructType


def book(**texts: list[str]) -> TypeBook:
    """Structures by their members' types; `^x` is a pointer to x, `x[]` a large array."""
    definitions: dict[str, Definition] = {}
    made = TypeBook(definitions)

    def named(text: str) -> IecType:
        if text.startswith("^"):
            return PointerType(named(text[1:]))
        if text.endswith("[]"):
            return ArrayType(named(text[:-2]), (Bound(0, 60_000),))
        return made.lookup(text) or INT

    for name, members in texts.items():

        def build(name: str = name, members: list[str] = members) -> IecType:
            return struct_of(name, *((f"m{at}", named(text)) for at, text in enumerate(members)))

        definitions[name.lower()] = Definition(name, 8, build)
    return made


def test_a_type_is_built_once_and_found_in_any_case() -> None:
    """Asking twice gives the same object; a name that is not defined gives None."""
    types = book(A=["INT", "B"], B=["INT"])
    assert types.lookup("a") is types.lookup("A")
    assert types.lookup("A") == struct_of("A", ("m0", INT), ("m1", struct_of("B", ("m0", INT))))
    assert types.lookup("C") is None


def test_a_structure_that_points_to_itself_mentions_its_name() -> None:
    """A pointer back is a pointer to an opaque type of that name and size."""
    kind = book(Node=["INT", "^Node"]).lookup("Node")
    assert isinstance(kind, StructType)
    assert kind.members[1].type == PointerType(OpaqueType("Node", 8))
    assert not contains_itself(kind, "Node")


def test_a_structure_that_contains_itself_is_known_as_one() -> None:
    """Containment by value, through members, arrays and aliases, is seen; a pointer is none."""
    kind = book(A=["B"], B=["A[]"]).lookup("A")
    assert kind is not None
    assert contains_itself(kind, "a")
    assert contains_itself(AliasType("T", OpaqueType("A", 0)), "A")
    assert not contains_itself(PointerType(OpaqueType("A", 0)), "A")


def test_nesting_ends_somewhere() -> None:
    """A chain of structures deeper than the bound ends in an opaque type, from wherever it is asked."""
    chain = {f"S{at}": [f"S{at + 1}"] for at in range(10_000)}
    types = book(**chain)
    kind = types.lookup("S0")
    depth = 0
    while isinstance(kind, StructType):
        kind, depth = kind.members[0].type, depth + 1
    assert isinstance(kind, OpaqueType)
    assert depth == MAX_NESTING
    inner = types.lookup(f"S{MAX_NESTING}")
    assert isinstance(inner, StructType)


def test_types_that_double_at_each_step_are_cut() -> None:
    """Structures that each hold two of the next would unfold to 2^n parts; each is built once, and cut to opaque."""
    built: list[str] = []
    for depth in (20, 200):
        definitions: dict[str, Definition] = {}
        types = TypeBook(definitions)

        def build(at: int, last: int = depth, types: TypeBook = types) -> IecType:
            built.append(f"D{at}")
            inner = types.lookup(f"D{at + 1}") if at < last else INT
            return struct_of(f"D{at}", ("a", inner or INT), ("b", inner or INT))

        for at in range(depth + 1):
            definitions[f"d{at}"] = Definition(f"D{at}", 8, partial(build, at))
        parts, _ = types.measure(types.lookup("D0") or INT)
        assert parts <= MAX_PARTS
        assert len(built) == len(set(built))
        built.clear()


def test_elements_without_a_size_do_not_unfold_without_end() -> None:
    """An array of an array of nothing is as long as it says, and made opaque when that is too long."""
    types = book(Nothing=[], A=["Nothing[]"], B=["A[]"], C=["B[]"])
    assert isinstance(types.lookup("B"), OpaqueType)
    assert isinstance(types.lookup("C"), StructType)


def test_a_large_array_of_bytes_is_no_reason_to_cut() -> None:
    """What real projects have, stays."""
    types = TypeBook({})
    assert types.measure(array(BYTE, (0, 10_000_000))) == (2, 1 + 2 * 10_000_001)
