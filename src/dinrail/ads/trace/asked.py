"""Requests in words, and what has to be remembered of each until its answer comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dinrail.ads.trace import words
from dinrail.ads.trace.memory import Known, Memory
from dinrail.ams import command as commands
from dinrail.ams import sum as sums
from dinrail.ams.frame import Command
from dinrail.ams.group import SUM_GROUPS, IndexGroup

Fields = dict[str, object]

BY_NAME = (
    IndexGroup.HANDLE_BY_NAME,
    IndexGroup.VALUE_BY_NAME,
    IndexGroup.INFO_BY_NAME,
    IndexGroup.SYMBOL_BY_NAME,
    IndexGroup.NOTIFY_BY_NAME,
    IndexGroup.DATA_TYPE_BY_NAME,
)


@dataclass(frozen=True, slots=True)
class Ends:
    """Who asks and who answers, as they lie in a header."""

    client: bytes
    device: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """A request without its data. `offset` of a DeleteNotification is the handle. `items` of a sum command."""

    command: int
    group: int = 0
    offset: int = 0
    size_bytes: int = 0
    name: str = ""
    known: Known | None = None
    items: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """One thing in words and as fields."""

    asked: Asked
    words: str
    fields: Fields


def tell_request(memory: Memory, ends: Ends, command: int, payload: bytes) -> Told:
    """A request's payload in words. Raises FormatError."""
    tell = _BY_COMMAND.get(command)
    if tell is not None:
        return tell(memory, ends, payload)
    if command in _PLAIN:
        return Told(Asked(command), Command(command).name.lower().replace("_", "-"), {})
    told = f"command {command}: {words.preview(payload) or 'nothing'}"
    return Told(Asked(command), told, words.data_fields(payload, None))


_PLAIN = (Command.READ_DEVICE_INFO, Command.READ_STATE)


def _place(memory: Memory, ends: Ends, group: int, offset: int) -> tuple[Known | None, str, Fields]:
    known = memory.symbol(ends.device, ends.client, group, offset)
    fields: Fields = {"group": group, "group_name": words.group_words(ends.device, group), "offset": offset}
    if known is not None:
        fields["symbol"] = known.name
    return known, words.place(ends.device, group, offset, known), fields


def _read(memory: Memory, ends: Ends, payload: bytes) -> Told:
    return _tell_read(memory, ends, commands.ReadRequest.parse(payload))


def _tell_read(memory: Memory, ends: Ends, request: commands.ReadRequest) -> Told:
    known, place, fields = _place(memory, ends, request.group, request.offset)
    asked = Asked(Command.READ, request.group, request.offset, request.size_bytes, known=known)
    return Told(
        asked, f"read {place}, {words.size_words(request.size_bytes)}", fields | {"size_bytes": request.size_bytes}
    )


def _write(memory: Memory, ends: Ends, payload: bytes) -> Told:
    return _tell_write(memory, ends, commands.WriteRequest.parse(payload))


def _tell_write(memory: Memory, ends: Ends, request: commands.WriteRequest) -> Told:
    known, place, fields = _place(memory, ends, request.group, request.offset)
    fields |= words.data_fields(request.data, known)
    if request.group == IndexGroup.RELEASE_HANDLE and len(request.data) == commands.HANDLE.size:
        handle = commands.parse_handle(request.data)
        known = memory.handles.drop((ends.device, ends.client, handle))
        asked = Asked(Command.WRITE, request.group, request.offset, known=known)
        return Told(asked, f"release handle {_named(handle, known)}", fields | _symbol(known) | {"handle": handle})
    asked = Asked(Command.WRITE, request.group, request.offset, len(request.data), known=known)
    if request.group == IndexGroup.VALUE_BY_NAME:
        name = words.name_in(request.data)
        known = memory.named(ends.device, name)
        data = request.data.partition(b"\0")[2]
        return Told(asked, f"write {name} = {words.data_words(data, known)}", fields | {"symbol": name})
    return Told(asked, f"write {place} = {words.data_words(request.data, known)}", fields)


def _read_write(memory: Memory, ends: Ends, payload: bytes) -> Told:
    request = commands.ReadWriteRequest.parse(payload)
    if request.group in SUM_GROUPS:
        return _tell_sum(memory, ends, request)
    return _tell_read_write(memory, ends, request)


def _tell_read_write(memory: Memory, ends: Ends, request: commands.ReadWriteRequest) -> Told:
    known, place, fields = _place(memory, ends, request.group, request.offset)
    group, offset, size, data = request
    fields |= {"size_bytes": size} | words.data_fields(data, None)
    if group in BY_NAME:
        name = words.name_in(data)
        known = memory.named(ends.device, name) if group == IndexGroup.VALUE_BY_NAME else None
        asked = Asked(Command.READ_WRITE, group, offset, size, name, known)
        return Told(asked, f"{words.group_words(ends.device, group)} {name!r}", fields | {"symbol": name})
    verb = "call" if group == IndexGroup.VALUE_BY_HANDLE else "read-write"
    asked = Asked(Command.READ_WRITE, group, offset, size)
    told = f"{verb} {place}, writes {words.preview(data) or 'nothing'}, reads {words.size_words(size)}"
    return Told(asked, told, fields)


