"""Method calls: inputs one behind the other out, return value and outputs one behind the other back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dinrail.errors import BadRequest, FormatError
from dinrail.iec.types import IecType, Method, Passing, StructType, resolve
from dinrail.iec.value import Value, decode, encode


@dataclass(frozen=True, slots=True)
class Called:
    """What a method gave: its return value (None when it has none), and its outputs by name."""

    value: Value | None
    outputs: Mapping[str, Value] = field(default_factory=dict)


def method_of(kind: IecType, name: str, where: str) -> Method:
    """The method of a function block's type. Raises BadRequest with the names that there are."""
    real = resolve(kind)
    methods = real.methods if isinstance(real, StructType) else ()
    for method in methods:
        if method.name.lower() == name.lower():
            return method
    names = ", ".join(method.name for method in methods)
    hint = f"it has {names}" if names else "only methods with the attribute TcRpcEnable can be called"
    raise BadRequest(f"{kind.name} has no method {name}", where=where, hint=hint)


def inputs_of(method: Method, positional: Sequence[object], named: Mapping[str, object], where: str) -> bytes:
    """The encoded inputs. Raises BadRequest for one too many, one that is missing, and values of another type."""
    wanted = [one for one in method.parameters if one.passing is not Passing.OUT]
    values: dict[str, object] = {}
    if len(positional) > len(wanted):
        raise BadRequest(f"{method.name} takes {len(wanted)} inputs, not {len(positional)}", where=where)
    for parameter, value in zip(wanted, positional, strict=False):
        values[parameter.name.lower()] = value
    for name, value in named.items():
        if name.lower() in values or name.lower() not in {one.name.lower() for one in wanted}:
            raise BadRequest(f"{name} is no further input of {method.name}", where=where, hint=signature(method))
        values[name.lower()] = value
    missing = [one.name for one in wanted if one.name.lower() not in values]
    if missing:
        raise BadRequest(f"{method.name} lacks {', '.join(missing)}", where=where, hint=signature(method))
    return b"".join(encode(one.type, values[one.name.lower()], where=f"{where}, {one.name}") for one in wanted)


def answer_bytes(method: Method) -> int:
    """How long the answer of a call is."""
    returned = method.returns.size_bytes if method.returns is not None else 0
    return returned + sum(one.type.size_bytes for one in method.parameters if one.passing is not Passing.IN)


def outputs_of(method: Method, data: bytes) -> Called:
    """What came back. Raises FormatError when it has another length."""
    if len(data) != answer_bytes(method):
        raise FormatError(f"{len(data)} bytes came back", structure=signature(method), field="outputs")
    at = method.returns.size_bytes if method.returns is not None else 0
    value = decode(method.returns, data[:at]) if method.returns is not None else None
    outputs: dict[str, Value] = {}
    for one in method.parameters:
        if one.passing is not Passing.IN:
            outputs[one.name] = decode(one.type, data[at : at + one.type.size_bytes])
            at += one.type.size_bytes
    return Called(value, outputs)


def signature(method: Method) -> str:
    """`Add(a : DINT, b : DINT, OUT even : BOOL) : DINT`."""
    marks = {Passing.IN: "", Passing.OUT: "OUT ", Passing.IN_OUT: "IN_OUT "}
    parameters = ", ".join(f"{marks[one.passing]}{one.name} : {one.type.name}" for one in method.parameters)
    returned = f" : {method.returns.name}" if method.returns is not None else ""
    return f"{method.name}({parameters}){returned}"
