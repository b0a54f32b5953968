"""FFILEFIND (index group 133): one entry for each call, until 0x70C.

Clients leave finds open (AdsLib never ends one that it does not read to the end): the oldest gives way to a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dinrail.ads.contract import Peer
from dinrail.ads.service import filenames
from dinrail.ads.service.access import Access
from dinrail.ads.service.store import Entry, FileStore
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.notification import filetime
from dinrail.ams.service_files import (
    DIRECTORY_ATTRIBUTE,
    FIND_BYTES,
    FIND_NAME_BYTES,
    NORMAL_ATTRIBUTE,
    FileFound,
)
from dinrail.layout import encode

FIRST_FIND = 0x1000_0000
"""Above every path selector, which share the index offset with these handles."""
LAST_FIND = 0x7FFF_FFFE
NOTHING_MORE = 0x7FFF_FFFF
"""The handle of a find that had one result: the next call always ends it."""


@dataclass(slots=True, eq=False)
class _Find:
    """What a find has not told yet, last one first."""

    peer: Peer
    rest: list[Entry]


class Finder:
    """Finds that are open, `per_peer` of one client and `most` in all."""

    def __init__(self, store: FileStore, prefixes: Mapping[str, str], per_peer: int, most: int) -> None:
        self._store, self._prefixes, self._per_peer, self._most = store, prefixes, per_peer, most
        self._finds: dict[int, _Find] = {}
        self._next = FIRST_FIND

    def find(self, access: Access) -> bytes:
        """The first entry (offset: a path selector, data: a name or pattern), or the next one (offset: its handle)."""
        access.need_room(FIND_BYTES)
        if access.offset not in filenames.SELECTORS:
            return self._following(access)
        path = filenames.resolve(access.data, access.offset, self._prefixes, wildcards=True)
        if not set(path[-1]) & {"*", "?"}:
            return _found(NOTHING_MORE, self._store.entry(path))
        every = self._store.entries(path[:-1])
        rest = [entry for entry in reversed(every) if filenames.matches(path[-1], entry.name)]
        if not rest:
            raise AdsFault(AdsError.NOT_FOUND)
        self._make_room(access.peer)
        number = self._next
        self._next = FIRST_FIND if number == LAST_FIND else number + 1
        self._finds[number] = _Find(access.peer, rest)
        return _found(number, rest.pop())

    def peer_gone(self, peer: Peer) -> None:
        """Forget what this client was looking for."""
        for number in [number for number, find in self._finds.items() if find.peer is peer]:
            del self._finds[number]

    def _following(self, access: Access) -> bytes:
        if access.offset == NOTHING_MORE:
            raise AdsFault(AdsError.NOT_FOUND)
        find = self._finds.get(access.offset)
        if find is None or find.peer is not access.peer:
            raise AdsFault(AdsError.INVALID_OFFSET, "there is no such find (any more)")
        if not find.rest:
            del self._finds[access.offset]
            raise AdsFault(AdsError.NOT_FOUND)
        return _found(access.offset, find.rest.pop())

    def _make_room(self, peer: Peer) -> None:
        own = [number for number, find in self._finds.items() if find.peer is peer]
        if len(own) >= self._per_peer:
            del self._finds[own[0]]
        elif len(self._finds) >= self._most:
            del self._finds[next(iter(self._finds))]


def _found(number: int, entry: Entry) -> bytes:
    name = entry.name.encode("utf-8", "replace")[: FIND_NAME_BYTES - 1]
    return encode(
        FileFound(
            handle=number,
            attributes=DIRECTORY_ATTRIBUTE if entry.is_directory else NORMAL_ATTRIBUTE,
            created=filetime(entry.created_ns),
            accessed=filetime(entry.accessed_ns),
            modified=filetime(entry.modified_ns),
            size_high=entry.size_bytes >> 32,
            size_low=entry.size_bytes & 0xFFFF_FFFF,
            name=name.ljust(FIND_NAME_BYTES, b"\0"),
        )
    )
