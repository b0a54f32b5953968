"""The target's description of itself: XML at group 700, offset 1 of the system service.

Only what clients look for is written. Reading is by path and strict about what XML can do to a reader: no document
type, no entities of its own, bounded depth and size.

Source: what adstool, ads-rs and TwinCAT XAE read of `TcTargetDesc`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from xml.parsers import expat

from dinrail.ams.address import NetId
from dinrail.ams.text import UTF_8, decode_text
from dinrail.errors import BadRequest, FormatError

MAX_XML_BYTES = 64 << 10
_MAX_DEPTH = 8
_MAX_ELEMENTS = 512
_ROOT = "TcTargetDesc"


@dataclass(frozen=True, slots=True)
class TargetDescription:
    """What a target says it is. `version`: TwinCAT's version, revision, build. Empty texts are left out."""

    net_id: NetId
    target_type: str = ""
    version: tuple[int, int, int] = (3, 1, 4026)
    model: str = ""
    serial: str = ""
    cpu_architecture: str = ""
    os_name: str = ""
    os_version: str = ""
    image_version: str = ""

    def encode(self) -> bytes:
        """The document, in ASCII with character references, and a NUL."""
        fields = {
            "TargetType": self.target_type,
            "TargetVersion/Version": str(self.version[0]),
            "TargetVersion/Revision": str(self.version[1]),
            "TargetVersion/Build": str(self.version[2]),
            "TargetFeatures/NetId": str(self.net_id),
            "Hardware/Model": self.model,
            "Hardware/SerialNo": self.serial,
            "Hardware/CPUArchitecture": self.cpu_architecture,
            "OsImage/ImageVersion": self.image_version,
            "OsImage/OsName": self.os_name,
            "OsImage/OsVersion": self.os_version,
        }
        return f'<?xml version="1.0"?>{_render(fields)}'.encode("ascii", "xmlcharrefreplace") + b"\0"

    @classmethod
    def parse(cls, data: bytes) -> TargetDescription:
        """Raises FormatError for bytes that are no such document. What is missing stays empty."""
        found = read_fields(data)
        try:
            net_id = NetId.parse(found.get("TargetFeatures/NetId", "0.0.0.0.0.0"))
            words = [int(found.get(f"TargetVersion/{name}", "0")) for name in ("Version", "Revision", "Build")]
        except (BadRequest, ValueError) as fault:
            raise FormatError(str(fault), structure=_ROOT) from None
        return cls(
            net_id=net_id,
            target_type=found.get("TargetType", ""),
            version=(words[0], words[1], words[2]),
            model=found.get("Hardware/Model", ""),
            serial=found.get("Hardware/SerialNo", ""),
            cpu_architecture=found.get("Hardware/CPUArchitecture", ""),
            os_name=found.get("OsImage/OsName", ""),
            os_version=found.get("OsImage/OsVersion", ""),
            image_version=found.get("OsImage/ImageVersion", ""),
        )


def read_fields(data: bytes) -> dict[str, str]:
    """All texts of a target description by their path below the root. Raises FormatError."""
    document = data.rstrip(b"\0")
    if len(document) > MAX_XML_BYTES:
        raise FormatError(f"{len(document)} bytes, {MAX_XML_BYTES} are allowed", structure=_ROOT)
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")  # whatever it declares: a codec's name is not the sender's to choose
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(decode_text(document, UTF_8).encode(), True)
    except expat.ExpatError as fault:
        raise FormatError(str(fault), structure=_ROOT) from None
    return reader.fields


class _Reader:
    """What expat calls. Raises FormatError, which expat passes on."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self._path: list[str] = []
        self._count = 0

    def doctype(self, *_: object) -> None:
        raise FormatError("has a document type", structure=_ROOT, why="entities are a way to exhaust a reader")

    def start(self, name: str, _: Mapping[str, str]) -> None:
        self._count += 1
        if self._count > _MAX_ELEMENTS or len(self._path) >= _MAX_DEPTH:
            raise FormatError("has too many elements, or nests them too deep", structure=_ROOT)
        if not self._path and name != _ROOT:
            raise FormatError(f"is a {name!r}", structure=_ROOT)
        self._path.append(name)

    def end(self, _: str) -> None:
        path = "/".join(self._path[1:])
        self.fields[path] = self.fields.get(path, "").strip()
        if not self.fields[path]:
            del self.fields[path]
        self._path.pop()

    def text(self, text: str) -> None:
        path = "/".join(self._path[1:])
        self.fields[path] = self.fields.get(path, "") + text


def _render(fields: Mapping[str, str]) -> str:
    groups: dict[str, list[str]] = {}
    for path, text in fields.items():
        if text:
            group, _, leaf = path.rpartition("/")
            groups.setdefault(group, []).append(f"<{leaf}>{escape(text, quote=False)}</{leaf}>")
    parts = [
        "".join(leaves) if not group else f"<{group}>{''.join(leaves)}</{group}>" for group, leaves in groups.items()
    ]
    return f"<{_ROOT}>{''.join(parts)}</{_ROOT}>"
