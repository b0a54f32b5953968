"""Places inside of others: elements, what a pointer points to, bits; and direct addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.plc.check import build, numbers
from dinrail.plc.check.conversions import loaded, name_of
from dinrail.plc.check.effects import kept, pure
from dinrail.plc.check.operand import Operand
from dinrail.plc.core import expression as core
from dinrail.plc.core.expression import BinaryOperator, Constant, Expression
from dinrail.plc.core.statement import Statement
from dinrail.plc.parse import expression as syntax
from dinrail.plc.source import Place
from dinrail.plc.types.convert import INTEGERS
from dinrail.plc.types.model import (
    BOOL,
    BYTE,
    DWORD,
    LINT,
    LWORD,
    WORD,
    ArrayType,
    FunctionBlockType,
    InterfaceType,
    OpenArrayType,
    PointerType,
    ScalarType,
    TextType,
    Type,
    held_as,
    resolve,
)
from dinrail.plc.types.variable import Area, Role, Storage, Variable

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator

Bound = tuple[Expression, Expression]


def deref(e: Elaborator, node: syntax.Deref, _want: Type | None) -> Operand:
    """`base^`."""
    if isinstance(node.base, syntax.This):
        own = _own_block(e, "THIS", node.at)
        return Operand(own, place=core.SelfAt(node.at, own))
    if isinstance(node.base, syntax.Super):
        own = _own_block(e, "SUPER", node.at)
        if own.base is None:
            raise e.told(node.at, "super", f"{own.name} extends nothing, so there is no SUPER")
        return Operand(own.base, place=core.ViewAt(node.at, core.SelfAt(node.at, own), own.base))
    base = e.operand(node.base)
    kind = resolve(base.type) if base.type is not None else None
    if not isinstance(kind, PointerType):
        hint = "call its methods directly" if isinstance(kind, InterfaceType) else ""
        raise e.told(node.at, "pointer", f"{name_of(base.type)} is no pointer, so it has no ^", hint)
    if kind.target is None:
        raise e.told(node.at, "pointer", "what this address points to has no type", "store it in a POINTER TO first")
    return Operand(kind.target, place=core.DerefAt(node.at, loaded(base, node.at), kind.target))


def _own_block(e: Elaborator, word: str, at: Place) -> FunctionBlockType:
    own = e.function.owner
    if own is None:
        raise e.told(at, "no-instance", f"{word} is for function blocks and their methods")
    return own


def this(e: Elaborator, node: syntax.This, _want: Type | None) -> Operand:
    """THIS: the instance's address."""
    own = _own_block(e, "THIS", node.at)
    return Operand(PointerType(own), build.address(core.SelfAt(node.at, own), node.at))


def super_(e: Elaborator, node: syntax.Super, _want: Type | None) -> Operand:
    """SUPER alone: the instance's address, as its base."""
    own = _own_block(e, "SUPER", node.at)
    if own.base is None:
        raise e.told(node.at, "super", f"{own.name} extends nothing, so there is no SUPER")
    return Operand(PointerType(own.base), build.address(core.SelfAt(node.at, own), node.at))


# -------------------------------------------------------------------------------------------------------- elements


def index(e: Elaborator, node: syntax.Index, _want: Type | None) -> Operand:
    """`base[i, j]`, also `base[i][j]` of one array with two dimensions."""
    written = list(node.indices)
    inner = node.base
    while isinstance(inner, syntax.Index):
        written = [*inner.indices, *written]
        inner = inner.base
    base = e.operand(inner)
    before: list[Statement] = []
    fixed = base.fixed
    at = node.at
    found = base
    while written:
        found = _step(e, found, written, before, at)
    if before and found.place is not None:
        found.place = core.SequenceAt(at, before, found.place, found.place.type)
    found.fixed = fixed
    return found


