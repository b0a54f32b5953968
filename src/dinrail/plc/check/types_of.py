"""Written types to types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dinrail.plc.check.any_types import SYSTEM_SPACES, SYSTEM_TYPES
from dinrail.plc.check.attributes import tell_obsolete
from dinrail.plc.check.names import near
from dinrail.plc.check.world import Entity, EnumValue, Scope, World
from dinrail.plc.parse.declaration import ArrayOf, EnumOf, NamedType, PointerTo, Subrange, TextType, TypeExpr
from dinrail.plc.parse.expression import Expr, Literal, LiteralKind, Unary
from dinrail.plc.types.model import (
    INT,
    SCALAR_NAMES,
    SCALARS,
    UNKNOWN,
    AliasType,
    AnyType,
    ArrayType,
    EnumType,
    Family,
    OpenArrayType,
    PointerType,
    ScalarType,
    Type,
    resolve,
)
from dinrail.plc.types.model import TextType as Text

MAX_TEXT_LENGTH = 65535
MAX_ARRAY_BYTES = 1 << 30
BIT = SCALARS["BIT"]
TEXTS = {False: Text(), True: Text(wide=True)}
ANY_NAMES = {"ANY"} | {
    f"ANY_{what}" for what in ("DERIVED", "ELEMENTARY", "MAGNITUDE", "NUM", "REAL", "INT", "BIT", "STRING", "DATE")
}


@dataclass(slots=True, eq=False)
class EnumScope(Scope):
    """Where the value of an enumeration's member stands: the members before it come first."""

    members: dict[str, EnumValue] = field(default_factory=dict)

    def find(self, name: str) -> Entity | None:
        return self.members.get(name) or Scope.find(self, name)


def type_of(world: World, scope: Scope, expr: TypeExpr) -> Type:
    """The type that was written; UNKNOWN when there is none such, which has then been reported."""
    if type(expr) is NamedType:
        return named_type(world, expr, scope.space)
    return _BY_NODE[type(expr)](world, scope, expr)


def named_type(world: World, expr: NamedType, space: str = "") -> Type:
    """`INT`, `ST_Point`, `Tc2_Standard.TON`. space: the library whose code it is (Scope.space)."""
    name = expr.parts[-1].upper()
    if len(expr.parts) == 1:
        scalar = SCALAR_NAMES.get(name)
        if scalar is not None:
            return scalar
    elif expr.parts[-2].upper() in SYSTEM_SPACES and (system := SYSTEM_TYPES.get(name)) is not None:
        return system
    elif not _namespace_has(world, expr):
        return UNKNOWN
    key = world.key(name, space) if len(expr.parts) == 1 else world.within(expr.parts[-2].upper(), name)
    kind = world.types.get(key)
    if kind is None:
        pou = world.wake(key)
        kind = pou.type if pou else None
    if kind is not None:
        if type(kind) is AliasType or type(kind) is EnumType:
            world.declare_type(kind)
        info = world.pou_of_type.get(id(kind))
        attributes = info.syntax.attributes if info is not None else getattr(kind, "attributes", ())
        if attributes:
            tell_obsolete(world.report, attributes, kind.name, expr.at)
        return kind
    if name in ANY_NAMES:
        return AnyType(name)
    return _no_such_type(world, expr)


def _namespace_has(world: World, expr: NamedType) -> bool:
    space, name = expr.parts[-2], expr.parts[-1]
    names = world.namespaces.get(space.upper())
    if names is None:
        hint = near(space, world.namespaces) or "leave the qualifier out, or reference the library in the project"
        world.report.error(expr.at, "unknown-library", f"no library is called {space}", hint)
        return False
    if name.upper() not in names:
        world.report.error(expr.at, "unknown-type", f"the library {space} has no type {name}", near(name, names))
        return False
    return True


def _no_such_type(world: World, expr: NamedType) -> Type:
    name = ".".join(expr.parts)
    pou = world.pous.get(name.upper())
    if pou is not None:
        what = pou.kind.value.lower()
        world.report.error(expr.at, "not-a-type", f"{pou.name} is a {what}, not a type", f"a {what} has no instances")
    else:
        known = [kind.name for kind in world.types.values()] + list(SCALAR_NAMES)
        world.report.error(expr.at, "unknown-type", f"there is no type {name}", near(name, known))
    return UNKNOWN


