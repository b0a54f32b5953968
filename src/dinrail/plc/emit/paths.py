"""A variable's name as people write it (`MAIN.fb.aPos[2].x`, `MAIN.p^`) to its type and its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from dinrail.errors import BadRequest
from dinrail.plc.core.program import Program
from dinrail.plc.types.model import (
    BYTE,
    WORD,
    ArrayType,
    FunctionBlockType,
    PointerType,
    StructType,
    TextType,
    Type,
    resolve,
)
from dinrail.plc.types.variable import Area, Variable

_STEP = re.compile(r"\.(?P<name>\w+)|\[(?P<index>[-\d,\s]+)\]|(?P<deref>\^)")


@dataclass(frozen=True, slots=True)
class Spot:
    """address in this process; bit -1: the whole of it."""

    type: Type
    address: int
    bit: int = -1


@dataclass(frozen=True, slots=True)
class Bases:
    """Where an application's memory lies, and how to read a pointer out of it."""

    data: int
    areas: dict[Area, int]
    pointer_at: Callable[[int], int]


def find(program: Program, path: str, bases: Bases) -> Spot:
    """The place. Raises BadRequest: no such variable, no such member, an index outside."""
    variables = {each.path.upper(): each for each in (*program.statics, *program.areas)}
    names = re.match(r"[\w.]+", path)
    parts = names.group().split(".") if names else []
    for count in range(len(parts), 0, -1):
        name = ".".join(parts[:count])
        if (variable := variables.get(name.upper())) is not None:
            return _walk(_start(variable, bases), path, len(name), bases)
    raise BadRequest(f"there is no variable {path}")


def _start(variable: Variable, bases: Bases) -> Spot:
    base = bases.data if variable.area is None else bases.areas[variable.area]
    return Spot(variable.type, base + variable.offset_bytes, variable.bit)


def _walk(spot: Spot, path: str, at: int, bases: Bases) -> Spot:
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            raise BadRequest(f"{path}: cannot read {path[at:]!r}")
        spot = _step(spot, step, bases, path)
        at = step.end()
    return spot


def _step(spot: Spot, step: re.Match[str], bases: Bases, path: str) -> Spot:
    kind = resolve(spot.type)
    if step["name"] and isinstance(kind, StructType | FunctionBlockType):
        found = kind.fields.get(step["name"].upper())
        if found is not None:
            address = spot.address + found.offset_bytes
            if found.is_reference_field:
                address = bases.pointer_at(address)
            return Spot(found.type, address, found.bit)
    if step["deref"] and isinstance(kind, PointerType) and kind.target is not None:
        return Spot(kind.target, bases.pointer_at(spot.address))
    if step["index"] and isinstance(kind, ArrayType):
        return Spot(kind.element, spot.address + _flat(kind, step["index"], path) * kind.element.size_bytes)
    if step["index"] and isinstance(kind, TextType):
        unit = WORD if kind.wide else BYTE
        return Spot(unit, spot.address + int(step["index"]) * unit.size_bytes)
    raise BadRequest(f"{path}: {kind.name} has no {step.group()}")


def _flat(kind: ArrayType, text: str, path: str) -> int:
    indices = [int(each) for each in text.split(",")]
    if len(indices) != len(kind.dimensions):
        raise BadRequest(f"{path}: {kind.name} has {len(kind.dimensions)} dimensions")
    flat = 0
    for index, (lower, upper) in zip(indices, kind.dimensions, strict=True):
        if not lower <= index <= upper:
            raise BadRequest(f"{path}: {index} is outside of {lower}..{upper}")
        flat = flat * (upper - lower + 1) + index - lower
    return flat
