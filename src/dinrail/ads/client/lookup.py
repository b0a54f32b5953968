"""What a device says of its symbols and types: by upload of all, or by name as they are needed.

Types are fetched until none is missing that a symbol needs: a device answers for one type at a time, and names others
in it. What it does not tell stays an `OpaqueType`, so that its bytes can still be read.
"""

from __future__ import annotations

from collections.abc import Sequence

from dinrail.ads.client.connection import AdsClient
from dinrail.ads.client.faults import near_names
from dinrail.ads.client.sums import read_write_many
from dinrail.ads.symbols.importing import Importer
from dinrail.ams.address import AmsAddr
from dinrail.ams.command import ANY_LENGTH, HANDLE, ReadWriteRequest
from dinrail.ams.datatype import DataTypeEntry, parse_types
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.group import IndexGroup
from dinrail.ams.symbol import LONG_HANDLE, UPLOAD_1, UPLOAD_2, UPLOAD_3, SymbolEntry, UploadInfo, parse_symbols
from dinrail.ams.text import CP1252, cut_text, encode_text
from dinrail.errors import FormatError, Truncated
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import IecType

HANDLE_BYTES = 0x200
"""More than four bytes ask for size and type, too: handle, size, decoration, length of the type's name, the name."""
ENTRY_BYTES = 0x1000
"""Room for one entry in a sum request; one that is larger is asked for singly."""
MAX_ROUNDS = 32
MAX_TYPES = 10_000
"""Bounds for types that name types that name types."""
_INFO_VERSIONS = (
    (IndexGroup.UPLOAD_INFO_2, UPLOAD_3.size),
    (IndexGroup.UPLOAD_INFO_2, UPLOAD_2.size),
    (IndexGroup.UPLOAD_INFO, UPLOAD_1.size),
)
_NO_INFO = (AdsError.SERVICE_NOT_SUPPORTED, AdsError.INVALID_GROUP, AdsError.INVALID_SIZE, AdsError.INVALID_OFFSET)


