"""What a request asks for, item by item: one for a plain command, all of a sum command's.

The gate and the books read requests by these alone, and as strictly as needed for no device to read them otherwise.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from dinrail.ads.actions import SUM_ITEM_COMMANDS
from dinrail.ams.command import ADD_NOTIFICATION, HANDLE, READ, READ_WRITE, RESULT_LENGTH
from dinrail.ams.frame import Command
from dinrail.ams.group import IndexGroup
from dinrail.errors import FormatError

MAX_ITEMS = 10_000
"""Of one sum command, as our own devices have it; Beckhoff advises no more than 500."""
_SUM_WRITE, _SUM_READ_WRITE = IndexGroup.SUM_WRITE.value, IndexGroup.SUM_READ_WRITE.value
_SUM_ADD, _SUM_DELETE = IndexGroup.SUM_ADD_NOTIFICATION.value, IndexGroup.SUM_DELETE_NOTIFICATION.value
_ENTRY_BYTES = {_SUM_READ_WRITE: READ_WRITE.size, _SUM_ADD: ADD_NOTIFICATION.size, _SUM_DELETE: HANDLE.size}


class Item(NamedTuple):
    """One access. `size_bytes` is the larger of what is read and written; `data` is what is written."""

    command: int
    group: int
    offset: int
    size_bytes: int
    data: bytes


def items_of(command: int, payload: bytes) -> list[Item]:
    """The accesses of one request. A request that has no group gives one item with zeros.

    Raises FormatError when the payload is not what its own numbers say.
    """
    try:
        return _items(command, payload)
    except struct.error as fault:
        raise FormatError(f"{len(payload)} bytes are too few", structure=f"ADS command {command}") from fault


def _items(command: int, payload: bytes) -> list[Item]:
    if command in (Command.READ, Command.ADD_NOTIFICATION):
        group, offset, size = READ.unpack_from(payload)
        return [Item(command, group, offset, size, b"")]
    if command == Command.WRITE:
        group, offset, size = READ.unpack_from(payload)
        return [Item(command, group, offset, size, _exactly(payload, 12, size))]
    if command == Command.DELETE_NOTIFICATION:
        return [Item(command, 0, 0, 0, _exactly(payload, 0, 4))]
    if command == Command.READ_WRITE:
        group, offset, read, written = READ_WRITE.unpack_from(payload)
        data = _exactly(payload, 16, written)
        if group not in SUM_ITEM_COMMANDS:
            return [Item(command, group, offset, max(read, written), data)]
        return _sum(group, offset, data)
    return [Item(command, 0, 0, 0, payload)]


def _exactly(payload: bytes, at: int, size: int) -> bytes:
    if len(payload) != at + size:
        raise FormatError(f"announces {size} bytes of data, {len(payload) - at} are there", structure="ADS request")
    return payload[at:]


def _sum(group: int, count: int, data: bytes) -> list[Item]:
    command = SUM_ITEM_COMMANDS[group].value
    entry = _ENTRY_BYTES.get(group, READ.size)
    if count > MAX_ITEMS:
        raise FormatError(f"{count} items, {MAX_ITEMS} are passed on", structure=f"sum command {group:#x}")
    if count * entry > len(data):
        raise FormatError(f"announces {count} items in {len(data)} bytes", structure=f"sum command {group:#x}")
    items: list[Item] = []
    at = count * entry
    for start in range(0, at, entry):
        if group == _SUM_DELETE:
            items.append(Item(command, 0, 0, 0, data[start : start + 4]))
            continue
        item_group, offset, size = READ.unpack_from(data, start)
        written = 0
        if group == _SUM_WRITE:
            written = size
        elif group == _SUM_READ_WRITE:
            written = READ_WRITE.unpack_from(data, start)[3]
        if at + written > len(data):
            raise FormatError("an item's data ends behind the request", structure=f"sum command {group:#x}")
        items.append(Item(command, item_group, offset, max(size, written), data[at : at + written]))
        at += written
    if at != len(data):
        raise FormatError(f"{len(data) - at} bytes follow the items", structure=f"sum command {group:#x}")
    return items


class Reply(NamedTuple):
    """One item's answer."""

    result: int
    data: bytes


def replies_of(command: int, group: int, count: int, body: bytes) -> list[Reply]:
    """The answers to a request's items in order, as far as the body goes: each bounded by it, none made up.

    Read for the commands whose answers tell something here: 3, 6, 7, and 9 with any group.
    """
    if len(body) < 4:
        return []
    result = int.from_bytes(body[:4], "little")
    if command != Command.READ_WRITE:
        return [Reply(result, body[4:])]
    data = body[8 : 8 + int.from_bytes(body[4:8], "little")]
    if group not in SUM_ITEM_COMMANDS:
        return [Reply(result, data)]
    if result:
        return []
    if group in (_SUM_WRITE, _SUM_DELETE):
        return [Reply(int.from_bytes(data[at : at + 4], "little"), b"") for at in _steps(data, count, 4)]
    if group == _SUM_ADD:
        return [
            Reply(int.from_bytes(data[at : at + 4], "little"), data[at + 4 : at + 8]) for at in _steps(data, count, 8)
        ]
    if group != _SUM_READ_WRITE:
        return []
    replies = []
    start = count * 8
    for at in _steps(data, count, 8):
        item_result, size = RESULT_LENGTH.unpack_from(data, at)
        replies.append(Reply(item_result, data[start : start + size]))
        start += size
    return replies


def _steps(data: bytes, count: int, entry: int) -> range:
    return range(0, min(count, len(data) // entry) * entry, entry)
