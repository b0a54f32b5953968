"""X_TO_Y of every elementary type to every other, on machine code, against Python's numbers."""

from __future__ import annotations

import pytest
from plc_edges import array, edges, same, type_of
from plc_oracle_numbers import Value, convert
from plc_run import session_of

NUMBERS = (
    *("BOOL", "BYTE", "WORD", "DWORD", "LWORD", "SINT", "INT", "DINT", "LINT", "USINT", "UINT", "UDINT", "ULINT"),
    *("REAL", "LREAL"),
)
DURATIONS = ("TIME", "LTIME")


def conversions(source: str, targets: tuple[str, ...], call: str) -> dict[str, list[Value]]:
    """What the machine makes of each edge value of the source type, by target type."""
    values = edges(source)
    last = len(values) - 1
    results = "\n".join(f"r{target} : ARRAY[0..{last}] OF {target};" for target in targets)
    steps = "\n".join(f"r{target}[i] := {call.format(source=source, target=target)}(given[i]);" for target in targets)
    session = session_of(
        f"PROGRAM MAIN VAR {array('given', source, values)} i : DINT; {results} END_VAR\n"
        f"FOR i := 0 TO {last} DO {steps} END_FOR END_PROGRAM"
    )
    assert session.cycle() is None
    return {target: session.read(f"MAIN.r{target}") for target in targets}  # type: ignore[misc]


@pytest.mark.parametrize("call", ["{source}_TO_{target}", "TO_{target}"])
@pytest.mark.parametrize("source", NUMBERS)
def test_a_number_becomes_the_nearest_of_the_other_type_or_what_is_left_of_its_bits(source: str, call: str) -> None:
    """Integers keep their low bits; floats round to nearest, ties to even; NaN is 0; BOOL is 0 or 1."""
    targets = tuple(target for target in NUMBERS if target != source)
    found = conversions(source, targets, call)
    for target in targets:
        for value, got in zip(edges(source), found[target], strict=True):
            want = convert(value, type_of(source), type_of(target))
            assert same(got, want), f"{source}_TO_{target}({value!r}) is {got!r}, not {want!r}"


@pytest.mark.parametrize("source", [name for name in NUMBERS if name != "BOOL"])
@pytest.mark.parametrize("duration", DURATIONS)
def test_a_duration_is_its_milliseconds_or_nanoseconds(duration: str, source: str) -> None:
    """TIME to a number counts milliseconds, LTIME nanoseconds; and back."""
    for first, second in ((duration, source), (source, duration)):
        found = conversions(first, (second,), "{source}_TO_{target}")[second]
        for value, got in zip(edges(first), found, strict=True):
            assert same(got, convert(value, type_of(first), type_of(second))), (first, second, value, got)


def test_time_and_ltime_differ_by_a_million() -> None:
    """TIME to LTIME counts on in nanoseconds; LTIME to TIME drops what is no whole millisecond, and wraps."""
    longer = conversions("TIME", ("LTIME",), "{source}_TO_{target}")["LTIME"]
    assert longer == [int(value) * 1_000_000 for value in edges("TIME")]
    shorter = conversions("LTIME", ("TIME",), "{source}_TO_{target}")["TIME"]
    assert shorter == [int(value) // 1_000_000 % 2**32 for value in edges("LTIME")]


@pytest.mark.parametrize("source", ["REAL", "LREAL"])
def test_trunc_goes_towards_zero(source: str) -> None:
    """TRUNC drops the fraction, whatever the sign."""
    values = [value for value in edges(source) if abs(value) < 2**31 - 1]
    last = len(values) - 1
    session = session_of(
        f"PROGRAM MAIN VAR {array('given', source, values)} i : DINT; r : ARRAY[0..{last}] OF DINT; END_VAR\n"
        f"FOR i := 0 TO {last} DO r[i] := TRUNC(given[i]); END_FOR END_PROGRAM"
    )
    assert session.cycle() is None
    assert session.read("MAIN.r") == [int(value) for value in values]


def test_what_is_no_number_becomes_zero_and_the_infinite_the_largest() -> None:
    """NaN converts to 0, infinities to the ends of 64 bits, cut to the width."""
    session = session_of(
        "PROGRAM MAIN VAR zero : LREAL; big : LREAL := 1.0e308; nan, inf : LREAL;"
        " n1, n2, n3 : LINT; u1 : ULINT; i1, i2 : INT; b : BOOL; END_VAR\n"
        "inf := big * 10.0; nan := inf - inf; n1 := LREAL_TO_LINT(nan); n2 := LREAL_TO_LINT(inf);"
        " n3 := LREAL_TO_LINT(-inf); u1 := LREAL_TO_ULINT(inf); i1 := LREAL_TO_INT(inf); i2 := LREAL_TO_INT(-inf);"
        " b := LREAL_TO_BOOL(nan); END_PROGRAM"
    )
    assert session.cycle() is None
    found = [session.read(f"MAIN.{name}") for name in ("n1", "n2", "n3", "u1", "i1", "i2", "b")]
    assert found == [0, 2**63 - 1, -(2**63), 2**64 - 1, -1, 0, True]