class Lookup:
    """Symbols of one device. Everything is asked for once and kept until `forget`."""

    def __init__(self, client: AdsClient, target: AmsAddr) -> None:
        self._client = client
        self._target = target
        self._types: dict[str, DataTypeEntry] = {}
        self._unknown: set[str] = set()
        self._symbols: dict[str, Symbol] = {}
        self._type_names: dict[str, str] = {}
        self._odd: set[str] = set()
        self.forget()

    def forget(self) -> None:
        """The program was changed: nothing that was known is worth anything."""
        self._info: UploadInfo | None = None
        self._importer = Importer()
        self._all: tuple[Symbol, ...] | None = None
        for known in (self._types, self._unknown, self._symbols, self._type_names):
            known.clear()

    async def info(self) -> UploadInfo:
        """Counts, code page and flags; of the newest version that the device has. Raises AdsFault, FormatError."""
        if self._info is not None:
            return self._info
        for group, size in _INFO_VERSIONS:
            try:
                data = await self._client.read(self._target, group, 0, size, where="symbols")
            except AdsFault as fault:
                if fault.code not in _NO_INFO or group is IndexGroup.UPLOAD_INFO:
                    raise
                continue
            self._info = UploadInfo.parse(data)
            break
        return self._info or UploadInfo(0, 0)

    async def symbols(self) -> tuple[Symbol, ...]:
        """All top-level symbols with their types. Raises AdsFault, FormatError."""
        if self._all is None:
            for entry in await self.type_entries():
                self._types.setdefault(entry.name.lower(), entry)
            entries = await self.symbol_entries()
            await self._complete(entries)
            self._all = self._importer.symbols(entries)
            self._symbols |= {symbol.name.lower(): symbol for symbol in self._all}
            self._type_names |= {entry.name.lower(): entry.type_name for entry in entries}
        return self._all

    async def symbol_entries(self) -> list[SymbolEntry]:
        """The upload of all symbols, as it comes."""
        info = await self.info()
        data = await self._client.read(
            self._target, IndexGroup.SYMBOL_UPLOAD, 0, info.symbol_bytes, where="all symbols"
        )
        return parse_symbols(data, code_page=info.code_page or CP1252, count=info.symbols)

    async def type_entries(self) -> list[DataTypeEntry]:
        """The upload of all types, as it comes; none from a device that has no such upload."""
        info = await self.info()
        if not info.data_type_bytes:
            return []
        data = await self._client.read(
            self._target, IndexGroup.DATA_TYPE_UPLOAD, 0, info.data_type_bytes, where="all types"
        )
        return parse_types(data, code_page=info.code_page or CP1252, count=info.data_types)

    async def all_types(self) -> list[IecType]:
        """All types of the upload, in its order. Raises AdsFault, FormatError."""
        entries = await self.type_entries()
        importer = Importer(entries, await self.info())
        return [importer.type_of(entry.name, entry.size_bytes) for entry in entries]

    async def symbol(self, path: str) -> Symbol:
        """One symbol, or a member or element of one, with its type.

        Raises AdsFault; SYMBOL_NOT_FOUND names what looks alike.
        """
        (found,) = await self.several([path])
        if isinstance(found, AdsFault) and found.code == AdsError.SYMBOL_NOT_FOUND:
            raise self._client.fault(found.code, self._target, f"{path} at {self._target}", near=await self._near(path))
        if isinstance(found, AdsFault):
            raise found
        return found

    async def several(self, paths: Sequence[str]) -> list[Symbol | AdsFault]:
        """Many at once, each with its own fault. Raises AdsFault, FormatError when the device answers for none."""
        wanted = list(dict.fromkeys(path for path in paths if path.lower() not in self._symbols))
        faults: dict[str, AdsFault] = {}
        page = await self._code_page()
        entries: dict[str, SymbolEntry] = {}
        for path, answer in zip(wanted, await self.by_name(IndexGroup.SYMBOL_BY_NAME, wanted), strict=True):
            if isinstance(answer, AdsFault):
                faults[path] = answer
            else:
                entries[path] = _entry(answer, page)
        await self._complete(list(entries.values()))
        self._symbols |= {path.lower(): self._importer.symbol(entry) for path, entry in entries.items()}
        self._type_names |= {path.lower(): entry.type_name for path, entry in entries.items()}
        return [faults[path] if path in faults else self._symbols[path.lower()] for path in paths]

    async def handles(self, paths: Sequence[str]) -> list[int | AdsFault]:
        """A new handle for each, or why not: SYMBOL_VERSION_INVALID where its type is another than it was."""
        answers = await self.by_name(IndexGroup.HANDLE_BY_NAME, paths, HANDLE_BYTES)
        for at, (path, answer) in enumerate(zip(paths, answers, strict=True)):
            if isinstance(answer, AdsFault) and answer.code == AdsError.INVALID_SIZE:  # an older kind of server
                (answers[at],) = await self.by_name(IndexGroup.HANDLE_BY_NAME, [path], HANDLE.size)
        page = await self._code_page()
        return [
            one if isinstance(one, AdsFault) else self._handle_in(path, one, page)
            for path, one in zip(paths, answers, strict=True)
        ]

    def _handle_in(self, path: str, answer: bytes, page: int) -> int | AdsFault:
        """The handle; with what the device says of the variable, held against what was known of it."""
        if len(answer) < HANDLE.size:
            raise FormatError(f"{len(answer)} bytes are no handle", structure="handle by name", where=path)
        handle = int(HANDLE.unpack_from(answer)[0])
        known, type_name = self._symbols.get(path.lower()), self._type_names.get(path.lower())
        if known is None or type_name is None or len(answer) < LONG_HANDLE.size:
            return handle
        _, size, _, _ = LONG_HANDLE.unpack_from(answer)
        now = cut_text(answer[LONG_HANDLE.size :], page)
        is_same = type_name.lower() == now.lower()
        if len(answer) == HANDLE_BYTES:  # there was no room for the whole name
            is_same = type_name.lower().startswith(now.lower())
        if size == known.type.size_bytes and is_same:
            self._odd.discard(path.lower())
            return handle
        if path.lower() in self._odd:  # looked up anew just now: this device names its types in two ways
            return handle
        self._odd.add(path.lower())
        what = f"{path} was {type_name}, and is {now} now"
        return self._client.fault(AdsError.SYMBOL_VERSION_INVALID, self._target, path, what)

    async def by_name(self, group: int, names: Sequence[str], size_bytes: int = ENTRY_BYTES) -> list[bytes | AdsFault]:
        """What a ReadWrite of each name gives, faults told with the name."""
        page = await self._code_page()
        requests = [ReadWriteRequest(group, 0, size_bytes, encode_text(name, page) + b"\0") for name in names]
        answers: list[bytes | AdsFault] = []
        if len(names) > 1:
            answers = await read_write_many(self._client, self._target, requests)
        else:
            answers = [await self._single(request, name) for request, name in zip(requests, names, strict=True)]
        for at, (request, name) in enumerate(zip(requests, names, strict=True)):
            if size_bytes == ENTRY_BYTES and _was_cut(answers[at]):
                answers[at] = await self._single(request, name)
            answer = answers[at]
            if isinstance(answer, AdsFault):
                answers[at] = self._client.fault(answer.code, self._target, f"{name} at {self._target}")
        return answers

    async def _single(self, request: ReadWriteRequest, name: str) -> bytes | AdsFault:
        size = ANY_LENGTH if request.size_bytes == ENTRY_BYTES else request.size_bytes
        try:
            return await self._client.read_write(
                self._target, request.group, request.offset, size, request.data, where=name
            )
        except AdsFault as fault:
            if fault.code < AdsError.DEVICE_ERROR or fault.code == AdsError.CLIENT_TIMEOUT:
                raise  # not about this name
            return fault

    async def _code_page(self) -> int:
        """Of names and comments. A device without upload info has TwinCAT's usual one."""
        try:
            return (await self.info()).code_page or CP1252
        except AdsFault as fault:
            if fault.code not in _NO_INFO:
                raise
            self._info = UploadInfo(0, 0)
            return CP1252

    async def _complete(self, entries: Sequence[SymbolEntry]) -> None:
        """Fetch types until the importer misses none that the device has."""
        for _ in range(MAX_ROUNDS):
            self._importer = Importer(self._types.values(), self._info if self._info and self._info.symbols else None)
            for entry in entries:
                self._importer.symbol(entry)
            missing = sorted(self._importer.missing - self._unknown)
            if not missing or len(self._types) + len(missing) > MAX_TYPES:
                return
            page = await self._code_page()
            for name, answer in zip(missing, await self.by_name(IndexGroup.DATA_TYPE_BY_NAME, missing), strict=True):
                self._unknown.add(name)  # asked for once, whatever came
                if isinstance(answer, bytes):
                    try:
                        kind = DataTypeEntry.parse(answer, 0, page)[0]
                    except FormatError:
                        continue  # its symbols stay readable as bytes
                    self._types.setdefault(kind.name.lower(), kind)

    async def _near(self, path: str) -> tuple[str, ...]:
        try:
            names = [symbol.name for symbol in await self.symbols()]
        except (AdsFault, FormatError):
            return ()
        head = path.partition("[")[0]
        return near_names(head, names) or near_names(head.rpartition(".")[0], names)


def _entry(data: bytes, page: int) -> SymbolEntry:
    """One entry. pyads' test server ends it without the last NUL, and does not count that either."""
    try:
        return SymbolEntry.parse(data, 0, page)[0]
    except Truncated:
        length = len(data) + 1
        return SymbolEntry.parse(length.to_bytes(4, "little") + data[4:] + b"\0", 0, page)[0]


def _was_cut(answer: bytes | AdsFault) -> bool:
    """Whether it filled all the room that it had, or asked for more."""
    if isinstance(answer, AdsFault):
        return answer.code == AdsError.INVALID_SIZE
    return len(answer) == ENTRY_BYTES
