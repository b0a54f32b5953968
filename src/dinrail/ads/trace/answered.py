"""Answers and notifications in words. What an answer teaches (handles, addresses, types) goes into the memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dinrail.ads.trace import words
from dinrail.ads.trace.asked import Asked, Ends, Fields
from dinrail.ads.trace.memory import Known, Memory
from dinrail.ams import command as commands
from dinrail.ams import sum as sums
from dinrail.ams.datatype import DataTypeEntry, parse_types
from dinrail.ams.errors import describe
from dinrail.ams.frame import Command
from dinrail.ams.group import SUM_GROUPS, IndexGroup
from dinrail.ams.notification import parse_notification, unix_ns
from dinrail.ams.symbol import PLACE, SymbolEntry, UploadInfo, parse_symbols
from dinrail.ams.text import UTF_8

Answer = tuple[str, Fields, int]
"""Words, fields, and the result."""
_OK = "ok"


def tell_answer(memory: Memory, ends: Ends, asked: Asked, payload: bytes) -> Answer:
    """A response's payload in words. `asked` may be bare when its request was not seen. Raises FormatError."""
    if asked.command in (Command.READ, Command.READ_WRITE):
        result, data = commands.DataResponse.parse(payload)
        if result:
            return _failed(result)
        told, fields = tell_data(memory, ends, asked, data)
        return told, fields, 0
    if asked.command == Command.READ_STATE:
        result, state, device_state = commands.StateResponse.parse(payload)
        fields = {"state": words.state_words(state), "device_state": device_state}
        return _failed(result) if result else (f"{words.state_words(state)}, device {device_state}", fields, 0)
    if asked.command == Command.READ_DEVICE_INFO:
        return _device_info(commands.DeviceInfo.parse(payload))
    if asked.command == Command.ADD_NOTIFICATION:
        return _subscribed(memory, ends, asked, *commands.HandleResponse.parse(payload))
    (result,) = commands.ResultResponse.parse(payload)
    if asked.command == Command.DELETE_NOTIFICATION:
        return _unsubscribed(memory, ends, asked, result)
    return _failed(result) if result else (_OK, {}, 0)


def _failed(result: int) -> Answer:
    return describe(result), {}, result


def _device_info(info: commands.DeviceInfo) -> Answer:
    if info.result:
        return _failed(info.result)
    version = f"{info.major}.{info.minor}.{info.build}"
    name = words.clean(info.name)
    return f"{name!r} {version}", {"name": name, "version": version}, 0


def _subscribed(memory: Memory, ends: Ends, asked: Asked, result: int, handle: int) -> Answer:
    if result:
        return _failed(result)
    if asked.known is not None:
        memory.watches.put((ends.device, ends.client, handle), asked.known)
    return f"notification handle {handle:#x}", {"handle": handle}, 0


def _unsubscribed(memory: Memory, ends: Ends, asked: Asked, result: int) -> Answer:
    if result:
        return _failed(result)
    memory.watches.drop((ends.device, ends.client, asked.offset))
    return _OK, {}, 0


def tell_data(memory: Memory, ends: Ends, asked: Asked, data: bytes) -> tuple[str, Fields]:
    """What was read, by what was asked for. Raises FormatError."""
    if asked.items and asked.group in SUM_GROUPS:
        return _sum(memory, ends, asked, data)
    tell = _BY_GROUP.get(asked.group)
    if tell is not None and data:
        return tell(memory, ends, asked, data)
    return words.data_words(data, asked.known), words.data_fields(data, asked.known)


def _handle(memory: Memory, ends: Ends, asked: Asked, data: bytes) -> tuple[str, Fields]:
    handle = commands.parse_handle(data)
    if asked.name:
        memory.handles.put((ends.device, ends.client, handle), memory.named(ends.device, asked.name))
    return f"handle {handle:#x}", {"handle": handle, "data_bytes": len(data)}


def _info(memory: Memory, ends: Ends, asked: Asked, data: bytes) -> tuple[str, Fields]:
    if len(data) < PLACE.size:
        return words.preview(data), words.data_fields(data, None)
    group, offset, size = PLACE.unpack_from(data)
    memory.places.put((ends.device, group, offset), memory.named(ends.device, asked.name))
    place = words.place(ends.device, group, offset, None)
    return f"at {place}, {words.size_words(size)}", {"at_group": group, "at_offset": offset, "at_size_bytes": size}


def _entry(memory: Memory, ends: Ends, _: Asked, data: bytes) -> tuple[str, Fields]:
    entry, _end = SymbolEntry.parse(data, code_page=UTF_8)
    _learn(memory, ends, entry)
    name, kind = words.clean(entry.name), words.clean(entry.type_name)
    place = words.place(ends.device, entry.group, entry.offset, None)
    fields: Fields = {"name": name, "type": kind, "at_group": entry.group, "at_offset": entry.offset}
    return f"{name} : {kind} at {place}, {words.size_words(entry.size_bytes)}", fields | {
        "at_size_bytes": entry.size_bytes
    }


def _learn(memory: Memory, ends: Ends, entry: SymbolEntry) -> None:
    memory.learn_entry(ends.device, words.clean(entry.name), entry.data_type, entry.group, entry.offset)


