"""Types that the language itself brings: what a parameter of type ANY looks like inside, and __SYSTEM's."""

from __future__ import annotations

from dinrail.plc.core.program import Fault
from dinrail.plc.types.model import (
    BYTE,
    DINT,
    SCALARS,
    UDINT,
    ArrayType,
    EnumType,
    Family,
    InterfaceType,
    PointerType,
    ScalarType,
    StructType,
    TextType,
    Type,
    resolve,
)
from dinrail.plc.types.variable import Role, Storage, Variable

_CLASSES = (
    "BOOL", "BIT", "BYTE", "WORD", "DWORD", "LWORD", "SINT", "INT", "DINT", "LINT", "USINT", "UINT", "UDINT",
    "ULINT", "REAL", "LREAL", "STRING", "WSTRING", "TIME", "DATE", "DATEANDTIME", "TIMEOFDAY", "POINTER",
    "REFERENCE", "SUBRANGE", "ENUM", "ARRAY", "PARAMS", "USERDEF", "NONE", "ANY", "ANYBIT", "ANYDATE", "ANYINT",
    "ANYNUM", "ANYREAL", "LAZY", "LTIME", "BITCONST", "INTERFACE", "LDATE", "LDATEANDTIME", "LTIMEOFDAY",
)  # fmt: skip

_EXCEPTIONS = (
    ("NOEXCEPTION", Fault.NONE),
    ("WATCHDOG", Fault.WATCHDOG),
    ("ILLEGAL_INSTRUCTION", Fault.ILLEGAL_INSTRUCTION),
    ("ACCESS_VIOLATION", Fault.ACCESS),
    ("PRIV_INSTRUCTION", Fault.PRIVILEGED),
    ("ARRAYBOUNDS", Fault.BOUNDS),
    ("DIVIDEBYZERO", Fault.DIVIDE),
    ("FPU_DIVIDEBYZERO", Fault.FLOAT_DIVIDE),
    ("FPU_ERROR", Fault.FLOAT),
)

TYPE_CLASS = EnumType("__SYSTEM.TYPE_CLASS", UDINT, {f"TYPE_{name}": number for number, name in enumerate(_CLASSES)})
"""Numbered as TwinCAT's; its 64-bit dates follow behind."""

_BY_SCALAR = {
    kind: TYPE_CLASS.members["TYPE_" + name.replace("DATE_AND_TIME", "DATEANDTIME").replace("TIME_OF_DAY", "TIMEOFDAY")]
    for name, kind in SCALARS.items()
}


def _field(name: str, kind: Type, offset_bytes: int) -> tuple[str, Variable]:
    return name.upper(), Variable(name, kind, Storage.FIELD, Role.LOCAL, offset_bytes=offset_bytes)


ANY_STRUCT = StructType(
    "__SYSTEM.AnyType",
    dict([_field("TypeClass", TYPE_CLASS, 0), _field("pValue", PointerType(BYTE), 8), _field("diSize", DINT, 16)]),
    size_bytes=24,
    align_bytes=8,
    laid_out=True,
)

EXCEPTION_CODE = EnumType(
    "__SYSTEM.ExceptionCode", DINT, {f"RTSEXCPT_{name}": number.value for name, number in _EXCEPTIONS}
)
"""What __CATCH gives: the numbers of core.program.Fault, under TwinCAT's names."""

SYSTEM_SPACES = frozenset(("__SYSTEM", "IBASELIBRARY"))
"""The qualifiers under which projects know these types."""

SYSTEM_TYPES: dict[str, Type] = {
    "TYPE_CLASS": TYPE_CLASS,
    "TYPECLASS": TYPE_CLASS,
    "ANYTYPE": ANY_STRUCT,
    "EXCEPTIONCODE": EXCEPTION_CODE,
}


def type_class(kind: Type) -> int:
    """The number of a type's class."""
    final = resolve(kind)
    if isinstance(final, ScalarType):
        return _BY_SCALAR[final]
    if isinstance(final, TextType):
        return TYPE_CLASS.members["TYPE_WSTRING" if final.wide else "TYPE_STRING"]
    if isinstance(final, PointerType):
        return TYPE_CLASS.members["TYPE_REFERENCE" if final.is_reference else "TYPE_POINTER"]
    if isinstance(final, EnumType):
        return TYPE_CLASS.members["TYPE_ENUM"]
    if isinstance(final, ArrayType):
        return TYPE_CLASS.members["TYPE_ARRAY"]
    if isinstance(final, InterfaceType):
        return TYPE_CLASS.members["TYPE_INTERFACE"]
    return TYPE_CLASS.members["TYPE_USERDEF"]


_BITS = {"BOOL", "BIT", "BYTE", "WORD", "DWORD", "LWORD"}


def accepts(name: str, kind: Type) -> bool:
    """Whether a parameter of type ANY, ANY_INT and so on takes an argument of that type."""
    final = resolve(kind)
    if name == "ANY":
        return True
    if isinstance(final, EnumType):
        final = final.base
    if name == "ANY_STRING":
        return isinstance(final, TextType)
    if not isinstance(final, ScalarType):
        return name == "ANY_DERIVED"
    integer = final.family in (Family.SIGNED, Family.UNSIGNED)
    return {
        "ANY_BIT": final.name in _BITS,
        "ANY_INT": integer,
        "ANY_UNSIGNED": final.family is Family.UNSIGNED,
        "ANY_SIGNED": final.family is Family.SIGNED,
        "ANY_REAL": final.is_float,
        "ANY_NUM": integer or final.is_float,
        "ANY_DATE": final.family in (Family.DATE, Family.DATE_AND_TIME, Family.TIME_OF_DAY),
        "ANY_MAGNITUDE": integer or final.is_float or final.family is Family.DURATION,
        "ANY_ELEMENTARY": True,
    }.get(name, False)
