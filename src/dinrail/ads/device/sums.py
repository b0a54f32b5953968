"""Sum commands F080 ... F086: many requests in one, each with a result of its own.

    group  items                         answer
    F080   n x {group, offset, len}      n x result, then blocks of the asked lengths (zeros after an error)
    F081   n x {...} and the data        n x result
    F082   n x {group, offset, rlen,     n x {result, length}, then what was read, in the lengths that came
           wlen} and the data
    F083   n x {group, offset, len}      n x {result, length}, then blocks of the asked lengths
    F084   the same                      n x {result, length}, then blocks in the lengths that came
    F085   n x 40 bytes                  n x {result, handle}
    F086   n x handle                    n x result

The index offset is n. With n = 0, F080 gives blocks alone and takes n from the length, as the SDK describes it.
A refused or failing item never fails the whole. Source: TwinCAT SDK Ads.h; Beckhoff Information System, "Sum commands".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, Protocol

from dinrail.ads.actions import SUM_ITEM_COMMANDS
from dinrail.ads.device import wire
from dinrail.ads.device.access import Access, Later
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.frame import Command
from dinrail.ams.group import IndexGroup


class Served(Protocol):
    """What the sums need of their device."""

    def perform(self, access: Access, data: bytes) -> bytes | Later:
        """One read, write or read-write, permission asked. Raises AdsFault."""

    def subscribe(self, access: Access, entry: bytes) -> int:
        """Add a notification; the handle. Raises AdsFault."""

    def unsubscribe(self, access: Access, handle: int) -> None:
        """Raises AdsFault."""


class Item(NamedTuple):
    """One sub request, and the data that it writes."""

    command: int
    group: int
    offset: int
    size_bytes: int
    data: bytes


def items_of(access: Access, data: bytes, max_items: int, max_bytes: int) -> list[Item]:
    """The items of F080 ... F084. Raises AdsFault 0x705 for too many, too few bytes, too much to answer."""
    group = access.group
    entry = wire.READ_WRITE if group == IndexGroup.SUM_READ_WRITE else wire.READ
    count = access.offset
    if group == IndexGroup.SUM_READ and not count:
        count = _whole(data, entry)
    if count > max_items or count * entry.size > len(data):
        raise AdsFault(AdsError.INVALID_SIZE, f"{count} items in {len(data)} bytes")
    command = SUM_ITEM_COMMANDS[group]
    if group in (IndexGroup.SUM_WRITE, IndexGroup.SUM_READ_WRITE):
        items = list(_with_data(command, entry, data, count))
    else:
        wire.exactly(data, count * entry.size)
        items = [Item(command, group, offset, size, b"") for group, offset, size in entry.iter_unpack(data)]
    padded = access.group in (IndexGroup.SUM_READ, IndexGroup.SUM_READ_EX)
    if padded and sum(item.size_bytes for item in items) + 8 * count > max_bytes:
        raise AdsFault(AdsError.INVALID_SIZE, "the answer would be larger than the router carries")
    return items


def _whole(data: bytes, entry: struct.Struct) -> int:
    count, rest = divmod(len(data), entry.size)
    if rest:
        raise AdsFault(AdsError.INVALID_SIZE, f"{len(data)} bytes are no whole number of items")
    return count


def _with_data(command: int, entry: struct.Struct, data: bytes, count: int) -> Iterator[Item]:
    at = count * entry.size
    for number in range(count):
        fields = entry.unpack_from(data, number * entry.size)
        size = fields[-1]
        if at + size > len(data):
            raise AdsFault(AdsError.INVALID_SIZE, f"the data of item {number} ends early")
        yield Item(command, fields[0], fields[1], fields[2] if len(fields) > 3 else 0, data[at : at + size])
        at += size
    if at != len(data):
        raise AdsFault(AdsError.INVALID_SIZE, f"{len(data) - at} bytes belong to no item")


def perform_sum(device: Served, access: Access, data: bytes, max_items: int, max_bytes: int) -> bytes | Later:
    """The answer's data to a sum command, or the promise of it. Raises AdsFault when the whole is malformed."""
    if access.group == IndexGroup.SUM_ADD_NOTIFICATION:
        return _add_all(device, access, data, max_items)
    if access.group == IndexGroup.SUM_DELETE_NOTIFICATION:
        return _delete_all(device, access, data, max_items)
    items = items_of(access, data, max_items, max_bytes)
    form = _FORMS[access.group]
    bare = access.group == IndexGroup.SUM_READ and not access.offset
    results: list[tuple[int, bytes]] = []
    waiting: list[tuple[int, Later]] = []
    room = max_bytes
    for number, item in enumerate(items):
        if room <= 0:
            results.append((AdsError.NO_MEMORY, b""))  # and not done at all
            continue
        code, got = perform_item(device, access, item)
        if isinstance(got, Later):
            waiting.append((number, got))
            got = b""
        room -= len(got) + 8
        if room < 0:
            code, got = AdsError.NO_MEMORY, b""
        results.append((code, got))
    if not waiting:
        return form(items, results, bare)
    return _when_all(items, waiting, results, lambda: form(items, results, bare))


