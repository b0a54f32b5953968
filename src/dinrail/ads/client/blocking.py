"""The client for scripts that do not want an event loop: every call waits for its answer.

    with Device("192.168.0.231", net_id="5.80.201.232.1.1") as plc:
        plc.write("MAIN.nCount", plc.read("MAIN.nCount") + 1)
        plc.subscribe("MAIN.fSpeed", lambda reading: print(reading.value))

The loop runs in a thread of its own. Callbacks run in another one, so that they may read and write as they like.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from dinrail.ads.client.calls import Called
from dinrail.ads.client.connection import AdsClient
from dinrail.ads.client.options import Options
from dinrail.ads.client.subscription import Rhythm
from dinrail.ads.client.symbols import Reading, SymbolClient, Told
from dinrail.ads.client.target import net_id_of
from dinrail.ams.address import AMS_TCP_PORT, AmsAddr, NetId, Port
from dinrail.ams.command import DeviceInfo, StateResponse
from dinrail.ams.errors import AdsFault
from dinrail.iec.symbol import Symbol
from dinrail.iec.value import Value, decode

T = TypeVar("T")
MAX_WAITING = 10_000
"""Readings that wait for a callback which is slow; then the newest are dropped and counted in `Device.dropped`."""


class Device:
    """One device. Methods are `SymbolClient`'s and `AdsClient`'s, and raise what those raise.

    net_id: the device's; asked for (router, then UDP) when it is not given.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = AMS_TCP_PORT,
        *,
        net_id: NetId | str | None = None,
        ams_port: int = Port.PLC,
        options: Options | None = None,
    ) -> None:
        self.dropped = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dinrail-ads", daemon=True)
        self._thread.start()
        self._calls: queue.Queue[tuple[Callable[[Reading], object], Reading] | None] = queue.Queue(MAX_WAITING)
        self._caller: threading.Thread | None = None
        wanted = NetId.parse(net_id) if isinstance(net_id, str) else net_id
        try:
            self._client = self._run(AdsClient.connect(host, port, options))
            found = wanted or self._run(net_id_of(self._client))
            self.target = AmsAddr.of(found, ams_port)
            self._plc = SymbolClient(self._client, self.target)
        except BaseException:
            self._end_loop()
            raise

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete notifications, release handles, end the connection and the thread."""
        if self._thread.is_alive():
            self._run(self._client.close())
            self._end_loop()
        if self._caller is not None:
            self._calls.put(None)
            if self._caller is not threading.current_thread():
                self._caller.join()
            self._caller = None

    def symbols(self) -> tuple[Symbol, ...]:
        """All variables."""
        return self._run(self._plc.symbols())

    def read(self, path: str) -> Value:
        """A variable's value."""
        return self._run(self._plc.read(path))

    def read_many(self, paths: Sequence[str]) -> list[Value | AdsFault]:
        """Many at once, each its value or its fault."""
        found = self._run(self._plc.read_many(paths))
        return [one if isinstance(one, AdsFault) else decode(one[0].type, one[1]) for one in found]

    def write(self, path: str, value: object, *, force: bool = False) -> None:
        """Set a variable."""
        self._run(self._plc.write(path, value, force=force))

    def write_many(self, values: Mapping[str, object], *, force: bool = False) -> dict[str, AdsFault]:
        """Set many; what was refused."""
        return self._run(self._plc.write_many(values, force=force))

    def call(self, path: str, method: str, *inputs: object, **named: object) -> Called:
        """Call a method of a function block."""
        return self._run(self._plc.call(path, method, *inputs, **named))

    def subscribe(self, path: str, callback: Callable[[Reading], object], rhythm: Rhythm | None = None) -> Told:
        """Have `callback(reading)` called for every sample. What it raises ends the thread of callbacks, loudly."""
        if self._caller is None:
            self._caller = threading.Thread(target=self._call_back, name="dinrail-ads-callbacks", daemon=True)
            self._caller.start()
        return self._run(self._plc.subscribe(path, rhythm, callback=lambda reading: self._pass_on(callback, reading)))

    def unsubscribe(self, told: Told) -> None:
        """End a subscription."""
        self._run(told.close())

    def state(self) -> StateResponse:
        """ADS state and device state."""
        return self._run(self._client.state(self.target))

    def control(self, ads_state: int, device_state: int = 0) -> None:
        """Ask for a state."""
        self._run(self._client.control(self.target, ads_state, device_state))

    def info(self) -> DeviceInfo:
        """Name and version."""
        return self._run(self._client.device_info(self.target))

    def read_at(self, group: int, offset: int, size_bytes: int) -> bytes:
        """By address."""
        return self._run(self._client.read(self.target, group, offset, size_bytes))

    def write_at(self, group: int, offset: int, data: bytes) -> None:
        """By address."""
        self._run(self._client.write(self.target, group, offset, data))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # interrupted: whatever was waited for is not wanted any more
            raise

    def _pass_on(self, callback: Callable[[Reading], object], reading: Reading) -> None:
        try:
            self._calls.put_nowait((callback, reading))
        except queue.Full:
            self.dropped += 1

    def _call_back(self) -> None:
        while (item := self._calls.get()) is not None:
            callback, reading = item
            callback(reading)

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
