"""A device with symbols: names, handles, values, types, uploads, method calls, and online change.

    0xF003  handle by name        0xF009  entry by name      0xF00C, 0xF00F  upload info
    0xF004  value by name         0xF011  type by name       0xF00B, 0xF00E  symbols, types
    0xF005  value by handle       0xF007  info by name       0xF008          symbol version
    0xF006  release a handle      0xF012  address by handle

Permission for a value by name or handle is asked with the symbol's own address and path.

Source: TwinCAT SDK Ads.h; ads-client and pyads for the order in which clients ask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from dinrail.ads.contract import Action, Peer, Request
from dinrail.ads.device import wire
from dinrail.ads.device.access import Access, Later, Limits
from dinrail.ads.device.device import Subject
from dinrail.ads.device.gather import Point, point_of
from dinrail.ads.device.handles import Handles
from dinrail.ads.device.memoried import MemoryDevice
from dinrail.ads.device.memory import Memory, Spot
from dinrail.ads.device.names import lookup
from dinrail.ads.device.rpc import Call, Methods
from dinrail.ads.device.source import SymbolPlace, SymbolSource, SymbolUploads
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.frame import Command
from dinrail.ams.group import IndexGroup
from dinrail.ams.state import AdsState
from dinrail.ams.symbol import LONG_HANDLE, PLACE
from dinrail.units import MS_NS

_DATA_TYPE_AT = 16
"""Where an AdsSymbolEntry has its data type."""
_MAX_VERSION = 255
# Plain numbers, as in device.py.
_READ, _WRITE, _READ_WRITE = Command.READ.value, Command.WRITE.value, Command.READ_WRITE.value
_VALUE_BY_HANDLE, _VALUE_BY_NAME = IndexGroup.VALUE_BY_HANDLE.value, IndexGroup.VALUE_BY_NAME.value
_RELEASE_HANDLE, _SYMBOL_VERSION = IndexGroup.RELEASE_HANDLE.value, IndexGroup.SYMBOL_VERSION.value
_INPUTS_AND_OUTPUTS = IndexGroup.INPUTS_AND_OUTPUTS.value
_VALUE_BY_HANDLE_BYTES = wire.U32.pack(_VALUE_BY_HANDLE)
_READING, _WRITING = Action.READ, Action.WRITE
T = TypeVar("T")
_BY_NAME = frozenset(
    (IndexGroup.HANDLE_BY_NAME, IndexGroup.VALUE_BY_NAME, IndexGroup.INFO_BY_NAME, IndexGroup.SYMBOL_BY_NAME)
)


class SymbolDevice(MemoryDevice):
    """`source` says where a path leads, `uploads` what clients are told about it, `memory` holds the values.

    Subclasses override `reset` for what RESET means to them.
    """

    def __init__(
        self,
        source: SymbolSource,
        uploads: SymbolUploads,
        memory: Memory,
        *,
        limits: Limits | None = None,
        task_cycle_ns: int = 10 * MS_NS,
    ) -> None:
        super().__init__(memory, limits=limits, task_cycle_ns=task_cycle_ns)
        self.source = source
        self.uploads = uploads
        self.symbol_version = 1
        self.methods = Methods()
        self.handles: Handles[SymbolPlace] = Handles(self.limits.handles_per_peer)
        self._reads: dict[int, Callable[[Access], bytes]] = {
            IndexGroup.SYMBOL_VERSION: lambda _: bytes((self.symbol_version,)),
            IndexGroup.SYMBOL_UPLOAD: lambda _: self.uploads.symbols,
            IndexGroup.DATA_TYPE_UPLOAD: lambda _: self.uploads.types,
            IndexGroup.UPLOAD_INFO: lambda access: self._info(access)[:8],
            IndexGroup.UPLOAD_INFO_2: self._info,
            IndexGroup.ADDRESS_BY_HANDLE: lambda access: self._address(self._held(access)),
        }
        self._asks: dict[int, Callable[[Access, bytes], bytes | Later]] = {
            IndexGroup.HANDLE_BY_NAME: self._handle_by_name,
            IndexGroup.VALUE_BY_NAME: self._value_by_name,
            IndexGroup.VALUE_BY_HANDLE: self._call,
            IndexGroup.INFO_BY_NAME: lambda _, data: self._address(self.find(data)),
            IndexGroup.SYMBOL_BY_NAME: lambda _, data: self._lookup(data, self.uploads.symbol_entry),
            IndexGroup.DATA_TYPE_BY_NAME: lambda _, data: self._lookup(data, self.uploads.type_entry),
            IndexGroup.ADDRESS_BY_HANDLE: self._address_by_handle,
        }

    # For those who run the device.

    def on_call(self, name: str, call: Call) -> None:
        """Serve a method, `MAIN.fb#Method` or `FB_Type#Method`, by a callable (instance path, inputs) -> result."""
        self.methods.register(name, call)

    def online_change(self, source: SymbolSource, uploads: SymbolUploads, memory: Memory | None = None) -> None:
        """Other symbols from now on, and other memory where given.

        The symbol version moves, handles are 0x711, notifications by handle end with a sample of size 0; those by
        address go on where the address still exists.
        """
        self.source, self.uploads = source, uploads
        self.memory = memory or self.memory
        self.symbol_version = self.symbol_version % _MAX_VERSION + 1
        self.handles.invalidate()
        self.epoch += 1
        for one in self.notifications.subscriptions():
            if one.wish.group == _VALUE_BY_HANDLE:
                self.notifications.end(one)
                continue
            try:
                self.notifications.repoint(one, self.point(one.access))
            except AdsFault:
                self.notifications.end(one)

    def reset(self) -> None:
        """A cold reset was asked for; the state is STOP already."""

    def invoke(self, place: SymbolPlace, data: bytes) -> bytes | Later:
        """Call the method of a place with encoded inputs; see `Methods.invoke`. Raises AdsFault."""
        return self.methods.invoke(place, data)

    def find(self, name: bytes) -> SymbolPlace:
        """The place of a name as it came. Raises AdsFault 0x710, 0x721."""
        return self._lookup(name, self.source.find)

    def spot(self, place: SymbolPlace) -> Spot:
        """Where a symbol's value lies now, pointers followed. Raises AdsFault 0x703 for one that leads nowhere."""
        group, offset = place.group, place.offset
        for step in place.steps:
            pointer = int.from_bytes(self.memory.byte_spot(group, offset, step.pointer_bytes, None).read(), "little")
            group, offset = self.memory.locate(pointer)
            offset += step.add_bytes
        try:
            return self.memory.byte_spot(group, offset, place.size_bytes, place.bit)
        except AdsFault as fault:
            if not place.steps:
                raise
            raise AdsFault(AdsError.INVALID_OFFSET, f"{place.path} leads out of the memory") from fault

    # Hooks of AdsDevice.

    def control(self, state: int, device_state: int, data: bytes) -> Later | None:
        if state == AdsState.RESET:
            self.ads_state = AdsState.STOP
            self.reset()
        elif state in (AdsState.RUN, AdsState.STOP):
            self.ads_state = state
        else:
            return super().control(state, device_state, data)
        return None

    def prepare(self, request: Request) -> Callable[[], bytes] | None:
        """As every device; a value by handle from its second read on, since many take a handle for one read alone."""
        payload = request.payload
        by_handle = request.command == _READ and payload[:4] == _VALUE_BY_HANDLE_BYTES
        if by_handle and not self.handles.read_again(request.peer, int.from_bytes(payload[4:8], "little")):
            return None
        return super().prepare(request)

    def peer_gone(self, peer: Peer) -> None:
        super().peer_gone(peer)
        self.handles.drop(peer)

    def stamp_of(self, peer: Peer) -> int:
        return self.epoch + self.handles.stamp(peer)

    def names_at(self, group: int, offset: int, size_bytes: int, bit: int | None) -> tuple[str, ...]:
        return self.source.containing(group, offset, size_bytes, bit=bit)

    def subjects(self, access: Access, data: bytes) -> tuple[Subject, ...]:
        group = access.group
        if group == _VALUE_BY_HANDLE:
            return (self._value_subject(access, data, self._held(access)),)
        if group == _VALUE_BY_NAME and access.command != _READ:
            return (self._value_subject(access, data, self.find(data)),)
        if group in _BY_NAME and access.command == _READ_WRITE and access.permit.by_symbol:
            return ((Action.BROWSE, group, 0, access.size_bytes, self._names(self.find(data))),)
        return super().subjects(access, data)

    def read(self, access: Access) -> bytes | Later:
        if access.group == _VALUE_BY_HANDLE:
            return self._value(self._held(access), access.size_bytes)
        read = self._reads.get(access.group)
        return super().read(access) if read is None else read(access)

    def write(self, access: Access, data: bytes) -> Later | None:
        if access.group == _VALUE_BY_HANDLE:
            self._store(self._held(access), data)
        elif access.group == _VALUE_BY_NAME:
            name, _, value = data.partition(b"\0")
            self._store(self.find(name), value)
        elif access.group == _RELEASE_HANDLE:
            wire.exactly(data, wire.U32.size)
            self.handles.release(access.peer, *wire.U32.unpack(data))
        else:
            if access.group in self.memory:
                self._guard(*self.memory.touched(access.group, access.offset, len(data))[:3])
            return super().write(access, data)
        return None

    def _guard(self, group: int, offset: int, size_bytes: int) -> None:
        """A constant is one by its address, too: clients write by address what they looked up by name."""
        if size_bytes and self.source.is_read_only(group, offset, size_bytes):
            raise AdsFault(AdsError.INVALID_ACCESS, f"{group:#x}:{offset} belongs to a symbol that is read-only")

    def read_write(self, access: Access, data: bytes) -> bytes | Later:
        if access.group == _INPUTS_AND_OUTPUTS:
            self._guard(IndexGroup.OUTPUTS, access.offset, len(data))
        ask = self._asks.get(access.group)
        return super().read_write(access, data) if ask is None else ask(access, data)

    def prepared(self, access: Access) -> Point | None:
        if access.group == _SYMBOL_VERSION and access.size_bytes:
            return Point(access.group, 1, call=lambda: bytes((self.symbol_version,)))
        if access.group != _VALUE_BY_HANDLE:
            return super().prepared(access)
        place = self._held(access)
        size_bytes = min(access.size_bytes, place.size_bytes)
        if place.method is not None:
            return None
        if place.steps:
            key = (IndexGroup.VALUE_BY_HANDLE, place.path, size_bytes)
            return Point(key, size_bytes, call=lambda: self._value(place, size_bytes))
        return point_of(_part(self.spot(place), size_bytes))

    def point(self, access: Access) -> Point:
        if access.group == _VALUE_BY_HANDLE and access.size_bytes > self._held(access).size_bytes:
            raise AdsFault(AdsError.WATCH_SIZE_INVALID, f"the symbol has no {access.size_bytes} bytes")
        return super().point(access)

    # Values.

    def _held(self, access: Access) -> SymbolPlace:
        return self.handles.get(access.peer, access.offset)

    def _lookup(self, name: bytes, find: Callable[[str], T]) -> T:
        return lookup(name, self.source.encoding, find)

    def _value_subject(self, access: Access, data: bytes, place: SymbolPlace) -> Subject:
        """Of a value by name or handle: at its own address, with its own path last."""
        names = self._names(place) if access.permit.by_symbol else ()
        if place.method is not None:
            return Action.CALL, access.group, 0, len(data), names
        writes = access.command == _WRITE
        size_bytes = min(len(data) if writes else access.size_bytes, place.size_bytes)
        group, offset = place.group, place.offset
        if place.steps:
            spot = self.spot(place)
            group, offset = spot.group, spot.offset
            if access.permit.by_symbol:
                names = (*self.source.containing(group, offset, size_bytes, bit=place.bit), *names)
        return _WRITING if writes else _READING, group, offset, size_bytes, names

    def _names(self, place: SymbolPlace) -> tuple[str, ...]:
        """What contains a place (of a dereferenced one: its first pointer), and its own path last."""
        size_bytes = place.steps[0].pointer_bytes if place.steps else place.size_bytes
        around = self.source.containing(place.group, place.offset, size_bytes, bit=place.bit)
        return (*(name for name in around if name != place.path), place.path)

    def _value(self, place: SymbolPlace, size_bytes: int) -> bytes:
        """As much of a value as was asked for; clients read strings with buffers larger than these."""
        if place.method is not None:
            raise AdsFault(AdsError.INVALID_ACCESS, f"{place.path} is a method")
        return _part(self.spot(place), min(size_bytes, place.size_bytes)).read()

    def _store(self, place: SymbolPlace, data: bytes) -> None:
        if place.read_only or place.method is not None:
            raise AdsFault(AdsError.INVALID_ACCESS, f"{place.path} cannot be written")
        if len(data) > place.size_bytes:
            raise AdsFault(AdsError.INVALID_SIZE, f"{place.path} has {place.size_bytes} bytes, not {len(data)}")
        spot = _part(self.spot(place), len(data))
        self._guard(spot.group, spot.offset, spot.size_bytes)
        spot.write(data)

    def _value_by_name(self, access: Access, data: bytes) -> bytes:
        return self._value(self.find(data), access.size_bytes)

    def _call(self, access: Access, data: bytes) -> bytes | Later:
        place = self._held(access)
        if place.method is not None:
            return self.invoke(place, data)
        if data:
            raise AdsFault(AdsError.INVALID_SIZE, f"{place.path} is no method and takes no inputs")
        return self._value(place, access.size_bytes)

    # Names and uploads.

    def _handle_by_name(self, access: Access, data: bytes) -> bytes:
        if access.size_bytes < wire.U32.size:
            raise AdsFault(AdsError.INVALID_SIZE, "a handle has four bytes")
        place = self.find(data)
        if access.size_bytes == wire.U32.size:
            return wire.U32.pack(self.handles.add(access.peer, place))
        # Of a method, what it returns: ads-client reads over it, but does read it.
        kind = place.type if place.method is None else place.method.returns
        size_bytes, data_type = kind.size_bytes if kind else 0, 0
        if place.method is None:
            size_bytes = place.size_bytes
            entry = self.uploads.symbol_entry(place.path)
            (data_type,) = wire.U32.unpack_from(entry, _DATA_TYPE_AT)
        name = kind.name.encode(self.source.encoding, "replace")[:0xFFFF] if kind else b""
        handle = self.handles.add(access.peer, place)
        return LONG_HANDLE.pack(handle, size_bytes, data_type, len(name)) + name + b"\0"

    def _address(self, place: SymbolPlace) -> bytes:
        group, offset = (IndexGroup.DEREF_POINTER, 0) if place.steps else place.address
        return PLACE.pack(group, offset, place.size_bytes)

    def _address_by_handle(self, access: Access, data: bytes) -> bytes:
        wire.exactly(data, wire.U32.size)
        return self._address(self.handles.get(access.peer, *wire.U32.unpack(data)))

    def _info(self, access: Access) -> bytes:
        used = self.handles.count(access.peer)
        return self.uploads.info(max_dynamic=self.limits.handles_per_peer, used_dynamic=used).encode()


def _part(spot: Spot, size_bytes: int) -> Spot:
    """The first bytes of a place."""
    return spot if size_bytes == spot.size_bytes else Spot(spot.area, spot.group, spot.offset, size_bytes, spot.bit)
