"""Paths that a user gives, to a project: files, folders, project.toml, TwinCAT's projects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dinrail.errors import BadRequest
from dinrail.plc.project.document import FILE_NAME, read_document
from dinrail.plc.project.files import decode, read_bytes, shown
from dinrail.plc.project.model import PlainText, Project
from dinrail.plc.project.twincat import find_plcproj, load_plcproj, settle_libraries
from dinrail.plc.project.twincat_object import SourceBook, read_object, read_task

PLAIN_SUFFIXES: Final = frozenset((".st", ".iecst", ".exp"))
_TWINCAT_SUFFIXES: Final = frozenset((".tcpou", ".tcgvl", ".tcdut", ".tcio"))
_PROJECT_SUFFIXES: Final = frozenset((".plcproj", ".tsproj", ".sln", ".tspproj"))
_MAX_FILES: Final = 20_000


def load_project(paths: Sequence[Path]) -> Project:
    """One application from what a user named: texts are read, nothing is parsed.

    Several paths of plain texts are one application together. Of several TwinCAT projects the first is the
    application, and the others libraries that it refers to. Raises BadRequest, FormatError or HostError.
    """
    if not paths:
        raise BadRequest("no project is named", hint="a file, a folder or a .plcproj")
    for path in paths:
        if not path.exists():
            raise BadRequest("there is no such file or folder", where=str(path))
    book = SourceBook()
    projects = [found for path in paths for found in _twincat_projects(path)]
    project = _twincat(paths, projects, book) if projects else _plain(paths, book)
    project.messages = book.messages
    if not project.documents:
        raise BadRequest("no source text is there", where=str(paths[0]), hint="texts end in .st, or lie in a .plcproj")
    return project


def _twincat_projects(path: Path) -> list[Path]:
    """The PLC projects that a path stands for; none: it is a plain file or folder."""
    if path.suffix.lower() in _PROJECT_SUFFIXES:
        found = find_plcproj(path)
        if not found:
            raise BadRequest("no PLC project (.plcproj) belongs to it", where=str(path))
    elif path.is_dir() and not (path / FILE_NAME).exists():
        found = find_plcproj(path)
    else:
        return []
    if len(found) > 1:
        names = tuple(str(each) for each in found)
        raise BadRequest("more than one PLC project lies here", where=str(path), details=names, hint="name one of them")
    return found


def _twincat(paths: Sequence[Path], projects: list[Path], book: SourceBook) -> Project:
    if len(projects) != len(paths):
        raise BadRequest("TwinCAT projects and plain texts cannot be built together", where=str(paths[0]))
    application = load_plcproj(projects[0], book)
    book.from_library = True
    others = [load_plcproj(path, book) for path in projects[1:]]
    settle_libraries(application, others, book)
    return application


def _plain(paths: Sequence[Path], book: SourceBook) -> Project:
    first = paths[0]
    root = first if first.is_dir() else first.parent
    documents = [path / FILE_NAME for path in paths if path.is_dir() and (path / FILE_NAME).exists()]
    documents += [path for path in paths if path.name == FILE_NAME]
    if len(documents) > 1:
        raise BadRequest(f"two {FILE_NAME} are named", where=str(documents[1]), hint="name one project")
    project = Project(first.stem if first.is_file() else first.absolute().name, root)
    roots = list(paths)
    if documents:
        said = read_document(documents[0])
        folder = documents[0].parent
        project = Project(said.name, folder, [], said.tasks, said.options, said.libraries, defines=said.defines)
        named = [folder / each for each in said.sources] or [folder]
        roots = named + [path for path in paths if path not in (folder, documents[0])]
    for path in roots:
        if not path.exists():
            raise BadRequest("there is no such file or folder", where=str(path), why=f"{FILE_NAME} names it")
        _add(path, project, book)
    return project


def _add(path: Path, project: Project, book: SourceBook) -> None:
    files = _files_below(path) if path.is_dir() else [path]
    if len(files) > _MAX_FILES:
        raise BadRequest(f"more than {_MAX_FILES} files lie here", where=str(path), hint="name the project's folder")
    for file in files:
        suffix, name = file.suffix.lower(), shown(file, project.root)
        if suffix in PLAIN_SUFFIXES or (file == path and suffix not in (*_TWINCAT_SUFFIXES, ".tctto")):
            project.documents.append(PlainText(book.add(name, decode(read_bytes(file)))))
        elif suffix in _TWINCAT_SUFFIXES:
            made = read_object(read_bytes(file), name, book)
            project.documents += [made] if made else []
        elif suffix == ".tctto" and (task := read_task(read_bytes(file), name)):
            project.tasks += (task,)


def _files_below(folder: Path) -> list[Path]:
    """All files in a folder and its folders, sorted; hidden ones are other tools'."""
    found = (each for each in folder.rglob("*") if each.is_file())
    return sorted(each for each in found if not any(part[0] == "." for part in each.relative_to(folder).parts))
