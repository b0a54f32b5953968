"""The standard library's text: parsed once per process, and handed out as units with their libraries' names.

    language/   what needs no library in TwinCAT: conversions to and from texts (always there)
    standard/   Tc2_Standard: timers, counters, edges, bistables, strings
    system/     Tc2_System: memory, tasks, clock, log
    math/       Tc2_Math: whole parts and remainders of floating point numbers
    utilities/  Tc2_Utilities: formatting, time structures, codes
    sys*/, cmp*/  the runtime's own, of which only projects know that name them: files, which a cycle does not touch

A file's first line says what is in it. The checker takes only what a program uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from dinrail.errors import Refused
from dinrail.plc.parse.declaration import Unit
from dinrail.plc.parse.unit import parse_source
from dinrail.plc.project.model import FIRST_LIBRARY_SOURCE
from dinrail.plc.source import Report, Source, line_of, source_index_of

LANGUAGE = "__Language"
"""The namespace of what is always there."""
FOLDERS = {
    LANGUAGE: "language",
    "Tc2_Standard": "standard",
    "Tc2_System": "system",
    "Tc2_Math": "math",
    "Tc2_Utilities": "utilities",
    "SysTypes": "systypes",
    "CmpErrors": "cmperrors",
    "SysFile": "sysfile",
    "SysDir": "sysdir",
}
_NEEDS = {
    "Tc2_System": ("Tc2_Standard",),
    "Tc2_Utilities": ("Tc2_Standard", "Tc2_System"),
    "SysFile": ("SysTypes", "CmpErrors"),
    "SysDir": ("SysTypes", "CmpErrors"),
}
_ONLY_NAMED = frozenset(("SysTypes", "CmpErrors", "SysFile", "SysDir"))


def library_units(names: Iterable[str] = ()) -> list[Unit]:
    """The units of the libraries of those names and of what they stand on; for none all but the runtime's own.

    Unknown names have none.

    Each unit's namespace is its library's name. The trees are shared: nobody changes them.
    """
    wanted = {name for asked in names for name in (asked, *_NEEDS.get(asked, ()))}
    wanted = wanted or FOLDERS.keys() - _ONLY_NAMED
    return [_unit(name) for name in FOLDERS if name in wanted or name == LANGUAGE]


@cache
def library_sources() -> dict[int, Source]:
    """Every text of the library by its index, for messages."""
    found: dict[int, Source] = {}
    for folder in FOLDERS.values():
        for entry in _texts(folder):
            index = FIRST_LIBRARY_SOURCE + len(found)
            name = f"<library>/{folder}/{entry.name}"
            found[index] = Source(name, entry.read_text("utf-8"), index, from_library=True)
    return found


def _texts(folder: str) -> list[Traversable]:
    entries = files(__name__).joinpath(folder).iterdir()
    return sorted((entry for entry in entries if entry.name.endswith(".st")), key=lambda entry: entry.name)


@cache
def _unit(library: str) -> Unit:
    whole = Unit(namespace=library)
    report = Report()
    for source in library_sources().values():
        if source.name.split("/")[1] == FOLDERS[library]:
            part = parse_source(source, report)
            whole.pous += part.pous
            whole.types += part.types
            whole.globals += part.globals
    if report.messages:
        first = report.messages[0]
        where = f"{library_sources()[source_index_of(first.at)].name}:{line_of(first.at)}"
        raise Refused(f"the library does not parse: {first.text}", where=where)
    return whole
