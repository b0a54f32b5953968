"""A variable and all that is in it: members and elements as symbols of their own. No I/O."""

from __future__ import annotations

import itertools
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
        indexes = itertools.product(*(range(bound.lower, bound.upper + 1) for bound in kind.bounds))
        for at, index in enumerate(indexes):
            step = f"[{','.join(map(str, index))}]"
            yield from _walk(_inside(symbol, step, kind.element, at * kind.element.size_bytes, ""), depth + 1)


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
