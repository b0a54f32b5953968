"""The file services of port 10000 (index groups 100-139) over a `FileStore`: handles, positions, finding.

A handle belongs to the client that opened it, and closes with it; what it was writing as a whole is then dropped, and
the old file stays.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dinrail.ads.contract import Action, Peer
from dinrail.ads.device.access import Later
from dinrail.ads.service import filenames
from dinrail.ads.service.access import Access, Service, Services, always, text_of, two_texts
from dinrail.ads.service.finding import Finder
from dinrail.ads.service.jobs import Jobs, Steps
from dinrail.ads.service.store import FileStore, Mode, OpenFile
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.notification import filetime
from dinrail.ams.service_files import (
    DIRECTORY_ATTRIBUTE,
    NORMAL_ATTRIBUTE,
    SELECTOR_SHIFT,
    STAT_BYTES,
    FileGroup,
    FileStatus,
    OpenFlag,
)
from dinrail.layout import encode

FIRST_HANDLE = 0x1000
MAX_HANDLE = 0x0FFF_FFFF
MAX_POSITION = 0xFFFF_FFFF
MAX_LINE_BYTES = 4096
_CHUNK_BYTES = 256 << 10
_SEEK = struct.Struct("<ii")
_KNOWN_FLAGS = 0x3FF
_KIND = OpenFlag.READ | OpenFlag.WRITE | OpenFlag.APPEND
_LEGACY = {
    FileGroup.OPEN_CREATE: OpenFlag.WRITE | OpenFlag.PLUS,
    FileGroup.OPEN_READ: OpenFlag.READ,
    FileGroup.OPEN_WRITE: OpenFlag.READ | OpenFlag.PLUS,
    FileGroup.CREATE_FILE: OpenFlag.WRITE | OpenFlag.PLUS,
}


@dataclass(frozen=True, slots=True)
class FileLimits:
    """How much may be open: files by one client and in all, finds by one client and in all."""

    handles_per_peer: int = 32
    handles: int = 128
    finds_per_peer: int = 4
    finds: int = 32


@dataclass(slots=True, eq=False)
class _Handle:
    peer: Peer
    file: OpenFile
    mode: Mode
    position: int = 0
    at_end: bool = False


class FileService:
    """The services of one store. `prefixes` is what absolute names are taken for (see `filenames`)."""

    def __init__(
        self,
        store: FileStore,
        *,
        prefixes: Mapping[str, str] = filenames.PREFIXES,
        limits: FileLimits | None = None,
    ) -> None:
        self._store = store
        self._prefixes = prefixes
        self._limits = limits or FileLimits()
        self._handles: dict[int, _Handle] = {}
        self._next = FIRST_HANDLE
        self.jobs = Jobs()
        self._finder = Finder(store, prefixes, self._limits.finds_per_peer, self._limits.finds)

    def services(self) -> Services:
        """The functions by index group. Looking is READ; what changes a file or a name is ADMIN."""
        reading: dict[FileGroup, Callable[[Access], bytes | Later]] = {
            FileGroup.CLOSE: self._close,
            FileGroup.CLOSE_HANDLE: self._close,
            FileGroup.READ: self._read,
            FileGroup.SEEK: self._seek,
            FileGroup.TELL: self._tell,
            FileGroup.GETS: self._gets,
            FileGroup.EOF: self._eof,
            FileGroup.FIND: self._finder.find,
            FileGroup.STAT: self._stat,
            FileGroup.MD5: self._md5,
        }
        changing: dict[FileGroup, Callable[[Access], bytes | Later]] = {
            FileGroup.FLUSH: self._flush,
            FileGroup.TRUNCATE: self._truncate,
            FileGroup.WRITE: self._write,
            FileGroup.PUTS: self._puts,
            FileGroup.DELETE: self._delete,
            FileGroup.RENAME: self._rename,
            FileGroup.COPY: self._copy,
            FileGroup.MAKE_DIRECTORY: self._make_directory,
            FileGroup.REMOVE_DIRECTORY: self._remove_directory,
        }
        return (
            {group.value: Service(call, always(Action.READ)) for group, call in reading.items()}
            | {group.value: Service(call, always(Action.ADMIN)) for group, call in changing.items()}
            | {group.value: Service(self._open, _opening) for group in (FileGroup.OPEN, *_LEGACY)}
        )

    @property
    def open_handles(self) -> int:
        return len(self._handles)

    def peer_gone(self, peer: Peer) -> None:
        """Close what this client had open."""
        for number in [number for number, handle in self._handles.items() if handle.peer is peer]:
            self._abandon(number)
        self._finder.peer_gone(peer)
        self.jobs.peer_gone(peer)

    def close(self) -> None:
        """The service ends: nothing stays open."""
        self.jobs.close()
        for number in list(self._handles):
            self._abandon(number)

    def _abandon(self, number: int) -> None:
        try:
            self._handles.pop(number).file.abandon()
        except AdsFault:
            return  # nobody is left who could be told

    # --- opening and closing

    def _open(self, access: Access) -> bytes:
        mode = _mode(access)
        access.need_room(4)
        path = self._path(access)
        held = sum(handle.peer is access.peer for handle in self._handles.values())
        if held >= self._limits.handles_per_peer or len(self._handles) >= self._limits.handles:
            raise AdsFault(AdsError.NO_MORE_HANDLES, f"{held} files are open already")
        number = self._number()
        self._handles[number] = _Handle(access.peer, self._store.open(path, mode), mode)
        return number.to_bytes(4, "little")

    def _close(self, access: Access) -> bytes:
        self._handle(access)
        self._handles.pop(access.offset).file.close()
        return b""

    def _flush(self, access: Access) -> bytes:
        self._writable(access).file.flush()
        return b""

    def _truncate(self, access: Access) -> bytes:
        handle = self._writable(access)
        handle.file.truncate(handle.position)
        return b""

    # --- reading and writing

    def _read(self, access: Access) -> bytes:
        handle = self._readable(access)
        return self._take(handle, access.room_bytes)

    def _gets(self, access: Access) -> bytes:
        """A line with its line feed and a NUL; no bytes at all at the end."""
        handle = self._readable(access)
        access.need_room(2)
        start = handle.position
        line, feed, _ = self._take(handle, min(access.room_bytes - 1, MAX_LINE_BYTES)).partition(b"\n")
        handle.position = start + len(line) + len(feed)
        handle.at_end = handle.at_end and not feed
        return line + feed + b"\0" if line or feed else b""

    def _write(self, access: Access) -> bytes:
        self._put(self._writable(access), access.data)
        return b""

    def _puts(self, access: Access) -> bytes:
        self._put(self._writable(access), access.data.partition(b"\0")[0])
        return b""

    def _seek(self, access: Access) -> bytes:
        handle = self._handle(access)
        if len(access.data) != _SEEK.size:
            raise AdsFault(AdsError.INVALID_SIZE, "a position and an origin are expected, four bytes each")
        distance, origin = _SEEK.unpack(access.data)
        if origin not in (0, 1, 2):
            raise AdsFault(AdsError.INVALID_PARAMETER, "the origin is 0 (start), 1 (position) or 2 (end)")
        position = (0, handle.position, handle.file.size_bytes)[origin] + distance
        if not 0 <= position <= MAX_POSITION:
            raise AdsFault(AdsError.INVALID_PARAMETER, "before the start, or beyond what a position can say")
        handle.position, handle.at_end = position, False
        return b""

    def _tell(self, access: Access) -> bytes:
        access.need_room(4)
        return self._handle(access).position.to_bytes(4, "little")

    def _eof(self, access: Access) -> bytes:
        access.need_room(4)
        return int(self._handle(access).at_end).to_bytes(4, "little")

    def _take(self, handle: _Handle, size_bytes: int) -> bytes:
        data = handle.file.read(handle.position, size_bytes)
        handle.position += len(data)
        handle.at_end = len(data) < size_bytes
        return data

    def _put(self, handle: _Handle, data: bytes) -> None:
        if not data:
            return
        handle.file.write(handle.position, data)
        handle.position = handle.file.size_bytes if handle.mode.append else handle.position + len(data)

    # --- by name

    def _delete(self, access: Access) -> bytes:
        path = self._path(access)
        if access.offset & OpenFlag.ENABLE_DIRECTORY and self._store.entry(path).is_directory:
            self._store.remove_directory(path)
        else:
            self._store.remove(path)
        return b""

    def _rename(self, access: Access) -> bytes:
        self._store.rename(*self._two_paths(access))
        return b""

    def _copy(self, access: Access) -> bytes | Later:
        return self.jobs.begin(access.peer, self._copying(*self._two_paths(access)))

    def _copying(self, source_path: filenames.Path, goal_path: filenames.Path) -> Steps:
        source = self._store.open(source_path, Mode(read=True))
        try:
            goal = self._store.open(goal_path, Mode(write=True, whole=True, create=True))
            is_whole = False
            try:
                position = 0
                while chunk := source.read(position, _CHUNK_BYTES):
                    goal.write(position, chunk)
                    position += len(chunk)
                    if len(chunk) == _CHUNK_BYTES:
                        yield
                is_whole = True
            finally:
                if not is_whole:
                    goal.abandon()
            goal.close()
        finally:
            source.close()
        return b""

    def _md5(self, access: Access) -> bytes | Later:
        access.need_room(16)
        return self.jobs.begin(access.peer, self._summing(self._path(access)))

    def _summing(self, path: filenames.Path) -> Steps:
        source = self._store.open(path, Mode(read=True))
        try:
            digest, position = hashlib.md5(usedforsecurity=False), 0
            while chunk := source.read(position, _CHUNK_BYTES):
                digest.update(chunk)
                position += len(chunk)
                if len(chunk) == _CHUNK_BYTES:
                    yield
        finally:
            source.close()
        return digest.digest()

    def _stat(self, access: Access) -> bytes:
        access.need_room(STAT_BYTES)
        entry = self._store.entry(self._path(access))
        return encode(
            FileStatus(
                size_bytes=entry.size_bytes,
                created=filetime(entry.created_ns),
                modified=filetime(entry.modified_ns),
                accessed=filetime(entry.accessed_ns),
                attributes=DIRECTORY_ATTRIBUTE if entry.is_directory else NORMAL_ATTRIBUTE,
            )
        )

    def _make_directory(self, access: Access) -> bytes:
        self._store.make_directory(self._path(access))
        return b""

    def _remove_directory(self, access: Access) -> bytes:
        self._store.remove_directory(self._path(access))
        return b""

    # --- handles and paths

    def _number(self) -> int:
        """A handle that is not in use: there are far fewer than numbers."""
        while self._next in self._handles:
            self._next += 1
        number, self._next = self._next, self._next + 1
        if self._next > MAX_HANDLE:
            self._next = FIRST_HANDLE
        return number

    def _handle(self, access: Access) -> _Handle:
        handle = self._handles.get(access.offset)
        if handle is None or handle.peer is not access.peer:
            raise AdsFault(AdsError.INVALID_OFFSET, "there is no such file handle")
        return handle

    def _readable(self, access: Access) -> _Handle:
        handle = self._handle(access)
        if not handle.mode.read:
            raise AdsFault(AdsError.INCOMPATIBLE, "the file was not opened for reading")
        return handle

    def _writable(self, access: Access) -> _Handle:
        handle = self._handle(access)
        if not handle.mode.write:
            raise AdsFault(AdsError.INCOMPATIBLE, "the file was not opened for writing")
        return handle

    def _path(self, access: Access) -> filenames.Path:
        name = text_of(access.data, max_bytes=filenames.MAX_PATH_BYTES)
        return filenames.resolve(name, access.offset >> SELECTOR_SHIFT, self._prefixes)

    def _two_paths(self, access: Access) -> tuple[filenames.Path, filenames.Path]:
        selector = access.offset >> SELECTOR_SHIFT
        old, new = two_texts(access.data, max_bytes=filenames.MAX_PATH_BYTES)
        return filenames.resolve(old, selector, self._prefixes), filenames.resolve(new, selector, self._prefixes)


def _mode(access: Access) -> Mode:
    flags = access.offset & ((1 << SELECTOR_SHIFT) - 1)
    if access.group != FileGroup.OPEN:
        flags = int(_LEGACY[FileGroup(access.group)])
    if flags & ~_KNOWN_FLAGS:
        raise AdsFault(AdsError.INVALID_PARAMETER, "archives are not unpacked here, nor files closed by force")
    kind, plus = flags & _KIND, bool(flags & OpenFlag.PLUS)
    if kind not in (OpenFlag.READ, OpenFlag.WRITE, OpenFlag.APPEND):
        raise AdsFault(AdsError.INVALID_PARAMETER, "a file is opened for one of reading, writing and appending")
    return Mode(
        read=kind == OpenFlag.READ or plus,
        write=kind != OpenFlag.READ or plus,
        whole=kind == OpenFlag.WRITE,
        append=kind == OpenFlag.APPEND,
        create=kind != OpenFlag.READ,
        make_parents=bool(flags & OpenFlag.ENSURE_DIRECTORY),
    )


def _opening(access: Access) -> Action:
    return Action.ADMIN if _mode(access).write else Action.READ
