"""Texts that hold the path of the instance they lie in: {attribute 'instance-path'}.

Source: Beckhoff Information System, TwinCAT 3 PLC, "Attribute 'instance-path'", "Attribute 'reflection'".
"""

from __future__ import annotations

from dinrail.plc.check.attributes import attribute
from dinrail.plc.types.model import ArrayType, FunctionBlockType, StructType, TextType, Type, resolve
from dinrail.plc.types.variable import Variable

_MAX_ELEMENTS = 4096


def write_paths(variable: Variable, known: dict[int, bool]) -> None:
    """Puts the paths of a static's instances into its initial bytes. known: answers so far, by id(type)."""
    if not _wants_paths(variable.type, known) or variable.is_reference_field:
        return
    data = bytearray(variable.initial or bytes(variable.type.size_bytes))
    _write(data, 0, variable.type, variable.path, known)
    variable.initial = bytes(data)


def _wants_paths(kind: Type, known: dict[int, bool]) -> bool:
    """Whether an instance below a type holds such a text."""
    kind = resolve(kind)
    while isinstance(kind, ArrayType):
        kind = resolve(kind.element)
    if not isinstance(kind, StructType | FunctionBlockType):
        return False
    found = known.get(id(kind))
    if found is None:
        known[id(kind)] = False  # a type cannot hold itself
        parts = [part for part in kind.fields.values() if not part.is_reference_field]
        found = any(_is_path(kind, part) or _wants_paths(part.type, known) for part in parts)
        known[id(kind)] = found
    return found


def _is_path(kind: StructType | FunctionBlockType, part: Variable) -> bool:
    if not part.attributes or attribute(part.attributes, "instance-path") is None:
        return False
    above: StructType | FunctionBlockType | None = kind
    while above is not None:
        if attribute(above.attributes, "reflection") is not None:
            return True
        above = above.base
    return False


def _write(data: bytearray, offset: int, kind: Type, path: str, known: dict[int, bool]) -> None:
    kind = resolve(kind)
    if not _wants_paths(kind, known):
        return
    if isinstance(kind, ArrayType):
        for number in range(min(kind.count, _MAX_ELEMENTS)):
            there = offset + number * kind.element.size_bytes
            _write(data, there, kind.element, f"{path}[{written_index(kind, number)}]", known)
    elif isinstance(kind, StructType | FunctionBlockType):
        for part in kind.fields.values():
            there, text = offset + part.offset_bytes, resolve(part.type)
            if isinstance(text, TextType) and _is_path(kind, part):
                _put(data, there, text, path)
            elif not part.is_reference_field:
                _write(data, there, part.type, f"{path}.{part.name}", known)


def _put(data: bytearray, offset: int, text: TextType, path: str) -> None:
    written = path.encode("utf-16-le" if text.wide else "utf-8")[: text.size_bytes - (2 if text.wide else 1)]
    data[offset : offset + text.size_bytes] = written.ljust(text.size_bytes, b"\0")


def written_index(kind: ArrayType, number: int) -> str:
    """The written index of an element: `2,1`."""
    out: list[str] = []
    for lower, upper in reversed(kind.dimensions):
        number, here = divmod(number, upper - lower + 1)
        out.append(str(lower + here))
    return ",".join(reversed(out))
