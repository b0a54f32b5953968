"""What goes from one task to another as a whole, and what stays plain memory.

A task's own is handed over at the end of its cycle, and another task sees it from the beginning of its own cycle on: as
the writer left it, nothing half done, flag and data from the same cycle. That is right only when everything between the
two goes that way. Were one of two variables plain memory, the flag `ready` could be seen before the data that it speaks
of; programs that hand over by such flags are common. So between a writer and a reader either all variables are handed
over, or none is: none, when one of those that the first writes and the second reads cannot be.

    cannot be       written by two tasks; %I, %Q, %M; an address of it kept by another than its writer; larger than
                    MOST_BYTES
    does not count  {attribute 'dinrail.no_handshake'}: nobody concludes from it that something else is ready

Plain memory that tasks share keeps the program's order: each word is read and written in one step, and nothing is moved
across it (`ordered`). So is a byte of an area in which several tasks write bits of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dinrail.plc.core.program import Handover, Program
from dinrail.plc.core.users import TaskUses, Use
from dinrail.plc.types.variable import Area, Storage, Variable

MOST_BYTES = 64 << 10
"""Of one variable: it is copied for each reader in each cycle of its writer."""
NO_HANDSHAKE = "dinrail.no_handshake"


@dataclass(slots=True)
class Decision:
    """owners: the task whose data a variable is, where one can be told. plain: (writer, reader) without a handover,
    and the first variable that is the reason. ordered: what tasks share as plain memory."""

    handovers: list[Handover] = field(default_factory=list)
    ordered: set[Variable] = field(default_factory=set)
    owners: dict[Variable, int] = field(default_factory=dict)
    plain: dict[tuple[int, int], Variable] = field(default_factory=dict)
    _whole: dict[Variable, int] = field(default_factory=dict)

    def is_handed_over(self, variable: Variable, writer: int, reader: int) -> bool:
        """Whether the reader sees the variable as it is handed over."""
        return self._whole.get(variable) == writer and (writer, reader) not in self.plain


def decide(program: Program, uses: TaskUses, declared_by: Mapping[Variable, int]) -> Decision:
    """For all tasks of an application; nothing is handed over in one with a single task.

    declared_by: the task that alone runs the program which declares a variable. Areas are placed.
    """
    decision = Decision()
    if len(program.tasks) < 2:
        return decision
    used = [(variable, uses.variables[variable]) for variable in _in_order(program) if variable in uses.variables]
    for variable, use in used:
        owner = _owner(use, declared_by.get(variable))
        if owner is None:
            continue
        if variable.storage is Storage.STATIC:
            decision.owners[variable] = owner
        if _fits(variable, use) and use.readers() - {owner}:
            decision._whole[variable] = owner
    for variable, use in used:
        if variable not in decision._whole and not _is_no_handshake(variable):
            for writer in use.writers() | use.takers:
                for reader in use.readers() - {writer}:
                    decision.plain.setdefault((writer, reader), variable)
    decision.handovers = _handovers(program, uses, decision)
    decision.ordered = {variable for variable, use in used if _is_plain(decision, variable, use)} | _shared_bytes(used)
    return decision


def _is_plain(decision: Decision, variable: Variable, use: Use) -> bool:
    """Whether a task sees what another one writes, other than handed over."""
    writers = use.writers() | use.takers
    pairs = [(writer, other) for writer in writers for other in (use.readers() | writers) - {writer}]
    return not _is_no_handshake(variable) and any(not decision.is_handed_over(variable, *pair) for pair in pairs)


def _shared_bytes(used: Sequence[tuple[Variable, Use]]) -> set[Variable]:
    """Bits of areas in bytes that several tasks write."""
    bits = [(variable, use) for variable, use in used if variable.storage is Storage.AREA and variable.bit >= 0]
    writers: dict[tuple[Area | None, int], set[int]] = {}
    for variable, use in bits:
        writers.setdefault((variable.area, variable.offset_bytes), set()).update(use.writers())
    return {variable for variable, _ in bits if len(writers[variable.area, variable.offset_bytes]) > 1}


def _in_order(program: Program) -> list[Variable]:
    return [each for each in (*program.statics, *program.areas) if not each.constant]


def _owner(use: Use, declared_by: int | None) -> int | None:
    """The only task that writes, or may. What only clients write is its program's, or its first reader's."""
    writers = use.writers() | use.takers
    if not writers:
        return min(use.readers(), default=None) if declared_by is None else declared_by
    return writers.pop() if len(writers) == 1 else None


def _fits(variable: Variable, use: Use) -> bool:
    return variable.storage is Storage.STATIC and not use.leaked and 0 < variable.type.size_bytes <= MOST_BYTES


def _is_no_handshake(variable: Variable) -> bool:
    return any(each.name.lower() == NO_HANDSHAKE for each in variable.attributes)


def _handovers(program: Program, uses: TaskUses, decision: Decision) -> list[Handover]:
    found = []
    for writer in range(len(program.tasks)):
        variables, readers = [], set()
        for variable, owner in decision._whole.items():
            seen_by = uses.variables[variable].readers() - {writer} if owner == writer else set()
            handed_over = {each for each in seen_by if (writer, each) not in decision.plain}
            if handed_over:
                variables.append(variable)
                readers |= handed_over
        if readers:
            others = frozenset(function for function, tasks in uses.runs.items() if tasks - {writer})
            found.append(Handover(writer, tuple(sorted(readers)), tuple(variables), others))
    return found
