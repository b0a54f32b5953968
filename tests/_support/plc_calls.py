"""Functions of the library, called with values of Python's: one compiled program each, called again and again."""

from __future__ import annotations

from functools import cache

from plc_run import LIMIT_S, session_of

from dinrail.plc.emit.session import Session
from dinrail.plc.emit.values import Value


@cache
def _session(expression: str, result: str, inputs: tuple[tuple[str, str], ...]) -> Session:
    variables = "\n".join(f"{name} : {kind};" for name, kind in inputs)
    return session_of(f"PROGRAM MAIN\nVAR\n{variables}\nr : {result};\nEND_VAR\nr := {expression};\nEND_PROGRAM")


def call(expression: str, result: str, inputs: dict[str, str], **values: Value) -> Value:
    """What an expression is worth: its result's type, its variables' types, and their values."""
    session = _session(expression, result, tuple(inputs.items()))
    for name, value in values.items():
        session.write(f"MAIN.{name}", value)
    fault = session.cycle(now_ns=0, limit_s=LIMIT_S)
    assert fault is None, fault
    return session.read("MAIN.r")


def worth(result: str, *expressions: str) -> list[Value]:
    """What several expressions without variables are worth, in one program."""
    return _worths(result, expressions)


@cache
def _worths(result: str, expressions: tuple[str, ...]) -> list[Value]:
    variables = "\n".join(f"r{at} : {result};" for at in range(len(expressions)))
    body = "\n".join(f"r{at} := {expression};" for at, expression in enumerate(expressions))
    session = session_of(f"PROGRAM MAIN\nVAR\n{variables}\nEND_VAR\n{body}\nEND_PROGRAM")
    fault = session.cycle(now_ns=0, limit_s=LIMIT_S)
    assert fault is None, fault
    return [session.read(f"MAIN.r{at}") for at in range(len(expressions))]