def _text(world: World, scope: Scope, expr: TextType) -> Type:
    if expr.length is None:
        return TEXTS[expr.wide]
    length = bound(world, scope, expr.length)
    if length is None:
        return UNKNOWN
    if not 1 <= length <= MAX_TEXT_LENGTH:
        kind = "WSTRING" if expr.wide else "STRING"
        text = f"a {kind} holds 1 to {MAX_TEXT_LENGTH} characters, not {length}"
        world.report.error(expr.length.at, "text-length", text)
        return UNKNOWN
    return Text(length, expr.wide)


def _array(world: World, scope: Scope, expr: ArrayOf) -> Type:
    element = type_of(world, scope, expr.element)
    if element is UNKNOWN or not _may_repeat(world, expr, element):
        return UNKNOWN
    pairs = [pair for pair in expr.ranges if pair is not None]
    if len(pairs) < len(expr.ranges):
        if pairs:
            text = "either all bounds of an array are open (`*`) or none"
            world.report.error(expr.at, "open-array", text)
            return UNKNOWN
        return OpenArrayType(element, len(expr.ranges))
    dimensions: list[tuple[int, int]] = []
    for pair in pairs:
        low, high = bound(world, scope, pair[0]), bound(world, scope, pair[1])
        if low is None or high is None:
            return UNKNOWN
        if low > high:
            text = f"the lower bound {low} is above the upper bound {high}"
            world.report.error(pair[0].at, "array-bounds", text)
            return UNKNOWN
        dimensions.append((low, high))
    kind = ArrayType(element, tuple(dimensions))
    if kind.count > MAX_ARRAY_BYTES:
        text = f"an array of {kind.count} elements does not fit into the memory of a control"
        world.report.error(expr.at, "array-size", text)
        return UNKNOWN
    return kind


def _may_repeat(world: World, expr: ArrayOf, element: Type) -> bool:
    if isinstance(element, PointerType) and element.is_reference:
        text = "an array cannot hold references"
        world.report.error(expr.at, "array-of-reference", text, "hold pointers: ARRAY ... OF POINTER TO ...")
    elif element is BIT:
        world.report.error(expr.at, "array-of-bit", "an array cannot hold BITs", "use BOOL, or bits of a BYTE")
    elif isinstance(element, OpenArrayType):
        world.report.error(expr.at, "open-array", "an array of open arrays cannot be laid out", "write ARRAY [*, *]")
    elif isinstance(element, AnyType):
        world.report.error(expr.at, "any-type", f"an array cannot hold {element.name}")
    else:
        return True
    return False


def _pointer(world: World, scope: Scope, expr: PointerTo) -> Type:
    target = type_of(world, scope, expr.target)
    if target is UNKNOWN:
        return UNKNOWN
    word = "reference" if expr.is_reference else "pointer"
    if isinstance(target, PointerType) and target.is_reference:
        text = f"a {word} to a reference is not possible: a reference has no place of its own"
        world.report.error(expr.at, "pointer-to-reference", text)
        return UNKNOWN
    if target is BIT or isinstance(target, OpenArrayType | AnyType):
        what = "a BIT, which shares its byte" if target is BIT else target.name
        world.report.error(expr.at, "pointer-to-bit", f"a {word} cannot point to {what}")
        return UNKNOWN
    return PointerType(target, expr.is_reference)


def _subrange(world: World, scope: Scope, expr: Subrange) -> Type:
    base = named_type(world, expr.base)
    if base is UNKNOWN:
        return UNKNOWN
    held = resolve(base)
    if not isinstance(held, ScalarType) or held.family not in (Family.SIGNED, Family.UNSIGNED, Family.BIT_STRING):
        text = f"a subrange needs an integer type, not {base.name}"
        world.report.error(expr.at, "subrange", text)
        return UNKNOWN
    low, high = bound(world, scope, expr.low), bound(world, scope, expr.high)
    if low is None or high is None:
        return UNKNOWN
    if low > high:
        world.report.error(expr.low.at, "subrange", f"the lower limit {low} is above the upper limit {high}")
        return UNKNOWN
    least, most = range_of(held)
    for value, node in ((low, expr.low), (high, expr.high)):
        if not least <= value <= most:
            text = f"{value} is outside of {held.name} ({least}..{most})"
            world.report.error(node.at, "subrange", text)
            return UNKNOWN
    return AliasType(f"{base.name} ({low}..{high})", base, low, high, at=expr.at)


