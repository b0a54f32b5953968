"""project.toml: the settings of a plain project, every fault at once.

name = "demo"
dialect = "twincat"            # or "iec": arithmetic at the operands' width
sources = ["src", "lib/x.st"]  # the folder itself, when not said
libraries = ["Tc2_Standard"]   # all, when not said
defines = { SIMULATION = "1" }
optimise = 2
[[task]]
name = "PlcTask"
cycle = "1 ms"
priority = 20
programs = ["MAIN"]
[checks]
bounds = true
null = true
divide = true
float_divide = true
loops = true
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from dinrail.control.settings import Overrun, TaskSettings
from dinrail.errors import BadRequest
from dinrail.plc.core.options import Options
from dinrail.plc.project.files import decode, read_bytes
from dinrail.plc.project.twincat import OUR_LIBRARIES
from dinrail.units import S_NS, US_NS, parse_duration

FILE_NAME: Final = "project.toml"
_DIALECTS: Final = ("twincat", "iec")
_CHECKS: Final = {
    "bounds": "check_bounds",
    "null": "check_null",
    "divide": "check_divide",
    "float_divide": "check_float_divide",
    "loops": "loop_abort",
}
_KEYS: Final = ("name", "dialect", "sources", "libraries", "defines", "optimise", "task", "checks")
_TASK_KEYS: Final = (
    *("name", "cycle", "priority", "core", "start_offset", "watchdog_cycles", "overrun", "programs", "port"),
)
Table = dict[str, object]


@dataclass(frozen=True, slots=True)
class Document:
    """What project.toml says. sources: as written, below its folder."""

    name: str
    sources: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    defines: dict[str, str] = field(default_factory=dict)
    tasks: tuple[TaskSettings, ...] = ()
    options: Options = field(default_factory=Options)


class _Reader:
    """Takes values out of a table and collects what is wrong with them."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def fault(self, where: str, text: str) -> None:
        self.faults.append(f"{where}: {text}")

    def text(self, table: Table, key: str, where: str, default: str) -> str:
        value = table.get(key, default)
        if isinstance(value, str) and value:
            return value
        self.fault(f"{where}{key}", 'a text is wanted, as in "demo"')
        return default

    def texts(self, table: Table, key: str, where: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        value = table.get(key, list(default))
        if isinstance(value, list) and all(isinstance(each, str) and each for each in value):
            return tuple(value)
        self.fault(f"{where}{key}", 'a list of texts is wanted, as in ["MAIN"]')
        return default

    def integer(self, table: Table, key: str, where: str, default: int, low: int, high: int) -> int:
        value = table.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.fault(f"{where}{key}", f"a whole number from {low} to {high} is wanted")
        return default

    def duration(self, table: Table, key: str, where: str, default: int) -> int:
        if key not in table:
            return default
        try:
            return parse_duration(str(table[key]))
        except BadRequest as bad:
            self.fault(f"{where}{key}", f"{bad.what}; {bad.hint}")
            return default

    def unknown(self, table: Table, known: tuple[str, ...], where: str) -> None:
        for key in table:
            if key not in known:
                self.fault(f"{where}{key}", f"no such key; there are {', '.join(known)}")

    def table(self, table: Table, key: str, where: str) -> Table:
        value = table.get(key, {})
        if isinstance(value, dict):
            return value
        self.fault(f"{where}{key}", "a table is wanted")
        return {}


def read_document(path: Path) -> Document:
    """A project.toml. Raises HostError, or BadRequest with every fault."""
    text = decode(read_bytes(path))
    try:
        table: Table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise BadRequest(f"it is no TOML: {fault}", where=str(path)) from fault
    reader = _Reader()
    document = _document(reader, table, path.absolute().parent.name or "plc")
    if reader.faults:
        raise BadRequest("the project's settings are wrong", where=str(path), details=tuple(reader.faults))
    return document


def _document(reader: _Reader, table: Table, folder: str) -> Document:
    reader.unknown(table, _KEYS, "")
    defines = reader.table(table, "defines", "")
    libraries = reader.texts(table, "libraries", "")
    for name in libraries:
        if name.lower() not in OUR_LIBRARIES:
            reader.fault("libraries", f"there is no library {name!r}; there are {', '.join(_our_names())}")
    return Document(
        reader.text(table, "name", "", folder),
        reader.texts(table, "sources", ""),
        tuple(OUR_LIBRARIES.get(name.lower(), name) for name in libraries),
        {name: str(value) for name, value in defines.items()},
        _tasks(reader, table),
        _options(reader, table),
    )


def _our_names() -> list[str]:
    return sorted(set(OUR_LIBRARIES.values()))


def _options(reader: _Reader, table: Table) -> Options:
    dialect = reader.text(table, "dialect", "", "twincat")
    if dialect not in _DIALECTS:
        reader.fault("dialect", f"{dialect!r} is none; there are {' and '.join(_DIALECTS)}")
    optimise = reader.integer(table, "optimise", "", 2, 0, 3)
    options = Options(wide_intermediates=dialect == "twincat", optimise=optimise)
    checks = reader.table(table, "checks", "")
    reader.unknown(checks, tuple(_CHECKS), "checks.")
    values: dict[str, bool] = {}
    for key, name in _CHECKS.items():
        value = checks.get(key, True)
        if not isinstance(value, bool):
            reader.fault(f"checks.{key}", "true or false is wanted")
        values[name] = bool(value)
    return replace(
        options,
        check_bounds=values["check_bounds"],
        check_null=values["check_null"],
        check_divide=values["check_divide"],
        check_float_divide=values["check_float_divide"],
        loop_abort=values["loop_abort"],
    )


def _tasks(reader: _Reader, table: Table) -> tuple[TaskSettings, ...]:
    listed = table.get("task", [])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        reader.fault("task", "tasks are written [[task]]")
        return ()
    tasks = tuple(_task(reader, each, f"task[{at}].") for at, each in enumerate(listed))
    keys: tuple[tuple[str, Callable[[TaskSettings], object]], ...] = (
        ("name", lambda task: task.name.lower()),
        ("priority", lambda task: task.priority),
    )
    for key, value_of in keys:
        values = [value_of(task) for task in tasks]
        for at, value in enumerate(values):
            if value in values[:at]:
                reader.fault(f"task[{at}].{key}", f"{value} is another task's")
    return tasks


def _task(reader: _Reader, table: Table, where: str) -> TaskSettings:
    default = TaskSettings()
    reader.unknown(table, _TASK_KEYS, where)
    cycle_ns = reader.duration(table, "cycle", where, default.cycle_ns)
    if not 50 * US_NS <= cycle_ns <= 10 * S_NS:
        reader.fault(f"{where}cycle", "a cycle takes from 50 us to 10 s")
    offset_ns = reader.duration(table, "start_offset", where, 0)
    if offset_ns >= cycle_ns:
        reader.fault(f"{where}start_offset", "it is shorter than the cycle")
    overrun = reader.text(table, "overrun", where, default.overrun.value)
    if overrun not in [each.value for each in Overrun]:
        reader.fault(f"{where}overrun", f"{overrun!r} is none; there are count and stop")
        overrun = default.overrun.value
    return TaskSettings(
        reader.text(table, "name", where, default.name),
        cycle_ns,
        reader.integer(table, "priority", where, default.priority, 1, 99),
        reader.integer(table, "core", where, 0, 0, 1023) if "core" in table else None,
        offset_ns,
        reader.integer(table, "watchdog_cycles", where, default.watchdog_cycles, 0, 1_000_000),
        Overrun(overrun),
        reader.texts(table, "programs", where, default.programs),
        reader.integer(table, "port", where, 301, 301, 399) if "port" in table else 0,
    )
