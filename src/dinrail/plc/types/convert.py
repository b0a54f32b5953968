"""Which type converts to which by itself, as TwinCAT 3 has it. Pure table; messages are the checker's.

    smaller to larger              silent, unsigned to larger signed too
    signed to unsigned, same size unsigned to signed    warning: the sign may change (C0195, C0196)
    larger to smaller integer      refused (C0032)
    integer of 32 bits or more to REAL, of 64 bits to LREAL, LREAL to REAL    warning: digits may be lost (C0197)
    float to integer, BOOL to or from anything, durations and dates to or from numbers    refused
    TIME to LTIME and the like     silent; back: refused
BYTE, WORD, DWORD and LWORD count as unsigned. Enumerations convert as their base.
"""

from __future__ import annotations

import enum
from functools import cache

from dinrail.plc.types.model import (
    LREAL,
    SCALARS,
    ULINT,
    ArrayType,
    EnumType,
    Family,
    FunctionBlockType,
    InterfaceType,
    PointerType,
    ScalarType,
    StructType,
    TextType,
    Type,
    resolve,
)


class Conversion(enum.Enum):
    """What an implicit conversion does to a value."""

    SAME = "same"
    WIDEN = "widen"
    SIGN = "change of sign"
    LOSS = "loss of information"
    REFUSED = "refused"


INTEGERS = frozenset((Family.SIGNED, Family.UNSIGNED, Family.BIT_STRING))
TIMES = frozenset((Family.DURATION, Family.DATE, Family.TIME_OF_DAY, Family.DATE_AND_TIME))


def _to_float(source: ScalarType, target: ScalarType) -> Conversion:
    if source.is_float:
        return Conversion.WIDEN if source.bits < target.bits else Conversion.LOSS
    exact_bits = 53 if target is LREAL else 24
    return Conversion.WIDEN if source.bits <= exact_bits else Conversion.LOSS


def _integers(source: ScalarType, target: ScalarType) -> Conversion:
    if source.bits > target.bits:
        return Conversion.REFUSED
    if source.signed == target.signed or (target.signed and source.bits < target.bits):
        return Conversion.WIDEN
    return Conversion.SIGN


@cache
def scalar_conversion(source: ScalarType, target: ScalarType) -> Conversion:
    """Between elementary types."""
    if source is target:
        return Conversion.SAME
    if source.family is target.family and source.family in TIMES:
        return Conversion.WIDEN if source.bits < target.bits else Conversion.REFUSED
    if source.family is target.family is Family.BOOL:
        return Conversion.SAME
    if target.is_float and (source.family in INTEGERS or source.is_float):
        return _to_float(source, target)
    if source.family in INTEGERS and target.family in INTEGERS:
        return _integers(source, target)
    return Conversion.REFUSED


def conversion(source: Type, target: Type) -> Conversion:
    """Between any two types; texts are always the same kind of text (cutting is the assignment's)."""
    source, target = resolve(source), resolve(target)
    if source is target:
        return Conversion.SAME
    if isinstance(target, PointerType):
        return _to_pointer(source, target)
    if isinstance(target, InterfaceType):
        return _to_interface(source, target)
    if isinstance(source, EnumType):
        source = source.base
    if isinstance(target, EnumType):
        target = target.base
    if isinstance(source, ScalarType) and isinstance(target, ScalarType):
        return scalar_conversion(source, target)
    if isinstance(source, PointerType) and isinstance(target, ScalarType):
        return _from_pointer(target)
    if isinstance(source, TextType) and isinstance(target, TextType):
        return Conversion.SAME if source.wide == target.wide else Conversion.REFUSED
    return Conversion.SAME if same_type(source, target) else Conversion.REFUSED


def _to_pointer(source: Type, target: PointerType) -> Conversion:
    if isinstance(source, PointerType):
        return Conversion.SAME
    if isinstance(source, InterfaceType):
        return Conversion.SAME
    if isinstance(source, ScalarType) and source.family in INTEGERS and not target.is_reference:
        if source.bits == 32:
            return Conversion.REFUSED
        return Conversion.SIGN if source.signed else Conversion.WIDEN
    return Conversion.REFUSED


