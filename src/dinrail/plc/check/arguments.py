"""Arguments of functions and methods: values converted, aggregates copied, places for outputs and in-outs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dinrail.plc.check import build
from dinrail.plc.check.any_types import ANY_STRUCT, accepts, type_class
from dinrail.plc.check.assigning import negated_target, store
from dinrail.plc.check.conversions import loaded, name_of
from dinrail.plc.check.operand import Operand, Told
from dinrail.plc.check.places import open_bounds
from dinrail.plc.check.signatures import bound
from dinrail.plc.check.world import Parameter, Signature
from dinrail.plc.core import expression as core
from dinrail.plc.core.program import Function
from dinrail.plc.core.statement import Assign, Statement
from dinrail.plc.parse.expression import Argument, Expr
from dinrail.plc.source import Place
from dinrail.plc.types.convert import is_below, same_type
from dinrail.plc.types.model import (
    DINT,
    LINT,
    UDINT,
    ULINT,
    AnyType,
    ArrayType,
    EnumType,
    FunctionBlockType,
    OpenArrayType,
    ScalarType,
    TextType,
    Type,
    held_as,
    resolve,
)
from dinrail.plc.types.variable import Role, Storage, Variable

if TYPE_CHECKING:
    from dinrail.plc.check.elaborator import Elaborator


@dataclass(slots=True, eq=False)
class Passed:
    """What goes into a Call. result: the temporary of an aggregate result. after: copies of outputs."""

    values: list[core.Expression | core.Location] = field(default_factory=list)
    result: core.Location | None = None
    after: list[Statement] = field(default_factory=list)


def passed(e: Elaborator, function: Function, signature: Signature, arguments: list[Argument], at: Place) -> Passed:
    """The arguments of a call in the order of `function.parameters`. Told when any is wrong, all being looked at."""
    by_variable = bound(e, signature, arguments, at)
    parameters = {id(parameter.variable): parameter for parameter in signature.named.values()}
    out = Passed()
    failed = False
    for variable in function.parameters:
        if variable.role is Role.RESULT:
            out.result = e.temporary(variable.type, at)
            out.values.append(out.result)
            continue
        parameter = parameters.get(id(variable))
        if parameter is None:
            continue  # the bounds of an open array: given with it
        try:
            _one(e, signature, parameter, by_variable.get(id(variable)), out, at)
        except Told:
            failed = True
    if failed:
        raise Told("arguments")
    return out


def _one(
    e: Elaborator, signature: Signature, parameter: Parameter, argument: Argument | None, out: Passed, at: Place
) -> None:
    variable = parameter.variable
    if variable.role is Role.OUTPUT:
        out.values.append(_output(e, variable, argument, out, at))
        return
    value = argument.value if argument is not None else None
    where = argument.at if argument is not None else at
    if variable.role is Role.IN_OUT:
        if value is None:
            text = f"{signature.name} needs a variable for its VAR_IN_OUT {variable.name}"
            raise e.told(where, "missing-argument", text)
        place = in_out(e, variable, value)
        out.values.append(place)
        if variable.bounds:
            out.values += _bounds(e, variable, place, where)
        return
    if value is not None:
        out.values.append(_input(e, variable, value, where))
    elif parameter.default is not None:
        out.values.append(e.within(signature.scope, lambda: _input(e, variable, _given(parameter), where)))
    else:
        raise e.told(where, "missing-argument", f"{signature.name} needs a value for {variable.name}")


def _given(parameter: Parameter) -> Expr:
    if parameter.default is None:
        raise TypeError("no default")
    return parameter.default


def _input(e: Elaborator, variable: Variable, value: Expr, at: Place) -> core.Expression | core.Location:
    if variable.storage is Storage.VALUE:
        return e.value(value, variable.type)
    kind = variable.type
    if isinstance(kind, AnyType):
        return any_argument(e, kind, value, at)
    temporary = e.temporary(kind, at)
    return core.SequenceAt(at, e.initialise(temporary, value, at), temporary, kind)


def _output(e: Elaborator, variable: Variable, argument: Argument | None, out: Passed, at: Place) -> core.Location:
    """Straight into the target where it is of the very type; else into a temporary that is assigned behind the call."""
    if argument is None or argument.value is None:
        return e.temporary(variable.type, at)
    target = e.target(argument.value)
    if isinstance(target, Operand) and not argument.negated and target.place is not None and target.type is not None:
        direct = same_type(target.type, variable.type) and not isinstance(target.place, core.BitAt)
        if direct and not isinstance(target.place, core.SequenceAt):
            return target.place
    temporary = e.temporary(variable.type, at)
    source = Operand(variable.type, place=temporary)
    if argument.negated:
        source = negated_target(e, source, argument.at)
    out.after += store(e, target, source, argument.at)
    return temporary


# --------------------------------------------------------------------------------------------------------- in-outs


def in_out(e: Elaborator, variable: Variable, value: Expr) -> core.Location:
    """The place that a VAR_IN_OUT becomes: a variable of the very type, that may be written (unless CONSTANT)."""
    if variable.constant:
        operand = e.operand(value, variable.type)
    else:
        found = e.found(value, variable.type)
        operand = e.as_operand(found, value.at)
        if not isinstance(found, Operand) or operand.place is None or isinstance(operand.place, core.ConstantAt):
            raise _no_variable(e, variable, value, "")
        if operand.fixed:
            raise _no_variable(e, variable, value, f" (it is {operand.fixed})")
    place = operand.place
    if isinstance(place, core.BitAt):
        raise _no_variable(e, variable, value, " (a bit has no address of its own)")
    if place is None or (operand.value is not None and variable.constant):
        place = e.temporary(variable.type, value.at)
        return core.SequenceAt(value.at, e.initialise(place, value, value.at), place, variable.type)
    return of_type(e, variable, operand, place, value.at)


def _no_variable(e: Elaborator, variable: Variable, value: Expr, why: str) -> Told:
    text = f"VAR_IN_OUT {variable.name} needs a variable that it can write{why}"
    return e.told(value.at, "in-out", text)


def of_type(e: Elaborator, variable: Variable, operand: Operand, place: core.Location, at: Place) -> core.Location:
    """The place seen as the parameter's type, or Told."""
    wanted, given = resolve(variable.type), resolve(place.type)
    if isinstance(wanted, OpenArrayType):
        if isinstance(given, ArrayType | OpenArrayType) and same_type(given.element, wanted.element):
            rank = len(given.dimensions) if isinstance(given, ArrayType) else given.rank
            if rank == wanted.rank:
                return place
        raise _unequal(e, variable, operand, at)
    if same_type(wanted, given):
        return place
    if isinstance(wanted, TextType) and isinstance(given, TextType) and wanted.wide == given.wide:
        if given.length < wanted.length:
            text = f"{variable.name} may write up to {wanted.length} characters, the variable holds {given.length}"
            if not variable.constant and not isinstance(place, core.ConstantAt):
                e.report.warning(at, "in-out-length", text)
        return core.ViewAt(at, place, wanted)
    if isinstance(wanted, FunctionBlockType) and isinstance(given, FunctionBlockType) and is_below(given, wanted):
        return core.ViewAt(at, place, wanted)
    if isinstance(given, EnumType) and given.base is wanted:
        return core.ViewAt(at, place, wanted)
    if isinstance(wanted, EnumType) and wanted.base is given and not wanted.strict:
        return core.ViewAt(at, place, wanted)
    raise _unequal(e, variable, operand, at)