def perform_item(device: Served, access: Access, item: Item) -> tuple[int, bytes | Later]:
    """(result, what was read) of one item."""
    if item.command == Command.READ_WRITE and item.group in SUM_ITEM_COMMANDS:
        return AdsError.SERVICE_NOT_SUPPORTED, b""  # a sum in a sum would multiply without end
    try:
        inner = Access(
            item.command, item.group, item.offset, item.size_bytes, access.peer, access.permit, access.target
        )
        return 0, device.perform(inner, item.data)
    except AdsFault as fault:
        return fault.code, b""


def _when_all(
    items: list[Item], waiting: list[tuple[int, Later]], results: list[tuple[int, bytes]], form: Callable[[], bytes]
) -> Later:
    whole = Later()
    left = len(waiting)

    def settle(number: int, code: int, data: bytes) -> None:
        nonlocal left
        results[number] = (code, data[: items[number].size_bytes])
        left -= 1
        if not left:
            whole.done(form())

    for number, later in waiting:
        later.then(partial(settle, number))
    return whole


def _form_read(items: list[Item], results: list[tuple[int, bytes]], bare: bool) -> bytes:
    codes = b"" if bare else struct.pack(f"<{len(items)}I", *[code for code, _ in results])
    return codes + b"".join(
        [data.ljust(item.size_bytes, b"\0") for item, (_, data) in zip(items, results, strict=True)]
    )


def _form_write(items: list[Item], results: list[tuple[int, bytes]], bare: bool) -> bytes:
    del bare
    return struct.pack(f"<{len(items)}I", *[code for code, _ in results])


def _form_read_ex(items: list[Item], results: list[tuple[int, bytes]], bare: bool) -> bytes:
    head = _form_lengths(items, results)
    del bare
    return head + b"".join([data.ljust(item.size_bytes, b"\0") for item, (_, data) in zip(items, results, strict=True)])


def _form_read_write(items: list[Item], results: list[tuple[int, bytes]], bare: bool) -> bytes:
    del bare
    return _form_lengths(items, results) + b"".join([data for _, data in results])


def _form_lengths(items: list[Item], results: list[tuple[int, bytes]]) -> bytes:
    flat = [number for code, data in results for number in (code, len(data))]
    return struct.pack(f"<{2 * len(items)}I", *flat)


_FORMS: dict[int, Callable[[list[Item], list[tuple[int, bytes]], bool], bytes]] = {
    IndexGroup.SUM_READ: _form_read,
    IndexGroup.SUM_WRITE: _form_write,
    IndexGroup.SUM_READ_WRITE: _form_read_write,
    IndexGroup.SUM_READ_EX: _form_read_ex,
    IndexGroup.SUM_READ_EX_2: _form_read_write,
}


def _entries(access: Access, data: bytes, size_bytes: int, max_items: int) -> list[bytes]:
    if access.offset > max_items:
        raise AdsFault(AdsError.INVALID_SIZE, f"{access.offset} items, {max_items} are allowed")
    wire.exactly(data, access.offset * size_bytes)
    return [data[at : at + size_bytes] for at in range(0, len(data), size_bytes)]


def _add_all(device: Served, access: Access, data: bytes, max_items: int) -> bytes:
    answers = []
    for entry in _entries(access, data, wire.SUBSCRIBE.size, max_items):
        try:
            answers.append(wire.RESULT_AND.pack(0, device.subscribe(access, entry)))
        except AdsFault as fault:
            answers.append(wire.RESULT_AND.pack(fault.code, 0))
    return b"".join(answers)


def _delete_all(device: Served, access: Access, data: bytes, max_items: int) -> bytes:
    answers = []
    for entry in _entries(access, data, wire.U32.size, max_items):
        try:
            device.unsubscribe(access, *wire.U32.unpack(entry))
            answers.append(wire.OK)
        except AdsFault as fault:
            answers.append(wire.RESULT.pack(fault.code))
    return b"".join(answers)
