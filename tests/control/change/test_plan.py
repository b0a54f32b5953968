"""Online change as a plan: what carries over, where addresses go, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.control.change.instances import changed_instances
from dinrail.control.change.plan import ChangePlan, Move, plan_change
from dinrail.control.change.state import State, read_state
from dinrail.control.context import NEW_OR_GONE
from dinrail.errors import FormatError, Refused

INT, DINT, TEXT, POINTER = (
    ["plain", "INT", 2],
    ["plain", "DINT", 4],
    ["plain", "STRING(9)", 10],
    ["address", "POINTER TO INT"],
)


def state(types: list[list[object]], *variables: tuple[str, int, int]) -> State:
    return read_state(json.dumps({"types": types, "variables": variables}).encode())


def block(number: int, size: int, *fields: tuple[str, int, int], name: str = "FB_Axis") -> list[object]:
    return ["record", name, size, number, list(fields)]


def test_the_same_application_is_copied_in_one_piece() -> None:
    """Neighbours that stay neighbours are joined."""
    same = state([INT, DINT], ("a", 1, 0), ("b", 1, 4), ("c", 0, 8))
    assert plan_change(same, same).moves == (Move(0, 0, 10),)


def test_variables_are_found_by_name() -> None:
    """What moved is copied to its new place; what is new or gone is told."""
    old = state([INT, DINT], ("a", 1, 0), ("b", 0, 4))
    new = state([DINT, INT], ("n", 0, 0), ("b", 1, 4), ("c", 0, 8))
    plan = plan_change(old, new)
    assert plan.moves == (Move(4, 4, 2),)
    assert (plan.added, plan.gone) == (("n", "c"), ("a",))


def test_a_block_that_has_grown_keeps_what_it_had() -> None:
    """Members carry over one by one; the class number is the new image's own."""
    old = state([INT, DINT, block(3, 16, ("n", 1, 8), ("s", 0, 12))], ("fb", 2, 64))
    new = state([INT, DINT, block(5, 24, ("s", 0, 8), ("x", 1, 12), ("n", 1, 16))], ("fb", 2, 128))
    plan = plan_change(old, new)
    assert plan.moves == (Move(72, 144, 4), Move(76, 136, 2))
    assert plan.added == ("fb.x",)
    assert plan.places == ((64, 72, 128), (72, 76, 144), (76, 78, 136))


def test_what_starts_anew_is_not_carried_over() -> None:
    """Neither as a variable nor in an instance that is else the same; addresses of it lead to its new place."""
    types = [INT, DINT, block(3, 20, ("n", 1, 8), ("s", 1, 12), ("k", 1, 16))]
    old = state(types, ("a", 1, 0), ("b", 1, 4), ("fb", 2, 64))
    grown = block(3, 20, ("n", 1, 8), ("s", 1, 12, 1), ("k", 1, 16))  # type: ignore[arg-type]
    new = state([INT, DINT, grown], ("a", 1, 8, 1), ("b", 1, 4), ("fb", 2, 64))  # type: ignore[arg-type]
    plan = plan_change(old, new)
    assert plan.moves == (Move(4, 4, 4), Move(72, 72, 4), Move(80, 80, 4))
    assert (0, 4, 8) in plan.places
    assert (76, 80, 76) in plan.places
    assert (plan.added, plan.gone) == ((), ())


def test_an_instance_that_starts_anew_comes_and_goes() -> None:
    """Its FB_Exit and FB_Init are those of an instance that goes, and of one that comes."""
    types = [DINT, block(3, 16, ("n", 0, 8))]
    found = changed_instances(state(types, ("fb", 1, 0)), state(types, ("fb", 1, 64, 1)))  # type: ignore[arg-type]
    assert (found.old, found.new) == ([(0, NEW_OR_GONE)], [(64, NEW_OR_GONE)])


def test_a_block_whose_class_has_another_number_is_not_copied_whole() -> None:
    """Blocks of one layout, renumbered: their numbers stay the new image's."""
    types = [INT, block(0, 10, ("s", 0, 8))]
    plan = plan_change(state(types, ("fb", 1, 0)), state([INT, block(1, 10, ("s", 0, 8))], ("fb", 1, 0)))
    assert plan.moves == (Move(8, 8, 2),)


def test_arrays_of_blocks_go_element_by_element() -> None:
    """An element that has grown takes its old members along."""
    old = state([INT, block(0, 16, ("s", 0, 8)), ["array", "ARRAY [0..1] OF FB_Axis", 1, 2]], ("a", 2, 0))
    new = state([INT, block(0, 24, ("s", 0, 16)), ["array", "ARRAY [0..1] OF FB_Axis", 1, 2]], ("a", 2, 0))
    assert plan_change(old, new).moves == (Move(8, 16, 2), Move(24, 40, 2))