def _unequal(e: Elaborator, variable: Variable, operand: Operand, at: Place) -> Told:
    text = f"type {name_of(operand.type)} is not type {variable.type.name} of VAR_IN_OUT {variable.name}"
    return e.told(at, "in-out-type", text, "an in-out takes variables of its very type")


def _bounds(e: Elaborator, variable: Variable, place: core.Location, at: Place) -> list[core.Expression]:
    """Lower and upper bound of each dimension of what is passed for an ARRAY [*]."""
    given = resolve(place.type)
    out: list[core.Expression] = []
    if isinstance(given, ArrayType):
        pairs: list[tuple[core.Expression, core.Expression]] = [
            (build.number(low, LINT, at), build.number(high, LINT, at)) for low, high in given.dimensions
        ]
    else:
        pairs = open_bounds(e, place, at)
    for (low, high), (lower, upper) in zip(pairs, variable.bounds, strict=True):
        out += [build.converted(low, held_as(lower.type) or DINT, at)]
        out += [build.converted(high, held_as(upper.type) or DINT, at)]
    return out


# ------------------------------------------------------------------------------------------------------------- ANY


def any_argument(e: Elaborator, kind: AnyType, value: Expr, at: Place) -> core.Location:
    """The structure that an ANY parameter is: class of the type, address, size."""
    operand = e.operand(value)
    given = operand.type
    if given is None or not accepts(kind.name, given):
        raise e.told(value.at, "any-type", f"{name_of(given)} is not what {kind.name} takes")
    before: list[Statement] = []
    place = operand.place
    if place is None or operand.constant is not None:
        place = e.temporary(given, at)
        held = held_as(given)
        if held is None:
            raise TypeError(given)
        before.append(Assign(at, place, build.converted(loaded(operand, at), held, at)))
    return core.SequenceAt(at, *_any_struct(e, before, given, place, at))


def _any_struct(
    e: Elaborator, before: list[Statement], given: Type, place: core.Location, at: Place
) -> tuple[list[Statement], core.Location, Type]:
    temporary = e.temporary(ANY_STRUCT, at)
    size = given.size_bytes
    fields: list[tuple[str, ScalarType, core.Expression]] = [
        ("TYPECLASS", UDINT, build.number(type_class(given), UDINT, at)),
        ("PVALUE", ULINT, build.address(place, at)),
        ("DISIZE", DINT, build.number(size, DINT, at)),
    ]
    for name, held, value in fields:
        variable = ANY_STRUCT.fields[name]
        target = core.FieldAt(at, temporary, variable, variable.type)
        before.append(Assign(at, target, build.converted(value, held, at)))
    return before, temporary, ANY_STRUCT
