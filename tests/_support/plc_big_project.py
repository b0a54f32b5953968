"""A generated application with thousands of symbols of every type, and what each of them holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

PER_PROGRAM = 500
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Kind:
    """A type, the literal of the n-th value, and that value as JSON has it (ads-client's form)."""

    type: str
    literal: Callable[[int], str]
    value: Callable[[int], object]


def _same(number: Callable[[int], int]) -> tuple[Callable[[int], str], Callable[[int], object]]:
    return lambda n: str(number(n)), number


def _time(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


KINDS = (
    Kind("BOOL", lambda n: "TRUE" if n % 2 else "FALSE", lambda n: bool(n % 2)),
    Kind("BYTE", *_same(lambda n: n % 256)),
    Kind("WORD", *_same(lambda n: n * 7 % 65536)),
    Kind("DWORD", *_same(lambda n: n * 70_001 % 2**32)),
    Kind("LWORD", lambda n: str(n * 2**40 + n), lambda n: str(n * 2**40 + n)),
    Kind("SINT", *_same(lambda n: n % 256 - 128)),
    Kind("USINT", *_same(lambda n: n % 256)),
    Kind("INT", *_same(lambda n: n % 65536 - 32768)),
    Kind("UINT", *_same(lambda n: n * 5 % 65536)),
    Kind("DINT", *_same(lambda n: -n * 70_001)),
    Kind("UDINT", *_same(lambda n: n * 400_001 % 2**32)),
    Kind("LINT", lambda n: str(-n * 2**40 - n), lambda n: str(-n * 2**40 - n)),
    Kind("ULINT", lambda n: str(2**63 + n), lambda n: str(2**63 + n)),
    Kind("REAL", lambda n: f"{n}.25", lambda n: n + 0.25),
    Kind("LREAL", lambda n: f"-{n}.125", lambda n: -n - 0.125),
    Kind("TIME", lambda n: f"T#{n}ms", lambda n: n),
    Kind("LTIME", lambda n: f"LTIME#{n}us{n % 1000}ns", lambda n: str(n * 1000 + n % 1000)),
    Kind("TIME_OF_DAY", lambda n: f"TOD#{_time(n % _DAY_S)}", lambda n: n % _DAY_S * 1000),
    Kind("STRING(20)", lambda n: f"'text {n}'", lambda n: f"text {n}"),
    Kind("WSTRING(20)", lambda n: f'"wide {n}"', lambda n: f"wide {n}"),
    Kind("E_Mode", lambda n: f"E_Mode.{_MODES[n % 3]}", lambda n: {"name": _MODES[n % 3], "value": n % 3 * 5}),
    Kind("ST_Point", lambda n: f"(x := {n % 100}, y := {n}.5)", lambda n: {"x": n % 100, "y": n + 0.5}),
    Kind("ARRAY [0..3] OF INT", lambda n: f"[{n}, 2, 3, 4]", lambda n: [n, 2, 3, 4]),
)
_MODES = ("Off", "Manual", "Automatic")
HEAD = """
TYPE E_Mode : (Off := 0, Manual := 5, Automatic := 10) INT; END_TYPE
TYPE ST_Point : STRUCT x : INT; y : LREAL; END_STRUCT END_TYPE
FUNCTION_BLOCK FB_Adder
VAR nCalls : UDINT; END_VAR
{attribute 'TcRpcEnable'}
METHOD Add : DINT
VAR_INPUT nA : DINT; nB : DINT; END_VAR
VAR_OUTPUT bEven : BOOL; END_VAR
nCalls := nCalls + 1;
Add := nA + nB;
bEven := (Add MOD 2) = 0;
END_METHOD
END_FUNCTION_BLOCK
"""


def value_of(number: int) -> tuple[str, object]:
    """(type, value) of the n-th variable."""
    kind = KINDS[number % len(KINDS)]
    return kind.type, kind.value(number)


def name_of(number: int) -> str:
    """The n-th variable's path."""
    return f"P{number // PER_PROGRAM:02}.v{number}"


def big_project(count: int, more: str = "") -> str:
    """The text: `count` variables in programs of 500, and MAIN, which counts in nCycles and adds with fbAdder.

    more: further declarations of MAIN, in front of all others.
    """
    parts = [HEAD]
    programs = range(-(-count // PER_PROGRAM))
    for program in programs:
        parts.append(f"PROGRAM P{program:02}\nVAR\n")
        for number in range(program * PER_PROGRAM, min((program + 1) * PER_PROGRAM, count)):
            kind = KINDS[number % len(KINDS)]
            parts.append(f"    v{number} : {kind.type} := {kind.literal(number)}; // number {number}\n")
        parts.append("END_VAR\nEND_PROGRAM\n")
    calls = "".join(f"P{program:02}();\n" for program in programs)
    parts.append(
        f"PROGRAM MAIN\nVAR\n{more}    nCycles : UDINT;\n    nSet : DINT;\n    fbAdder : FB_Adder;\n"
        f"    aCount : ARRAY [0..999] OF UDINT;\n    nAt : INT;\nEND_VAR\n"
        f"nCycles := nCycles + 1;\nFOR nAt := 0 TO 999 DO aCount[nAt] := nCycles; END_FOR\n{calls}END_PROGRAM\n"
    )
    return "".join(parts)