def test_addresses_are_translated_and_never_copied() -> None:
    """POINTERs are moves of their own kind, whatever stands around them."""
    types = [INT, POINTER, ["array", "ARRAY [0..2] OF POINTER TO INT", 1, 3]]
    plan = plan_change(
        state(types, ("a", 0, 0), ("p", 1, 8), ("q", 2, 16)), state(types, ("a", 0, 0), ("p", 1, 8), ("q", 2, 16))
    )
    assert plan.moves == (Move(0, 0, 2), Move(8, 8, 32, addresses=True))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (INT, DINT, "v was INT, is DINT"),
        (TEXT, ["plain", "STRING(20)", 21], "v was STRING(9), is STRING(20)"),
        (POINTER, ["address", "POINTER TO DINT"], "v was POINTER TO INT, is POINTER TO DINT"),
        (["plain", "E", 2], ["plain", "E", 4], "v changed"),
        (["record", "ST", 2, -1, []], ["record", "ST", 8, 0, []], "v: ST was a structure, is a function block"),
    ],
)
def test_another_type_under_an_old_name_is_refused(old: list[object], new: list[object], reason: str) -> None:
    """It is not silently started anew: the reason names the variable and both types."""
    with pytest.raises(Refused) as caught:
        plan_change(state([old], ("v", 0, 0)), state([new], ("v", 0, 0)))
    assert caught.value.details[0].startswith(reason)


def test_all_reasons_are_told_at_once() -> None:
    """Every variable that cannot carry over is named."""
    old = state([INT], ("a", 0, 0), ("b", 0, 2))
    with pytest.raises(Refused) as caught:
        plan_change(old, state([DINT], ("a", 0, 0), ("b", 0, 4)))
    assert caught.value.details == ("a was INT, is DINT", "b was INT, is DINT")


def test_a_structure_that_begins_otherwise_is_refused_where_there_are_pointers() -> None:
    """A POINTER to its beginning could mean the structure, or the member that was first."""
    old = ["record", "ST", 4, -1, [["a", 0, 0], ["b", 0, 2]]]
    new = ["record", "ST", 6, -1, [["n", 0, 0], ["a", 0, 2], ["b", 0, 4]]]
    plain = plan_change(state([INT, old], ("s", 1, 0)), state([INT, new], ("s", 1, 0)))
    assert plain.moves == (Move(0, 2, 4),)
    with pytest.raises(Refused, match="cannot take over") as caught:
        plan_change(
            state([INT, old, POINTER], ("s", 1, 0), ("p", 2, 8)), state([INT, new, POINTER], ("s", 1, 0), ("p", 2, 8))
        )
    assert "begins with another member" in caught.value.details[0]


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 2)), unique_by=lambda v: v[0]), st.data())
def test_bytes_of_no_variable_are_ever_written(old_names: list[tuple[str, int]], data: st.DataObject) -> None:
    """Whatever changes, each byte that is written belongs to a variable of that name, and comes from it."""
    types: list[list[object]] = [INT, DINT, POINTER]
    sizes = [2, 4, 8]
    kinds = dict(old_names)
    new_names = data.draw(st.permutations([*kinds, *(n for n in "uvw" if n not in kinds)]))
    new_names = [name for name in new_names if data.draw(st.booleans())]
    fresh = {name: kinds.get(name, 0) for name in new_names}

    def placed(names: dict[str, int]) -> dict[str, int]:
        places, end = {}, 0
        for name, kind in names.items():
            end = -(-end // sizes[kind]) * sizes[kind]
            places[name] = end
            end += sizes[kind]
        return places

    old_places, new_places = placed(kinds), placed(fresh)
    plan = plan_change(
        state(types, *((name, kinds[name], at) for name, at in old_places.items())),
        state(types, *((name, fresh[name], at) for name, at in new_places.items())),
    )
    copied = {move.new + n: move.old + n for move in plan.moves for n in range(move.size_bytes)}
    expected = {
        new_places[name] + n: old_places[name] + n for name in fresh if name in kinds for n in range(sizes[kinds[name]])
    }
    assert copied == expected
    assert isinstance(plan, ChangePlan)


@given(st.binary(max_size=80))
def test_no_bytes_but_a_state_are_read_as_one(noise: bytes) -> None:
    """Anything else is a FormatError."""
    with pytest.raises(FormatError):
        read_state(noise)


@pytest.mark.parametrize("text", ['{"types":[["plain"]],"variables":[]}', '{"types":[],"variables":[["a",0,0]]}', "[]"])
def test_a_state_that_is_not_whole_is_refused(text: str) -> None:
    """Types that are not there, and other shapes, are found when it is read."""
    with pytest.raises(FormatError):
        read_state(text.encode())
