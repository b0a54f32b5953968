"""Texts with arguments, and numbers as texts of every form."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from plc_calls import call, worth
from plc_run import run_st

VARIABLES = """
i : INT := -42; u : UDINT := 4_000_000_000; w : WORD := 16#BEEF; s : STRING := 'abc'; b : BOOL := TRUE;
r : REAL := 3.14159; l : LREAL := -2.5; y : BYTE := 65; n : LINT := -1; t : SINT := -128;
"""
MAKERS = {"i": "INT", "u": "UDINT", "w": "WORD", "s": "STRING", "b": "BOOL"}
MAKERS |= {"r": "REAL", "l": "LREAL", "y": "BYTE", "n": "LINT", "t": "SINT"}


def formatted(*cases: tuple[str, str]) -> list[tuple[object, object]]:
    """(text, error) of each (format, names of the arguments), in one program."""
    body = ""
    for at, (text, names) in enumerate(cases):
        arguments = "".join(f", arg{k} := F_{MAKERS[name]}({name})" for k, name in enumerate(names, 1))
        body += f"f(sFormat := '{text}'{arguments}); o{at} := f.sOut; e{at} := f.nErrId;\n"
    outputs = "".join(f"o{at} : STRING(255); e{at} : UDINT; " for at in range(len(cases)))
    program = f"PROGRAM MAIN\nVAR f : FB_FormatString; {VARIABLES} {outputs}END_VAR\n{body}END_PROGRAM"
    seen = run_st(program, [f"MAIN.{kind}{at}" for at in range(len(cases)) for kind in "oe"])
    return [(seen[f"MAIN.o{at}"][0], seen[f"MAIN.e{at}"][0]) for at in range(len(cases))]


CASES = {
    ("plain", ""): "plain",
    ("%d", "i"): "-42",
    ("i=%d u=%u", "iu"): "i=-42 u=4000000000",
    ("%X %x %#x", "www"): "BEEF beef 16#beef",
    ("%b %o", "yy"): "1000001 101",
    ("%s|%5s|%-5s|%.2s", "ssss"): "abc|  abc|abc  |ab",
    ("%6d|%-6d|%06d|%+d|% d", "iiiyy"): "   -42|-42   |-00042|+65| 65",
    ("%.5d", "i"): "-00042",
    ("%f %.2f %8.1f|%+.0f", "rrrr"): "3.141590 3.14      3.1|+3",
    ("%.1f", "l"): "-2.5",
    ("%e %.2E", "rl"): "3.141590e+00 -2.50E+00",
    ("%c", "y"): "A",
    ("%s %d", "bb"): "TRUE 1",
    ("100%%", ""): "100%",
    ("%d %X", "nn"): "-1 FFFFFFFFFFFFFFFF",
    ("%d %u", "tt"): "-128 128",
}


def test_a_format_s_arguments_are_written_as_it_says() -> None:
    """Flags, width, precision and type of every kind."""
    seen = formatted(*CASES)
    assert dict(zip(CASES, seen, strict=True)) == {case: (text, 0) for case, text in CASES.items()}


def test_what_cannot_be_formatted_is_told() -> None:
    """1: the format breaks off. 2: the argument is of another type, or missing."""
    cases = [("%d", ""), ("a %d", "s"), ("%s", "i"), ("%f", "i"), ("%q", "i"), ("x%", "")]
    assert [error for _, error in formatted(*cases)] == [2, 2, 2, 2, 2, 1]


def test_texts_of_any_length_are_formatted_by_address() -> None:
    """FB_FormatString2 writes as much as its target holds."""
    text = """PROGRAM MAIN
VAR f : FB_FormatString2; s : STRING := 'abcdef'; t : STRING := '<%s>'; o : STRING(5); e : BOOL; END_VAR
f(pFormatString := ADR(t), arg1 := F_STRING(s), pOutString := ADR(o), nOutStringSize := SIZEOF(o), bError => e);
END_PROGRAM"""
    assert run_st(text, ["MAIN.o", "MAIN.e"]) == {"MAIN.o": ["<abcd"], "MAIN.e": [False]}


def exact(value: float, decimals: int, rounding: str) -> str:
    with localcontext() as context:
        context.prec = 1100
        text = f"{Decimal(value).quantize(Decimal(1).scaleb(-decimals), rounding=rounding):f}"
    return text.removeprefix("-") if not text.strip("-0.") else text


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 30), st.booleans())
@example(0.125, 2, True)
@example(2.5, 0, True)
@example(-1.005, 2, True)
@example(1e22, 1, False)
@example(1.7976931348623157e308, 2, True)
@example(5e-324, 3, True)
def test_fixed_decimals_are_exact(value: float, decimals: int, is_rounded: bool) -> None:
    """Rounded half up from the number's exact value, or cut; a 0 has no sign."""
    inputs = {"v": "LREAL", "n": "INT", "b": "BOOL"}
    wanted = exact(value, decimals, ROUND_HALF_UP if is_rounded else ROUND_DOWN)
    assert call("LREAL_TO_FMTSTR(v, n, b)", "STRING(510)", inputs, v=value, n=decimals, b=is_rounded) == wanted


@pytest.mark.parametrize(("name", "form"), [("HEX", "X"), ("BIN", "b"), ("OCT", "o"), ("DEC", "d")])
@given(value=st.integers(0, 2**64 - 1), width=st.integers(-1, 70))
def test_numbers_in_other_bases(name: str, form: str, value: int, width: int) -> None:
    """At least so many digits."""
    more = ", FALSE" if name == "HEX" else ""
    read = call(f"LWORD_TO_{name}STR(v, n{more})", "STRING(255)", {"v": "LWORD", "n": "INT"}, v=value, n=width)
    assert read == f"{value:{form}}".rjust(max(width, 1), "0")


def test_numbers_in_other_bases_by_width() -> None:
    """Each width of its own, small letters where they are asked for."""
    wanted = {
        "BYTE_TO_HEXSTR(16#A5, 2, TRUE)": "a5",
        "WORD_TO_HEXSTR(16#BEEF, 6, FALSE)": "00BEEF",
        "DWORD_TO_BINSTR(5, 8)": "00000101",
        "WORD_TO_OCTSTR(8, 1)": "10",
        "BYTE_TO_DECSTR(7, 3)": "007",
    }
    assert dict(zip(wanted, worth("STRING(255)", *wanted), strict=True)) == wanted
