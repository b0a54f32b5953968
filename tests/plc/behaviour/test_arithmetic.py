"""Arithmetic at every width on machine code, against Python's numbers, in both dialects."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from plc_edges import array, edges, same, type_of
from plc_oracle_numbers import Value, binary, wrap
from plc_run import session_of

from dinrail.plc.core.expression import BinaryOperator
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Fault
from dinrail.plc.types.model import LINT, ULINT

SIGNED = ("SINT", "INT", "DINT", "LINT")
UNSIGNED = ("USINT", "UINT", "UDINT", "ULINT")
BITS = ("BYTE", "WORD", "DWORD", "LWORD")
DIALECTS = {"wide": Options(), "iec": Options(wide_intermediates=False)}
COUNTS = (0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 200, 255)

pytestmark = pytest.mark.parametrize("dialect", DIALECTS)


def table(
    kind: str, second: str, results: dict[str, tuple[str, str]], options: Options, lists: Sequence[Sequence[Value]]
) -> dict[str, list[Value]]:
    """Each result's value for every pair (a, b) of the two lists. results: name -> (type, expression of a and b)."""
    first_values, second_values = lists
    count = len(first_values) * len(second_values)
    declared = "\n".join(f"{name} : ARRAY[0..{count - 1}] OF {of};" for name, (of, _) in results.items())
    steps = "\n".join(f"{name}[n] := {text};" for name, (_, text) in results.items())
    session = session_of(
        f"PROGRAM MAIN VAR {array('left', kind, first_values)} {array('right', second, second_values)}\n"
        f"a : {kind}; b : {second}; i, k, n : DINT; {declared} END_VAR\n"
        f"FOR i := 0 TO {len(first_values) - 1} DO FOR k := 0 TO {len(second_values) - 1} DO\n"
        f"a := left[i]; b := right[k]; {steps} n := n + 1; END_FOR END_FOR END_PROGRAM",
        options,
    )
    fault = session.cycle()
    assert fault is None
    return {name: session.read(f"MAIN.{name}") for name in results}  # type: ignore[misc]


def pairs(lists: Sequence[Sequence[Value]]) -> list[tuple[Value, Value]]:
    return [(a, b) for a in lists[0] for b in lists[1]]


OPERATORS = {
    "r0": ("+", BinaryOperator.ADD),
    "r1": ("-", BinaryOperator.SUBTRACT),
    "r2": ("*", BinaryOperator.MULTIPLY),
    "r3": ("/", BinaryOperator.DIVIDE),
    "r4": ("MOD", BinaryOperator.MODULO),
}


@pytest.mark.parametrize("kind", SIGNED + UNSIGNED)
def test_integers_wrap_at_their_width_and_divide_towards_zero(kind: str, dialect: str) -> None:
    """+ - * / MOD of all pairs of edge values, stored into a variable of the same type; the remainder has the
    dividend's sign, smallest / -1 wraps, and without the check a division by zero gives 0."""
    lists = (edges(kind), edges(kind))
    results = {name: (kind, f"a {text} b") for name, (text, _) in OPERATORS.items()}
    options = Options(check_divide=False, wide_intermediates=DIALECTS[dialect].wide_intermediates)
    found = table(kind, kind, results, options, lists)
    for name, (text, operator) in OPERATORS.items():
        for (a, b), got in zip(pairs(lists), found[name], strict=True):
            want = binary(operator, a, b, type_of(kind))
            assert got == want, f"{kind}: {a} {text} {b} is {got}, not {want}"


@pytest.mark.parametrize("kind", SIGNED + UNSIGNED)
def test_the_dialect_decides_how_wide_an_intermediate_is(kind: str, dialect: str) -> None:
    """(a + b) / 2 and a * b > c are computed with 64 bits as TwinCAT does on x64, or at the operands' width as IEC."""
    lists = (edges(kind), edges(kind))
    wide = DIALECTS[dialect].wide_intermediates
    own = type_of(kind)
    at = (ULINT if kind == "ULINT" else LINT) if wide else own
    found = table(kind, kind, {"r0": (kind, "(a + b) / 2"), "r1": ("BOOL", "a * b > a")}, DIALECTS[dialect], lists)
    for (a, b), half, more in zip(pairs(lists), found["r0"], found["r1"], strict=True):
        total = wrap(int(a) + int(b), at)
        assert half == wrap(int(binary(BinaryOperator.DIVIDE, total, 2, at)), own), (kind, a, b)
        assert more == (wrap(int(a) * int(b), at) > a), (kind, a, b)