def _type(_: Memory, __: Ends, ___: Asked, data: bytes) -> tuple[str, Fields]:
    entry, _end = DataTypeEntry.parse(data, code_page=UTF_8)
    name = words.clean(entry.name)
    fields: Fields = {"type": name, "size_bytes": entry.size_bytes, "members": len(entry.sub_items)}
    return f"{name}, {words.size_words(entry.size_bytes)}, {len(entry.sub_items)} members", fields


def _symbols(memory: Memory, ends: Ends, _: Asked, data: bytes) -> tuple[str, Fields]:
    entries = parse_symbols(data, code_page=UTF_8)
    for entry in entries:
        _learn(memory, ends, entry)
    return f"{len(entries)} symbols", {"symbols": len(entries), "data_bytes": len(data)}


def _types(_: Memory, __: Ends, ___: Asked, data: bytes) -> tuple[str, Fields]:
    count = len(parse_types(data, code_page=UTF_8))
    return f"{count} data types", {"data_types": count, "data_bytes": len(data)}


def _upload_info(_: Memory, __: Ends, ___: Asked, data: bytes) -> tuple[str, Fields]:
    info = UploadInfo.parse(data)
    fields: Fields = {"symbols": info.symbols, "data_types": info.data_types, "code_page": info.code_page}
    return f"{info.symbols} symbols, {info.data_types} data types", fields


def _device_data(_: Memory, __: Ends, asked: Asked, data: bytes) -> tuple[str, Fields]:
    fields = words.data_fields(data, None)
    if asked.offset or len(data) not in (2, 4):
        return words.preview(data), fields
    state = words.state_words(int.from_bytes(data[:2], "little"))
    return state, fields | {"state": state}


_BY_GROUP: dict[int, Callable[[Memory, Ends, Asked, bytes], tuple[str, Fields]]] = {
    IndexGroup.HANDLE_BY_NAME: _handle,
    IndexGroup.INFO_BY_NAME: _info,
    IndexGroup.SYMBOL_BY_NAME: _entry,
    IndexGroup.DATA_TYPE_BY_NAME: _type,
    IndexGroup.SYMBOL_UPLOAD: _symbols,
    IndexGroup.DATA_TYPE_UPLOAD: _types,
    IndexGroup.UPLOAD_INFO: _upload_info,
    IndexGroup.UPLOAD_INFO_2: _upload_info,
    IndexGroup.DEVICE_DATA: _device_data,
}


def _sum(memory: Memory, ends: Ends, asked: Asked, data: bytes) -> tuple[str, Fields]:
    answers = _sum_answers(memory, ends, asked, data)
    told = [f"{_title(ends, item)}: {answer[0]}" for item, answer in zip(asked.items, answers, strict=True)]
    failed = sum(1 for answer in answers if answer[2])
    items = [fields | {"result": result, "told": text} for text, fields, result in answers]
    head = f"{len(answers) - failed} ok, {failed} failed" if failed else f"{len(answers)} ok"
    return f"{head}: {words.some(told)}", {"items": items, "failed": failed}


def _title(ends: Ends, item: Asked) -> str:
    if item.command == Command.DELETE_NOTIFICATION:
        return item.known.name if item.known is not None else f"{item.offset:#x}"
    return item.name or words.place(ends.device, item.group, item.offset, item.known)


def _sum_answers(memory: Memory, ends: Ends, asked: Asked, data: bytes) -> list[Answer]:
    items = asked.items
    if asked.group in (IndexGroup.SUM_WRITE, IndexGroup.SUM_DELETE_NOTIFICATION):
        results = sums.parse_results(data, len(items))
        deletes = asked.group == IndexGroup.SUM_DELETE_NOTIFICATION
        return [
            _unsubscribed(memory, ends, item, result) if deletes else _failed(result) if result else (_OK, {}, 0)
            for item, result in zip(items, results, strict=True)
        ]
    if asked.group == IndexGroup.SUM_ADD_NOTIFICATION:
        handles = sums.parse_handles(data, len(items))
        return [_subscribed(memory, ends, item, *handle) for item, handle in zip(items, handles, strict=True)]
    return [
        _failed(result) if result else (*tell_data(memory, ends, item, found), 0)
        for item, (result, found) in zip(items, _sum_results(asked, data), strict=True)
    ]


def _sum_results(asked: Asked, data: bytes) -> Sequence[sums.SumResult]:
    sizes = [item.size_bytes for item in asked.items]
    if asked.group == IndexGroup.SUM_READ:
        return sums.parse_blocks(data, sizes, with_results=asked.offset != 0)
    if asked.group == IndexGroup.SUM_READ_EX:
        return sums.parse_blocks_ex(data, sizes)
    return sums.parse_data(data, len(sizes))


def tell_notification(memory: Memory, ends: Ends, payload: bytes) -> tuple[str, Fields]:
    """All samples of a notification with what each handle was subscribed to. Raises FormatError."""
    told: list[str] = []
    samples: list[Fields] = []
    for time, stamped in parse_notification(payload):
        for handle, data in stamped:
            known = memory.watches.get((ends.device, ends.client, handle))
            name = known.name if known is not None else f"handle {handle:#x}"
            told.append(f"{name} = {words.data_words(data, known)}" if data else f"{name} is gone")
            fields: Fields = {"time": words.stamp(unix_ns(time)), "handle": handle}
            samples.append(fields | _symbol(known) | words.data_fields(data, known))
    return words.some(told) or "no samples", {"samples": samples}


def _symbol(known: Known | None) -> Fields:
    return {} if known is None else {"symbol": known.name}
