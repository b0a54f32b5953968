"""Where fields and variables lie in memory: as TwinCAT 3 lays them out on x64.

Each field at a multiple of its alignment, which `pack_mode` limits (default 8); a structure's size is a multiple of its
own alignment; a base comes first, whole; BIT fields share bytes, eight each; a function block begins with the number of
its class. Source: Beckhoff Information System, "Alignment" and "Attribute 'pack_mode'" (TwinCAT 3 PLC).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dinrail.plc.core.program import Program, Segment
from dinrail.plc.types.model import CLASS_NUMBER_BYTES, SCALARS, FunctionBlockType, StructType
from dinrail.plc.types.variable import Storage, Variable

ADDRESS_BYTES = 8
SEGMENT_ALIGN_BYTES = 64
BIT = SCALARS["BIT"]


def aligned(offset_bytes: int, align_bytes: int) -> int:
    """The next multiple of an alignment."""
    return -(-offset_bytes // align_bytes) * align_bytes


def held_bytes(variable: Variable) -> tuple[int, int]:
    """Size and alignment of what a field or variable takes in memory: of a reference field, its address."""
    if variable.is_reference_field:
        return ADDRESS_BYTES, ADDRESS_BYTES
    return variable.type.size_bytes, variable.type.align_bytes


def lay_out_structure(kind: StructType) -> None:
    """Sets the offsets of a structure's fields, its size and alignment. Its base and its fields' types are laid out."""
    base = kind.base
    own = list(kind.fields.values())[len(base.fields) if base else 0 :]
    start = base.size_bytes if base else 0
    align = base.align_bytes if base else 1
    if kind.is_union:
        end, own_align = _overlay(own, kind.pack_bytes)
    else:
        end, own_align = _one_after_another(own, start, kind.pack_bytes)
    kind.align_bytes = max(align, own_align)
    kind.size_bytes = max(aligned(end, kind.align_bytes), 1)
    kind.laid_out = True


def lay_out_block(kind: FunctionBlockType) -> None:
    """The same for a function block: behind its base, or behind the number of its class."""
    base = kind.base
    own = list(kind.fields.values())[len(base.fields) if base else 0 :]
    end, align = _one_after_another(own, base.size_bytes if base else CLASS_NUMBER_BYTES, kind.pack_bytes)
    kind.align_bytes = max(CLASS_NUMBER_BYTES, align)
    kind.size_bytes = aligned(end, kind.align_bytes)
    kind.laid_out = True


def _one_after_another(fields: Iterable[Variable], start: int, pack_bytes: int) -> tuple[int, int]:
    """Places fields from `start` on. Returns the end of the last one, and the widest alignment."""
    end, widest, bit = start, 1, 8
    for field in fields:
        if field.type is BIT:
            if bit > 7:
                end, bit = end + 1, 0
            field.offset_bytes, field.bit = end - 1, bit
            bit += 1
            continue
        size, align = held_bytes(field)
        align = min(align, pack_bytes)
        field.offset_bytes = aligned(end, align)
        end, widest, bit = field.offset_bytes + size, max(widest, align), 8
    return end, widest


def _overlay(fields: Iterable[Variable], pack_bytes: int) -> tuple[int, int]:
    """Places all fields at 0. Returns the widest size and alignment."""
    end, widest = 0, 1
    for field in fields:
        size, align = held_bytes(field)
        field.offset_bytes = 0
        if field.type is BIT:
            field.bit = 0
        end, widest = max(end, size), max(widest, min(align, pack_bytes))
    return end, widest


def place_statics(program: Program, task_of: Callable[[Variable], int | None]) -> None:
    """Gives each static its offset, and the program its `data_bytes` and `segments`.

    task_of: the index of the only task that a static belongs to, None when it is nobody's own. What is nobody's own
    comes first, in declared order, then each task's own: what it hands over to others (Program.handovers), the rest.
    """
    groups: dict[int | None, list[Variable]] = {None: []}
    groups |= {index: [] for index in range(len(program.tasks))}
    handed_over = {variable for handover in program.handovers for variable in handover.variables}
    for variable in program.statics:
        if variable.storage is Storage.STATIC and variable not in handed_over:
            groups[task_of(variable)].append(variable)
    handovers = {handover.writer: handover for handover in program.handovers}
    segments: list[Segment] = []
    offset = 0
    for owner, variables in groups.items():
        begin = offset
        if owner is not None and (handover := handovers.get(owner)) is not None:
            end, _ = _one_after_another(handover.variables, offset, 8)
            handover.offset_bytes, handover.size_bytes = offset, aligned(end - offset, SEGMENT_ALIGN_BYTES)
            offset += handover.size_bytes
        end, _ = _one_after_another(variables, offset, 8)
        offset = aligned(end, SEGMENT_ALIGN_BYTES)
        if offset > begin:
            segments.append(Segment(owner or 0, begin, offset - begin))
    program.data_bytes = offset
    program.segments = tuple(segments)
