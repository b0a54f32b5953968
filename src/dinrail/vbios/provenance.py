"""Where a VBIOS file came from: the JSON that stands beside it (`card.rom` and `card.rom.json`).

It is read back as hostile: somebody may have edited it, or sent it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from dinrail.errors import BadRequest, FormatError
from dinrail.machine.facts import PciFunction
from dinrail.pci.address import PciAddress
from dinrail.units import S_NS
from dinrail.vbios.rom import Rom, pair, summarise

V = TypeVar("V")

FORMAT = "dinrail-rom-provenance/1"
MAX_BYTES = 1 << 18
_PAIR = re.compile(r"([0-9a-f]{4}):([0-9a-f]{4})")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_MAX_TEXT = 256


@dataclass(frozen=True, slots=True)
class ImageNote:
    """One image as the provenance lists it."""

    offset: int
    size_bytes: int
    kind: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Whose ROM it is and how it was read.

    device, subsystem: (vendor, device) of card and board. method: how it was read, e.g. `sysfs-rom`.
    taken_at: UTC, `2026-01-31T12:00:00Z`.
    """

    device: tuple[int, int]
    subsystem: tuple[int, int]
    revision: int
    address: PciAddress
    method: str
    kernel: str
    taken_at: str
    sha256: str
    size_bytes: int
    images: tuple[ImageNote, ...]


def provenance(rom: Rom, function: PciFunction, *, method: str, kernel: str, wall_ns: int) -> Provenance:
    """The provenance of a ROM just read from `function`. `wall_ns` is UTC."""
    ids = function.ids
    moment = datetime.fromtimestamp(wall_ns // S_NS, tz=UTC)
    summaries = [summarise(image) for image in rom.images]
    return Provenance(
        device=(ids.vendor_id, ids.device_id),
        subsystem=(ids.subsystem_vendor_id, ids.subsystem_id),
        revision=ids.revision,
        address=function.address,
        method=method,
        kernel=kernel,
        taken_at=moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        sha256=rom.sha256,
        size_bytes=len(rom.data),
        images=tuple(ImageNote(s.offset, s.size_bytes, s.kind, s.ids) for s in summaries),
    )


def to_json(value: Provenance) -> bytes:
    """The document, one field a line."""
    document = {
        "format": FORMAT,
        "device": pair(*value.device),
        "subsystem": pair(*value.subsystem),
        "revision": value.revision,
        "address": str(value.address),
        "method": value.method,
        "kernel": value.kernel,
        "taken_at": value.taken_at,
        "sha256": value.sha256,
        "size_bytes": value.size_bytes,
        "images": [
            {"offset": i.offset, "size_bytes": i.size_bytes, "kind": i.kind, "ids": list(i.ids)} for i in value.images
        ],
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def from_json(data: bytes, *, where: str | None = None) -> Provenance:
    """The provenance that a document holds. Raises FormatError, which names the field."""
    fields = _Fields(_document(data, where), "provenance", where)
    if fields.take("format", _text) != FORMAT:
        raise fields.fault("format", f"is not {FORMAT!r}")
    images = tuple(
        ImageNote(
            offset=image.take("offset", _count),
            size_bytes=image.take("size_bytes", _count),
            kind=image.take("kind", _text),
            ids=image.take("ids", _pairs),
        )
        for image in fields.children("images")
    )
    return Provenance(
        device=fields.take("device", _pair),
        subsystem=fields.take("subsystem", _pair),
        revision=fields.take("revision", _count),
        address=fields.take("address", _address),
        method=fields.take("method", _text),
        kernel=fields.take("kernel", _text),
        taken_at=fields.take("taken_at", _time),
        sha256=fields.take("sha256", _sha256),
        size_bytes=fields.take("size_bytes", _count),
        images=images,
    )


def differences(value: Provenance, function: PciFunction) -> tuple[str, ...]:
    """Why a ROM of this provenance is not this function's, one line each; empty where it is.

    The address is no reason: cards move to other slots, and buses are numbered anew when a neighbour comes.
    """
    ids = function.ids
    found = []
    if value.device != (ids.vendor_id, ids.device_id):
        found.append(f"device ids {pair(*value.device)}, the card has {ids.pair}")
    if value.subsystem != (ids.subsystem_vendor_id, ids.subsystem_id):
        found.append(f"subsystem ids {pair(*value.subsystem)}, the card has {ids.subsystem_pair}")
    if value.revision != ids.revision:
        found.append(f"revision {value.revision:02x}, the card has {ids.revision:02x}")
    return tuple(found)


def matches(value: Provenance, function: PciFunction) -> bool:
    """The ROM was read from such a card: device, board and revision are equal."""
    return not differences(value, function)


def describes(value: Provenance, rom: Rom) -> bool:
    """The provenance is that of these bytes."""
    return value.sha256 == rom.sha256 and value.size_bytes == len(rom.data)


def _document(data: bytes, where: str | None) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise FormatError(f"holds more than {MAX_BYTES} bytes", structure="provenance", where=where)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as fault:
        raise FormatError("is not JSON", structure="provenance", where=where) from fault
    if not isinstance(document, dict):
        raise FormatError("is not an object", structure="provenance", where=where)
    return document


class _Wrong(ValueError):
    """A field that is not what it has to be; `_Fields` tells which."""


class _Fields:
    """The fields of one object, taken one by one, each through its check."""

    def __init__(self, values: dict[str, Any], structure: str, where: str | None) -> None:
        self._values = values
        self._structure = structure
        self._where = where

    def take(self, name: str, check: Callable[[Any], V]) -> V:
        if name not in self._values:
            raise self.fault(name, "is missing")
        try:
            return check(self._values[name])
        except _Wrong as fault:
            raise self.fault(name, str(fault)) from None

    def children(self, name: str) -> list[_Fields]:
        listed = self.take(name, _objects)
        return [_Fields(v, f"provenance, {name}[{n}]", self._where) for n, v in enumerate(listed)]

    def fault(self, name: str, what: str) -> FormatError:
        return FormatError(what, structure=self._structure, field=name, where=self._where)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MAX_TEXT or not value.isprintable():
        raise _Wrong(f"is no printable text of at most {_MAX_TEXT} characters")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 32:
        raise _Wrong("is no whole number below 2^32")
    return value


def _pair(value: Any) -> tuple[int, int]:
    match = _PAIR.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _Wrong("is no id pair `vvvv:dddd`")
    return int(match[1], 16), int(match[2], 16)


def _pairs(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _Wrong("is no list of id pairs")
    return tuple(pair(*_pair(item)) for item in value)


def _objects(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _Wrong("is no list of objects")
    return value


def _address(value: Any) -> PciAddress:
    try:
        return PciAddress.parse(_text(value))
    except BadRequest as fault:
        raise _Wrong(fault.what) from None


def _time(value: Any) -> str:
    text = _text(value)
    if not _TIME.fullmatch(text):
        raise _Wrong("is no time `2026-01-31T12:00:00Z`")
    return text


def _sha256(value: Any) -> str:
    text = _text(value)
    if not _SHA256.fullmatch(text):
        raise _Wrong("is no SHA-256 in hex")
    return text