def _from_pointer(target: ScalarType) -> Conversion:
    if target.family not in INTEGERS:
        return Conversion.REFUSED
    if target.bits < ULINT.bits:
        return Conversion.LOSS
    return Conversion.SIGN if target.signed else Conversion.WIDEN


def _to_interface(source: Type, target: InterfaceType) -> Conversion:
    if isinstance(source, PointerType) and source.target is not None:
        source = resolve(source.target)
    if isinstance(source, InterfaceType):
        return Conversion.WIDEN if extends(source, target) else Conversion.REFUSED
    if isinstance(source, FunctionBlockType):
        return Conversion.WIDEN if implements(source, target) else Conversion.REFUSED
    return Conversion.REFUSED


def extends(kind: InterfaceType, base: InterfaceType) -> bool:
    """Whether an interface is another, or below it."""
    return kind is base or any(extends(above, base) for above in kind.bases)


def implements(kind: FunctionBlockType, interface: InterfaceType) -> bool:
    """Whether instances of a class have the interface."""
    above: FunctionBlockType | None = kind
    while above is not None:
        if any(extends(own, interface) for own in above.interfaces):
            return True
        above = above.base
    return False


def is_below(kind: FunctionBlockType | StructType, base: FunctionBlockType | StructType) -> bool:
    """Whether a class or structure is another, or extends it."""
    above: FunctionBlockType | StructType | None = kind
    while above is not None:
        if above is base:
            return True
        above = above.base
    return False


def same_type(left: Type, right: Type) -> bool:
    """Whether two types are one: named ones by identity, the rest by their parts; aliases are what they stand for."""
    left, right = resolve(left), resolve(right)
    if left is right:
        return True
    if isinstance(left, ArrayType) and isinstance(right, ArrayType):
        return left.dimensions == right.dimensions and same_type(left.element, right.element)
    if isinstance(left, PointerType) and isinstance(right, PointerType):
        if left.is_reference != right.is_reference or left.target is None or right.target is None:
            return False
        return same_type(left.target, right.target)
    return type(left) is type(right) and left == right


_RANKS = {Family.BIT_STRING: 0, Family.UNSIGNED: 1, Family.SIGNED: 2}
_BY_SHAPE = {(kind.family, kind.bits): kind for kind in SCALARS.values() if kind.family in INTEGERS}


def of_shape(family: Family, bits: int) -> ScalarType:
    """The integer type of that family and size."""
    return _BY_SHAPE[family, bits]


@cache
def common_type(left: ScalarType, right: ScalarType) -> ScalarType | None:
    """The type of a calculation with both; None when there is none.

    Integers: the larger one; of equal size the signed one, but ULINT where one operand is. BYTE and the like give way
    to integers. INT with REAL is REAL; a 64-bit integer with REAL is LREAL.
    """
    if left is right:
        return left
    if left.family is right.family and (left.family in TIMES or left.is_float):
        return left if left.bits > right.bits else right
    if left.is_float or right.is_float:
        number, other = (left, right) if left.is_float else (right, left)
        if other.family not in INTEGERS:
            return None
        return LREAL if other.bits == 64 else number
    if left.family not in INTEGERS or right.family not in INTEGERS:
        return None
    if left.bits == right.bits:
        if left.bits == 64 and left.signed != right.signed:
            return ULINT
        return left if _RANKS[left.family] > _RANKS[right.family] else right
    larger, smaller = (left, right) if left.bits > right.bits else (right, left)
    if larger.family is Family.BIT_STRING and smaller.family is not Family.BIT_STRING:
        return of_shape(smaller.family, larger.bits)
    return larger


def integer_for(value: int) -> ScalarType | None:
    """The type of an integer literal that nothing else decides: INT, or the next one that holds it."""
    for name in ("INT", "DINT", "LINT", "ULINT"):
        kind = SCALARS[name]
        limit = 1 << (kind.bits - (1 if kind.signed else 0))
        if (-limit if kind.signed else 0) <= value < limit:
            return kind
    return None
