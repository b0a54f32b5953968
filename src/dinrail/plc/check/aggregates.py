"""`[1, 2, 3(0)]` and `(a := 1, b := [..])`: element by element, field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check import build
from dinrail.plc.check.names import near
from dinrail.plc.check.repetition import repeated
from dinrail.plc.core import expression as core
from dinrail.plc.core.statement import Fill, Statement
from dinrail.plc.parse import expression as syntax
from dinrail.plc.source import Place
from dinrail.plc.types.model import BOOL, BYTE, DINT, LINT, ArrayType, FunctionBlockType, StructType, resolve

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator


def initialise_aggregate(
    e: Elaborator, place: core.Location, node: syntax.ArrayInit | syntax.StructInit, at: Place
) -> list[Statement]:
    """The place first takes its type's defaults, then what is written."""
    kind = resolve(place.type)
    out: list[Statement] = []
    if not isinstance(kind, FunctionBlockType):
        out.append(Fill(at, place, e.default_bytes(place.type)))
    if isinstance(node, syntax.ArrayInit):
        if not isinstance(kind, ArrayType):
            raise e.told(node.at, "initialiser", f"[...] is for arrays, this is {place.type.name}")
        return out + _array(e, place, kind, node, at)
    if not isinstance(kind, StructType | FunctionBlockType):
        raise e.told(node.at, "initialiser", f"(... := ...) is for structures, this is {place.type.name}")
    return out + _fields(e, place, kind, node, at)


def _array(e: Elaborator, place: core.Location, kind: ArrayType, node: syntax.ArrayInit, at: Place) -> list[Statement]:
    out: list[Statement] = []
    position = 0
    for repeat, value in repeated(node, e.scope):
        count = 1
        if repeat is not None:
            known = e.value(repeat, DINT)
            if not isinstance(known, core.Constant) or known.value < 0:
                raise e.told(repeat.at, "initialiser", "a repetition is a constant number")
            count = int(known.value)
        if position + count > kind.count:
            raise e.told(node.at, "initialiser", f"more than the {kind.count} elements of {kind.name}")
        for number in range(position, position + count if value is not None else position):
            if value is not None:
                element = core.IndexAt(at, place, build.number(number, LINT, at), kind.element)
                out += e.initialise(element, value, at)
        position += count
    return out


def _fields(
    e: Elaborator, place: core.Location, kind: StructType | FunctionBlockType, node: syntax.StructInit, at: Place
) -> list[Statement]:
    out: list[Statement] = []
    for field_at, name, value in node.fields:
        variable = kind.fields.get(name.upper())
        if variable is None:
            hint = near(name, [found.name for found in kind.fields.values()])
            raise e.told(field_at, "no-member", f"{kind.name} has no member {name}", hint)
        if variable.bit >= 0:
            byte = core.FieldAt(at, place, variable, BYTE)
            out += e.initialise(core.BitAt(at, byte, variable.bit, BOOL), value, at)
        else:
            out += e.initialise(core.FieldAt(at, place, variable, variable.type), value, at)
    return out
