"""What is read out of answers on their way: notification handles, symbol handles, names and where they lie."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from dinrail.ads.router.items import Item, replies_of
from dinrail.ams.errors import AdsError
from dinrail.ams.frame import FRAME_HEADER_BYTES, Command
from dinrail.ams.group import IndexGroup
from dinrail.ams.symbol import PLACE

if TYPE_CHECKING:
    from dinrail.ads.router.aliases import Alias
    from dinrail.ads.router.outlet import Outlet
    from dinrail.ads.router.peer import RouterPeer
    from dinrail.ads.router.session import Session
    from dinrail.ams.address import AmsAddr

HANDLE_BY_NAME, RELEASE_HANDLE = IndexGroup.HANDLE_BY_NAME.value, IndexGroup.RELEASE_HANDLE.value
INFO_BY_NAME, ENTRY_BY_NAME = IndexGroup.INFO_BY_NAME.value, IndexGroup.SYMBOL_BY_NAME.value
SYMBOL_VERSION = IndexGroup.SYMBOL_VERSION.value
_TELLING_READ_WRITES = frozenset((HANDLE_BY_NAME, INFO_BY_NAME, ENTRY_BY_NAME))
_ENTRY = struct.Struct("<IIII")
_ENTRY_NAME_AT = 30


class Pending:
    """A request that left and is not answered.

    session, peer, alias: whose it is; all None for one of the router's own.
    address, target: what it left as, and where to. head: the frame's first 38 bytes as the client wrote them.
    group, items: of a sum command, and what was asked where the answer tells something; else 0 and empty.
    size: bytes that are kept for that. adds: how many subscriptions it asks for.
    """

    __slots__ = ("address", "adds", "alias", "due_ns", "group", "head", "items", "peer", "session", "size", "target")

    def __init__(
        self,
        address: bytes,
        target: AmsAddr,
        head: bytes,
        *,
        session: Session | None = None,
        peer: RouterPeer | None = None,
        alias: Alias | None = None,
        group: int = 0,
        items: tuple[Item, ...] = (),
        size: int = 0,
    ) -> None:
        self.address = address
        self.target = target
        self.head = head
        self.session = session
        self.peer = peer
        self.alias = alias
        self.group = group
        self.items = items
        self.size = size
        self.due_ns = 0
        self.adds = sum(item.command == Command.ADD_NOTIFICATION for item in items)

    @property
    def command(self) -> int:
        return int.from_bytes(self.head[22:24], "little")


def telling_items(items: list[Item]) -> tuple[Item, ...]:
    """All items of a request when the answer to any of them is to be read; else none."""
    return tuple(items) if any(_tells(item) for item in items) else ()


def _tells(item: Item) -> bool:
    if item.command in (Command.ADD_NOTIFICATION, Command.DELETE_NOTIFICATION):
        return True
    if item.command == Command.READ_WRITE:
        return item.group in _TELLING_READ_WRITES
    if item.command == Command.READ:
        return item.group == SYMBOL_VERSION
    return item.command == Command.WRITE and item.group == RELEASE_HANDLE


def learn(outlet: Outlet, pending: Pending, frame: bytes) -> None:
    """Read the answer to `pending`. Whatever its bytes are, it ends after as many steps as the request had items."""
    replies = replies_of(pending.command, pending.group, len(pending.items), frame[FRAME_HEADER_BYTES:])
    for item, reply in zip(pending.items, replies, strict=False):
        if item.command == Command.ADD_NOTIFICATION:
            if reply.result == 0 and len(reply.data) >= 4:
                _subscribed(outlet, pending, item, reply.data[:4])
        elif item.command == Command.DELETE_NOTIFICATION:
            if reply.result in (0, AdsError.NOTIFICATION_HANDLE_INVALID) and pending.alias is not None:
                pending.alias.subscriptions.pop(pending.target + item.data[:4], None)
        elif reply.result == 0:
            _symbol(outlet, pending, item, reply.data)


def _subscribed(outlet: Outlet, pending: Pending, item: Item, handle: bytes) -> None:
    alias = pending.alias
    if alias is None:
        return
    if alias.is_gone:
        outlet.tidy.unsubscribe(alias.address, pending.target, handle)
        return
    alias.subscriptions[pending.target + handle] = pending.head[6:14], item._replace(data=b"")
    alias.peer.keeps = True


def _symbol(outlet: Outlet, pending: Pending, item: Item, data: bytes) -> None:
    alias = pending.alias
    if item.command == Command.READ:
        if item.group == SYMBOL_VERSION and pending.command == Command.READ:
            outlet.names.version(pending.target, data[4:5])
    elif item.command == Command.WRITE:
        if item.group == RELEASE_HANDLE and alias is not None:
            alias.released(pending.target + item.data[:4])
            outlet.forget_handle(pending.target + item.data[:4])
    elif item.group == HANDLE_BY_NAME and len(data) >= 4:
        outlet.names.put_handle(pending.target, data[:4], name_of(item.data))
        if alias is None:
            return
        if alias.is_gone:
            outlet.tidy.release(alias.address, pending.target, data[:4])
            outlet.forget_handle(pending.target + data[:4])
            return
        key = pending.target + data[:4]
        alias.handles[key] = alias.handles.get(key, 0) + 1
        alias.peer.keeps = True
    elif item.group == INFO_BY_NAME and len(data) >= PLACE.size:
        group, offset, size = PLACE.unpack_from(data)
        outlet.names.put_place(pending.target, name_of(item.data), group, offset, size)
    elif item.group == ENTRY_BY_NAME and len(data) > _ENTRY_NAME_AT:
        _, group, offset, size = _ENTRY.unpack_from(data)
        outlet.names.put_place(pending.target, name_of(item.data), group, offset, size)


def name_of(data: bytes) -> str:
    """A symbol's path as it stands in a request: to the first NUL, in whatever encoding, never a fault."""
    return data.partition(b"\0")[0].decode("cp1252", "replace")
