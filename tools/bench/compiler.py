"""How fast projects become images: the front end in lines a second, a large project, an unchanged one.

The large project is the packaging line of the tests many times over, each copy with names of its own.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CORPUS = Path(__file__).resolve().parent.parent.parent / "tests" / "corpus" / "packline"
COPIES = 16
_SUFFIXES = (".TcPOU", ".TcGVL", ".TcDUT", ".TcIO")


def make_project(folder: Path, copies: int) -> int:
    """A plain folder of TwinCAT objects; how many lines of Structured Text it has."""
    files = sorted(path for path in CORPUS.rglob("*") if path.suffix in _SUFFIXES)
    names = {path.stem for path in files}
    word = re.compile(r"\b(" + "|".join(sorted(names, key=len, reverse=True)) + r")\b")
    # Variables of a list that needs no qualifier, and members of an enumeration that needs none, are names, too.
    plain = re.compile(r"\b(g[CETMpSW]\w+|vs[A-Z]\w+)\b")
    for copy in range(copies):
        for path in files:
            text = word.sub(lambda found, copy=copy: f"{found[1]}_{copy}", path.read_text())
            text = plain.sub(lambda found, copy=copy: f"{found[1]}_{copy}", text)
            (folder / f"{path.stem}_{copy}{path.suffix}").write_text(text)
    programs = [f'"{name}_{copy}"' for copy in range(copies) for name in ("MAIN", "PRG_Axes", "PRG_Heating")]
    task = f'name = "PlcTask"\ncycle = "10 ms"\npriority = 20\nprograms = [{", ".join(programs)}]\n'
    (folder / "project.toml").write_text(f'name = "large"\n[[task]]\n{task}')
    from dinrail.plc.project.load import load_project

    return sum(source.text.count("\n") + 1 for source in load_project([folder]).sources().values())


def report(rounds: int) -> None:
    """Print it all; the front end in a process of its own each round, as a user has it."""
    with tempfile.TemporaryDirectory(prefix="dinrail-bench-") as name:
        folder = Path(name)
        lines = make_project(folder, COPIES)
        print(f"\nCompiler: a project of {lines} lines ({COPIES} packaging lines), medians of {rounds}")
        _front_end(folder, lines, rounds)
        _builds(folder, rounds)


_SCRIPT = """
import sys, time
from pathlib import Path
from dinrail.plc.library import library_units
from dinrail.plc.build import check
from dinrail.plc.project.load import load_project
from dinrail.plc.pause import frozen_collector
from dinrail.plc.project.parse import parse_project
from dinrail.plc.source import Report
library_units()
project = load_project([Path(sys.argv[1])])
begun = time.perf_counter()
with frozen_collector():
    parse_project(project, Report())
    parsed = time.perf_counter()
    assert not check(project).report.failed
print(parsed - begun, time.perf_counter() - parsed)
"""


def _front_end(folder: Path, lines: int, rounds: int) -> None:
    parse, whole = [], []
    for _ in range(rounds):
        done = subprocess.run([sys.executable, "-c", _SCRIPT, str(folder)], check=True, capture_output=True, text=True)
        first, second = map(float, done.stdout.split())
        parse.append(first)
        whole.append(second)
    middle, both = statistics.median(parse), statistics.median(whole)
    print(f"  scan and parse       {lines / middle:10.0f} lines/s")
    print(f"  scan, parse, check   {lines / both:10.0f} lines/s  ({both:.2f} s)")


def _builds(folder: Path, rounds: int) -> None:
    target = folder / "out.image"
    base = (sys.executable, "-m", "dinrail", "plc")
    build = (*base, "build", str(folder), "-o", str(target))
    fresh = [_timed(*build, "--no-cache") for _ in range(max(3, rounds // 3))]
    again, check = [], []
    _timed(*build)
    for _ in range(rounds):
        again.append(_timed(*build))
        check.append(_timed(*base, "check", str(folder)))
    print(f"  plc check, process   {statistics.median(check):10.2f} s")
    print(f"  plc build, process   {statistics.median(fresh):10.2f} s  ({target.stat().st_size} bytes)")
    print(f"  plc build, unchanged {statistics.median(again):10.2f} s")


def _timed(*argv: str) -> float:
    begun = time.perf_counter()
    subprocess.run(argv, check=True, capture_output=True)
    return time.perf_counter() - begun
