"""Structured Text, run in this process cycle by cycle on a clock of the test's own.

    assert run_st(TEXT, watch=["MAIN.n"], cycles=3) == {"MAIN.n": [1, 2, 3]}

A text's PROGRAMs are called in the order in which it declares them, by one task. The standard library is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dinrail.control.context import FaultRecord
from dinrail.plc.check.program import check_program
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Fault, Program, TaskProgram
from dinrail.plc.emit.session import Session
from dinrail.plc.emit.values import Value
from dinrail.plc.library import library_units
from dinrail.plc.parse.declaration import PouKind
from dinrail.plc.parse.unit import parse_source
from dinrail.plc.source import Report, Severity, Source, column_of, line_of

STEP_NS = 10_000_000
LIMIT_S = 20.0
"""A cycle that takes longer is a loop without an end: it becomes Fault.RUNAWAY."""


class Refused(AssertionError):
    """The text does not compile; the errors are the message."""


class Stopped(AssertionError):
    """A cycle ended in a fault that the test did not expect."""


def checked(text: str, options: Options | None = None, *, name: str = "test.st") -> tuple[Program, list[str]]:
    """The checked program, and the names of its PROGRAMs. Raises Refused."""
    report = Report()
    unit = parse_source(Source(name, text, 1), report)
    names = [pou.name for pou in unit.pous if pou.kind is PouKind.PROGRAM]
    _settle(report, text)
    program = check_program([unit, *library_units()], [("PlcTask", names)], options or Options(), report)
    _settle(report, text)
    return program, names


def _settle(report: Report, text: str) -> None:
    errors = [each for each in report.messages if each.severity is Severity.ERROR]
    if errors:
        lines = text.splitlines()
        told = []
        for each in errors[:10]:
            line = line_of(each.at)
            shown = lines[line - 1].strip() if 0 < line <= len(lines) else ""
            told.append(f"{line}:{column_of(each.at)}: [{each.rule}] {each.text}\n    {shown}")
        raise Refused("\n".join(told))


def session_of(text: str, options: Options | None = None) -> Session:
    """The text, compiled and initialised."""
    program, names = checked(text, options)
    entries = [program.entry[name.upper()] for name in names]
    return Session(program, options, [TaskProgram("PlcTask", entries)])


def run_st(
    text: str,
    watch: Sequence[str],
    cycles: int = 1,
    *,
    step_ns: int = STEP_NS,
    options: Options | None = None,
    inputs: Mapping[str, Sequence[Value]] | None = None,
    start_ns: int = 0,
) -> dict[str, list[Value]]:
    """Each watched variable's value after each cycle.

    inputs: variable -> its value in each cycle, set before it. Cycle k begins at start_ns + k * step_ns.
    Raises Refused, Stopped.
    """
    session = session_of(text, options)
    return steps(session, watch, cycles, step_ns=step_ns, inputs=inputs, start_ns=start_ns)


def steps(
    session: Session,
    watch: Sequence[str],
    cycles: int = 1,
    *,
    step_ns: int = STEP_NS,
    inputs: Mapping[str, Sequence[Value]] | None = None,
    start_ns: int = 0,
) -> dict[str, list[Value]]:
    """As run_st, with an application that is there already."""
    seen: dict[str, list[Value]] = {path: [] for path in watch}
    for cycle in range(cycles):
        for path, values in (inputs or {}).items():
            if cycle < len(values):
                session.write(path, values[cycle])
        fault = session.cycle(now_ns=start_ns + cycle * step_ns, limit_s=LIMIT_S)
        if fault is not None:
            raise Stopped(f"cycle {cycle}: {told(fault)}")
        for path in watch:
            seen[path].append(session.read(path))
    return seen


def run_table(text: str, rows: Sequence[Mapping[str, Value]], *, expect: Sequence[str], **how: object) -> None:
    """Each row is a cycle: what is set before it (all names but those in `expect`), and what is then expected.

    how: options, step_ns, start_ns as in run_st.
    """
    options = how.pop("options", None)
    session = session_of(text, options if isinstance(options, Options) else None)
    step_ns, start_ns = how.pop("step_ns", STEP_NS), how.pop("start_ns", 0)
    assert not how, how
    assert isinstance(step_ns, int)
    assert isinstance(start_ns, int)
    for cycle, row in enumerate(rows):
        for path, value in row.items():
            if path not in expect:
                session.write(path, value)
        fault = session.cycle(now_ns=start_ns + cycle * step_ns, limit_s=LIMIT_S)
        assert fault is None, f"cycle {cycle}: {told(fault) if fault else ''}"
        wanted = {path: value for path, value in row.items() if path in expect}
        assert {path: session.read(path) for path in wanted} == wanted, f"cycle {cycle}"


def fault_of_st(text: str, cycles: int = 1, *, options: Options | None = None, limit_s: float = LIMIT_S) -> FaultRecord:
    """The fault that the text ends in, within so many cycles."""
    session = session_of(text, options)
    for cycle in range(cycles):
        fault = session.cycle(now_ns=cycle * STEP_NS, limit_s=limit_s)
        if fault is not None:
            return fault
    raise Stopped(f"no fault in {cycles} cycles")


def told(fault: FaultRecord) -> str:
    """A fault in short."""
    return f"{Fault(fault.code).name} at line {fault.place >> 12 & 0xFFFFFFF}, {fault.values}"
