"""Values as they lie in memory: scalars, defaults of types, constant places."""

from __future__ import annotations

import struct

from dinrail.plc.check.world import World
from dinrail.plc.core.expression import Constant, ConstantAt, FieldAt, IndexAt, Location, VariableAt
from dinrail.plc.types.model import (
    AliasType,
    ArrayType,
    EnumType,
    Family,
    FunctionBlockType,
    ScalarType,
    StructType,
    Type,
    held_as,
)
from dinrail.plc.types.variable import Storage, Variable

Scalar = int | float | bool
_FLOATS = {4: "<f", 8: "<d"}


def pack_scalar(kind: ScalarType, value: Scalar) -> bytes:
    """A scalar as it lies in memory."""
    if kind.family is Family.FLOAT:
        return struct.pack(_FLOATS[kind.size_bytes], value)
    return (int(value) & (1 << kind.bits) - 1).to_bytes(kind.size_bytes, "little")


def unpack_scalar(kind: ScalarType, data: bytes) -> Scalar:
    """The value that lies there."""
    if kind.family is Family.FLOAT:
        value: float = struct.unpack(_FLOATS[kind.size_bytes], data)[0]
        return value
    if kind.family is Family.BOOL:
        return data != bytes(len(data))
    return int.from_bytes(data, "little", signed=kind.signed)


def default_bytes(world: World, kind: Type) -> bytes:
    """The constant image of a type's default value, `kind.size_bytes` long, numbers of classes included."""
    if type(kind) is ScalarType:
        return bytes(kind.size_bytes)
    image = world.images.get(kind)
    if image is None:
        world.ensure_type(kind)
        world.ensure_default(kind)
        image = world.images.get(kind)
        if image is None:
            image = world.images[kind] = _default(world, kind)
    return image


def _default(world: World, kind: Type) -> bytes:
    if isinstance(kind, AliasType):
        if kind.low is not None and kind.high is not None and not kind.low <= 0 <= kind.high:
            held = held_as(kind)
            return pack_scalar(held, kind.low) if held else b""
        return default_bytes(world, kind.target)
    if isinstance(kind, EnumType):
        return pack_scalar(kind.base, kind.default)
    if isinstance(kind, ArrayType):
        return default_bytes(world, kind.element) * kind.count
    if isinstance(kind, StructType | FunctionBlockType):
        return composed(world, kind)
    return bytes(kind.size_bytes)


def composed(world: World, kind: StructType | FunctionBlockType) -> bytes:
    """The image of a structure or instance, put together from its fields' initial values."""
    begin = kind.number.to_bytes(8, "little") if isinstance(kind, FunctionBlockType) else b""
    pieces, at = [begin], len(begin)  # joined once: images can be large
    bits: list[Variable] = []
    for part in kind.fields.values():
        world.ensure_initial(part)
        initial, offset = part.initial, part.offset_bytes
        if initial is None or offset < 0:
            continue
        if part.bit >= 0:
            bits.append(part)
        elif offset >= at:
            pieces += (bytes(offset - at), initial)
            at = offset + len(initial)
        else:  # a union's members lie over each other: the last one's value counts
            image = b"".join(pieces)
            pieces = [image[:offset], initial, image[offset + len(initial) :]]
            at = max(at, offset + len(initial))
    pieces.append(bytes(kind.size_bytes - at))
    image = b"".join(pieces)
    return _with_bits(image, bits) if bits else image


def _with_bits(image: bytes, bits: list[Variable]) -> bytes:
    out = bytearray(image)
    for part in bits:
        if part.initial is not None:
            out[part.offset_bytes] |= (part.initial[0] != 0) << part.bit
    return bytes(out)


def constant_bytes(world: World, place: Location) -> bytes | None:
    """The bytes of a place whose content never changes: a text, a constant, a part of one. None of any other."""
    if isinstance(place, ConstantAt):
        return place.data
    if isinstance(place, VariableAt):
        variable = place.variable
        if not variable.constant or variable.storage is not Storage.STATIC:
            return None
        world.ensure(variable)
        return variable.value if isinstance(variable.value, bytes) else None
    if isinstance(place, FieldAt | IndexAt):
        whole = constant_bytes(world, place.base)
        if whole is None:
            return None
        offset = _offset_inside(place)
        known = 0 <= offset <= len(whole) - place.type.size_bytes
        return whole[offset : offset + place.type.size_bytes] if known else None
    return None


def _offset_inside(place: FieldAt | IndexAt) -> int:
    """Where a part lies in the whole, in bytes; -1 when that is not known, or not bytes."""
    if isinstance(place, FieldAt):
        return -1 if place.field.bit >= 0 or place.field.is_reference_field else place.field.offset_bytes
    return int(place.index.value) * place.type.size_bytes if isinstance(place.index, Constant) else -1
