"""The image: one file, an ELF shared object with everything that the control and the bridge need to know about it.

    loaded by the dynamic linker   machine code and data of the application, with its executive
    .dinrail.image                 JSON: this module's Image but for its large parts, and the digests of all parts
    .dinrail.symbols               JSON of `iec.record`: what the outside can see
    .dinrail.state                 JSON: names, types and pointers of the data, for online change (control.change.state)
    .dinrail.debug                 addresses to places (control.debugmap)

The sections of ours are compressed by zlib and are not mapped when the object is loaded.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dinrail.control.channel.layout import MAX_TASKS, Space
from dinrail.control.elf import add_sections, read_sections, without_section_table
from dinrail.control.settings import Overrun, TaskSettings
from dinrail.errors import FormatError
from dinrail.files import read_file

ABI = 2
"""Of the code and the executive: an image of another one is refused."""
MAX_IMAGE_BYTES = 256 << 20
_MAX_PART_BYTES = 256 << 20
_PARTS = ("symbols", "state", "debug_map")
_SECTION = {"symbols": ".dinrail.symbols", "state": ".dinrail.state", "debug_map": ".dinrail.debug"}
_MANIFEST = ".dinrail.image"


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the application's memory that one task owns and publishes. offset: in its space, bytes."""

    space: Space
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class TaskImage:
    """One task. stack_bytes: the deepest that its code can need (0: not known)."""

    settings: TaskSettings
    segments: tuple[Segment, ...] = ()
    stack_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Retained:
    """A RETAIN or PERSISTENT variable: kept by path and type's text. offset: in the data, bytes."""

    path: str
    type: str
    offset: int
    size_bytes: int
    persistent: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """What an image says about itself.

    layout_hash: 32 bytes: SHA-256 over all symbols; equal where all symbols, types and places are equal.
    data_bytes, input_bytes...: sizes of the spaces. heap_bytes: for __NEW, 0: none.
    symbols, state, debug_map: their sections, decompressed. options: what the code was made with, for people.
    sources: (name, SHA-256 in hex) of each text.
    calls: of each stub by its number: function block's name, method's name, bytes of its inputs and of its outputs.
    """

    name: str
    layout_hash: bytes = bytes(32)
    tasks: tuple[TaskImage, ...] = ()
    data_bytes: int = 0
    input_bytes: int = 0
    output_bytes: int = 0
    marker_bytes: int = 0
    heap_bytes: int = 0
    retained: tuple[Retained, ...] = ()
    symbols: bytes = b"[]"
    state: bytes = b"{}"
    debug_map: bytes = b""
    options: tuple[tuple[str, str], ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    calls: tuple[tuple[str, str, int, int], ...] = ()
    compiler: str = ""
    abi: int = ABI
    code_sha256: str = field(default="", compare=False)

    def space_bytes(self, space: int) -> int:
        """How large a space is."""
        return (self.data_bytes, self.input_bytes, self.output_bytes, self.marker_bytes)[space]


def write_image(shared_object: bytes, image: Image) -> bytes:
    """The linked object with the image's parts in it. Equal parts give equal bytes."""
    parts = {_SECTION[name]: zlib.compress(getattr(image, name), 6) for name in _PARTS}
    code = hashlib.sha256(without_section_table(shared_object)).hexdigest()
    manifest = _plain(image)
    manifest |= {"code_bytes": len(shared_object), "code_sha256": code}
    manifest["digests"] = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    return add_sections(shared_object, parts | {_MANIFEST: zlib.compress(text, 6)})


def load_image(path: Path) -> Image:
    """The image in a file. Raises HostError when it cannot be read, FormatError when it is none or is damaged."""
    return read_image(read_file(path, max_bytes=MAX_IMAGE_BYTES), where=str(path))


def read_image(data: bytes, *, where: str | None = None) -> Image:
    """The image in these bytes. Raises FormatError: no image, damaged, or of another ABI."""
    sections = read_sections(data, where=where)
    if _MANIFEST not in sections:
        raise FormatError("there is no image in it", structure="Image", where=where, hint="dinrail plc build")
    try:
        manifest = json.loads(_inflate(sections[_MANIFEST], where))
        for name, digest in manifest["digests"].items():
            if hashlib.sha256(sections[name]).hexdigest() != digest:
                raise _damaged(name, where)
        code = without_section_table(data[: int(manifest["code_bytes"])])
        if hashlib.sha256(code).hexdigest() != manifest["code_sha256"]:
            raise _damaged("its code", where)
        image = _image(manifest, {name: _inflate(sections[_SECTION[name]], where) for name in _PARTS})
    except (KeyError, TypeError, ValueError, RecursionError) as fault:
        raise FormatError("its description is not whole", structure="Image", where=where, why=str(fault)) from fault
    return _checked(image, where)


def _checked(image: Image, where: str | None) -> Image:
    if image.abi != ABI:
        raise FormatError(
            f"it was made for executive {image.abi}, this one is {ABI}",
            structure="Image",
            field="abi",
            where=where,
            hint="build it again: dinrail plc build",
        )
    if not 0 < len(image.tasks) <= MAX_TASKS or len(image.layout_hash) != 32:
        raise FormatError(f"it has {len(image.tasks)} tasks", structure="Image", field="tasks", where=where)
    places = [(segment.space, segment.offset, segment.size_bytes) for task in image.tasks for segment in task.segments]
    places += [(Space.DATA, retained.offset, retained.size_bytes) for retained in image.retained]
    for space, offset, size_bytes in places:
        if offset < 0 or size_bytes < 0 or offset + size_bytes > image.space_bytes(space):
            raise FormatError("a place lies outside its space", structure="Image", field="segments", where=where)
    return image


def _damaged(what: str, where: str | None) -> FormatError:
    return FormatError(f"{what} is not what was built", structure="Image", where=where, why="the digests differ")


def _inflate(data: bytes, where: str | None) -> bytes:
    """Decompressed, with an upper bound: a small section may not ask for all memory."""
    machine = zlib.decompressobj()
    try:
        out = machine.decompress(data, _MAX_PART_BYTES)
    except zlib.error as fault:
        raise FormatError("a section is damaged", structure="Image", where=where, why=str(fault)) from fault
    if not machine.eof:
        raise FormatError("a section is cut off or too large", structure="Image", where=where)
    return out


def _plain(image: Image) -> dict[str, Any]:
    plain = dataclasses.asdict(image)
    plain["layout_hash"] = image.layout_hash.hex()
    return {name: value for name, value in plain.items() if name not in _PARTS}


def _image(manifest: dict[str, Any], parts: dict[str, Any]) -> Image:
    plain = {f.name: manifest[f.name] for f in dataclasses.fields(Image) if f.name not in _PARTS}
    plain["layout_hash"] = bytes.fromhex(plain["layout_hash"])
    plain["tasks"] = tuple(_task(task) for task in plain["tasks"])
    plain["retained"] = tuple(Retained(**item) for item in plain["retained"])
    plain["calls"] = tuple((str(a), str(b), int(c), int(d)) for a, b, c, d in plain["calls"])
    for name in ("options", "sources"):
        plain[name] = tuple((str(key), str(value)) for key, value in plain[name])
    return Image(**plain, **parts)


def _task(plain: dict[str, Any]) -> TaskImage:
    settings = plain["settings"]
    settings |= {"overrun": Overrun(settings["overrun"]), "programs": tuple(settings["programs"])}
    segments = tuple(
        Segment(Space(item["space"]), int(item["offset"]), int(item["size_bytes"])) for item in plain["segments"]
    )
    return TaskImage(TaskSettings(**settings), segments, int(plain["stack_bytes"]))