def _step(e: Elaborator, base: Operand, written: list[syntax.Expr], before: list[Statement], at: Place) -> Operand:
    """Takes as many indices as one array, pointer or text has."""
    kind = resolve(base.type) if base.type is not None else None
    place = base.place
    if isinstance(kind, ArrayType) and place is not None:
        return _element(e, place, kind, _taken(e, kind, len(kind.dimensions), written, before, at), at)
    if isinstance(kind, OpenArrayType) and place is not None:
        return _open_element(e, place, kind, _taken(e, kind, kind.rank, written, before, at), at)
    if isinstance(kind, PointerType) and kind.target is not None:
        address = core.DerefAt(at, loaded(base, at), kind.target)
        offset = _index_value(e, written.pop(0), before)
        target = kind.target
        return _deref_if_reference(Operand(target, place=core.IndexAt(at, address, offset, target)), at)
    if isinstance(kind, TextType) and place is not None:
        unit = WORD if kind.wide else BYTE
        offset = _index_value(e, written.pop(0), before)
        low, high = build.number(0, LINT, at), build.number(kind.length, LINT, at)
        check = _checked(e, kind, offset, (low, high), at)
        return Operand(unit, place=core.IndexAt(at, place, offset, unit, check))
    raise e.told(at, "index", f"{name_of(base.type)} is no array")


def _taken(
    e: Elaborator, kind: Type, rank: int, written: list[syntax.Expr], before: list[Statement], at: Place
) -> list[Expression]:
    if len(written) < rank:
        raise e.told(at, "index-count", f"{kind.name} has {rank} dimensions, {len(written)} given")
    taken, written[:rank] = written[:rank], []
    return [_index_value(e, one, before) for one in taken]


def _index_value(e: Elaborator, node: syntax.Expr, before: list[Statement]) -> Expression:
    operand = e.operand(node)
    held = held_as(operand.type) if operand.type is not None else None
    if held is None or held.family not in INTEGERS or isinstance(resolve(operand.type or BOOL), PointerType):
        raise e.told(node.at, "index", f"an index is an integer, this is {name_of(operand.type)}")
    value = build.converted(loaded(operand, node.at), LINT, node.at)
    return value if pure(value) else kept(e, value, before, node.at)


def _checked(
    e: Elaborator, kind: Type, value: Expression, bound: Bound, at: Place
) -> tuple[tuple[Expression, Expression, Expression], ...]:
    """What has to be tested when it runs; known indices are tested here."""
    low, high = bound
    if isinstance(value, Constant) and isinstance(low, Constant) and isinstance(high, Constant):
        if not low.value <= value.value <= high.value:
            raise e.told(
                at, "index-range", f"index {value.value} is outside of {kind.name} ({low.value}..{high.value})"
            )
        return ()
    return ((value, low, high),)


def _element(e: Elaborator, place: core.Location, kind: ArrayType, values: list[Expression], at: Place) -> Operand:
    bounds: list[Bound] = [
        (build.number(lower, LINT, at), build.number(upper, LINT, at)) for lower, upper in kind.dimensions
    ]
    return _flat(e, place, kind, values, bounds, at)


def _flat(
    e: Elaborator,
    place: core.Location,
    kind: ArrayType | OpenArrayType,
    values: list[Expression],
    bounds: list[Bound],
    at: Place,
) -> Operand:
    """Row by row: ((i - low) * width + (j - low)) ..."""
    checks: tuple[tuple[Expression, Expression, Expression], ...] = ()
    flat: Expression = build.number(0, LINT, at)
    for position, (value, (low, high)) in enumerate(zip(values, bounds, strict=True)):
        checks += _checked(e, kind, value, (low, high), at)
        if position:
            flat = _plus(BinaryOperator.MULTIPLY, flat, _width(low, high, at), at)
        flat = _plus(BinaryOperator.ADD, flat, _plus(BinaryOperator.SUBTRACT, value, low, at), at)
    found = Operand(kind.element, place=core.IndexAt(at, place, flat, kind.element, checks))
    return _deref_if_reference(found, at)


def _plus(operator: BinaryOperator, left: Expression, right: Expression, at: Place) -> Expression:
    """The operation, left out where one side is 0 (or 1, for a product)."""
    neutral = 1 if operator is BinaryOperator.MULTIPLY else 0
    if isinstance(right, Constant) and right.value == neutral:
        return left
    if isinstance(left, Constant) and left.value == neutral and operator is not BinaryOperator.SUBTRACT:
        return right
    return build.binary(operator, left, right, LINT, at)


def _width(low: Expression, high: Expression, at: Place) -> Expression:
    return _plus(BinaryOperator.ADD, _plus(BinaryOperator.SUBTRACT, high, low, at), build.number(1, LINT, at), at)


def _open_element(
    e: Elaborator, place: core.Location, kind: OpenArrayType, values: list[Expression], at: Place
) -> Operand:
    return _flat(e, place, kind, values, open_bounds(e, place, at), at)


