"""Records a running PLC: its symbols and types as they are, and what its variables do. See `ads.simulate.recording`.

The file can be played by a simulated device. It grows while it is written, and is whole after every line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from dinrail.ads.client.subscription import Rhythm
from dinrail.ads.client.symbols import Reading, SymbolClient, Told
from dinrail.ads.simulate.recording import Header, RecordingWriter
from dinrail.ams.address import NetId
from dinrail.ams.errors import AdsFault
from dinrail.ams.group import IndexGroup
from dinrail.errors import BadRequest
from dinrail.iec.types import IecType

MAX_VARIABLES = 10_000
MAX_SAMPLE_BYTES = 1 << 20
"""A variable larger than this is left out: it would be sent whole at every change of one of its bytes."""
_UNIT_NS = 100


class Recorder:
    """samples: written so far. misfits: left out, as the variable had changed its size. faults: by variable."""

    def __init__(self, plc: SymbolClient, write: Callable[[str], object]) -> None:
        self._plc = plc
        self._write = write
        self._writer: RecordingWriter | None = None
        self._types: dict[str, IecType] = {}
        self._told: list[Told] = []
        self._stamp = 0
        self._first: int | None = None
        self._waiting: dict[str, bytes] = {}
        self.samples = 0
        self.misfits = 0
        self.faults: dict[str, AdsFault] = {}

    @property
    def variables(self) -> int:
        """How many are recorded."""
        return len(self._told)

    @property
    def duration_ns(self) -> int:
        """From the first sample to the last, by the device's clock."""
        return 0 if self._first is None else (self._stamp - self._first) * _UNIT_NS

    async def start(self, names: Sequence[str], rhythm: Rhythm, *, started: str) -> None:
        """Write the head and subscribe. `started`: the time, ISO 8601. Raises AdsFault when not one can be had."""
        if len(names) > MAX_VARIABLES:
            raise BadRequest(
                f"{len(names)} variables are too many", hint=f"a pattern that fits {MAX_VARIABLES} at most"
            )
        self._writer = RecordingWriter(self._write, await self._header(started))
        found = await asyncio.gather(*(self._subscribe(name, rhythm) for name in names), return_exceptions=True)
        for name, one in zip(names, found, strict=True):
            if isinstance(one, AdsFault):
                self.faults[name] = one
            elif isinstance(one, BaseException):
                raise one
            else:
                self._told.append(one)
        if not self._told and self.faults:
            raise next(iter(self.faults.values()))

    async def stop(self) -> None:
        """End all subscriptions and write what is still there."""
        await asyncio.gather(*(told.close() for told in self._told))
        self.flush()

    def flush(self) -> None:
        """Write the samples of the newest time; call it now and then, so that a quiet device's last change is there."""
        if self._waiting and self._writer is not None and self._first is not None:
            self._writer.sample((self._stamp - self._first) * _UNIT_NS, self._waiting)
            self._waiting = {}

    async def _header(self, started: str) -> Header:
        client, target = self._plc.client, self._plc.target
        info = await self._plc.lookup.info()
        device = await client.device_info(target)
        types = b""
        if info.data_type_bytes:
            types = await client.read(target, IndexGroup.DATA_TYPE_UPLOAD, 0, info.data_type_bytes, where="all types")
        return Header(
            net_id=NetId(target.net_id),
            port=target.port,
            name=device.name,
            version=(device.major, device.minor, device.build),
            info=info,
            symbols=await client.read(target, IndexGroup.SYMBOL_UPLOAD, 0, info.symbol_bytes, where="all symbols"),
            types=types,
            started=started,
        )

    async def _subscribe(self, name: str, rhythm: Rhythm) -> Told:
        told = await self._plc.subscribe(name, rhythm, callback=self._take)
        self._types[name] = told.symbol.type
        return told

    def _take(self, reading: Reading) -> None:
        kind = self._types.setdefault(reading.path, reading.symbol.type)
        if len(reading.data) != kind.size_bytes:
            self.misfits += 1  # the program was changed: its uploads in the head are of the one before
            return
        if reading.stamp != self._stamp or reading.path in self._waiting:
            self.flush()
            self._stamp = max(reading.stamp, self._stamp)
            self._first = self._stamp if self._first is None else self._first
        self._waiting[reading.path] = reading.data
        self.samples += 1


def recordable(types: dict[str, IecType]) -> list[str]:
    """The names of those that are not too large."""
    return [name for name, kind in types.items() if 0 < kind.size_bytes <= MAX_SAMPLE_BYTES]
