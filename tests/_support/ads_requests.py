"""Requests as raw bytes, one function each, and what became of them in one word: for tables of who may do what."""

from __future__ import annotations

import struct
from collections.abc import Callable

from ads_process import PLC, SYSTEM, Raw, note_entry

from dinrail.ams.address import NetId
from dinrail.ams.errors import AdsError
from dinrail.ams.remote import AddRemote

YES, NO = "y", "n"
Place = tuple[int, int, int]
"""Group, offset, size in bytes."""
Ask = Callable[[Raw], str]


def word(result: int) -> str:
    """`y`, `n` for a refusal, else the error's number: then neither was meant."""
    return {0: YES, AdsError.ACCESS_DENIED: NO}.get(result) or f"{result:#x}"


def words(results: list[int]) -> str:
    """One word for each item of a sum."""
    return ",".join(map(word, results))


def _plain(command: int, payload: bytes, *, port: int = 851) -> Ask:
    def ask(raw: Raw) -> str:
        target = type(PLC).of(PLC.net_id, port)
        header, body = raw.ask(target, command, payload)
        return word(header.error or struct.unpack_from("<I", body)[0])

    return ask


def read(group: int, offset: int, size: int = 4, *, port: int = 851) -> Ask:
    return _plain(2, struct.pack("<III", group, offset, size), port=port)


def write(group: int, offset: int, data: bytes, *, port: int = 851) -> Ask:
    return _plain(3, struct.pack("<III", group, offset, len(data)) + data, port=port)


def read_write(group: int, offset: int, size: int, data: bytes, *, port: int = 851) -> Ask:
    return _plain(9, struct.pack("<IIII", group, offset, size, len(data)) + data, port=port)


def state(port: int = 851) -> Ask:
    return _plain(4, b"", port=port)


def info(port: int = 851) -> Ask:
    return _plain(1, b"", port=port)


def control(ads_state: int, port: int = 851) -> Ask:
    return _plain(5, struct.pack("<HHI", ads_state, 0, 0), port=port)


def subscribe(group: int, offset: int, size: int = 4, *, port: int = 851) -> Ask:
    """AddNotification, and away with it when it was given."""

    def ask(raw: Raw) -> str:
        target = type(PLC).of(PLC.net_id, port)
        header, body = raw.ask(target, 6, note_entry(group, offset, size))
        result = struct.unpack_from("<I", body)[0]
        if not result:
            raw.ask(target, 7, body[4:8])
        return word(header.error or result)

    return ask


def by_handle(name: str, then: Callable[[int], Ask]) -> Ask:
    """Get a handle, do something by it, give it back: what became of the first that failed, or of the deed."""

    def ask(raw: Raw) -> str:
        result, data = raw.read_write(PLC, 0xF003, 0, 4, name.encode() + b"\0")
        if result:
            return word(result)
        (handle,) = struct.unpack("<I", data)
        outcome = then(handle)(raw)
        assert raw.write(PLC, 0xF006, 0, data) == 0
        return outcome

    return ask


def place(raw: Raw, name: str) -> Place:
    """Where a symbol lies, by asking (0xF007)."""
    result, data = raw.read_write(PLC, 0xF007, 0, 12, name.encode() + b"\0")
    assert result == 0, hex(result)
    group, offset, size = struct.unpack("<III", data)
    return group, offset, size


def sum_read(*items: tuple[int, int, int]) -> Ask:
    def ask(raw: Raw) -> str:
        entries = b"".join(struct.pack("<III", *item) for item in items)
        size = sum(item[2] for item in items) + 4 * len(items)
        result, data = raw.read_write(PLC, 0xF080, len(items), size, entries)
        return words(list(struct.unpack_from(f"<{len(items)}I", data))) if not result else word(result)

    return ask