def open_bounds(e: Elaborator, place: core.Location, at: Place) -> list[Bound]:
    """The bounds that came with an ARRAY [*], as LINT."""
    if not isinstance(place, core.VariableAt):
        raise e.told(at, "index", "an ARRAY [*] is used as the parameter it is")
    return [(_bound(lower, at), _bound(upper, at)) for lower, upper in place.variable.bounds]


def _bound(variable: Variable, at: Place) -> Expression:
    held = held_as(variable.type) or LINT
    return build.converted(core.Load(at, core.VariableAt(at, variable, variable.type), held), LINT, at)


def _deref_if_reference(found: Operand, at: Place) -> Operand:
    return followed(found, at)


def followed(operand: Operand, at: Place) -> Operand:
    """What a reference refers to; any other operand is itself."""
    kind = operand.type
    if isinstance(kind, PointerType):
        final: Type = kind
    elif kind is None or isinstance(kind, ScalarType):
        return operand
    else:
        final = resolve(kind)
    if not isinstance(final, PointerType) or not final.is_reference or final.target is None:
        return operand
    return Operand(final.target, place=core.DerefAt(at, loaded(operand, at), final.target))


# ------------------------------------------------------------------------------------------------------------ bits


def bit(e: Elaborator, node: syntax.BitOf, _want: Type | None) -> Operand:
    """`base.3`."""
    if isinstance(node.base, syntax.Call):
        raise e.told(node.at, "bit", "a call's result has no bits to reach", "assign it to a variable first")
    return bit_of(e, e.operand(node.base), node.bit, node.at)


def bit_of(e: Elaborator, base: Operand, number: int, at: Place) -> Operand:
    """One bit of an integer."""
    kind = resolve(base.type) if base.type is not None else None
    if not isinstance(kind, ScalarType) or kind.family not in INTEGERS:
        raise e.told(at, "bit", f"{name_of(base.type)} has no bits to reach")
    if not 0 <= number < kind.bits:
        raise e.told(at, "bit", f"{kind.name} has bits 0 to {kind.bits - 1}, not {number}")
    known = base.constant
    if known is not None:
        return Operand(BOOL, Constant(at, BOOL, bool(int(known.value) >> number & 1)), fixed="a constant")
    if base.place is not None:
        return Operand(BOOL, place=core.BitAt(at, base.place, number, BOOL), fixed=base.fixed)
    value = build.converted(loaded(base, at), kind, at)
    mask = build.number(numbers.wrap(1 << number, kind), kind, at)
    masked = build.binary(BinaryOperator.AND, value, mask, kind, at)
    return Operand(BOOL, build.converted(masked, BOOL, at))


# ------------------------------------------------------------------------------------------------ direct addresses

_SIZES: dict[str, ScalarType] = {"X": BOOL, "B": BYTE, "W": WORD, "D": DWORD, "L": LWORD}


def direct(e: Elaborator, node: syntax.DirectAddress, _want: Type | None) -> Operand:
    """`%MW4`, `%IX0.3` in an expression."""
    text = node.text.upper()
    known = e.world.direct.get(text)
    if known is None:
        known = e.world.direct[text] = _direct_variable(e, text, node)
        e.world.program.areas.append(known)
    place = core.VariableAt(node.at, known, BYTE if known.bit >= 0 else known.type)
    if known.bit >= 0:
        return Operand(BOOL, place=core.BitAt(node.at, place, known.bit, BOOL))
    return Operand(known.type, place=place)


def _direct_variable(e: Elaborator, text: str, node: syntax.DirectAddress) -> Variable:
    area, rest = text[1:2], text[2:]
    size = rest[:1] if rest[:1] in _SIZES else "X"
    parts = rest.removeprefix(rest[:1] if rest[:1] in _SIZES else "").split(".")
    if area not in ("I", "Q", "M") or not all(part.isdecimal() for part in parts) or len(parts) > 2:
        raise e.told(node.at, "address", f"{node.text} is no address", "write %IX0.3, %QB2, %MW4, %MD8, %ML16")
    kind = _SIZES[size]
    numbers_ = [int(part) for part in parts]
    if size == "X":
        offset, bit_number = numbers_[0], numbers_[1] if len(numbers_) > 1 else 0
        if bit_number > 7:
            raise e.told(node.at, "address", f"{node.text}: a byte has bits 0 to 7")
    else:
        offset, bit_number = numbers_[0], -1
    return Variable(
        text, kind, Storage.AREA, Role.HIDDEN, node.at, text, offset, bit_number, Area(area)
    )  # fmt: skip
