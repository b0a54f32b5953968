"""What an image says about its data (section `.dinrail.state`), for online change. Written by plc.emit.state.

{"types": [TYPE...], "variables": [FIELD...]}      a field's name is the variable's path
FIELD [name, type, offset] or [name, type, offset, 1]     type: an index into `types`; 1: starts anew
TYPE  ["plain", name, size]                               nothing in it but values
      ["address", name]                                   POINTER, REFERENCE, interface, VAR_IN_OUT of a block: 8 bytes
      ["array", name, element's type, count]
      ["record", name, size, class, [FIELD...]]           structure; or block of that class (-1: no block)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from dinrail.errors import FormatError

ADDRESS_BYTES = 8
CLASS_BYTES = 8


@dataclass(frozen=True, slots=True)
class Plain:
    """Values only."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Address:
    """Where something is, or 0."""

    name: str
    size_bytes: int = ADDRESS_BYTES


@dataclass(frozen=True, slots=True)
class Array:
    """element: a type's index. size_bytes: of the whole."""

    name: str
    element: int
    count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Field:
    """A part of a record. offset: in it, bytes. anew: its value is not carried over, it starts as it is declared."""

    name: str
    type: int
    offset: int
    anew: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """A structure, or a function block's data. class_number: -1 for a structure."""

    name: str
    size_bytes: int
    class_number: int
    fields: tuple[Field, ...]


Type = Plain | Address | Array | Record


@dataclass(frozen=True, slots=True)
class State:
    """All of one image. variables: `Field`s of the whole data, by path."""

    types: tuple[Type, ...]
    variables: tuple[Field, ...]

    @property
    def has_addresses(self) -> bool:
        return any(isinstance(kind, Address) for kind in self.types)

    def classes(self) -> dict[str, int]:
        """Numbers of the function blocks' classes by name."""
        return {kind.name: kind.class_number for kind in self.types if isinstance(kind, Record)}


def read_state(data: bytes) -> State:
    """Raises FormatError."""
    try:
        plain = json.loads(data)
        types: list[Type] = []
        for row in plain["types"]:
            types.append(_type(row, types))
        state = State(tuple(types), tuple(Field(*row) for row in plain["variables"]))
        fields = [*state.variables, *(one for kind in types if isinstance(kind, Record) for one in kind.fields)]
        if any(not 0 <= one.type < len(types) or one.offset < 0 for one in fields):
            raise FormatError("a type is not there", structure="State", field="types")
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as fault:
        raise FormatError(
            "the image does not say what its data are", structure="State", why=str(fault), hint="build it again"
        ) from fault
    return state


def _type(row: list[Any], known: list[Type]) -> Type:
    """A type may only name types before it."""
    word, name, *rest = row
    if word == "plain":
        return Plain(str(name), int(rest[0]))
    if word == "address":
        return Address(str(name))
    if word == "array":
        element, count = int(rest[0]), int(rest[1])
        return Array(str(name), element, count, known[element].size_bytes * count)
    if word == "record":
        return Record(str(name), int(rest[0]), int(rest[1]), tuple(Field(*one) for one in rest[2]))
    raise ValueError(f"a type that is {word!r}")
