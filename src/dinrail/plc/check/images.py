"""Constant images: what memory holds before the first statement runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dinrail.plc.check.names import near
from dinrail.plc.check.operand import Told
from dinrail.plc.check.packing import Scalar, constant_bytes, default_bytes, pack_scalar, unpack_scalar
from dinrail.plc.check.repetition import repeated
from dinrail.plc.check.types_of import range_of
from dinrail.plc.check.world import Later, Scope, Startup, World
from dinrail.plc.core.expression import Constant, Expression, Load
from dinrail.plc.core.program import Function, FunctionKind
from dinrail.plc.parse.declaration import VariableDecl
from dinrail.plc.parse.expression import ArrayInit, Expr, Literal, LiteralKind, Name, StructInit
from dinrail.plc.source import Place
from dinrail.plc.types.model import (
    UNKNOWN,
    AliasType,
    ArrayType,
    EnumType,
    Family,
    FunctionBlockType,
    InterfaceType,
    OpenArrayType,
    PointerType,
    ScalarType,
    StructType,
    TextType,
    Type,
    held_as,
    resolve,
)
from dinrail.plc.types.variable import Role, Storage, Variable

if TYPE_CHECKING:
    from dinrail.plc.check.declarations import Declarations


def initial_bytes(declarations: Declarations, variable: Variable, syntax: VariableDecl, scope: Scope) -> None:
    """Sets a variable's initial bytes (None: zeros), a constant's value, and notes what is left for later."""
    world, kind = declarations.world, variable.type
    is_bound = variable.is_reference_field and variable.area is None
    if is_bound or isinstance(kind, OpenArrayType) or variable.role is Role.IN_OUT:
        if syntax.initial is not None and variable.role is Role.IN_OUT:
            text = f"{variable.name} is a VAR_IN_OUT: it starts with what the caller passes"
            world.report.error(syntax.initial.at, "initial-in-out", text)
        return
    arguments, elements = syntax.arguments, syntax.element_arguments
    if syntax.initial is not None or arguments is not None or elements is not None:
        image = Image(declarations, scope, kind)
        if syntax.initial is not None:
            image.write(0, kind, syntax.initial, ())
        data = bytes(image.data)
        if arguments is not None or elements is not None or image.later:
            world.startup[id(variable)] = Startup(scope, arguments or [], image.later, elements or [])
    elif type(kind) is ScalarType:
        data = b""
    else:
        data = default_bytes(world, kind)
    variable.initial = data if data != bytes(len(data)) else None
    if variable.constant and variable.storage is Storage.STATIC:
        _constant_value(declarations, variable, syntax, data)


def _constant_value(declarations: Declarations, variable: Variable, syntax: VariableDecl, data: bytes) -> None:
    kind = variable.type
    held = held_as(kind)
    if id(variable) in declarations.world.startup:
        return
    if held is None:
        variable.value = data
    elif not isinstance(kind, PointerType | InterfaceType):
        variable.value = unpack_scalar(held, data or bytes(held.size_bytes))
    if syntax.initial is None and not isinstance(resolve(kind), FunctionBlockType):
        text = f"the constant {variable.name} has no value"
        declarations.world.report.warning(syntax.at, "constant-without-value", text, "write := behind its type")


def type_default(declarations: Declarations, kind: Type, initial: Expr, scope: Scope) -> None:
    """The default value that a type's own declaration gives."""
    world = declarations.world
    target = kind.target if isinstance(kind, AliasType) else kind
    if isinstance(kind, EnumType):
        _enum_default(declarations, kind, initial, scope)
        return
    image = Image(declarations, scope, target)
    image.write(0, kind if isinstance(kind, AliasType) and kind.low is not None else target, initial, ())
    world.images[kind] = bytes(image.data)
    if image.later:
        text = f"the default value of {kind.name} must be constant"
        world.report.error(image.later[0].value.at, "not-constant", text)


def _enum_default(declarations: Declarations, kind: EnumType, initial: Expr, scope: Scope) -> None:
    if type(initial) is Name:
        for name, value in kind.members.items():
            if name.upper() == initial.text.upper():
                kind.default = value
                return
    found = declarations.world.constant(scope, initial, kind)
    if found is not None and isinstance(found[1], int):
        kind.default = found[1]


