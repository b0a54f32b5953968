"""Methods that clients call: a handle of `path#Method`, then a ReadWrite with the inputs one behind the other.

The answer is the return value, then the outputs in their order, without gaps. A VAR_IN_OUT is both.
Source: TwinCAT SDK and ads-client's invokeRpcMethod.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dinrail.ads.device.source import SymbolPlace
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.errors import BadRequest, DinrailError, FormatError
from dinrail.iec.types import Method, Passing, resolve
from dinrail.iec.value import Value, decode, encode


@dataclass(frozen=True, slots=True)
class Returned:
    """What a method with outputs gives back: its return value, and its outputs by name."""

    value: object = None
    outputs: Mapping[str, object] = field(default_factory=dict)


Call = Callable[[str, dict[str, Value]], object]
"""(instance path, inputs by name) -> the return value, or `Returned`. May raise AdsFault, or anything usual."""
_USUAL_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    DinrailError,
)


class Methods:
    """Python callables behind methods, by instance (`MAIN.fbDrive#Start`) or by type (`FB_Drive#Start`)."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}

    def register(self, name: str, call: Call) -> None:
        """Serve `name` by `call`; an instance's own comes before its type's."""
        self._calls[name.lower()] = call

    def invoke(self, place: SymbolPlace, data: bytes) -> bytes:
        """Call a method with encoded inputs; the encoded answer.

        Raises AdsFault: 0x701 nobody serves it, 0x705 inputs of another size, 0x706 inputs that are no such values,
        the method's own, or 0x700 when it failed otherwise.
        """
        method = place.method
        if method is None:
            raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED, f"{place.path} is no method")
        instance = place.path.rpartition("#")[0]
        call = self._calls.get(place.path.lower()) or self._calls.get(
            f"{resolve(place.type).name}#{method.name}".lower()
        )
        if call is None:
            raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED, f"nobody serves {place.path}")
        inputs = read_inputs(method, data)
        try:
            returned = call(instance, inputs)
        except AdsFault:
            raise
        except _USUAL_FAULTS as fault:
            raise AdsFault(AdsError.DEVICE_ERROR, f"{place.path} failed") from fault
        return write_outputs(method, returned, inputs)


def read_inputs(method: Method, data: bytes) -> dict[str, Value]:
    """The inputs by name. Raises AdsFault 0x705, 0x706."""
    wanted = [one for one in method.parameters if one.passing is not Passing.OUT]
    size_bytes = sum(one.type.size_bytes for one in wanted)
    if size_bytes != len(data):
        raise AdsFault(AdsError.INVALID_SIZE, f"{method.name} takes {size_bytes} bytes, not {len(data)}")
    values: dict[str, Value] = {}
    at = 0
    for one in wanted:
        part = data[at : at + one.type.size_bytes]
        at += len(part)
        try:
            values[one.name] = decode(one.type, part)
        except FormatError as fault:
            raise AdsFault(AdsError.INVALID_DATA, f"{method.name}, {one.name}") from fault
    return values


def write_outputs(method: Method, returned: object, inputs: Mapping[str, Value]) -> bytes:
    """The answer's bytes. An output that was not given is its input, or zero. Raises AdsFault 0x700."""
    whole = returned if isinstance(returned, Returned) else Returned(returned)
    parts: list[bytes] = []
    try:
        if method.returns is not None:
            value = whole.value
            parts.append(bytes(method.returns.size_bytes) if value is None else encode(method.returns, value))
        for one in method.parameters:
            if one.passing is not Passing.IN:
                value = whole.outputs.get(one.name, inputs.get(one.name))
                parts.append(bytes(one.type.size_bytes) if value is None else encode(one.type, value))
    except BadRequest as fault:
        raise AdsFault(AdsError.DEVICE_ERROR, f"{method.name} gave what it cannot return") from fault
    return b"".join(parts)
