"""Assignments: scalars, texts, aggregates, references, properties; and chains of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check import build
from dinrail.plc.check.any_types import ANY_STRUCT
from dinrail.plc.check.conversions import loaded, name_of, refused, to_scalar
from dinrail.plc.check.effects import pinned
from dinrail.plc.check.operand import Operand, PropertyRef, Told
from dinrail.plc.check.places import followed
from dinrail.plc.core import expression as core
from dinrail.plc.core.statement import Assign, Copy, CopyText, If, Statement
from dinrail.plc.parse import expression as syntax
from dinrail.plc.parse.expression import Assigning
from dinrail.plc.source import Place
from dinrail.plc.types.convert import is_below, same_type
from dinrail.plc.types.model import (
    BOOL,
    ULINT,
    UNKNOWN,
    AnyType,
    FunctionBlockType,
    PointerType,
    ScalarType,
    TextType,
    Type,
    held_as,
    resolve,
)

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator

Target = Operand | PropertyRef


def target(e: Elaborator, node: syntax.Expr) -> Target:
    """What may be assigned to: a place that is not protected, or a property."""
    found = e.found(node)
    if isinstance(found, PropertyRef):
        kind = resolve(found.info.type)
        if found.info.setter is not None or not (isinstance(kind, PointerType) and kind.is_reference):
            return found
    operand = e.as_operand(found, node.at)
    if operand.place is None or isinstance(operand.place, core.ConstantAt):
        raise e.told(node.at, "target", "this is nothing that can be assigned to")
    if operand.fixed:
        raise e.told(node.at, "read-only", f"this cannot be assigned to: it is {operand.fixed}")
    return operand


def assignment_statements(e: Elaborator, node: syntax.Assignment) -> list[Statement]:
    """An assignment as a statement."""
    if node.assigning is Assigning.REFERENCE:
        return reference_assignment(e, node)
    try:
        goal = target(e, node.target)
    except Told:
        e.attempt(node.value)
        raise
    if node.assigning is not Assigning.VALUE:
        return _set_or_reset(e, goal, node)
    e.note_assignment(node.target, node.at)
    if isinstance(goal, Operand) and goal.place is not None and goal.type is not None:
        held = held_as(goal.type)
        if held is not None:
            return [Assign(node.at, goal.place, e.value(node.value, goal.type))]
    if isinstance(goal, PropertyRef):
        return store(e, goal, e.operand(node.value, goal.info.type), node.value.at, node.target.at)
    return store(e, goal, e.operand(node.value, goal.type), node.value.at, node.at)


def _set_or_reset(e: Elaborator, goal: Target, node: syntax.Assignment) -> list[Statement]:
    """`x S= condition`: TRUE when the condition is, else as before. R= likewise."""
    condition = e.value(node.value, BOOL)
    constant = core.Constant(node.at, BOOL, node.assigning is Assigning.SET)
    then = store(e, goal, Operand(BOOL, constant), node.at)
    return [If(node.at, condition, then, [])]


def assignment(e: Elaborator, node: syntax.Assignment, _want: Type | None) -> Operand:
    """An assignment as a value: what its target holds then."""
    if node.assigning is Assigning.REFERENCE:
        raise e.told(node.at, "no-value", "REF= is a statement: it gives no value")
    goal = target(e, node.target)
    e.note_assignment(node.target, node.at)
    if isinstance(goal, PropertyRef):
        return _through_property(e, goal, node)
    if goal.type is None or goal.place is None:
        raise TypeError("a target without a place")
    before: list[Statement] = []
    place = pinned(e, goal.place, before, node.at)
    pinned_goal = Operand(goal.type, place=place)
    if node.assigning is not Assigning.VALUE:
        before += _set_or_reset(e, pinned_goal, node)
    else:
        before += store(e, pinned_goal, e.operand(node.value, goal.type), node.value.at, node.at)
    return _after(before, pinned_goal, node.at)


def _after(before: list[Statement], found: Operand, at: Place) -> Operand:
    kind, place = found.type, found.place
    if kind is None or place is None:
        raise TypeError("a target without a place")
    held = held_as(kind)
    if held is None:
        return Operand(kind, place=core.SequenceAt(at, before, place, kind), fixed="the result of an assignment")
    return Operand(kind, core.Sequence(at, before, core.Load(at, place, held), held))


def _through_property(e: Elaborator, goal: PropertyRef, node: syntax.Assignment) -> Operand:
    kind = goal.info.type
    temporary = Operand(kind, place=e.temporary(kind, node.at))
    before = store(e, temporary, e.operand(node.value, kind), node.value.at, node.at)
    before += store(e, goal, temporary, node.at)
    return _after(before, temporary, node.at)


# ---------------------------------------------------------------------------------------------------------- storing


def store(e: Elaborator, goal: Target, source: Operand, at: Place, target_at: Place | None = None) -> list[Statement]:
    """Puts an operand into a target. at: where messages about the value point."""
    where = target_at or at
    if isinstance(goal, PropertyRef):
        return e.set_property(goal, lambda kind: _property_argument(e, kind, source, at), where)
    if goal.place is None or goal.type is None:
        raise TypeError("a target without a place")
    return put(e, goal.place, goal.type, source, at, where)


def _property_argument(e: Elaborator, kind: Type, source: Operand, at: Place) -> list[core.Expression | core.Location]:
    if held_as(kind) is not None:
        return [to_scalar(e, source, kind, at)]
    temporary = e.temporary(kind, at)
    return [core.SequenceAt(at, put(e, temporary, kind, source, at, at), temporary, kind)]


def put(e: Elaborator, place: core.Location, kind: Type, source: Operand, at: Place, where: Place) -> list[Statement]:
    """Puts an operand into a place of a type."""
    if kind is UNKNOWN:
        raise Told("the target's type is unknown, which has been reported")
    if held_as(kind) is not None:
        return [Assign(where, place, to_scalar(e, source, kind, at))]
    final = resolve(kind)
    given = resolve(source.type) if source.type is not None else None
    if given is None:
        raise e.told(at, "no-value", f"this call gives nothing, {kind.name} is wanted")
    if isinstance(final, TextType) and isinstance(given, TextType) and final.wide == given.wide:
        if source.place is None:
            raise TypeError("a text without a place")
        _text_fits(e, final, given, source, at)
        return [CopyText(where, place, source.place)]
    if same_type(final, given) and source.place is not None:
        return [Copy(where, place, source.place)]
    if _is_base(final, given) and source.place is not None:
        return [Copy(where, place, core.ViewAt(at, source.place, final))]
    if final is ANY_STRUCT and isinstance(given, AnyType) and source.place is not None:
        return [Copy(where, place, core.ViewAt(at, source.place, ANY_STRUCT))]
    raise refused(e, source, kind, at)


def _is_base(kind: Type, given: Type) -> bool:
    return isinstance(kind, FunctionBlockType) and isinstance(given, FunctionBlockType) and is_below(given, kind)


def _text_fits(e: Elaborator, kind: TextType, given: TextType, source: Operand, at: Place) -> None:
    if source.loose and given.length > kind.length:
        text = f"this text of {given.length} characters is cut to the {kind.length} of {kind.name}"
        e.report.warning(at, "text-length", text)


def negated_target(e: Elaborator, source: Operand, at: Place) -> Operand:
    """What `NOT out => target` gives the target."""
    if source.type is None or held_as(source.type) is not BOOL:
        raise e.told(at, "operator", f"NOT before an output is for BOOL, this is {name_of(source.type)}")
    return Operand(BOOL, build.inverted(loaded(source, at), at))


# ------------------------------------------------------------------------------------------------------- references


def reference_assignment(e: Elaborator, node: syntax.Assignment) -> list[Statement]:
    """`r REF= x`."""
    found = e.found(node.target)
    if isinstance(found, PropertyRef):
        raise e.told(node.at, "reference", "REF= needs a variable, not a property")
    operand = found if isinstance(found, Operand) else e.as_operand(found, node.at)
    kind = resolve(operand.type) if operand.type is not None else None
    if not isinstance(kind, PointerType) or not kind.is_reference or operand.place is None:
        e.attempt(node.value)
        text = f"REF= is for variables of type REFERENCE TO, this is {name_of(operand.type)}"
        raise e.told(node.at, "reference", text, "to assign a value, write :=")
    return [Assign(node.at, operand.place, reference_to(e, node.value, kind))]


def reference_to(e: Elaborator, node: syntax.Expr, kind: PointerType) -> core.Expression:
    """The address that a reference of that type holds to refer to `node`; 0 for 0."""
    operand = followed(e.raw(node), node.at)
    known = operand.constant
    if operand.loose and known is not None and known.value == 0:
        return core.Constant(node.at, ULINT, 0)
    place = operand.place
    if place is None or isinstance(place, core.ConstantAt | core.BitAt):
        raise e.told(node.at, "reference", "a reference needs a variable to refer to")
    wanted, given = (resolve(side) if side is not None else None for side in (kind.target, operand.type))
    fits = wanted is not None and given is not None and same_type(wanted, given)
    if isinstance(wanted, FunctionBlockType) and isinstance(given, FunctionBlockType):
        fits = is_below(given, wanted)
    if wanted is ANY_STRUCT and isinstance(given, AnyType):
        fits = True
    if isinstance(wanted, TextType) and isinstance(given, TextType):
        fits = wanted.wide == given.wide
    if not fits:
        text = f"type {name_of(operand.type)} is not what {kind.name} refers to"
        raise e.told(node.at, "reference", text, "a reference takes variables of its very type")
    return build.address(place, node.at)


# ------------------------------------------------------------------------------------------------------ initialising


def initialise(e: Elaborator, place: core.Location, node: syntax.Expr, at: Place) -> list[Statement]:
    """Gives a place its first value: as an assignment, but `[...]` and `(a := ...)` too, and references refer."""
    kind = place.type
    final = resolve(kind)
    if isinstance(final, PointerType) and final.is_reference:
        return [Assign(at, place, reference_to(e, node, final))]
    if type(final) is ScalarType:
        return [Assign(at, place, e.value(node, kind))]
    if isinstance(node, syntax.ArrayInit | syntax.StructInit):
        return e.initialise_aggregate(place, node, at)
    return put(e, place, kind, e.operand(node, kind), node.at, at)
