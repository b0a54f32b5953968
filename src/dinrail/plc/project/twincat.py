"""TwinCAT 3 PLC projects: a .plcproj and what it compiles; .tsproj and .sln only lead there.

Source: MSBuild project files of TwinCAT 3.1 builds 4020 to 4026.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from dinrail.errors import BadRequest
from dinrail.plc.project.files import decode, read_bytes, shown
from dinrail.plc.project.model import Library, Project
from dinrail.plc.project.twincat_object import SourceBook, plain_path, read_object, read_task
from dinrail.plc.project.xml import Element, parse_xml
from dinrail.plc.source import Place, Severity, place

OUR_LIBRARIES: Final = {
    "tc2_standard": "Tc2_Standard",
    "standard": "Tc2_Standard",
    "tc2_system": "Tc2_System",
    "tc2_math": "Tc2_Math",
    "tc2_utilities": "Tc2_Utilities",
    "tc3_module": "Tc3_Module",
    "sysfile": "SysFile",
    "sysdir": "SysDir",
    "systypes": "SysTypes",
    "systypes2_itfs": "SysTypes",
    "cmperrors": "CmpErrors",
    "cmperrors2_itfs": "CmpErrors",
}
_WITHOUT_CODE: Final = frozenset(("base interfaces", "tc3_interfaces", "ibaselibrary"))
"""Referred to by every project, and asked for nothing by most."""
_OBJECT_SUFFIXES: Final = frozenset((".tcpou", ".tcgvl", ".tcdut", ".tcio"))
_PLCPROJ: Final = re.compile(r'"([^"\n]+\.plcproj)"', re.IGNORECASE)
_TSPROJ: Final = re.compile(r'"([^"\n]+\.tsp?proj)"', re.IGNORECASE)


def find_plcproj(path: Path) -> list[Path]:
    """The PLC projects that a .sln, .tsproj, .plcproj or folder leads to, sorted. Raises HostError."""
    suffix = path.suffix.lower()
    if path.is_dir():
        return sorted(path.rglob("*.plcproj"))
    if suffix == ".plcproj":
        return [path]
    text = decode(read_bytes(path))
    pattern = _TSPROJ if suffix == ".sln" else _PLCPROJ
    found = {path.parent / plain_path(match[1]) for match in pattern.finditer(text)}
    if suffix == ".sln":
        found = {each for project in found if project.is_file() for each in find_plcproj(project)} | {
            path.parent / plain_path(match[1]) for match in _PLCPROJ.finditer(text)
        }
    # A .tsproj of newer builds keeps its PLC projects in .xti files of its own; the folder has them all the same.
    return sorted(each for each in found if each.is_file()) or sorted(path.parent.rglob("*.plcproj"))


def load_plcproj(path: Path, book: SourceBook) -> Project:
    """One PLC project. Raises HostError, or FormatError for a file that is no XML."""
    name = shown(path, path.parent)
    data = read_bytes(path)
    root = parse_xml(data, name)
    listing = book.add(name, decode(data))
    title = next((group.value("Name") for group in root.all("PropertyGroup") if group.value("Name")), path.stem)
    project = Project(title, path.parent, files=[listing])
    for compiled in root.all("Compile"):
        if compiled.value("ExcludeFromBuild").lower() != "true":
            _compile(compiled, project, book, listing.index)
    _refer(root, project)
    for group in root.all("PropertyGroup"):
        project.defines |= _defines(group.value("CompilerDefines"))
    return project


def _compile(compiled: Element, project: Project, book: SourceBook, listing: int) -> None:
    include = plain_path(compiled.attributes.get("Include", ""))
    path = project.root / include
    suffix = path.suffix.lower()
    if suffix != ".tctto" and suffix not in _OBJECT_SUFFIXES:
        return
    if not path.is_file():
        text = f"the project compiles `{include}`, which does not exist"
        book.tell(place(listing, *compiled.at), "missing-file", text)
        return
    name, data = shown(path, project.root), read_bytes(path)
    if suffix == ".tctto":
        task = read_task(data, name)
        project.tasks += (task,) if task else ()
    elif (made := read_object(data, name, book)) is not None:
        project.documents.append(made)


def _refer(root: Element, project: Project) -> None:
    places = project.library_places
    for reference in root.all("PlaceholderReference") + root.all("LibraryReference"):
        name = reference.attributes.get("Include", "").partition(",")[0].strip()
        if name:
            project.libraries += (name,)
            places.setdefault(name.lower(), place(project.files[0].index, *reference.at))


def _defines(text: str) -> dict[str, str]:
    parts = [part.strip().partition(":=") for part in re.split(r"[,;]", text) if part.strip()]
    return {name.strip(): value.strip().strip("'") for name, _, value in parts}


def settle_libraries(project: Project, others: list[Project], book: SourceBook) -> None:
    """Puts our spelling for our own libraries, takes those that came along, and tells of what is not here."""
    ours: list[str] = []
    places: dict[str, Place] = {}
    for each in [*reversed(others), project]:
        places |= each.library_places
    by_name = {other.name.lower(): other for other in others}
    waiting = list(dict.fromkeys(project.libraries))
    seen: set[str] = set()
    while waiting:
        name = waiting.pop(0)
        key = name.lower()
        if key in seen:
            continue
        seen.add(key)
        if key in OUR_LIBRARIES:
            ours.append(OUR_LIBRARIES[key])
        elif key in by_name:
            other = by_name[key]
            project.projects.insert(0, Library(other.name, other.documents))
            project.files += other.files
            waiting += other.libraries
        elif key not in _WITHOUT_CODE:
            at = places[key]
            text = f"the library `{name}` is not here: what is used of it will be unknown"
            hint = "give its project beside this one, if you have its sources"
            book.tell(at, "library", text, hint, Severity.WARNING)
    project.libraries = tuple(dict.fromkeys(ours))
    unused = [other.name for other in others if other.name.lower() not in seen]
    if unused:
        raise BadRequest(
            f"`{project.name}` does not refer to the project `{unused[0]}`",
            where=str(project.root),
            hint="give one application first, and behind it the projects that it uses as libraries",
        )
