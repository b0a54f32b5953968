"""The devices of this process: the control's ports, simulated PLCs, and the system service with the ports around it.

In Config the PLC ports are gone (requests to them get error 6), in Run they are back: that is what clients of a real
system see, too. Where there are controls, they own the state, and a bridge each its ports; simulated PLCs stay then.
"""

from __future__ import annotations

import logging
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dinrail.ads.admission import Check, Gate
from dinrail.ads.contract import INSIDE, Device
from dinrail.ads.device.symbolic import SymbolDevice
from dinrail.ads.discovery import Responder
from dinrail.ads.router.routes import Route
from dinrail.ads.service.assemble import SystemConfig, assemble
from dinrail.ads.service.info import VERSION, Target
from dinrail.ads.service.process import Program
from dinrail.ads.settings import CredentialKind, CredentialSettings
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ads.transport.ticker import Ticked
from dinrail.ams.address import AmsAddr, Port
from dinrail.ams.discovery import OsPlatform, OsVersion, ServerInfo
from dinrail.ams.errors import AdsFault
from dinrail.ams.state import AdsState
from dinrail.errors import Refused

if TYPE_CHECKING:
    from dinrail.ads.service.rtime import Latency
    from dinrail.ads.service.state import SystemState
    from dinrail.bridge.link import Link
    from dinrail.bridge.ports import Bridge
    from dinrail.daemon.router.process import RouterProcess

LOG = logging.getLogger("dinrail.ads.devices")