@pytest.mark.parametrize("kind", SIGNED + UNSIGNED + BITS)
def test_comparisons_know_the_sign(kind: str, dialect: str) -> None:
    """= <> < <= > >= of all pairs of edge values."""
    lists = (edges(kind), edges(kind))
    told: dict[str, Callable[[Value, Value], bool]] = {
        "=": lambda a, b: a == b,
        "<>": lambda a, b: a != b,
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
    }
    results = {f"r{n}": ("BOOL", f"a {text} b") for n, text in enumerate(told)}
    found = table(kind, kind, results, DIALECTS[dialect], lists)
    for n, right in enumerate(told.values()):
        assert found[f"r{n}"] == [right(a, b) for a, b in pairs(lists)]


@pytest.mark.parametrize("kind", BITS + UNSIGNED + SIGNED)
def test_shifts_and_rotations_stay_within_their_width(kind: str, dialect: str) -> None:
    """SHL and SHR by the width or more give 0, zeros come in from the left; ROL and ROR go round."""
    own, lists = type_of(kind), (edges(kind), COUNTS)
    results = {f"r{n}": (kind, f"{name}(a, b)") for n, name in enumerate(("SHL", "SHR", "ROL", "ROR"))}
    found = table(kind, "USINT", results, DIALECTS[dialect], lists)
    bits, mask = own.bits, (1 << own.bits) - 1
    for at, (a, b) in enumerate(pairs(lists)):
        pattern, count = int(a) & mask, int(b)
        turn = count % bits
        left = pattern << count if count < bits else 0
        right = pattern >> count if count < bits else 0
        want = [left, right, pattern << turn | pattern >> (bits - turn), pattern >> turn | pattern << (bits - turn)]
        got = [found[f"r{n}"][at] for n in range(4)]
        assert got == [wrap(each, own) for each in want], (kind, a, b)


@pytest.mark.parametrize("kind", ["BOOL", *BITS])
def test_logic_is_bit_by_bit(kind: str, dialect: str) -> None:
    """AND, OR, XOR, NOT of all pairs of edge values."""
    lists = (edges(kind), edges(kind))
    texts = {"r0": "a AND b", "r1": "a OR b", "r2": "a XOR b", "r3": "NOT a", "r4": "AND(a, NOT(b))"}
    found = table(kind, kind, {name: (kind, text) for name, text in texts.items()}, DIALECTS[dialect], lists)
    mask = 1 if kind == "BOOL" else (1 << type_of(kind).bits) - 1
    for at, (one, other) in enumerate(pairs(lists)):
        a, b = int(one), int(other)
        want = [a & b, a | b, a ^ b, ~a & mask, a & ~b & mask]
        assert [int(found[name][at]) for name in texts] == want, (kind, a, b)


@pytest.mark.parametrize("kind", ["REAL", "LREAL"])
def test_floats_round_once_at_their_own_width(kind: str, dialect: str) -> None:
    """+ - * / of all pairs of edge values: each result is the nearest number of the type; x / 0 is IEEE 754's."""
    lists = (edges(kind), edges(kind))
    operators = {name: OPERATORS[name] for name in ("r0", "r1", "r2", "r3")}
    options = Options(check_float_divide=False, wide_intermediates=DIALECTS[dialect].wide_intermediates)
    found = table(kind, kind, {name: (kind, f"a {text} b") for name, (text, _) in operators.items()}, options, lists)
    for name, (text, operator) in operators.items():
        for (a, b), got in zip(pairs(lists), found[name], strict=True):
            want = binary(operator, a, b, type_of(kind))
            assert same(got, want), f"{kind}: {a} {text} {b} is {got!r}, not {want!r}"


DIVISIONS = [*((kind, text) for kind in ("SINT", "INT", "UDINT", "LINT") for text in ("/", "MOD")), ("REAL", "/")]


@pytest.mark.parametrize(("kind", "text"), [*DIVISIONS, ("LREAL", "/")])
def test_a_division_by_zero_ends_the_task_when_it_is_checked(kind: str, text: str, dialect: str) -> None:
    """The statement before it was done, its own variable keeps its value."""
    session = session_of(
        f"PROGRAM MAIN VAR a, b : {kind}; r : {kind} := 7; n : INT; END_VAR\n"
        f"n := 1; r := a {text} b; n := 2; END_PROGRAM",
        DIALECTS[dialect],
    )
    ended = session.cycle()
    assert ended is not None
    assert ended.code == (Fault.FLOAT_DIVIDE if "REAL" in kind else Fault.DIVIDE)
    assert (session.read("MAIN.n"), session.read("MAIN.r")) == (1, 7)