def sum_read_with_lengths(group: int, *items: tuple[int, int, int]) -> Ask:
    """0xF083 or 0xF084: a result and a length for each item before the blocks."""

    def ask(raw: Raw) -> str:
        entries = b"".join(struct.pack("<III", *item) for item in items)
        size = sum(item[2] for item in items) + 8 * len(items)
        result, data = raw.read_write(PLC, group, len(items), size, entries)
        heads = [struct.unpack_from("<II", data, 8 * at) for at in range(len(items))] if not result else []
        came = [length == (0 if code else item[2]) for (code, length), item in zip(heads, items, strict=not result)]
        assert all(came), heads
        return words([code for code, _ in heads]) if not result else word(result)

    return ask


def sum_write(*items: tuple[int, int, bytes]) -> Ask:
    def ask(raw: Raw) -> str:
        entries = b"".join(struct.pack("<III", group, offset, len(data)) for group, offset, data in items)
        entries += b"".join(data for _, _, data in items)
        result, data = raw.read_write(PLC, 0xF081, len(items), 4 * len(items), entries)
        return words(list(struct.unpack_from(f"<{len(items)}I", data))) if not result else word(result)

    return ask


def sum_values(*names: str) -> Ask:
    """Values by name in one sum (0xF082)."""

    def ask(raw: Raw) -> str:
        texts = [name.encode() + b"\0" for name in names]
        entries = b"".join(struct.pack("<IIII", 0xF004, 0, 64, len(text)) for text in texts) + b"".join(texts)
        result, data = raw.read_write(PLC, 0xF082, len(names), 72 * len(names), entries)
        found = [struct.unpack_from("<I", data, 8 * at)[0] for at in range(len(names))] if not result else []
        return words(found) if not result else word(result)

    return ask


def sum_subscribe(*items: tuple[int, int, int]) -> Ask:
    def ask(raw: Raw) -> str:
        entries = b"".join(note_entry(*item) for item in items)
        result, data = raw.read_write(PLC, 0xF085, len(items), 8 * len(items), entries)
        if result:
            return word(result)
        found = [struct.unpack_from("<II", data, 8 * at) for at in range(len(items))]
        for code, handle in found:
            if not code:
                raw.ask(PLC, 7, struct.pack("<I", handle))
        return words([code for code, _ in found])

    return ask


def sum_unsubscribe(*items: tuple[int, int, int]) -> Ask:
    """All subscribed one by one and ended in one sum (0xF086), which a second time knows none of them."""

    def ask(raw: Raw) -> str:
        handles = b""
        for item in items:
            header, body = raw.ask(PLC, 6, note_entry(*item))
            result = header.error or struct.unpack_from("<I", body)[0]
            if result:
                return word(result)
            handles += body[4:8]
        found = []
        for _ in range(2):
            result, data = raw.read_write(PLC, 0xF086, len(items), 4 * len(items), handles)
            assert result == 0, hex(result)
            found.append(list(struct.unpack(f"<{len(items)}I", data)))
        assert all(found[1]), found
        return words(found[0])

    return ask


def call(method: str, inputs: bytes, size: int) -> Ask:
    return by_handle(method, lambda handle: read_write(0xF005, handle, size, inputs))


def add_route(name: str, net_id: str, address: str = "192.0.2.9") -> Ask:
    return write(801, 0, AddRemote(NetId.parse(net_id), address, name).encode(), port=SYSTEM.port)


def open_file(name: str, flags: int, selector: int = 1) -> Ask:
    """FOPEN, and FCLOSE when it was given."""

    def ask(raw: Raw) -> str:
        result, data = raw.read_write(SYSTEM, 120, selector << 16 | flags, 4, name.encode() + b"\0")
        if not result:
            raw.read_write(SYSTEM, 121, struct.unpack("<I", data)[0], 0, b"")
        return word(result)

    return ask


def file_deed(group: int, name: str, selector: int = 1) -> Ask:
    """A deed that needs nothing but a name: FDELETE (131), MKDIR (138), RMDIR (139)."""
    return read_write(group, selector << 16, 0, name.encode() + b"\0", port=SYSTEM.port)
