"""What several tasks touch: where a half-written value could be read."""

from __future__ import annotations

from dataclasses import dataclass, field

from dinrail.plc.core.calls import Access, CallGraph
from dinrail.plc.core.program import Program
from dinrail.plc.source import Place
from dinrail.plc.types.model import StructType, Type, held_as, resolve
from dinrail.plc.types.variable import Variable

WORD_BYTES = 8
"""What is this wide or narrower is written and read in one step."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A variable, or a part of one, that tasks can disturb each other with."""

    variable: Variable
    at: Place
    text: str
    hint: str


@dataclass(slots=True)
class _Users:
    """Tasks by number, with the first place of each."""

    readers: dict[int, Access] = field(default_factory=dict)
    writers: dict[int, Access] = field(default_factory=dict)


def shared_variables(program: Program, graph: CallGraph) -> list[Shared]:
    """What two tasks write, and what one task writes and another reads when it is wider than eight bytes.

    Parts are told apart by their fields: two fields of one structure do not disturb each other, a field and the whole
    structure do. What is reached by pointers is not seen.
    """
    variables: dict[int, Variable] = {}
    users: dict[int, dict[tuple[str, ...], _Users]] = {}
    for number, task in enumerate(program.tasks):
        for function in graph.reached(task.programs):
            uses = graph.uses.get(id(function))
            for access in uses.accesses if uses else []:
                variables[id(access.variable)] = access.variable
                part = users.setdefault(id(access.variable), {}).setdefault(access.path, _Users())
                if access.writes:
                    part.writers.setdefault(number, access)
                if access.reads:
                    part.readers.setdefault(number, access)
    found = (_judge(program, variable, users[key]) for key, variable in variables.items())
    return [each for each in found if each is not None]


def _judge(program: Program, variable: Variable, parts: dict[tuple[str, ...], _Users]) -> Shared | None:
    for path, users in parts.items():
        for other_path, others in parts.items():
            length = min(len(path), len(other_path))
            if path[:length] != other_path[:length]:
                continue
            for number, access in users.writers.items():
                name = ".".join((variable.path, *path))
                for other in others.writers:
                    if other != number:
                        return _twice_written(program, variable, access, name, number, other)
                kind = _type_at(variable.type, path)
                if held_as(kind) is not None and kind.size_bytes <= WORD_BYTES:
                    continue
                for other in others.readers:
                    if other != number:
                        return _torn(program, variable, access, name, kind, number, other)
    return None


def _twice_written(program: Program, variable: Variable, access: Access, name: str, one: int, other: int) -> Shared:
    first, second = sorted((one, other))
    text = f"{name} is written by the tasks {program.tasks[first].name} and {program.tasks[second].name}"
    return Shared(variable, access.at, text, "let one task write it; give the other a variable of its own")


def _torn(
    program: Program, variable: Variable, access: Access, name: str, kind: Type, writer: int, reader: int
) -> Shared:
    tasks = program.tasks
    text = (
        f"{name} ({kind.name}) is written by the task {tasks[writer].name} and read by {tasks[reader].name}: "
        f"its {kind.size_bytes} bytes are not written in one step"
    )
    return Shared(variable, access.at, text, "pass single values of 8 bytes at most, or let one task do both")


def _type_at(kind: Type, path: tuple[str, ...]) -> Type:
    for name in path:
        inner = resolve(kind)
        fields = getattr(inner, "fields", {})
        part = fields.get(name.upper())
        if part is None:
            return inner if isinstance(inner, StructType) else kind
        kind = part.type
    return kind