class Image:
    """A constant image being written over a type's default one. later: what turned out to be no constant."""

    def __init__(self, declarations: Declarations, scope: Scope, kind: Type) -> None:
        self.declarations = declarations
        self.world = declarations.world
        self.scope = scope
        self.data = bytearray(default_bytes(self.world, kind))
        self.later: list[Later] = []

    def write(self, offset: int, kind: Type, expr: Expr, steps: tuple[Variable | int, ...]) -> None:
        """An initial value of one part. offset: in bytes, from the beginning."""
        target = resolve(kind)
        if target is not UNKNOWN:
            _WRITERS[type(target)](self, offset, kind, expr, steps)

    def put(self, offset: int, data: bytes) -> None:
        self.data[offset : offset + len(data)] = data

    def scalar(self, offset: int, kind: Type, expr: Expr, steps: tuple[Variable | int, ...]) -> None:
        held = held_as(kind)
        if held is None:
            return
        value = _plain(kind, held, expr)
        if value is None:
            found = self._elaborated(kind, expr)
            if found is None:
                return
            known = constant_bytes(self.world, found.location) if isinstance(found, Load) else None
            if known is not None:
                found = Constant(found.at, held, unpack_scalar(held, known))
            if not isinstance(found, Constant):
                self.later.append(Later(steps, kind, expr))
                return
            value = found.value
        if steps and isinstance(part := steps[-1], Variable) and part.bit >= 0:
            self.data[offset] = self.data[offset] & ~(1 << part.bit) | (bool(value) << part.bit)
        else:
            self.put(offset, pack_scalar(held, value))

    def _nowhere(self) -> Function:
        """A function that is thrown away: only what is constant is taken from it."""
        owner = self.scope.pou.type if self.scope.pou is not None else None
        block = owner if isinstance(owner, FunctionBlockType) else None
        return Function("", FunctionKind.INITIALISER, owner=block)

    def _elaborated(self, kind: Type, expr: Expr) -> Expression | None:
        """The core expression of a value; None when it is wrong, which has been told."""
        elaborator = self.declarations.elaborator(self.scope, self._nowhere())
        try:
            return elaborator.value(expr, kind)
        except Told:
            return None

    def reference(self, _offset: int, kind: Type, expr: Expr, steps: tuple[Variable | int, ...]) -> None:
        """A reference is bound, an interface set: to places, which have no address before the data is loaded."""
        if isinstance(expr, Literal) and expr.value == 0:
            return
        self.later.append(Later(steps, kind, expr))

    def pointer(self, offset: int, kind: Type, expr: Expr, steps: tuple[Variable | int, ...]) -> None:
        if isinstance(kind, PointerType) and kind.is_reference:
            self.reference(offset, kind, expr, steps)
        else:
            self.scalar(offset, kind, expr, steps)

    def text(self, offset: int, kind: Type, expr: Expr, steps: tuple[Variable | int, ...]) -> None:
        target = resolve(kind)
        if not isinstance(target, TextType):
            return
        room = target.size_bytes
        unit = 2 if target.wide else 1
        data = _written_text(expr, wide=target.wide)
        if data is None:
            data = self._constant_place(expr)
        elif len(data) > room - unit:
            text = f"{_characters(len(data) // unit)} do not fit into {target.name}: the rest is cut off"
            self.world.report.warning(expr.at, "text-too-long", text)
        if data is None:
            self.later.append(Later(steps, kind, expr))
            return
        data = data[: room - unit]
        self.put(offset, data + bytes(room - len(data)))

    def _constant_place(self, expr: Expr) -> bytes | None:
        """The bytes of a place whose content is constant (a literal, a constant); None when it is none."""
        elaborator = self.declarations.elaborator(self.scope, self._nowhere())
        try:
            place = elaborator.location(expr)
        except Told:
            return b""
        return constant_bytes(self.world, place)

    def structure(self, offset: int, kind: Type, expr: Expr, steps: tuple[Variable | int, ...]) -> None:
        target = resolve(kind)
        if not isinstance(target, StructType | FunctionBlockType):
            return
        if not isinstance(expr, StructInit):
            self.aggregate(offset, kind, expr, steps)
            return
        if isinstance(target, FunctionBlockType) and "FB_INIT" in target.methods:
            self.later.append(Later(steps, kind, expr))  # assigned behind FB_Init, which must not see it
            return
        seen: set[str] = set()
        for at, name, value in expr.fields:
            part = field_to_set(self.world, target, at, name, seen)
            if part is not None:
                self.write(offset + part.offset_bytes, part.type, value, (*steps, part))

    def aggregate(self, offset: int, kind: Type, expr: Expr, steps: tuple[Variable | int, ...]) -> None:
        """A whole structure or array, by the name of another one."""
        if isinstance(expr, ArrayInit | StructInit):
            what = "a list in brackets" if isinstance(expr, ArrayInit) else "values of fields"
            text = f"{what} cannot be the value of {kind.name}"
            self.world.report.error(expr.at, "initial-value", text)
            return
        data = self._constant_place(expr)
        if data is None:
            self.later.append(Later(steps, kind, expr))
        elif len(data) == kind.size_bytes:
            self.put(offset, data)

    def array(self, offset: int, kind: Type, expr: Expr, steps: tuple[Variable | int, ...]) -> None:
        target = resolve(kind)
        if not isinstance(target, ArrayType):
            return
        if not isinstance(expr, ArrayInit):
            self.aggregate(offset, kind, expr, steps)
            return
        element, count, number = target.element, target.count, 0
        size = element.size_bytes
        for written, value in repeated(expr, self.scope):
            times = 1 if written is None else self._times(written)
            if number + times > count:
                text = f"{target.name} has {_elements(count)}; more are given"
                at = value.at if value is not None else expr.at
                self.world.report.error(at, "too-many-elements", text)
                return
            if value is not None and times:
                self._repeat(offset + number * size, number, times, element, value, steps)
            number += times

    def _repeat(
        self, offset: int, number: int, times: int, element: Type, value: Expr, steps: tuple[Variable | int, ...]
    ) -> None:
        """The same value for some elements: constant bytes are written once and copied."""
        size, before = element.size_bytes, len(self.later)
        self.write(offset, element, value, (*steps, number))
        if times > 1:
            self.data[offset + size : offset + times * size] = self.data[offset : offset + size] * (times - 1)
            written = self.later[before:]
            for further in range(number + 1, number + times):
                self.later += [
                    Later((*steps, further, *each.steps[len(steps) + 1 :]), each.type, each.value) for each in written
                ]

    def _times(self, expr: Expr) -> int:
        if type(expr) is Literal and isinstance(expr.value, int):
            return int(expr.value)
        found = self.world.constant(self.scope, expr, None)
        if found is None or not isinstance(found[1], int) or found[1] < 0:
            if found is not None:
                self.world.report.error(expr.at, "initial-value", "a count of elements is a constant integer")
            return 0
        return int(found[1])


