"""A variable and all that is in it: members and elements as symbols of their own. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from dinrail.iec.symbol import Symbol
from dinrail.iec.types import ArrayType, IecType, StructType, resolve

MAX_DEPTH = 32


def unfold(symbol: Symbol) -> Iterator[Symbol]:
    """The symbol itself, then what is in it, depth first. Lazy: an array of a million is walked as far as is wanted."""
    yield from _walk(symbol, 0)


def _walk(symbol: Symbol, depth: int) -> Iterator[Symbol]:
    yield symbol
    if depth >= MAX_DEPTH:
        return
    kind = resolve(symbol.type)
    if isinstance(kind, StructType):
        for member in kind.members:
            yield from _walk(
                _inside(symbol, f".{member.name}", member.type, member.offset_bytes, member.comment), depth + 1
            )
    elif isinstance(kind, ArrayType):
        for at in range(kind.count):
            step = f"[{','.join(map(str, _index(kind, at)))}]"
            yield from _walk(_inside(symbol, step, kind.element, at * kind.element.size_bytes, ""), depth + 1)


def _index(kind: ArrayType, at: int) -> list[int]:
    """The indexes of the element number `at`; the last one runs fastest."""
    index: list[int] = []
    for bound in reversed(kind.bounds):
        at, rest = divmod(at, bound.count)
        index.append(bound.lower + rest)
    return index[::-1]


def _inside(symbol: Symbol, step: str, kind: IecType, offset: int, comment: str) -> Symbol:
    return Symbol(
        name=symbol.name + step,
        type=kind,
        group=symbol.group,
        offset=symbol.offset + offset,
        comment=comment,
        read_only=symbol.read_only,
        persistent=symbol.persistent,
        is_static=symbol.is_static,
    )
