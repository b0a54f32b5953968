"""CASE: each value reaches the first branch that holds it, in whatever form the branches are compiled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from plc_run import run_st

from dinrail.plc.emit.choice import disjoint

RANGES = st.lists(
    st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=1, max_size=4), min_size=1, max_size=5
)


@given(RANGES)
def test_each_value_belongs_to_the_first_branch_that_holds_it_and_to_no_other(
    branches: list[list[tuple[int, int]]],
) -> None:
    """Without overlaps the branches hold what they held, in the order of the first that does."""
    parts = disjoint([tuple(each) for each in branches])
    for value in range(-21, 22):
        first = next((n for n, each in enumerate(branches) if any(low <= value <= high for low, high in each)), None)
        found = [n for n, each in enumerate(parts) for low, high in each if low <= value <= high]
        assert found == ([] if first is None else [first])


def test_long_ranges_are_compared_and_single_values_listed_with_equal_results() -> None:
    """A CASE of single values, short and very long ranges, at the type's limits, signed and unsigned."""
    text = """
    PROGRAM MAIN
    VAR s : DINT; u : ULINT; r : INT; q : INT; END_VAR
    CASE s OF
        1, 3: r := 1;
        -2147483648..-1000000: r := 2;
        10..5000: r := 3;
        2147483647: r := 4;
    ELSE
        r := 5;
    END_CASE
    CASE u OF
        0: q := 1;
        9223372036854775808..18446744073709551615: q := 2;
        100..200: q := 3;
    END_CASE
    END_PROGRAM
    """
    signed = [1, 2, 3, -2147483648, -1000000, -999999, 9, 10, 5000, 5001, 2147483647]
    expected = [1, 5, 1, 2, 2, 5, 5, 3, 3, 5, 4]
    assert run_st(text, ["MAIN.r"], len(signed), inputs={"MAIN.s": signed})["MAIN.r"] == expected
    unsigned = [0, 1, 99, 100, 200, 201, 2**63 - 1, 2**63, 2**64 - 1]
    inputs = {"MAIN.u": unsigned, "MAIN.q": [0] * len(unsigned)}
    assert run_st(text, ["MAIN.q"], len(unsigned), inputs=inputs)["MAIN.q"] == [1, 0, 0, 3, 3, 0, 0, 2, 2]


def test_a_case_without_branches_that_match_changes_nothing() -> None:
    """No ELSE, no match: the CASE is empty."""
    text = "PROGRAM MAIN\nVAR s : INT := 7; r : INT; END_VAR\nCASE s OF\n1: r := 1;\nEND_CASE\nEND_PROGRAM"
    assert run_st(text, ["MAIN.r"]) == {"MAIN.r": [0]}


def test_a_very_long_chain_of_elsif_compiles() -> None:
    """Five hundred branches are no depth for the compiler."""
    branches = "\n".join(f"ELSIF y = {k} THEN x := {k * k};" for k in range(1, 500))
    text = (
        f"PROGRAM MAIN\nVAR x : DINT; y : DINT := 499; END_VAR\nIF y = 0 THEN x := 5;\n{branches}\nEND_IF\nEND_PROGRAM"
    )
    assert run_st(text, ["MAIN.x"]) == {"MAIN.x": [499 * 499]}
