"""Five programs, each in Structured Text and in C: the time of one cycle, interleaved, best of the rounds.

Both run in this process through one loop that gcc compiled, so what is measured is the code and nothing around it. A
program's C twin lies beside it and is compiled by `gcc -O2 -ffp-contract=off` (the language rounds every operation).
Before anything is timed both must have computed the same.
"""

from __future__ import annotations

import ctypes
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dinrail.plc.check.program import check_program
from dinrail.plc.core.options import Options
from dinrail.plc.core.program import Program
from dinrail.plc.emit.session import Session
from dinrail.plc.library import library_units
from dinrail.plc.parse.unit import parse_source
from dinrail.plc.source import Report, Severity, Source

HERE = Path(__file__).parent
PROGRAMS = ("control", "maths", "sort", "strings", "structs")
CHECKED = Options()
UNCHECKED = replace(
    CHECKED, check_bounds=False, check_null=False, check_divide=False, check_float_divide=False, loop_abort=False
)
ROUND_NS = 20_000_000
GCC = ("gcc", "-O2", "-march=native", "-ffp-contract=off", "-fPIC", "-shared")
_HARNESS = "void repeat(void (*f)(void *), void *with, long n) { while (n--) f(with); }\n"

RESULTS: dict[str, Callable[[Session], int]] = {
    "control": lambda session: int(number(session, "MAIN.aPlant[99]") * 1e6) + int(number(session, "MAIN.nActive")),
    "maths": lambda session: int(number(session, "MAIN.fSum") * 1e3),
    "sort": lambda session: int(number(session, "MAIN.nFound")),
    "strings": lambda session: int(number(session, "MAIN.nHits")) * 1_000_000 + int(number(session, "MAIN.nSum")),
    "structs": lambda session: int(number(session, "MAIN.fWay") * 1e6) + int(number(session, "MAIN.nGood")),
}


def number(session: Session, path: str) -> float:
    """A variable that is a number."""
    found = session.read(path)
    assert isinstance(found, int | float)
    return found


@dataclass(frozen=True, slots=True)
class Row:
    """Best times of one cycle in ns, and medians of the rounds' ratios to C."""

    name: str
    c_ns: float
    unchecked_ns: float
    checked_ns: float
    unchecked_ratio: float
    checked_ratio: float


def program_of(name: str, options: Options) -> Program:
    """A program's checked tree."""
    report = Report()
    path = HERE / f"{name}.st"
    unit = parse_source(Source(path.name, path.read_text(), 1), report)
    program = check_program([unit, *library_units()], [("PlcTask", ["MAIN"])], options, report)
    errors = [each.text for each in report.messages if each.severity is Severity.ERROR]
    assert not errors, errors
    return program


def measure(name: str, rounds: int, folder: Path) -> Row:
    """One program three times: in C, in ST without checks, in ST with all of them."""
    library = ctypes.CDLL(str(_compile(HERE / f"{name}.c", folder / f"{name}.so")))
    library.result.restype = ctypes.c_int64
    harness = ctypes.CDLL(str(folder / "harness.so"))
    harness.repeat.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long)
    sessions = [Session(program_of(name, options), options) for options in (UNCHECKED, CHECKED)]
    for _ in range(10):
        library.cycle()
        for session in sessions:
            assert session.cycle() is None
    for session in sessions:
        assert RESULTS[name](session) == library.result(), (name, RESULTS[name](session), library.result())
    entries = [(ctypes.cast(library.cycle, ctypes.c_void_p).value, None)]
    entries += [(session.entry_address(0), session.context(0)) for session in sessions]
    counts = [_count(harness, entry) for entry in entries]
    times: list[list[float]] = [[], [], []]
    for _ in range(rounds):
        for at, (entry, count) in enumerate(zip(entries, counts, strict=True)):
            times[at].append(_timed(harness, entry, count))
    ratios = [statistics.median(a / b for a, b in zip(own, times[0], strict=True)) for own in times[1:]]
    return Row(name, *(min(each) for each in times), *ratios)


def _timed(harness: ctypes.CDLL, entry: tuple[int | None, int | None], count: int) -> float:
    started_ns = time.perf_counter_ns()
    harness.repeat(*entry, count)
    return (time.perf_counter_ns() - started_ns) / count


def _count(harness: ctypes.CDLL, entry: tuple[int | None, int | None]) -> int:
    """How many cycles make a round."""
    return max(10, int(ROUND_NS / max(_timed(harness, entry, 100), 1.0)))


def _compile(source: Path, target: Path) -> Path:
    subprocess.run([*GCC, "-o", str(target), str(source), "-lm"], check=True)
    return target


def scan_time(rounds: int, only: tuple[str, ...] = PROGRAMS) -> list[Row]:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "harness.c").write_text(_HARNESS)
        _compile(folder / "harness.c", folder / "harness.so")
        rows = [measure(program, rounds, folder) for program in only]
    print(f"\nScan time, best of {rounds} interleaved rounds; ratio: median of the rounds'")
    print(f"  {'':<10}{'gcc -O2':>12}{'unchecked':>12}{'ratio':>8}{'checked':>12}{'ratio':>8}")
    for row in rows:
        print(
            f"  {row.name:<10}{row.c_ns:>9.0f} ns{row.unchecked_ns:>9.0f} ns{row.unchecked_ratio:>8.2f}"
            f"{row.checked_ns:>9.0f} ns{row.checked_ratio:>8.2f}"
        )
    kinds = ("unchecked_ratio", "checked_ratio")
    means = [statistics.geometric_mean(getattr(row, kind) for row in rows) for kind in kinds]
    print(f"  geometric mean of the ratios: {means[0]:.2f} without checks, {means[1]:.2f} with all")
    return rows


if __name__ == "__main__":
    import sys

    scan_time(15, tuple(sys.argv[1:]) or PROGRAMS)
