"""dinrail's own router and device over real TCP in this process, for tests of its client."""

from __future__ import annotations

import asyncio
import os
import threading

from build_iec import ADDER, AXIS, BOOL, DINT, INT, LREAL, MODE, REAL, TIME, array

from dinrail.ads.contract import Action, Origin, Via
from dinrail.ads.device.memory import plc_memory
from dinrail.ads.device.rpc import Returned
from dinrail.ads.device.symbolic import SymbolDevice
from dinrail.ads.router.core import Router
from dinrail.ads.router.routes import Route, RouteTable
from dinrail.ads.service.assemble import SystemConfig, assemble
from dinrail.ads.service.info import Target
from dinrail.ads.symbols.export import Exporter
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ads.transport.tcp import Door, listen
from dinrail.ads.transport.ticker import Ticked, Ticker
from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.state import AdsState
from dinrail.errors import Refused
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import Attribute, Encoding, IecType, StringType, WStringType
from dinrail.system_clock import SystemClock
from dinrail.units import MS_NS

NET_ID = NetId.parse("192.168.0.231.1.1")
PLC = AmsAddr.of(NET_ID, 851)
DATA = 0x4040
VARIABLES: tuple[tuple[str, IecType, dict[str, object]], ...] = (
    ("MAIN.nCount", DINT, {"comment": "how often"}),
    ("MAIN.bOn", BOOL, {}),
    ("MAIN.fSpeed", LREAL, {"comment": "in mm/s"}),
    ("MAIN.fReal", REAL, {}),
    ("MAIN.sText", StringType(20), {}),
    ("MAIN.sUtf8", StringType(20, Encoding.UTF_8), {"attributes": (Attribute("TcEncoding", "UTF-8"),)}),
    ("MAIN.wsText", WStringType(10), {}),
    ("MAIN.tDelay", TIME, {}),
    ("MAIN.eMode", MODE, {}),
    ("MAIN.aGrid", array(INT, (0, 1), (5, 7)), {}),
    ("MAIN.stAxis", AXIS, {}),
    ("MAIN.aAxes", array(AXIS, (1, 3)), {}),
    ("MAIN.fbAdder", ADDER, {}),
    ("GVL.nLimit", INT, {"read_only": True}),
)


def symbols(*, shift: int = 0, without: str = "") -> list[Symbol]:
    """All variables, one behind the other; shifted and without some after an online change."""
    found: list[Symbol] = []
    offset = 384_000 + shift
    for name, kind, more in VARIABLES:
        align = max(kind.align_bytes, 1)
        offset = -(-offset // align) * align
        if name != without:
            found.append(Symbol(name, kind, DATA, offset, **more))  # type: ignore[arg-type]  # fields by name
        offset += kind.size_bytes
    return found


def device_of(table: SymbolTable) -> SymbolDevice:
    device = SymbolDevice(table, Exporter(table), plc_memory(), task_cycle_ns=MS_NS)

    def add(_: str, inputs: dict[str, object]) -> Returned:
        total = int(inputs["a"]) + int(inputs["b"])  # type: ignore[call-overload]  # both are DINT
        return Returned(total, {"even": total % 2 == 0})

    device.methods.register("FB_Adder#Add", add)
    device.methods.register("FB_Adder#Nothing", lambda _, __: None)
    return device


class AllowAll:
    """A policy without rules: `refused` actions are the exception."""

    by_symbol = False

    def __init__(self) -> None:
        self.refused: set[Action] = set()

    def permit(self, *_: object) -> AllowAll:
        return self

    def accepts_source(self, *_: object) -> bool:
        return True

    def allows(self, action: Action, *_: object) -> bool:
        return action not in self.refused

    would_allow = allows


class Admin:
    """Routes that can be changed, and are not kept."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def routes(self) -> tuple[Route, ...]:
        return tuple(self._router.routes)

    def add(self, route: Route) -> None:
        self._router.add_route(route)

    def remove(self, name: str) -> None:
        self._router.remove_route(name)

    def is_connected(self, _: Route) -> bool:
        return False

    def switch_mqtt(self, *_: object, **__: object) -> None:
        raise Refused("there is no broker")


class OwnServer:
    """Router, PLC at 851, the system service at 10000."""

    def __init__(self, table: SymbolTable | None = None) -> None:
        self.policy = AllowAll()
        self.plc = device_of(table or SymbolTable(symbols()))
        self.clock = SystemClock()
        self.port = 0

    async def __aenter__(self) -> OwnServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        self.ticker = Ticker(self.clock)
        self.router = Router(
            NET_ID,
            policy=self.policy,
            routes=RouteTable(),
            dial=lambda _: None,
            now_ns=self.clock.monotonic_ns,
            wake=self.ticker.arm,
        )
        self.system = assemble(
            SystemConfig(
                Target(NET_ID), self.clock, os.urandom, state_changed=self._system_changed, routes=Admin(self.router)
            )
        )
        self._plc_behind_timer = Ticked(self.plc, self.ticker)
        self.router.serve(851, self._plc_behind_timer)
        self.router.serve(10000, Ticked(self.system.devices[10000], self.ticker))
        self.ticker.add(self.router)
        self.door = Door("test", lambda address: Origin(Via.LOOPBACK, "test", address), self.router.connect)
        self.server = await listen(self.door, "127.0.0.1", port)
        self.port = self.server.sockets[0].getsockname()[1]
        self.ticker.start()

    def _system_changed(self, state: AdsState) -> None:
        """In CONFIG there is no PLC."""
        if state is AdsState.CONFIG:
            self.router.withdraw(851)
        else:
            self.router.serve(851, self._plc_behind_timer)

    async def stop(self) -> None:
        self.ticker.stop()
        self.system.close()
        self.server.close()
        for link in tuple(self.door.links):
            link.close("the test is over")
        await asyncio.sleep(0)
        await self.server.wait_closed()

    def online_change(self, table: SymbolTable) -> None:
        """Load a changed program, as an engineering station does."""
        self.plc.online_change(table, Exporter(table))
        self.router.changed()


class ServerThread:
    """The same in a thread of its own, for clients that block and for other processes."""

    def __init__(self, server: OwnServer | None = None) -> None:
        self.server = server or OwnServer()

    def __enter__(self) -> OwnServer:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result(10)
        return self.server

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