def _elements(count: int) -> str:
    return "one element" if count == 1 else f"{count} elements"


def _characters(count: int) -> str:
    return "one character" if count == 1 else f"{count} characters"


def field_to_set(
    world: World, kind: StructType | FunctionBlockType, at: Place, name: str, seen: set[str]
) -> Variable | None:
    """The field that `(name := value)` means; None with a message when it may not be set so."""
    part = kind.fields.get(name.upper())
    if part is None or "." in name:
        names = (each.name for each in kind.fields.values() if each.role is not Role.HIDDEN)
        world.report.error(at, "no-such-field", f"{kind.name} has no field {name}", near(name, names))
        return None
    if name.upper() in seen:
        world.report.error(at, "duplicate", f"{name} is given twice")
        return None
    seen.add(name.upper())
    if part.is_reference_field:
        text = f"{name} refers to a place that its owner does not hold; it has no initial value"
        world.report.error(at, "initial-value", text)
        return None
    return part


def _plain(kind: Type, held: ScalarType, expr: Expr) -> Scalar | None:
    """The value of the commonest literals, where nothing can be wrong with them; None: let the elaborator look."""
    if type(expr) is not Literal or expr.prefix or type(kind) is not ScalarType:
        return None
    value, family = expr.value, held.family
    if expr.kind is LiteralKind.INTEGER and isinstance(value, int):
        if family in (Family.SIGNED, Family.UNSIGNED, Family.BIT_STRING):
            low, high = range_of(held)
            return value if low <= value <= high else None
        return float(value) if family is Family.FLOAT and abs(value) <= 1 << 24 else None
    if expr.kind is LiteralKind.BOOL and family is Family.BOOL:
        return bool(value)
    if expr.kind is LiteralKind.REAL and held.size_bytes == 8 and family is Family.FLOAT and isinstance(value, float):
        return value
    return None


def _written_text(expr: Expr, *, wide: bool) -> bytes | None:
    if type(expr) is not Literal or expr.prefix:
        return None
    if not wide and expr.kind is LiteralKind.STRING and isinstance(expr.value, bytes):
        return expr.value
    if wide and expr.kind is LiteralKind.WSTRING and isinstance(expr.value, str):
        return expr.value.encode("utf-16-le", "surrogatepass")
    return None


_WRITERS: dict[type, Callable[[Image, int, Type, Expr, tuple[Variable | int, ...]], None]] = {
    ScalarType: Image.scalar,
    EnumType: Image.scalar,
    PointerType: Image.pointer,
    InterfaceType: Image.reference,
    TextType: Image.text,
    StructType: Image.structure,
    FunctionBlockType: Image.structure,
    ArrayType: Image.array,
}