def _tell_sum(memory: Memory, ends: Ends, request: commands.ReadWriteRequest) -> Told:
    group, count, size, data = request
    items = _SUMS[IndexGroup(group)](memory, ends, count, data)
    asked = Asked(Command.READ_WRITE, group, count, size, items=tuple(item.asked for item in items))
    name = words.group_words(ends.device, group)
    fields: Fields = {"group": group, "group_name": name, "offset": count, "size_bytes": size}
    told = f"{name} of {len(items)}: {words.some([item.words for item in items])}"
    return Told(asked, told, fields | {"items": [item.fields for item in items]})


def _sum_reads(memory: Memory, ends: Ends, count: int, data: bytes) -> list[Told]:
    return [_tell_read(memory, ends, request) for request in sums.parse_read_ex(count, data)]


def _sum_writes(memory: Memory, ends: Ends, count: int, data: bytes) -> list[Told]:
    return [_tell_write(memory, ends, request) for request in sums.parse_write(count, data)]


def _sum_read_writes(memory: Memory, ends: Ends, count: int, data: bytes) -> list[Told]:
    return [_tell_read_write(memory, ends, request) for request in sums.parse_read_write(count, data)]


def _sum_adds(memory: Memory, ends: Ends, count: int, data: bytes) -> list[Told]:
    return [_tell_add(memory, ends, request) for request in sums.parse_add(count, data)]


def _sum_deletes(memory: Memory, ends: Ends, count: int, data: bytes) -> list[Told]:
    return [_tell_delete(memory, ends, handle) for handle in sums.parse_delete(count, data)]


_SUMS: dict[IndexGroup, Callable[[Memory, Ends, int, bytes], list[Told]]] = {
    IndexGroup.SUM_READ: _sum_reads,
    IndexGroup.SUM_WRITE: _sum_writes,
    IndexGroup.SUM_READ_WRITE: _sum_read_writes,
    IndexGroup.SUM_READ_EX: _sum_reads,
    IndexGroup.SUM_READ_EX_2: _sum_reads,
    IndexGroup.SUM_ADD_NOTIFICATION: _sum_adds,
    IndexGroup.SUM_DELETE_NOTIFICATION: _sum_deletes,
}


def _control(_memory: Memory, _ends: Ends, payload: bytes) -> Told:
    state, device_state, data = commands.WriteControlRequest.parse(payload)
    fields = {"state": words.state_words(state), "device_state": device_state} | words.data_fields(data, None)
    more = f", {words.preview(data)}" if data else ""
    return Told(
        Asked(Command.WRITE_CONTROL), f"write-control {words.state_words(state)}, device {device_state}{more}", fields
    )


def _add(memory: Memory, ends: Ends, payload: bytes) -> Told:
    return _tell_add(memory, ends, commands.AddNotificationRequest.parse(payload))


def _tell_add(memory: Memory, ends: Ends, request: commands.AddNotificationRequest) -> Told:
    known, place, fields = _place(memory, ends, request.group, request.offset)
    mode = words.mode_words(request.mode)
    fields |= {
        "size_bytes": request.size_bytes,
        "mode": mode,
        "cycle_ns": request.cycle_ns,
        "max_delay_ns": request.max_delay_ns,
    }
    told = (
        f"subscribe {place}, {words.size_words(request.size_bytes)}, {mode} every {request.cycle_ns / 1e6:g} ms"
        f", delay {request.max_delay_ns / 1e6:g} ms"
    )
    watched = known or Known(place)
    return Told(Asked(Command.ADD_NOTIFICATION, request.group, request.offset, known=watched), told, fields)


def _delete(memory: Memory, ends: Ends, payload: bytes) -> Told:
    return _tell_delete(memory, ends, commands.parse_handle(payload))


def _tell_delete(memory: Memory, ends: Ends, handle: int) -> Told:
    known = memory.watches.get((ends.device, ends.client, handle))
    asked = Asked(Command.DELETE_NOTIFICATION, offset=handle, known=known)
    return Told(asked, f"unsubscribe {_named(handle, known)}", {"handle": handle} | _symbol(known))


_BY_COMMAND: dict[int, Callable[[Memory, Ends, bytes], Told]] = {
    Command.READ: _read,
    Command.WRITE: _write,
    Command.WRITE_CONTROL: _control,
    Command.ADD_NOTIFICATION: _add,
    Command.DELETE_NOTIFICATION: _delete,
    Command.READ_WRITE: _read_write,
}


def _named(handle: int, known: Known | None) -> str:
    return f"{handle:#x} ({known.name})" if known is not None else f"{handle:#x}"


def _symbol(known: Known | None) -> Fields:
    return {} if known is None else {"symbol": known.name}
