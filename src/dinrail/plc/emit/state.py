"""What an online change must know about a program's data: the JSON that `control.change.state` reads."""

from __future__ import annotations

import json

from dinrail.plc.core.program import Program
from dinrail.plc.types.model import (
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
from dinrail.plc.types.variable import Variable

Row = list[object]
_ANEW = frozenset(("no_copy", "init_on_onlchange"))
"""Attributes. Source: Beckhoff Information System, "Attribute pragmas" (TwinCAT 3 PLC)."""


def state_of(program: Program) -> bytes:
    """Every static with its type. Equal programs give equal bytes."""
    table = _Table()
    variables = [[one.path or one.name, table.of(one.type), one.offset_bytes, *_anew(one)] for one in program.statics]
    return json.dumps({"types": table.rows, "variables": variables}, separators=(",", ":")).encode()


def _anew(variable: Variable) -> list[int]:
    """What stands behind a field that starts anew in an online change."""
    return [1] if any(each.name.lower() in _ANEW for each in variable.attributes) else []


class _Table:
    """Types by number, each once; a type stands behind those it is made of."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._by_type: dict[int, int] = {}
        self._kept: list[Type] = []
        self._by_row: dict[str, int] = {}

    def of(self, kind: Type) -> int:
        """The number of a type."""
        found = self._by_type.get(id(kind))
        if found is None:
            found = self._by_type[id(kind)] = self._put(self._row(kind))
            self._kept.append(kind)  # an id belongs to an object as long as that lives
        return found

    def _row(self, kind: Type) -> Row:
        if isinstance(kind, AliasType):
            target = self.rows[self.of(kind.target)]
            return [target[0], kind.name, *target[2:]]
        if isinstance(kind, ArrayType):
            return ["array", kind.name, self.of(kind.element), kind.count]
        if isinstance(kind, StructType):
            if kind.is_union:
                return self._union(kind)
            return self._record(kind.name, kind.size_bytes, -1, kind.fields)
        if isinstance(kind, FunctionBlockType):
            return self._record(kind.name, kind.size_bytes, kind.number, kind.fields)
        if isinstance(kind, PointerType | InterfaceType | OpenArrayType | AnyType):
            return ["address", kind.name]
        return self._plain(kind)

    @staticmethod
    def _plain(kind: ScalarType | TextType | EnumType) -> Row:
        return ["plain", kind.name, kind.size_bytes]

    def _union(self, kind: StructType) -> Row:
        """Its members share bytes, so it is carried over whole or not at all: its name tells what is in it."""
        members = ",".join(f"{one.name}:{one.type.name}" for one in kind.fields.values())
        return ["plain", f"{kind.name}({members})", kind.size_bytes]

    def _record(self, name: str, size_bytes: int, number: int, fields: dict[str, Variable]) -> Row:
        rows: list[Row] = []
        bits: dict[int, list[str]] = {}
        for one in fields.values():
            if one.bit >= 0:
                bits.setdefault(one.offset_bytes, []).append(f"{one.name}.{one.bit}")
            elif one.is_reference_field:
                rows.append([one.name, self._put(["address", f"REFERENCE TO {one.type.name}"]), one.offset_bytes])
            else:
                rows.append([one.name, self.of(one.type), one.offset_bytes, *_anew(one)])
        rows += [[",".join(names), self._put(["plain", "BIT", 1]), offset] for offset, names in bits.items()]
        return ["record", name, size_bytes, number, rows]

    def _put(self, row: Row) -> int:
        text = json.dumps(row)
        found = self._by_row.get(text)
        if found is None:
            found = self._by_row[text] = len(self.rows)
            self.rows.append(row)
        return found
