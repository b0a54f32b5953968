"""Where things are: a Location's address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dinrail.plc.core.expression import (
    BitAt,
    ConstantAt,
    DerefAt,
    FieldAt,
    IndexAt,
    Location,
    SelfAt,
    SequenceAt,
    VariableAt,
    ViewAt,
)
from dinrail.plc.core.program import Fault
from dinrail.plc.emit import abi, expression, handover, statement
from dinrail.plc.emit.writer import Writer
from dinrail.plc.source import Place
from dinrail.plc.types.variable import Storage, Variable

LOWEST_ADDRESS = 4096
"""No object of ours lies below it: a smaller address is a null pointer, perhaps with an offset."""

Base = tuple[str, int]
"""An operand and a distance from it in bytes: constant offsets are added up before anything is written."""


def address(w: Writer, location: Location) -> str:
    """The operand of a location's address (ptr)."""
    return _at(w, *place(w, location))


def _at(w: Writer, base: str, offset: int) -> str:
    if offset == 0:
        return base
    if base[0] == "@":
        return f"getelementptr inbounds (i8, ptr {base}, i64 {offset})"
    return w.value(f"getelementptr inbounds i8, ptr {base}, i64 {offset}")


def taken_address(w: Writer, location: Location) -> str:
    """As address, for somebody who keeps it or passes it on."""
    root = _root(location)
    if root is not None and root.storage is Storage.STATIC:
        w.emission.aliasing.take(root)
    return address(w, location)


def mark(w: Writer, location: Location) -> str:
    """What a load or store at a location ends with: see `aliasing`."""
    root = _root(location)
    if root is not None and root.storage not in (Storage.POINTER, Storage.STATIC, Storage.AREA):
        return ""
    return f", align 1{_touched(w, root)}"


def touched(w: Writer, location: Location) -> str:
    """What memory there is: for what touches nothing else that LLVM could take for something else."""
    return _touched(w, _root(location))


def _touched(w: Writer, root: Variable | None) -> str:
    if root is None or root.storage is Storage.POINTER:
        return w.emission.aliasing.reached
    return w.emission.aliasing.of(root) if root.storage is Storage.STATIC else ""


def is_ordered(w: Writer, location: Location) -> bool:
    """Whether tasks share it as plain memory, so that nothing may be moved across its use."""
    ordered = w.emission.ordered
    return bool(ordered) and _root(location) in ordered


def in_order(w: Writer, location: Location, size_bytes: int) -> tuple[str, str, str]:
    """(keyword behind load or store, address, what it ends with: ` acquire`, `release` by `{}`) of an ordered word.

    A word at a multiple of its size is atomic, which costs nothing on x86-64; another one is at least not moved away.
    """
    base, offset = place(w, location)
    where = _at(w, base, offset)
    if base[0] == "@" and offset % size_bytes == 0:
        return "atomic", where, f" {{}}, align {size_bytes}"
    return "volatile", where, ", align 1"


def _root(location: Location) -> Variable | None:
    """The variable by whose name a place is found; None when an address leads to it."""
    while True:
        if isinstance(location, VariableAt):
            return location.variable
        if isinstance(location, SequenceAt):
            location = location.location
        elif isinstance(location, DerefAt | SelfAt | ConstantAt) or _refers(location):
            return None
        else:
            location = location.base


def _refers(location: Location) -> bool:
    """Whether it is what a VAR_IN_OUT of an instance refers to."""
    return isinstance(location, FieldAt) and location.field.is_reference_field and not location.raw


def place(w: Writer, location: Location) -> Base:
    """Its address as base and distance."""
    return _PLACES[type(location)](w, location)


def checked_pointer(w: Writer, number: str, at: Place) -> str:
    """An address from an integer, refused when it is a null pointer's."""
    if w.emission.options.check_null:
        good = w.value(f"icmp uge i64 {number}, {LOWEST_ADDRESS}")
        w.fault_unless(good, Fault.NULL, at)
    return w.value(f"inttoptr i64 {number} to ptr")


def bit_of(location: Location) -> tuple[Location, int] | None:
    """(the byte's or integer's location, bit) of a place that is one bit, else None."""
    if isinstance(location, BitAt):
        return location.base, location.bit
    if isinstance(location, VariableAt):
        return (location, location.variable.bit) if location.variable.bit >= 0 else None
    if isinstance(location, FieldAt):
        return (location, location.field.bit) if location.field.bit >= 0 else None
    return None


