"""The system's clocks, as the executive calls them."""

from __future__ import annotations

from collections.abc import Iterator

from dinrail.plc.emit.executive.code import Code, Value

CLOCK_REALTIME, CLOCK_MONOTONIC = 0, 1
"""Linux; FreeBSD has 0 and 4."""
TIMER_ABSTIME = 1
SECOND_NS = 1_000_000_000


def now(code: Code, clock: int) -> Value:
    """A clock's time, ns."""
    return code.call("time_of", "i64", code.constant(clock, "i32"))


def functions() -> Iterator[Code]:
    """In the order of their text."""
    yield _time_of()
    yield _sleep_for()
    yield _sleep_until()


def _time_of() -> Code:
    code = Code("time_of", "i64", ("clock", "i32"))
    time = code.buffer(16)
    code.call("clock_gettime", "i32", code.arguments[0], time)
    code.give(code.load(time) * SECOND_NS + code.load(time, 8))
    return code


def _sleep_for() -> Code:
    code = Code("sleep_for", "void", ("ns", "i64"))
    _sleep(code, code.arguments[0], 0)
    return code


def _sleep_until() -> Code:
    code = Code("sleep_until", "void", ("ns", "i64"))
    _sleep(code, code.arguments[0], TIMER_ABSTIME)
    return code


def _sleep(code: Code, ns: Value, flags: int) -> None:
    """A signal ends it early: callers look at the clock."""
    time = code.buffer(16)
    seconds = ns // SECOND_NS
    code.store(seconds, time)
    code.store(ns - seconds * SECOND_NS, time, 8)
    clock = code.constant(CLOCK_MONOTONIC, "i32")
    code.call("clock_nanosleep", "i32", clock, code.constant(flags, "i32"), time, code.null())
