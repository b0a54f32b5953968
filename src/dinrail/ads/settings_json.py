"""Frozen dataclasses <-> JSON, strictly: every key known, every type as declared, one clear BadRequest.

pydantic does this for the document; the router process gets by without it (start-up time, and one library less in what
listens to the network).
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import ipaddress
import json
import types
import typing
from typing import Any, TypeVar, cast

from dinrail.ads.policy.rule import parse_network
from dinrail.ams.address import NetId
from dinrail.errors import BadRequest

T = TypeVar("T")
_NETWORKS = (ipaddress.IPv4Network, ipaddress.IPv6Network)


def to_text(value: object) -> str:
    """A dataclass tree as JSON; what has its default is left out."""
    return json.dumps(_plain(value), indent=1, ensure_ascii=True) + "\n"


def _plain(value: object) -> object:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, NetId | ipaddress.IPv4Network | ipaddress.IPv6Network):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((f, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {f.name: _plain(item) for f, item in fields if item != f.default}
    if isinstance(value, frozenset):
        return sorted((_plain(item) for item in value), key=str)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def from_text(kind: type[T], data: bytes, *, where: str | None = None) -> T:
    """The dataclass in this JSON. Raises BadRequest with the place of the first fault."""
    try:
        return cast(T, _read(kind, json.loads(data), "settings"))
    except (ValueError, RecursionError) as fault:  # no JSON, no UTF-8, a number too long
        raise BadRequest(f"settings are no JSON: {fault}", where=where) from fault
    except _Wrong as fault:
        raise BadRequest(fault.what, where=where) from fault


class _Wrong(BadRequest):
    """A fault and its place; `from_text` adds the file."""


def _read(kind: Any, value: object, place: str) -> object:
    """`value` as a `kind`: one of the few kinds that settings are made of."""
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return _read_union(typing.get_args(kind), value, place)
    if origin in (tuple, frozenset):
        if not isinstance(value, list):
            raise _Wrong(f"{place} is no list")
        element = typing.get_args(kind)[0]
        return origin(_read(element, item, f"{place}[{at}]") for at, item in enumerate(value))
    if dataclasses.is_dataclass(kind):
        return _read_table(cast(type, kind), value, place)
    if kind is NetId or issubclass(kind, enum.Enum):
        return _read_word(kind, value, place)
    if type(value) is not kind:  # not isinstance: `true` is no number here
        raise _Wrong(f"{place} is no {kind.__name__}")
    return value


def _read_union(kinds: tuple[Any, ...], value: object, place: str) -> object:
    if kinds == _NETWORKS:
        return _parsed(parse_network, value, place)
    if value is None and types.NoneType in kinds:
        return None
    (kind,) = (kind for kind in kinds if kind is not types.NoneType)
    return _read(kind, value, place)


def _read_word(kind: Any, value: object, place: str) -> object:
    if kind is NetId:
        return _parsed(NetId.parse, value, place)
    if value not in [member.value for member in kind]:
        raise _Wrong(f"{place} is none of: " + ", ".join(str(member.value) for member in kind))
    return kind(value)


def _parsed(parse: typing.Callable[[str], object], value: object, place: str) -> object:
    if not isinstance(value, str):
        raise _Wrong(f"{place} is no text")
    try:
        return parse(value)
    except BadRequest as fault:
        raise _Wrong(f"{place}: {fault.what}") from fault


def _read_table(kind: type, value: object, place: str) -> object:
    if not isinstance(value, dict):
        raise _Wrong(f"{place} is no table")
    hints = _hints(kind)
    unknown = sorted(set(value) - set(hints))
    if unknown:
        raise _Wrong(f"{place} has an unknown key {unknown[0]!r}")
    for f in dataclasses.fields(kind):
        bare = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if bare and f.name not in value:
            raise _Wrong(f"{place}.{f.name} is missing")
    return kind(**{name: _read(hints[name], item, f"{place}.{name}") for name, item in value.items()})


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