def _enumeration(world: World, scope: Scope, expr: EnumOf) -> Type:
    """An enumeration in place of a type: its members are known where it was written (in a global list: everywhere)."""
    base = enum_base(world, expr)
    kind = EnumType("(" + ", ".join(member.name for member in expr.members) + ")", base, {}, at=expr.at)
    for value in enum_members(world, scope, expr, kind):
        if scope.pou is not None:
            scope.pou.enum_values[value.name.upper()] = value
        else:
            world.enum_values.setdefault(value.name.upper(), []).append(value)
    return kind


def enum_base(world: World, expr: EnumOf) -> ScalarType:
    """The integer that an enumeration is held as; INT when none is written, or none that can be."""
    if expr.base is None:
        return INT
    base = named_type(world, expr.base)
    held = resolve(base)
    if isinstance(held, ScalarType) and held.family in (Family.SIGNED, Family.UNSIGNED, Family.BIT_STRING):
        return held
    if base is not UNKNOWN:
        world.report.error(expr.base.at, "enum-base", f"an enumeration needs an integer type, not {base.name}")
    return INT


def enum_members(world: World, scope: Scope, expr: EnumOf, kind: EnumType) -> list[EnumValue]:
    """Fills `kind.members`; each value is the one before plus one unless written. Members see those before them."""
    least, most = range_of(kind.base)
    seen: dict[str, EnumValue] = {}
    following = 0
    for member in expr.members:
        value = following
        if member.value is not None:
            written = bound(world, _inside(world, scope, seen), member.value)
            value = following if written is None else written
        if member.name.upper() in seen:
            text = f"{kind.name} has a member {member.name} already"
            world.report.error(member.at, "duplicate", text)
            continue
        if not least <= value <= most:
            text = f"{member.name} is {value}, which {kind.base.name} cannot hold ({least}..{most})"
            hint = "write a wider type behind the enumeration's members"
            world.report.error(member.at, "enum-range", text, hint)
            value = 0
        kind.members[member.name] = value
        seen[member.name.upper()] = EnumValue(kind, member.name, value)
        following = value + 1
    kind.default = next(iter(kind.members.values()), 0)
    return list(seen.values())


def _inside(world: World, scope: Scope, seen: dict[str, EnumValue]) -> Scope:
    """The scope of a member's value: the members before it, then what the enumeration itself stands in."""
    if not seen:
        return scope
    return EnumScope(world, scope.pou, scope.method, seen)


def bound(world: World, scope: Scope, expr: Expr) -> int | None:
    """A constant integer (an array's bound, a length, a member's value); None when it is none, which is reported."""
    if type(expr) is Literal and expr.kind is LiteralKind.INTEGER:
        return int(expr.value) if not isinstance(expr.value, bytes | str) else None
    if type(expr) is Unary and expr.operator == "-" and type(expr.operand) is Literal:
        value = bound(world, scope, expr.operand)
        return None if value is None else -value
    found = world.constant(scope, expr, None)
    if found is None:
        return None
    kind, folded = found
    if isinstance(folded, int) and not isinstance(folded, bool):
        return folded
    world.report.error(expr.at, "not-an-integer", f"a constant integer belongs here, not {kind.name}")
    return None


def range_of(kind: ScalarType) -> tuple[int, int]:
    """The smallest and the largest value of an integer type."""
    if kind.family is Family.SIGNED:
        return -(1 << kind.bits - 1), (1 << kind.bits - 1) - 1
    return 0, (1 << kind.bits) - 1


_BY_NODE: dict[type, Callable[..., Type]] = {
    TextType: _text,
    ArrayOf: _array,
    PointerTo: _pointer,
    Subrange: _subrange,
    EnumOf: _enumeration,
}