def _variable(w: Writer, node: VariableAt) -> Base:
    variable = node.variable
    storage = variable.storage
    if storage is Storage.STATIC:
        return handover.view(w, variable) or ("@data", variable.offset_bytes)
    if storage is Storage.AREA and variable.area is not None:
        return f"@{abi.AREAS[variable.area]}.local", variable.offset_bytes
    return slot(w, variable), 0


def slot(w: Writer, variable: Variable) -> str:
    """A local's or parameter's memory; made now when the function did not list it."""
    found = w.slots.get(variable)
    if found is None:
        found = w.slots[variable] = f"%v{len(w.slots)}"
        w.allocas.append(f"{found} = alloca [{max(variable.type.size_bytes, 1)} x i8], align 8")
    return found


def _field(w: Writer, node: FieldAt) -> Base:
    base, offset = place(w, node.base)
    offset += node.field.offset_bytes
    if not node.field.is_reference_field or node.raw:
        return base, offset
    return referred(w, base, offset, node.at), 0


def referred(w: Writer, base: str, offset: int, at: Place) -> str:
    """What the address that lies there points to."""
    where = w.value(f"getelementptr inbounds i8, ptr {base}, i64 {offset}") if offset else base
    return checked_pointer(w, w.value(f"load i64, ptr {where}, align 1"), at)


def _index(w: Writer, node: IndexAt) -> Base:
    base, offset = place(w, node.base)
    before = dict(w.known) if w.known else {}
    if w.emission.options.check_bounds:
        for written, lower, upper in node.checks:
            _check_bounds(w, node.at, (written, lower, upper))
    index = expression.value(w, node.index)
    w.known = before
    size_bytes = node.type.size_bytes
    if index.lstrip("-").isdecimal():
        return base, offset + int(index) * size_bytes
    return w.value(f"getelementptr inbounds [{size_bytes} x i8], ptr {base}, i64 {index}"), offset


def _check_bounds(w: Writer, at: Place, check: tuple[Any, Any, Any]) -> None:
    index, lower, upper = (expression.value(w, each) for each in check)
    w.known[check[0]] = index
    if all(each.lstrip("-").isdecimal() for each in (index, lower, upper)):
        if int(lower) <= int(index) <= int(upper):
            return
    elif lower.lstrip("-").isdecimal() and upper.lstrip("-").isdecimal():
        distance = w.value(f"sub i64 {index}, {lower}") if lower != "0" else index
        good = w.value(f"icmp ult i64 {distance}, {max(int(upper) - int(lower) + 1, 0)}")
        w.fault_unless(good, Fault.BOUNDS, at, (index, lower, upper))
        return
    above = w.value(f"icmp sge i64 {index}, {lower}")
    below = w.value(f"icmp sle i64 {index}, {upper}")
    w.fault_unless(w.value(f"and i1 {above}, {below}"), Fault.BOUNDS, at, (index, lower, upper))


def _deref(w: Writer, node: DerefAt) -> Base:
    return checked_pointer(w, expression.value(w, node.address), node.at), 0


def _self(_w: Writer, _node: SelfAt) -> Base:
    return "%self", 0


def _bit(w: Writer, node: BitAt) -> Base:
    base, offset = place(w, node.base)
    return base, offset + node.bit // 8


def _constant(w: Writer, node: ConstantAt) -> Base:
    data = node.data
    size_bytes = getattr(node.type, "size_bytes", len(data))
    return w.emission.constant(data.ljust(size_bytes, b"\0") if len(data) < size_bytes else data), 0


def _sequence(w: Writer, node: SequenceAt) -> Base:
    statement.statements(w, node.statements)
    return place(w, node.location)


def _view(w: Writer, node: ViewAt) -> Base:
    return place(w, node.base)


_PLACES: dict[type, Callable[[Writer, Any], Base]] = {
    VariableAt: _variable,
    FieldAt: _field,
    IndexAt: _index,
    DerefAt: _deref,
    SelfAt: _self,
    BitAt: _bit,
    ConstantAt: _constant,
    SequenceAt: _sequence,
    ViewAt: _view,
}
