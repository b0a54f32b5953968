"""One router process: the core, its policy, its devices and its doors, brought up whole or not at all.

settings -> policy, routes -> Router <- doors (TCP, TLS, MQTT)     <- dialler
                                     <- devices (PLC, system service, ...)
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from dinrail.ads.contract import Device
from dinrail.ads.numbers import Numbers, numbers_of
from dinrail.ads.parts import parts_by_table
from dinrail.ads.policy.policy import Policy
from dinrail.ads.policy.refusals import Refusal
from dinrail.ads.router.core import Router
from dinrail.ads.rules import policy_of
from dinrail.ads.settings import AdsSettings
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ads.transport import tcp
from dinrail.ads.transport.ticker import Ticker
from dinrail.ams.address import AmsAddr
from dinrail.clock import Clock
from dinrail.daemon.router.devices import Devices
from dinrail.daemon.router.dialler import Dialler
from dinrail.daemon.router.doors import Doors
from dinrail.daemon.router.place import Place, host_name, machine_net_id
from dinrail.daemon.router.routing import Routing
from dinrail.daemon.router.status import StatusSocket
from dinrail.errors import DinrailError
from dinrail.units import S_NS

LOG = logging.getLogger("dinrail.ads")
_CHORE_NS = S_NS


class RouterProcess:
    """Made on any thread, brought up and down on one event loop."""

    def __init__(self, settings: AdsSettings, place: Place, clock: Clock, plcs: Mapping[int, Device]) -> None:
        """plcs: further devices by port (the simulated PLC, later the control's). Raises what bad settings raise."""
        self.settings = replace(settings, name=settings.name or host_name())
        self.place = place
        self.clock = clock
        self.net_id = settings.net_id or machine_net_id()
        self.ticker = Ticker(clock)
        self.dialler = Dialler(tcp.Limits(max_links=settings.limits.max_links))
        self.routing = Routing(self.settings, self.net_id, place.at("routes.json"), self._routes_changed)
        self.policy = self._new_policy()
        self.router = Router(
            self.net_id,
            policy=self.policy,
            routes=self.routing.table(),
            dial=self.dialler,
            now_ns=clock.monotonic_ns,
            limits=settings.limits,
            wake=self.ticker.arm,
            identity_of=self.routing.identity_of,
        )
        self.dialler.router = self.routing.router = self.router
        self.devices = Devices(self, plcs)
        self.devices.serve_all()
        self.ticker.add(self.router)
        self.ticker.add(_Chores(self))
        self.doors = Doors(self)
        self.dialler.is_own = self.doors.is_own
        self.end: Callable[[], None] = lambda: None
        """Ends the process; set by whoever runs it."""
        self._status: StatusSocket | None = None
        self._stop_metrics = contextlib.ExitStack()

    async def start(self) -> None:
        """Open all doors. Raises HostError, BadRequest; what was opened until then is closed again."""
        try:
            self.ticker.start()
            await self.doors.open()
            if self.place.socket is not None:
                status = StatusSocket(
                    self.place.socket, {"status": self.status, "reload": self.reload, "end": self._end}
                )
                await status.start()
                self._status = status
            if self.settings.metrics:
                self._serve_metrics()
        except BaseException:
            await self.stop()
            raise
        LOG.info("AMS router %s (%s) up, pid %d", self.net_id, self.settings.name, os.getpid())

    async def stop(self) -> None:
        """Answer what is pending, say goodbye, close everything. Safe to call twice."""
        self._stop_metrics.close()
        if self._status is not None:
            await self._status.stop()
        self.router.shutdown()
        self.dialler.stop()
        await self.doors.close()
        self.ticker.stop()
        self.devices.close()

    def reload(self) -> Mapping[str, object]:
        """Take up routes that were edited on disk; connections stay. Raises what a broken file raises, and keeps."""
        self.routing.reload()
        return {"routes": len(self.router.routes)}

    def _end(self) -> Mapping[str, object]:
        self.end()
        return {}

    def reload_or_log(self) -> None:
        """For a signal, which has nobody to answer to."""
        try:
            self.reload()
        except DinrailError as fault:
            LOG.warning("not reloaded: %s", fault)

    def status(self) -> Mapping[str, object]:
        """What runs, in JSON's own types."""
        self.router.sweep()
        return {
            "pid": os.getpid(),
            "net_id": str(self.net_id),
            "name": self.settings.name,
            "doors": self.doors.names(),
            "ports": list(self.devices.ports()),
            "routes": [self.routing.describe(route) for route in self.router.routes],
            "brokers": self.doors.brokers.describe() if self.doors.brokers else {},
            "router": dict(numbers_of(self.router.counters)),
            "dropped": dict(self.router.counters.dropped),
            "refused": dict(self.policy.refusals.totals),
            **{f"links {name}": dict(numbers) for name, numbers in self.doors.counters().items()},
        }

    def _routes_changed(self) -> None:
        """Other rules from now on, for what stands already, too: routes grant and forbid things."""
        policy = self._new_policy()
        policy.refusals = self.policy.refusals  # counted since the start, and told once a burst, whatever changes
        self.policy = policy
        self.router.set_policy(policy)

    def symbols_changed(self) -> None:
        """A device has other symbols: rules that name some are looked up anew."""
        self._routes_changed()
        self.router.changed()

    def _new_policy(self) -> Policy:
        return policy_of(
            self.settings,
            self.net_id,
            added=self.routing.added,
            has_parts=parts_by_table(self._table),
            on_refusal=self._refused,
        )

    def _table(self, target: AmsAddr) -> SymbolTable | None:
        """The symbols of a device of this process, for rules that name them."""
        return self.devices.table(target.port) if target.net_id == self.net_id else None

    def _refused(self, refusal: Refusal) -> None:
        LOG.warning("%s", refusal)
        self.devices.log(str(refusal))

    def _serve_metrics(self) -> None:
        from dinrail.ads.metrics import RouterCollector, serve

        host, _, port = self.settings.metrics.rpartition(":")
        collector = RouterCollector()
        collector.add("router", lambda: numbers_of(self.router.counters))
        collector.add("policy", lambda: {"refused": sum(tuple(self.policy.refusals.totals.values()))})
        for name in self.doors.counters():
            collector.add(f"links_{name}", partial(self._link_numbers, name))
        self._stop_metrics.callback(serve(collector, host.strip("[]"), int(port)))

    def _link_numbers(self, kind: str) -> Numbers:
        return self.doors.counters()[kind]


class _Chores:
    """Once a second: what has no time of its own."""

    def __init__(self, process: RouterProcess) -> None:
        self._process = process
        self._due_ns = process.clock.monotonic_ns()

    def tick(self, monotonic_ns: int, wall_ns: int) -> None:
        del wall_ns
        self._due_ns = monotonic_ns + _CHORE_NS
        self._process.policy.tick(monotonic_ns)
        self._process.router.sweep()

    def due_ns(self) -> int | None:
        return self._due_ns