class Devices:
    """Made once; `serve_all` hangs them into the router."""

    def __init__(self, process: RouterProcess, plcs: Mapping[int, Device]) -> None:
        """Raises what a broken registry file or an unusable directory raises."""
        self._process = process
        self._symbolic = {port: device for port, device in plcs.items() if isinstance(device, SymbolDevice)}
        self._restart_index = 1
        self._plcs = {port: Ticked(device, process.ticker) for port, device in plcs.items()}
        self._controls = _bridges(process)
        state, latency = _told_by([bridge.link for bridge in self._controls])
        self.fingerprint = ""
        """Of our certificate, once there is one."""
        settings, clock = process.settings, process.clock
        self._system = assemble(
            SystemConfig(
                target=Target(process.net_id, settings.name, bias_minutes=time.timezone // 60, zone=time.tzname[0]),
                clock=clock,
                random=os.urandom,
                state=state,
                state_changed=self._follow,
                files=Path(settings.files) if settings.files else None,
                registry=process.place.at("registry.json"),
                routes=RouteAdmin(process),
                latency=latency,
                programs=tuple(Program(one.path, one.takes_arguments, one.directories) for one in settings.programs),
                fingerprint=lambda: self.fingerprint,
            )
        )
        self.gate = Gate(_check(settings.credentials), clock.monotonic_ns)
        self.discovery = Responder(
            self._told, lambda: process.policy, self.gate, process.routing.add, clock.monotonic_ns
        )

    def serve_all(self) -> None:
        """Hang every device into the router."""
        router, ticker = self._process.router, self._process.ticker
        for port, device in self._system.devices.items():
            router.serve(port, Ticked(device, ticker))
        for port, plc in self._plcs.items():
            router.serve(port, plc)
        for bridge in self._controls:
            ticker.add(bridge)

    def ports(self) -> tuple[int, ...]:
        """The AMS ports that are served now."""
        of_controls = (port for bridge in self._controls for port in bridge.ports())
        candidates = {*map(int, self._system.devices), *self._plcs, *of_controls}
        return tuple(sorted(port for port in candidates if self._process.router.serves(port)))

    def table(self, port: int) -> SymbolTable | None:
        """The symbols of the PLC at that port, where they are a table of this process."""
        device = self._symbolic.get(port)
        if device is None:
            tables = (bridge.table(port) for bridge in self._controls)
            return next((table for table in tables if table is not None), None)
        return device.source if isinstance(device.source, SymbolTable) else None

    def log(self, text: str) -> None:
        """One line to those who listen at port 100."""
        self._system.log(text)

    def close(self) -> None:
        """Keep what is to be kept."""
        for bridge in self._controls:
            bridge.close()
        try:
            self._system.close()
        except AdsFault as fault:
            LOG.warning("the registry is not kept: %s", fault)

    def _follow(self, state: object) -> None:
        """The system went there: PLCs are gone, stopped, or run; after a restart they begin anew."""
        router, index = self._process.router, self._system.state.restart_index
        restarted, self._restart_index = index != self._restart_index, index
        for port, plc in self._plcs.items():
            if state == AdsState.CONFIG:
                router.withdraw(port)
                continue
            device = self._symbolic.get(port)
            if device is not None:
                goal = AdsState.STOP if state == AdsState.STOP else AdsState.RUN
                for asked in (AdsState.RESET, goal) if restarted else (goal,):
                    device.control(asked, 0, b"")
            if not router.serves(port):
                router.serve(port, plc)
        router.changed()

    def _told(self) -> ServerInfo:
        address = AmsAddr.of(self._process.net_id, Port.SYSTEM_SERVICE)
        return ServerInfo(address, self._process.settings.name, VERSION, _os_version(), self.fingerprint)


class ControlPorts:
    """The router as the bridge sees it (bridge.ports.Ports). A simulated PLC keeps its port."""

    def __init__(self, process: RouterProcess) -> None:
        self._process = process
        self._ticked: dict[int, Ticked] = {}
        self._own: set[int] = set()

    def serve(self, port: int, device: Device) -> None:
        if self._process.router.serves(port):
            LOG.warning("port %d is another device's: the control's is not served", port)
            return
        ticked = self._ticked.get(id(device))
        if ticked is None:
            ticked = self._ticked[id(device)] = Ticked(device, self._process.ticker)
        self._process.router.serve(port, ticked)
        self._own.add(port)

    def withdraw(self, port: int) -> None:
        if port in self._own:
            self._own.discard(port)
            self._process.router.withdraw(port)

    def wake(self, due_ns: int) -> None:
        self._process.ticker.arm(due_ns)

    def changed(self) -> None:
        self._process.symbols_changed()


def _bridges(process: RouterProcess) -> tuple[Bridge, ...]:
    if not process.settings.channels:
        return ()
    from dinrail.bridge.ports import Bridge

    now_ns = process.clock.monotonic_ns
    return tuple(Bridge(Path(path), now_ns, ControlPorts(process)) for path in process.settings.channels)


def _told_by(links: Sequence[Link]) -> tuple[SystemState | None, Latency | None]:
    """The state and the latencies that controls tell; None where there is none."""
    if not links:
        return None, None
    from dinrail.bridge.system import ControlLatency, ControlState

    return ControlState(links), ControlLatency(links)


class RouteAdmin:
    """Routes as the system service changes them (ads.service.routes.RouteAdmin)."""

    def __init__(self, process: RouterProcess) -> None:
        self._process = process

    def routes(self) -> tuple[Route, ...]:
        return tuple(self._process.router.routes)

    def add(self, route: Route) -> None:
        self._process.routing.add(route, INSIDE)

    def remove(self, name: str) -> None:
        self._process.routing.remove(name)

    def is_connected(self, route: Route) -> bool:
        upstream = self._process.router.uplinks.at(route)
        return upstream is not None and upstream.session is not None

    def switch_mqtt(self, enabled: bool, *, temporary: bool) -> None:
        brokers = self._process.doors.brokers
        if brokers is None:
            raise Refused("no broker is configured", hint="[[ads.mqtt]]")
        brokers.switch(enabled, temporary=temporary)


def _check(settings: CredentialSettings) -> Check | None:
    """How passwords are checked here; None: nobody may add a route by one."""
    if settings.kind is CredentialKind.NONE:
        return None
    from dinrail.ads.credentials import checker_of

    return checker_of(settings)


def _os_version() -> OsVersion:
    """Ours, with the platform number that TwinCAT/BSD has: clients know it as a Unix."""
    numbers = [int(part) for part in platform.release().split("-")[0].split(".")[:3] if part.isdigit()]
    major, minor, build = (*numbers, 0, 0, 0)[:3]
    return OsVersion(major, minor, min(build, 0xFFFF), OsPlatform.TWINCAT_BSD, f"{sys.platform} {platform.release()}")
