"""Are two VBIOS files the same one? Equal, padded differently, patched, another version, or another device's."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dinrail.pci.rom_header import CodeType
from dinrail.vbios.rom import Rom
from dinrail.vbios.strings import read_text

MAX_DIFFERENCES = 64
"""A patch of ids touches a dozen bytes; behind this many nobody reads offsets any more."""

_CHUNK = 4096


class Relation(enum.StrEnum):
    """From nearest to farthest."""

    SAME = "same"
    SAME_IMAGES = "same-images"  # only what follows the last image differs
    PATCHED = "patched"  # only ids and checksum bytes differ
    SAME_VERSION = "same-version"  # bytes differ, what the ROM says about itself does not
    OTHER_VERSION = "other-version"  # both say what they are, and say it differently
    DIFFERENT = "different"  # for the same device, but which versions they are cannot be read
    OTHER_DEVICE = "other-device"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`differences` are offsets, the first MAX_DIFFERENCES of them; a different length counts as one more."""

    relation: Relation
    sentence: str
    differences: tuple[int, ...] = ()


def compare(first: Rom, second: Rom) -> Comparison:
    """How two ROMs relate."""
    if first.sha256 == second.sha256:
        return Comparison(Relation.SAME, "every byte is equal")
    differences = _differences(first.data, second.data)
    if _images_equal(first, second):
        return Comparison(Relation.SAME_IMAGES, "only what follows the last image differs", differences)
    if _only_patched(first, second, differences):
        text = f"only ids and checksum bytes differ (at {', '.join(f'{at:#x}' for at in differences)})"
        return Comparison(Relation.PATCHED, text, differences)
    if not set(first.device_ids) & set(second.device_ids):
        return Comparison(Relation.OTHER_DEVICE, "they are for different devices", differences)
    return _by_version(first, second, differences)


def _by_version(first: Rom, second: Rom, differences: tuple[int, ...]) -> Comparison:
    one, other = read_text(first), read_text(second)
    names = [text.identity for text in (one, other) if text is not None and text.identity]
    if len(names) < 2:
        text = "the bytes differ, and not both say which version they are"
        return Comparison(Relation.DIFFERENT, text, differences)
    if names[0] == names[1]:
        return Comparison(Relation.SAME_VERSION, f"both say {names[0]!r}, yet bytes differ", differences)
    return Comparison(Relation.OTHER_VERSION, f"one says {names[0]!r}, the other {names[1]!r}", differences)


def _images_equal(first: Rom, second: Rom) -> bool:
    if not first.images or not second.images:
        return False
    end = first.images[-1].end
    return end == second.images[-1].end and first.data[:end] == second.data[:end]


def _only_patched(first: Rom, second: Rom, differences: tuple[int, ...]) -> bool:
    if len(first.data) != len(second.data) or len(differences) >= MAX_DIFFERENCES:
        return False
    if [(i.offset, i.size_bytes) for i in first.images] != [(i.offset, i.size_bytes) for i in second.images]:
        return False
    return bool(first.images) and set(differences) <= _patchable(first) | _patchable(second)


def _patchable(rom: Rom) -> set[int]:
    """Where tools that move a ROM to another device write: the PCIR's ids, the device list, x86 checksum byte 6."""
    places: set[int] = set()
    for image in rom.images:
        places.update(range(image.pcir_offset + 4, image.pcir_offset + 8))
        listed = image.pcir_offset + image.pcir.device_list
        places.update(range(listed, listed + 2 * len(image.device_list)))
        if image.code_type is CodeType.X86:
            places.add(image.offset + 6)
    return places


def _differences(one: bytes, other: bytes) -> tuple[int, ...]:
    shorter = min(len(one), len(other))
    found: list[int] = []
    for start in range(0, shorter, _CHUNK):
        end = min(start + _CHUNK, shorter)
        if one[start:end] != other[start:end]:
            found += [at for at in range(start, end) if one[at] != other[at]]
        if len(found) >= MAX_DIFFERENCES:
            return tuple(found[:MAX_DIFFERENCES])
    return tuple(found) if len(one) == len(other) else (*found, shorter)
