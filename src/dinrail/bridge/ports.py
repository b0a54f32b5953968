"""The bridge itself: follows one control, and serves its ports as long as there is something behind them.

A router has one for each of its controls (851, 852...); what ports 10000 and 200 tell of all of them is in `system`.

channel --> Link --> layout --load (a thread)--> Application --> PlcDevice at 851, TaskDevices from 350

control runs, stopped, in exception     all ports
in Config                               PLC and task ports are gone (error 6), as on a real system
dead or silent                          ports stay and answer NOT_READY, so that clients wait and do not give up
started anew, or an online change       handles are 0x711, the symbol version moves
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from dinrail.ads.contract import Device
from dinrail.ads.device.access import Limits
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ams.errors import AdsFault
from dinrail.bridge.application import Application, load_application, memory_of
from dinrail.bridge.calling import stubs_of
from dinrail.bridge.link import Link
from dinrail.bridge.plc import PlcDevice
from dinrail.bridge.reading import control_facts_of, task_ports
from dinrail.bridge.task import TaskDevice
from dinrail.control.channel.layout import State
from dinrail.control.channel.reader import Layout
from dinrail.errors import DinrailError
from dinrail.units import MS_NS, S_NS

LOG = logging.getLogger("dinrail.bridge")
LOADING_POLL_NS = 10 * MS_NS
RETRY_NS = S_NS
"""How soon an application is loaded again that could not be."""
VERSIONS = 255


class Ports(Protocol):
    """The router, as the bridge needs it."""

    def serve(self, port: int, device: Device) -> None:
        """From now on, requests to that port go to the device."""

    def withdraw(self, port: int) -> None:
        """There is no such port any more (error 6)."""

    def wake(self, due_ns: int) -> None:
        """The bridge's `tick` is needed at that time, which may be sooner than it said last."""

    def changed(self) -> None:
        """Names and places are others: ask again for what was permitted and prepared."""


Start = Callable[[Callable[[], Application]], "Future[Application]"]
"""Begin to load in the background."""


class Bridge:
    """`tick` and `due_ns` as for any device. limits: of the PLC's device."""

    def __init__(
        self,
        path: Path,
        now_ns: Callable[[], int],
        ports: Ports,
        *,
        limits: Limits | None = None,
        start: Start | None = None,
    ) -> None:
        self.link = Link(path, now_ns, self._wake)
        self.plc: PlcDevice | None = None
        self._ports = ports
        self._limits = limits
        self._pool: ThreadPoolExecutor | None = None
        self._start = start or self._in_thread
        self._devices: dict[int, Device] = {}
        self._served: set[int] = set()
        self._loading: tuple[int, Layout, Future[Application]] | None = None
        self._generation = self._channels = 0
        self._retry_ns = 0

    def tick(self, monotonic_ns: int, wall_ns: int) -> None:
        """Follow the control. Never raises."""
        del wall_ns
        self.link.poll(monotonic_ns)
        self._load(monotonic_ns)
        self._show()

    def due_ns(self) -> int | None:
        due = self.link.due_ns()
        if self._loading is not None:
            return min(due, self.link.polled_ns + LOADING_POLL_NS)
        return due

    def _wake(self) -> None:
        self._ports.wake(self.link.due_ns())

    def ports(self) -> tuple[int, ...]:
        """Those that are served now."""
        return tuple(sorted(self._served))

    def table(self, port: int) -> SymbolTable | None:
        """The symbols of the application at that port."""
        plc = self.plc
        if plc is None or self._devices.get(port) is not plc:
            return None
        return plc.source if isinstance(plc.source, SymbolTable) else None

    def close(self) -> None:
        """Let go of the channel; the control does not notice."""
        self.link.close()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _in_thread(self, work: Callable[[], Application]) -> Future[Application]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="load-application")
        return self._pool.submit(work)

    def _load(self, monotonic_ns: int) -> None:
        link, loading = self.link, self._loading
        if loading is not None:
            generation, layout, future = loading
            if not future.done():
                return
            self._loading = None
            try:
                application = future.result()
            except DinrailError as fault:
                LOG.warning("the application's image: %s", "; ".join(fault.lines()))
                self._retry_ns = monotonic_ns + RETRY_NS
                return
            if generation == link.generation:
                self._apply(application, layout)
                self._generation = generation
        layout_now = link.layout
        if layout_now is None or link.generation == self._generation or monotonic_ns < self._retry_ns:
            return
        count = layout_now.header.task_count
        self._loading = (link.generation, layout_now, self._start(lambda: load_application(layout_now, count)))

    def _apply(self, application: Application, layout: Layout) -> None:
        link = self.link
        facts, tasks = control_facts_of(layout.header), link.tasks_now()
        memory = memory_of(layout, len(tasks), link, link.snapshots, link.submit)
        cycles_ns = [task.cycle_ns for task in tasks]
        parts = (application.table, application.uploads, memory, cycles_ns)
        version = (facts.symbol_version + facts.pid) % VERSIONS + 1
        if self.plc is None:
            self.plc = PlcDevice(link, *parts, limits=self._limits)
            self.plc.symbol_version = version
        else:
            self.plc.replaced(*parts, version=version, anew=link.channels != self._channels)
        link.adopt(layout)
        self.plc.stubs = stubs_of(application.image.calls)
        self._channels = link.channels
        devices: dict[int, Device] = {facts.ads_port: self.plc}
        for port, task in task_ports(tasks).items():
            had = self._devices.get(port)
            same = isinstance(had, TaskDevice) and (had.index, had.name) == (task.index, task.name)
            devices.setdefault(port, had if had is not None and same else TaskDevice(link, task.index, task.name))
        self._withdraw(port for port, device in self._devices.items() if devices.get(port) is not device)
        self._devices = devices
        self._ports.changed()

    def _show(self) -> None:
        """In Config there are no ports but the system's."""
        try:
            gone = self.link.state == State.CONFIG
        except AdsFault:
            return  # silent: what was there stays
        if gone:
            self._withdraw(tuple(self._served))
            return
        for port, device in self._devices.items():
            if port not in self._served:
                self._ports.serve(port, device)
                self._served.add(port)

    def _withdraw(self, ports: Iterable[int]) -> None:
        for port in ports:
            if port in self._served:
                self._ports.withdraw(port)
                self._served.discard(port)
