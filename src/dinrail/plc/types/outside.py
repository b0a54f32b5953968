"""An application's data as the outside sees it: symbols with their addresses, types of `dinrail.iec`.

The same memory as `types.model` describes. What nobody outside could read is left out: hidden variables, the number of
a class, fields that refer to the process image (which is a symbol of its own). What holds an address is a pointer or
reference; an interface is opaque.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dinrail.ams.group import IndexGroup
from dinrail.iec import symbol as iec_symbol
from dinrail.iec import types as iec
from dinrail.plc.core.program import Function, Program
from dinrail.plc.parse.declaration import Pragma
from dinrail.plc.types.model import (
    SCALARS,
    AliasType,
    AnyType,
    ArrayType,
    EnumType,
    FunctionBlockType,
    InterfaceType,
    OpenArrayType,
    PointerType,
    ScalarType,
    StructType,
    TextType,
    Type,
)
from dinrail.plc.types.variable import Area, Role, Variable

GROUPS = {
    Area.INPUT: (IndexGroup.INPUTS, IndexGroup.INPUT_BITS),
    Area.OUTPUT: (IndexGroup.OUTPUTS, IndexGroup.OUTPUT_BITS),
    Area.MARKER: (IndexGroup.PLC_MEMORY, IndexGroup.PLC_MEMORY_BITS),
}
"""Of bytes, and of bits (offset = byte * 8 + bit)."""

ADDRESS_BYTES = 8
_SCALARS = {name: iec.ElementaryType(kind) for name in SCALARS for kind in iec.Elementary if kind.value[0] == name}
_PASSING = {
    Role.INPUT: iec.Passing.IN,
    Role.OUTPUT: iec.Passing.OUT,
    Role.IN_OUT: iec.Passing.IN_OUT,
}


def outside_symbols(program: Program) -> tuple[iec_symbol.Symbol, ...]:
    """All variables that the outside can name, in the program's order. The program's data has been placed."""
    types = OutsideTypes()
    out: list[iec_symbol.Symbol] = []
    for variable in (*program.statics, *program.areas):
        if is_hidden(variable) or variable.path.startswith("%"):
            continue
        group, offset = _address(variable)
        out.append(
            iec_symbol.Symbol(
                variable.path,
                types.of_variable(variable),
                group,
                offset,
                variable.comment,
                attributes_of(variable.attributes),
                read_only=variable.constant,
                persistent=variable.persistent,
                is_static=variable.role is Role.STATIC,
            )
        )
    return tuple(out)


def _address(variable: Variable) -> tuple[int, int]:
    if variable.area is None:
        return IndexGroup.PLC_DATA.value, variable.offset_bytes
    of_bytes, of_bits = GROUPS[variable.area]
    if variable.bit >= 0:
        return of_bits.value, variable.offset_bytes * 8 + variable.bit
    return of_bytes.value, variable.offset_bytes


def is_hidden(variable: Variable) -> bool:
    """Whether `{attribute 'hide'}` stands before it."""
    return any(pragma.name.lower() == "hide" for pragma in variable.attributes)


def attributes_of(pragmas: Iterable[Pragma]) -> tuple[iec.Attribute, ...]:
    """Attributes as clients see them."""
    return tuple(iec.Attribute(pragma.name, pragma.value) for pragma in pragmas)


def _is_utf8(pragmas: Iterable[Pragma]) -> bool:
    return any(each.name.lower() == "tcencoding" and each.value.upper() == "UTF-8" for each in pragmas)


class OutsideTypes:
    """Translates types, each named one once.

    What a pointer inside a structure points to is only mentioned (opaque, by name) unless it is complete already, as
    `iec.book` does: structures may point to each other in circles.
    """

    def __init__(self) -> None:
        self._built: dict[int, iec.IecType] = {}
        self._depth = 0

    def of_variable(self, variable: Variable) -> iec.IecType:
        """The type of a variable or field: of one that refers to its place, a reference."""
        if variable.is_reference_field:
            return iec.PointerType(self._mention(variable.type), is_reference=True)
        kind = self.of(variable.type)
        return _as_utf8(kind) if _is_utf8(variable.attributes) else kind

    def of(self, kind: Type) -> iec.IecType:
        """A type."""
        built = self._built.get(id(kind))
        if built is None:
            built = _BUILDERS[type(kind)](self, kind)
            if type(kind) in _NAMED:
                self._built[id(kind)] = built
        return built

    def text(self, kind: TextType) -> iec.IecType:
        return iec.WStringType(kind.length) if kind.wide else iec.StringType(kind.length)

    def array(self, kind: ArrayType) -> iec.IecType:
        bounds = tuple(iec.Bound(lower, upper - lower + 1) for lower, upper in kind.dimensions)
        return iec.ArrayType(self.of(kind.element), bounds)

    def pointer(self, kind: PointerType) -> iec.IecType:
        target = iec.OpaqueType("PVOID", 1) if kind.target is None else self._mention(kind.target)
        return iec.PointerType(target, kind.is_reference)

    def _mention(self, kind: Type) -> iec.IecType:
        built = self._built.get(id(kind))
        if built is not None:
            return built
        if self._depth and isinstance(kind, StructType | FunctionBlockType | AliasType):
            return iec.OpaqueType(kind.name, kind.size_bytes, kind.align_bytes)
        if isinstance(kind, OpenArrayType):
            return self._mention(kind.element)
        if self._depth and isinstance(kind, ArrayType):
            bounds = tuple(iec.Bound(lower, upper - lower + 1) for lower, upper in kind.dimensions)
            return iec.ArrayType(self._mention(kind.element), bounds)
        return self.of(kind)

    def enumeration(self, kind: EnumType) -> iec.IecType:
        return iec.EnumType(
            kind.name,
            tuple(kind.members.items()),
            _SCALARS[kind.base.name],
            kind.comment,
            attributes_of(kind.attributes),
        )

    def alias(self, kind: AliasType) -> iec.IecType:
        target = self.of(kind.target)
        target = _as_utf8(target) if _is_utf8(kind.attributes) else target
        return iec.AliasType(kind.name, target, kind.low, kind.high, kind.comment, attributes_of(kind.attributes))

    def structure(self, kind: StructType | FunctionBlockType) -> iec.IecType:
        self._depth += 1
        members = tuple(self._member(part) for part in kind.fields.values() if is_member(kind, part))
        methods: tuple[iec.Method, ...] = ()
        if isinstance(kind, FunctionBlockType):
            methods = tuple(self._method(each) for each in kind.methods.values() if each.is_rpc)
        self._depth -= 1
        return iec.StructType(
            kind.name,
            members,
            kind.size_bytes,
            kind.align_bytes,
            kind.base.name if kind.base else "",
            kind.comment,
            attributes_of(kind.attributes),
            methods,
        )

    def _member(self, part: Variable) -> iec.Member:
        bit = part.bit if part.bit >= 0 else None
        kind = self.of_variable(part)
        return iec.Member(part.name, kind, part.offset_bytes, bit, part.comment, attributes_of(part.attributes))

    def _method(self, function: Function) -> iec.Method:
        returns = function.result
        parameters: list[iec.Parameter] = []
        for each in function.parameters:
            if each.role is Role.RESULT:
                returns = each
            elif each.role in _PASSING:
                parameters.append(iec.Parameter(each.name, self.of_variable(each), _PASSING[each.role], each.comment))
        name = function.name.rpartition(".")[2]
        return iec.Method(name, self.of(returns.type) if returns else None, tuple(parameters), function.comment)

    def interface(self, kind: InterfaceType | OpenArrayType | AnyType) -> iec.IecType:
        return iec.OpaqueType(kind.name, ADDRESS_BYTES, ADDRESS_BYTES)


def is_member(kind: StructType | FunctionBlockType, part: Variable) -> bool:
    """Whether the outside sees a field: not the compiler's own, nor hidden ones, nor what lies in the process image."""
    if part.role in (Role.HIDDEN, Role.INSTANCE) or part.area is not None or is_hidden(part):
        return False
    is_local = part.role is Role.LOCAL and isinstance(kind, FunctionBlockType)
    return not (is_local and any(pragma.name.lower() == "hide_all_locals" for pragma in kind.attributes))


def _as_utf8(kind: iec.IecType) -> iec.IecType:
    if isinstance(kind, iec.StringType):
        return iec.StringType(kind.length, iec.Encoding.UTF_8)
    if isinstance(kind, iec.ArrayType):
        return iec.ArrayType(_as_utf8(kind.element), kind.bounds)
    return kind


_NAMED = {EnumType, AliasType, StructType, FunctionBlockType}
_BUILDERS: dict[type, Callable[..., iec.IecType]] = {
    ScalarType: lambda _types, kind: _SCALARS[kind.name],
    TextType: OutsideTypes.text,
    ArrayType: OutsideTypes.array,
    PointerType: OutsideTypes.pointer,
    EnumType: OutsideTypes.enumeration,
    AliasType: OutsideTypes.alias,
    StructType: OutsideTypes.structure,
    FunctionBlockType: OutsideTypes.structure,
    InterfaceType: OutsideTypes.interface,
    OpenArrayType: OutsideTypes.interface,
    AnyType: OutsideTypes.interface,
}
