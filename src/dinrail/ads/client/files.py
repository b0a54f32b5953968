"""Files of a device by its system service (port 10000): list, get, put, remove.

A place is named as people write it, `boot:Plc/Port_851.app`; without `PLACE:` it is `generic`, whatever the device
takes that for. Source: Beckhoff/ADS AdsLib/AdsFile.cpp; Beckhoff Information System, Tc2_System "E_OpenPath".
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from dinrail.ads.client.connection import AdsClient
from dinrail.ams.address import AmsAddr, NetId, Port
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.service_files import (
    DIRECTORY_ATTRIBUTE,
    FIND_BYTES,
    SELECTOR_SHIFT,
    FileFound,
    FileGroup,
    OpenFlag,
)
from dinrail.ams.text import cut_text, encode_text
from dinrail.errors import BadRequest, FormatError, Refused
from dinrail.layout import decode

CHUNK_BYTES = 64 << 10
MAX_FILE_BYTES = 1 << 30
MAX_ENTRIES = 100_000
_HANDLE_BYTES = 4
PLACES = {
    "generic": 1,
    "bootprj": 2,
    "bootdata": 3,
    "boot": 4,
    "target": 5,
    "config": 6,
    "twincat": 7,
    "repository": 8,
    **{f"user{number - 10}": number for number in range(11, 20)},
}
_READ = OpenFlag.READ | OpenFlag.BINARY
_WRITE = OpenFlag.WRITE | OpenFlag.BINARY | OpenFlag.PLUS


@dataclass(frozen=True, slots=True)
class RemoteName:
    """A name below one of a device's directories. `place` is the path selector."""

    place: int
    name: str

    @classmethod
    def parse(cls, text: str) -> RemoteName:
        """From `PLACE:NAME` or `NAME`; a drive letter is part of the name. Raises BadRequest."""
        place, colon, name = text.partition(":")
        if not colon or len(place) == 1:
            return cls(PLACES["generic"], text)
        if place.lower() not in PLACES:
            raise BadRequest(f"{place!r} is no place for files", where=text, hint=f"one of {', '.join(PLACES)}")
        return cls(PLACES[place.lower()], name)

    @property
    def raw(self) -> bytes:
        return encode_text(self.name) + b"\0"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One entry of a directory. modified: FILETIME."""

    name: str
    size_bytes: int
    is_directory: bool
    modified: int


class RemoteFiles:
    """The files of one device. All raise AdsFault and FormatError."""

    def __init__(self, client: AdsClient, net_id: NetId) -> None:
        self._client = client
        self._service = AmsAddr.of(net_id, Port.SYSTEM_SERVICE)

    async def list(self, pattern: RemoteName) -> list[RemoteFile]:
        """Entries that match; the last name may have `*` and `?`. A directory is listed by `NAME/*`."""
        offset, data = pattern.place, pattern.raw
        found: list[RemoteFile] = []
        while len(found) < MAX_ENTRIES:
            try:
                answer = await self._ask(FileGroup.FIND, offset, FIND_BYTES, data, pattern.name)
            except AdsFault as fault:
                # An empty place is an empty list. Below it, a directory that is not there answers just as one
                # with nothing in it does, so there it stays a fault.
                if fault.code == AdsError.NOT_FOUND and (found or pattern.raw.rstrip(b"\0") == b"*"):
                    break
                raise
            entry = decode(FileFound, answer)
            found.append(
                RemoteFile(
                    name=cut_text(entry.name),
                    size_bytes=(entry.size_high << 32) + entry.size_low,
                    is_directory=bool(entry.attributes & DIRECTORY_ATTRIBUTE),
                    modified=entry.modified,
                )
            )
            offset, data = entry.handle, b""
        return sorted(found, key=lambda one: (not one.is_directory, one.name.lower()))

    async def get(self, name: RemoteName, *, max_bytes: int = MAX_FILE_BYTES) -> AsyncIterator[bytes]:
        """A file's bytes in chunks. Refused above `max_bytes`."""
        handle = await self._open(name, _READ)
        total = 0
        try:
            while chunk := await self._ask(FileGroup.READ, handle, CHUNK_BYTES, b"", name.name):
                total += len(chunk)
                if total > max_bytes:
                    raise Refused(f"the file is longer than {max_bytes} bytes", where=name.name)
                yield chunk
                if len(chunk) < CHUNK_BYTES:
                    break
        finally:
            await self._ask(FileGroup.CLOSE, handle, 0, b"", name.name)

    async def put(self, name: RemoteName, data: bytes) -> None:
        """Write a whole file, making its directory where there is none."""
        handle = await self._open(name, _WRITE | OpenFlag.ENSURE_DIRECTORY)
        try:
            for at in range(0, len(data), CHUNK_BYTES):
                await self._ask(FileGroup.WRITE, handle, 0, data[at : at + CHUNK_BYTES], name.name)
        finally:
            await self._ask(FileGroup.CLOSE, handle, 0, b"", name.name)

    async def remove(self, name: RemoteName) -> None:
        """Delete a file."""
        await self._ask(FileGroup.DELETE, name.place << SELECTOR_SHIFT, 0, name.raw, name.name)

    async def _open(self, name: RemoteName, mode: OpenFlag) -> int:
        offset = int(mode) | name.place << SELECTOR_SHIFT
        answer = await self._ask(FileGroup.OPEN, offset, _HANDLE_BYTES, name.raw, name.name)
        if len(answer) != _HANDLE_BYTES:
            raise FormatError(f"{len(answer)} bytes are no handle", structure="FOPEN response", where=name.name)
        return int.from_bytes(answer, "little")

    async def _ask(self, group: FileGroup, offset: int, size_bytes: int, data: bytes, where: str) -> bytes:
        return await self._client.read_write(self._service, group, offset, size_bytes, data, where=where)
