"""Variables by name, with their types: values in, values out, whole structures and arrays included.

    plc = SymbolClient(client, AmsAddr.parse("5.80.201.232.1.1:851"))
    speed = await plc.read("MAIN.fSpeed")
    await plc.write("MAIN.aAxes[2]", {"bOn": True})       # the members that are not named stay as they are
    values = await plc.read_many(["MAIN.a", "MAIN.b"])    # one sum request for 500
    async with await plc.subscribe("MAIN.fSpeed") as told:
        async for reading in told: ...

Values are reached by handle: after an online change the device refuses an old handle, while an old address silently
leads to another variable. A refused handle is looked up again, once, together with types and everything else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dinrail.ads.client.calls import Called, answer_bytes, inputs_of, method_of, outputs_of
from dinrail.ads.client.connection import AdsClient
from dinrail.ads.client.faults import CHANGED
from dinrail.ads.client.lookup import Lookup
from dinrail.ads.client.subscription import Extent, Rhythm, Sample, Subscription
from dinrail.ads.client.sums import read_many, write_many
from dinrail.ams.address import AmsAddr
from dinrail.ams.command import HANDLE, ReadRequest, WriteRequest
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.group import IndexGroup
from dinrail.errors import FormatError, Refused
from dinrail.iec.symbol import Symbol
from dinrail.iec.text import parse_bytes
from dinrail.iec.types import ArrayType, IecType, StructType, resolve
from dinrail.iec.value import Value, decode, encode

T = TypeVar("T")
VERSION_RHYTHM = Rhythm(cycle_s=0.5)


@dataclass(frozen=True, slots=True)
class Reading:
    """One sample of a variable. stamp: FILETIME of the device. value: None when the bytes are none of its type."""

    path: str
    symbol: Symbol
    stamp: int
    data: bytes
    value: Value | None


class Told:
    """A subscription to a variable: iterate for `Reading`s. `subscription` has its state and counters."""

    def __init__(self, path: str, subscription: Subscription, symbol: Callable[[], Symbol]) -> None:
        self.path = path
        self.subscription = subscription
        self._symbol = symbol

    @property
    def symbol(self) -> Symbol:
        """The variable as it is declared now; a change of the program may change it."""
        return self._symbol()

    async def __aenter__(self) -> Told:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __aiter__(self) -> Told:
        return self

    async def __anext__(self) -> Reading:
        return reading_of(self.path, self.symbol, await anext(self.subscription))

    async def close(self) -> None:
        """End it."""
        await self.subscription.close()


class SymbolClient:
    """The variables of one device, through a connection that others may use, too."""

    def __init__(self, client: AdsClient, target: AmsAddr) -> None:
        self.client = client
        self.target = target
        self.lookup = Lookup(client, target)
        self._handles: dict[str, int] = {}
        self._connection = client.connections
        self._told: list[Subscription] = []
        self._follows_version = False
        client.before_close.append(self._release_all)

    async def symbols(self) -> tuple[Symbol, ...]:
        """All top-level variables. Raises AdsFault, FormatError."""
        return await self.lookup.symbols()

    async def symbol(self, path: str) -> Symbol:
        """One variable, member or element. Raises AdsFault; 0x710 with names that look alike."""
        return await self.lookup.symbol(path)

    async def read(self, path: str) -> Value:
        """Its value. Raises AdsFault, FormatError."""
        symbol, data = await self.read_raw(path)
        return decode(symbol.type, data)

    async def read_raw(self, path: str) -> tuple[Symbol, bytes]:
        """The variable as declared, and its bytes. Raises AdsFault, FormatError."""

        async def read() -> tuple[Symbol, bytes]:
            symbol = await self.symbol(path)
            size, handle = symbol.type.size_bytes, await self._handle(path)
            with self._by_handle(path):
                data = await self.client.read(self.target, IndexGroup.VALUE_BY_HANDLE, handle, size, where=symbol.name)
            return symbol, data

        return await self._fresh(read)

    async def read_many(self, paths: Sequence[str]) -> list[tuple[Symbol, bytes] | AdsFault]:
        """Many at once: declaration and bytes of each, or why not. Raises AdsFault when the device answers for none."""
        found = await self._read_many(paths)
        if any(isinstance(one, AdsFault) and one.code in CHANGED for one in found):
            self.forget()
            found = await self._read_many(paths)
        return found

    async def write(self, path: str, value: object, *, force: bool = False) -> None:
        """Set it. Raises BadRequest for what is no such value, Refused, AdsFault.

        A structure may be given in part: it is read, changed and written, and the PLC may run in between.
        """
        await self._write(path, lambda kind, base: encode(kind, value, base=base, where=path), force)

    async def write_text(self, path: str, text: str, *, force: bool = False) -> None:
        """The same from text as people write it: `T#1s`, `[1, 2, 3]`, `(a := 1)`, JSON."""
        await self._write(path, lambda kind, base: parse_bytes(kind, text, base=base, where=path), force)

    async def write_many(self, values: Mapping[str, object], *, force: bool = False) -> dict[str, AdsFault]:
        """Set many; the faults of those that were refused. Nothing is written when one is no value of its type.

        Raises BadRequest, Refused; AdsFault when a name is not there or the device answers for none.
        """

        async def encoded() -> dict[str, bytes]:
            symbols: dict[str, Symbol] = {}
            for path, found in zip(values, await self.lookup.several(list(values)), strict=True):
                if isinstance(found, AdsFault):
                    raise found
                symbols[path] = found
            for handle in (await self._several_handles(list(symbols))).values():
                if isinstance(handle, AdsFault):
                    raise handle
            data: dict[str, bytes] = {}
            for path, symbol in symbols.items():
                check_writable(symbol, force=force)
                base = (await self.read_raw(path))[1] if _has_parts(symbol.type) else None
                data[path] = encode(symbol.type, values[path], base=base, where=path)
            return data

        return await self.write_raw_many(await self._fresh(encoded))

    async def write_raw_many(self, data: Mapping[str, bytes]) -> dict[str, AdsFault]:
        """The same from bytes, which are not looked at."""
        handles = await self._several_handles(list(data))
        refused = {path: handle for path, handle in handles.items() if isinstance(handle, AdsFault)}
        ready = {path: handle for path, handle in handles.items() if not isinstance(handle, AdsFault)}
        requests = [WriteRequest(IndexGroup.VALUE_BY_HANDLE, handle, data[path]) for path, handle in ready.items()]
        done = await write_many(self.client, self.target, requests)
        return refused | {
            path: self._told_with(path, fault) for path, fault in zip(ready, done, strict=True) if fault is not None
        }

    async def call(self, path: str, method: str, *inputs: object, **named: object) -> Called:
        """Call a method of a function block. Raises BadRequest, AdsFault, FormatError."""

        async def call() -> Called:
            kind = (await self.symbol(path)).type
            await self._handle(path)  # tells when the instance's type has changed
            declared = method_of(kind, method, path)
            where = f"{path}#{declared.name}"
            data = inputs_of(declared, inputs, named, where)
            handle = await self._handle(where)
            with self._by_handle(where):
                answer = await self.client.read_write(
                    self.target, IndexGroup.VALUE_BY_HANDLE, handle, answer_bytes(declared), data, where=where
                )
            return outputs_of(declared, answer)

        return await self._fresh(call)

    async def subscribe(
        self, path: str, rhythm: Rhythm | None = None, *, callback: Callable[[Reading], object] | None = None
    ) -> Told:
        """Be told of its value, also after program changes and restarts. Raises AdsFault when it cannot be had now."""
        state: dict[str, Symbol] = {"now": await self.symbol(path)}
        renewing = False

        async def resolve() -> Extent:
            nonlocal renewing
            if renewing:
                self._handles.pop(path.lower(), None)
            renewing = True
            symbol = state["now"] = await self.symbol(path)
            return Extent(IndexGroup.VALUE_BY_HANDLE, await self._handle(path), symbol.type.size_bytes)

        def pass_on(sample: Sample) -> None:
            if callback is not None:
                callback(reading_of(path, state["now"], sample))

        made = await self.client.subscribe(
            self.target, resolve, rhythm, callback=None if callback is None else pass_on, name=path
        )
        self._told = [one for one in self._told if not one.closed] + [made]
        await self._follow_version()
        return Told(path, made, lambda: state["now"])

    def forget(self) -> None:
        """The program was changed: look everything up anew when it is needed."""
        self.lookup.forget()
        self._handles.clear()

    # handles

    async def _handle(self, path: str) -> int:
        self._check_connection()
        handle = self._handles.get(path.lower())
        if handle is None:
            (found,) = await self.lookup.handles([path])
            if isinstance(found, AdsFault):
                raise found
            handle = self._handles[path.lower()] = found
        return handle

    async def _several_handles(self, paths: Sequence[str]) -> dict[str, int | AdsFault]:
        self._check_connection()
        wanted = [path for path in dict.fromkeys(paths) if path.lower() not in self._handles]
        faults: dict[str, AdsFault] = {}
        for path, found in zip(wanted, await self.lookup.handles(wanted), strict=True):
            if isinstance(found, AdsFault):
                faults[path] = found
            else:
                self._handles[path.lower()] = found
        return {path: faults[path] if path in faults else self._handles[path.lower()] for path in paths}

    def _check_connection(self) -> None:
        if self._connection != self.client.connections:  # another AMS port: its handles are not ours
            self._handles.clear()
            self._connection = self.client.connections

    async def _fresh(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it; once more from the beginning when what was known turns out to be of an older program."""
        try:
            return await work()
        except AdsFault as fault:
            if fault.code not in CHANGED:
                raise
        self.forget()
        return await work()

    @contextlib.contextmanager
    def _by_handle(self, path: str) -> Iterator[None]:
        """An unknown handle is 0x710, too; where a name was found before, it means what 0x711 does."""
        try:
            yield
        except AdsFault as fault:
            if fault.code != AdsError.SYMBOL_NOT_FOUND:
                raise
            raise self._stale(path) from fault

    def _stale(self, path: str) -> AdsFault:
        return self.client.fault(AdsError.SYMBOL_VERSION_INVALID, self.target, f"{path} at {self.target}")

    async def _release_all(self) -> None:
        self._check_connection()
        handles, self._handles = list(self._handles.values()), {}
        requests = [WriteRequest(IndexGroup.RELEASE_HANDLE, 0, HANDLE.pack(handle)) for handle in handles]
        with contextlib.suppress(AdsFault, FormatError):
            await write_many(self.client, self.target, requests)

    # values

    async def _read_many(self, paths: Sequence[str]) -> list[tuple[Symbol, bytes] | AdsFault]:
        symbols = dict(zip(paths, await self.lookup.several(paths), strict=True))
        there = [path for path, symbol in symbols.items() if isinstance(symbol, Symbol)]
        handles = await self._several_handles(there)
        requests: dict[str, ReadRequest] = {}
        done: dict[str, tuple[Symbol, bytes] | AdsFault] = {}
        for path, symbol in symbols.items():
            handle = handles.get(path)
            if isinstance(symbol, AdsFault):
                done[path] = symbol
            elif isinstance(handle, AdsFault):
                done[path] = handle
            elif handle is not None:
                requests[path] = ReadRequest(IndexGroup.VALUE_BY_HANDLE, handle, symbol.type.size_bytes)
        answers = await read_many(self.client, self.target, list(requests.values()))
        for path, answer in zip(requests, answers, strict=True):
            symbol = symbols[path]
            if isinstance(answer, AdsFault):
                stale = answer.code == AdsError.SYMBOL_NOT_FOUND
                done[path] = self._stale(path) if stale else self._told_with(path, answer)
            elif isinstance(symbol, Symbol):
                done[path] = (symbol, answer)
        return [done[path] for path in paths]

    async def _write(self, path: str, data_for: Callable[[IecType, bytes | None], bytes], force: bool) -> None:
        async def write() -> None:
            symbol = await self.symbol(path)
            check_writable(symbol, force=force)
            handle = await self._handle(path)  # before the value is encoded: it may tell that the type has changed
            base = (await self.read_raw(path))[1] if _has_parts(symbol.type) else None
            data = data_for(symbol.type, base)
            with self._by_handle(path):
                await self.client.write(self.target, IndexGroup.VALUE_BY_HANDLE, handle, data, where=symbol.name)

        await self._fresh(write)

    def _told_with(self, path: str, fault: AdsFault) -> AdsFault:
        return self.client.fault(fault.code, self.target, f"{path} at {self.target}")

    # changes of the program

    async def _follow_version(self) -> None:
        if self._follows_version:
            return
        self._follows_version = True
        seen: list[bytes] = []

        def changed(sample: Sample) -> None:
            seen[:] = [*seen[-1:], sample.data]
            if len(seen) > 1 and seen[0] != seen[1]:
                self.forget()
                for one in self._told:
                    one.renew()

        with contextlib.suppress(AdsFault):  # a device without versions tells by empty samples, or not at all
            extent = Extent(IndexGroup.SYMBOL_VERSION, 0, 1)
            await self.client.subscribe(self.target, extent, VERSION_RHYTHM, callback=changed)


def reading_of(path: str, symbol: Symbol, sample: Sample) -> Reading:
    """A sample with its value."""
    try:
        value: Value | None = decode(symbol.type, sample.data)
    except FormatError:
        value = None  # taken just before its declaration was changed
    return Reading(path, symbol, sample.stamp, sample.data, value)


def check_writable(symbol: Symbol, *, force: bool) -> None:
    """Refuse, before anything is sent, what is declared read-only. Raises Refused."""
    if symbol.read_only and not force:
        raise Refused(
            f"{symbol.name} is declared read-only",
            why="whatever writes it over ADS works against the program",
            hint="--force writes it all the same",
        )


def _has_parts(kind: IecType) -> bool:
    real = resolve(kind)
    return isinstance(real, StructType) or (isinstance(real, ArrayType) and _has_parts(real.element))
