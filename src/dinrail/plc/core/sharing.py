"""What several tasks touch: where a half-written value could be read."""

from __future__ import annotations

from dataclasses import dataclass

from dinrail.plc.core.calls import Access
from dinrail.plc.core.handover import MOST_BYTES, NO_HANDSHAKE, Decision
from dinrail.plc.core.program import Program
from dinrail.plc.core.users import TaskUses, Use
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


def shared_variables(program: Program, uses: TaskUses, decision: Decision) -> list[Shared]:
    """What two tasks write, and what one task writes and another reads when it is wider than eight bytes and plain.

    Parts are told apart by their fields: two fields of one structure do not disturb each other, a field and the whole
    structure do. What is reached by pointers is not seen.
    """
    found = (_judge(program, variable, use, decision) for variable, use in uses.variables.items())
    return [each for each in found if each is not None]


def _judge(program: Program, variable: Variable, use: Use, decision: Decision) -> Shared | None:
    for path, users in use.parts.items():
        for other_path, others in use.parts.items():
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
                    if other != number and not decision.is_handed_over(variable, number, other):
                        return _torn(program, variable, access, (name, kind), (number, other), decision)
    return None


def _twice_written(program: Program, variable: Variable, access: Access, name: str, one: int, other: int) -> Shared:
    first, second = sorted((one, other))
    text = f"{name} is written by the tasks {program.tasks[first].name} and {program.tasks[second].name}"
    return Shared(variable, access.at, text, "let one task write it; give the other a variable of its own")


def _torn(
    program: Program,
    variable: Variable,
    access: Access,
    what: tuple[str, Type],
    tasks: tuple[int, int],
    decision: Decision,
) -> Shared:
    name, kind = what
    writer, reader = (program.tasks[number].name for number in tasks)
    text = (
        f"{name} ({kind.name}) is written by the task {writer} and read by {reader}: "
        f"its {kind.size_bytes} bytes are not written in one step"
    )
    reason = decision.plain.get(tasks)
    hint = "pass single values of 8 bytes at most, or let one task do both"
    if reason is not None and reason is not variable:
        hint = f"{reason.path} cannot be handed over; where it is no handshake: {{attribute '{NO_HANDSHAKE}'}}"
    elif variable.type.size_bytes > MOST_BYTES:
        hint = f"more than {MOST_BYTES} bytes are not handed over: make it smaller, or let one task do both"
    return Shared(variable, access.at, text, hint)


def _type_at(kind: Type, path: tuple[str, ...]) -> Type:
    for name in path:
        inner = resolve(kind)
        fields = getattr(inner, "fields", {})
        part = fields.get(name.upper())
        if part is None:
            return inner if isinstance(inner, StructType) else kind
        kind = part.type
    return kind
