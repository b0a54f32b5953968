"""Bytes of the process image <-> values of a device's tables. Pure.

A register is a little-endian WORD of the image, whatever order its bytes have on the wire. Of values of several words
the image has the lower word first, as the processor wants it; `Span.swapped` says that the device has the upper first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dinrail.errors import BadRequest
from dinrail.fieldbus.settings import MAX_BITS, MAX_REGISTERS, MAX_WRITTEN_BITS, MAX_WRITTEN_REGISTERS, Span

_ADDRESSES = 0x10000


def check_spans(spans: Sequence[Span], size_bytes: int, *, written: bool) -> None:
    """Raises BadRequest for what no device has or the piece of the process image does not hold."""
    for span in spans:
        where = f"{span.table} {span.address}, {span.count}"
        if written and not span.table.is_writable:
            raise BadRequest("a device does not take this table's values", where=where, hint="coil or holding-register")
        if span.count < 1 or span.address < 0 or span.address + span.count > _ADDRESSES:
            raise BadRequest("a table has addresses 0 to 65535", where=where)
        if span.bit < 0 or span.bit + span.size_bits > 8 * size_bytes:
            raise BadRequest(f"it does not fit into {size_bytes} bytes", where=where)
        if not span.table.is_bits and (span.bit % 8 or span.words < 1 or span.count % span.words):
            raise BadRequest(
                "registers begin at whole bytes, and values of several words have all of them", where=where
            )


def requests(span: Span, *, written: bool) -> Iterator[Span]:
    """A span in pieces that one request can carry. Values of several words stay whole."""
    if span.table.is_bits:
        most = MAX_WRITTEN_BITS if written else MAX_BITS
    else:
        most = MAX_WRITTEN_REGISTERS if written else MAX_REGISTERS
        most -= most % span.words
    width = 1 if span.table.is_bits else 16
    for first in range(0, span.count, most):
        count = min(most, span.count - first)
        yield Span(span.table, span.address + first, count, span.bit + first * width, span.words, span.swapped)


def put(image: bytearray, span: Span, values: Sequence[int | bool]) -> None:
    """What a device said into the image. Raises BadRequest for another number of values than were asked for."""
    if len(values) < span.count:
        raise BadRequest(
            f"{len(values)} values came, {span.count} were asked for", where=f"{span.table} {span.address}"
        )
    if span.table.is_bits:
        for number in range(span.count):
            byte, bit = divmod(span.bit + number, 8)
            image[byte] = image[byte] & ~(1 << bit) | bool(values[number]) << bit
        return
    words = _ordered([int(value) & 0xFFFF for value in values[: span.count]], span)
    at = span.bit // 8
    image[at : at + 2 * span.count] = b"".join(word.to_bytes(2, "little") for word in words)


def values_of(image: bytes, span: Span) -> list[int]:
    """What a device is to be told: registers, or 0 and 1."""
    if span.table.is_bits:
        return [image[(span.bit + number) // 8] >> (span.bit + number) % 8 & 1 for number in range(span.count)]
    at = span.bit // 8
    return _ordered([int.from_bytes(image[at + 2 * n : at + 2 * n + 2], "little") for n in range(span.count)], span)


def _ordered(words: list[int], span: Span) -> list[int]:
    """The words of each value the other way round, where the device has them so."""
    if not span.swapped or span.words == 1:
        return words
    return [
        words[first + span.words - 1 - number]
        for first in range(0, len(words), span.words)
        for number in range(span.words)
    ]
