"""`AdsClient`: one TCP connection to a router or device, for any number of AMS devices behind it.

    async with await AdsClient.connect("192.168.0.231", options=Options(...)) as client:
        plc = AmsAddr.parse("5.80.201.232.1.1:851")
        data = await client.read(plc, 0x4020, 0, 4)

On this machine a local router is asked for a port (port connect); where none answers, and for any other host, the
client is its own address, as AdsLib is. Requests never wait for each other. A connection that is lost comes back, and
the subscriptions with it; requests that were under way fail, as nobody knows whether they were carried out.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import Awaitable, Callable

from dinrail.ads.client.core import Answer, ClientCore
from dinrail.ads.client.faults import LinkLost, fault_of
from dinrail.ads.client.hub import Hub
from dinrail.ads.client.link import ClientLink, LinkEvents, again, is_loopback, open_tcp
from dinrail.ads.client.options import FIRST_OWN_PORT, How, Options
from dinrail.ads.client.subscription import Extent, Rhythm, Sample, Subscription
from dinrail.ams.address import AMS_TCP_PORT, LOOPBACK_NET_ID, AmsAddr, NetId
from dinrail.ams.command import (
    DEVICE_INFO,
    HANDLE,
    DataResponse,
    DeviceInfo,
    ReadRequest,
    ReadWriteRequest,
    StateResponse,
    WriteControlRequest,
    WriteRequest,
    result_of,
)
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.frame import Command
from dinrail.errors import BadRequest, FormatError

_OWN_PORTS = 2000
_counter = itertools.count()
_ROUTER_STARTED = 1
_NAME_AT = 8
CLOSE_S = 1.0
"""A device that does not answer any more is not waited for longer than this on leaving."""
CLOSE_EACH_S = 0.002
"""And so much more for each notification that is to be deleted."""


class AdsClient:
    """A client of the devices behind one host. Made by `connect`; ended by `close`, or by leaving `async with`.

    connections: how often a connection was made; above 1 it came back.
    """

    def __init__(self, host: str, port: int, options: Options) -> None:
        self.host = host
        self.port = port
        self.options = options
        self.connections = 0
        self.hub = Hub(self)
        self.before_close: list[Callable[[], Awaitable[None]]] = []
        self._core = ClientCore()
        self._link: ClientLink | None = None
        self._up = asyncio.Event()
        self._closing = False
        self._coming_back: asyncio.Task[None] | None = None
        self._last_loss: LinkLost | None = None
        self._own_port = options.ams_port or FIRST_OWN_PORT + (os.getpid() + next(_counter)) % _OWN_PORTS

    @classmethod
    async def connect(
        cls, host: str = "127.0.0.1", port: int = AMS_TCP_PORT, options: Options | None = None
    ) -> AdsClient:
        """Open the connection. Raises LinkLost with what to try."""
        client = cls(host, port, options or Options())
        await client._open()
        return client

    async def __aenter__(self) -> AdsClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # who we are

    @property
    def address(self) -> AmsAddr:
        """Our own address: what a device sees, and a route has to lead back to."""
        return self._core.address

    @property
    def router_net_id(self) -> NetId | None:
        """The local router's NetId; None when there is none and the client is its own address."""
        return self._core.router_net_id

    @property
    def is_up(self) -> bool:
        """Whether there is a connection now."""
        return self._up.is_set()

    @property
    def strays(self) -> int:
        """Frames of the present connection that answered nothing."""
        return self._core.strays

    @property
    def peer_ip(self) -> str:
        """The IP address of the other end."""
        return self._link.peer_ip if self._link is not None else ""

    def same_device(self, address: AmsAddr) -> AmsAddr:
        """A device's address, with the router's own NetId in place of 127.0.0.1.1.1."""
        return self._core.same_device(address)

    # requests

    async def read(self, target: AmsAddr, group: int, offset: int, size_bytes: int, *, where: str = "") -> bytes:
        """At most `size_bytes`; a device may have less. Raises AdsFault, FormatError."""
        place = where or spot(group, offset)
        request = ReadRequest(group, offset, size_bytes).encode()
        return data_of(await self.request(target, Command.READ, request, where=place), size_bytes, place)

    async def write(self, target: AmsAddr, group: int, offset: int, data: bytes, *, where: str = "") -> None:
        """Raises AdsFault."""
        place = where or spot(group, offset)
        await self.request(target, Command.WRITE, WriteRequest(group, offset, data).encode(), where=place)

    async def read_write(
        self, target: AmsAddr, group: int, offset: int, size_bytes: int, data: bytes = b"", *, where: str = ""
    ) -> bytes:
        """Write `data` and read what it gives, in one request. Raises AdsFault, FormatError."""
        place = where or spot(group, offset)
        request = ReadWriteRequest(group, offset, size_bytes, data).encode()
        return data_of(await self.request(target, Command.READ_WRITE, request, where=place), size_bytes, place)

    async def state(self, target: AmsAddr, *, timeout_s: float | None = None) -> StateResponse:
        """ADS state and device state. Raises AdsFault, FormatError."""
        return StateResponse.parse(await self.request(target, Command.READ_STATE, where="state", timeout_s=timeout_s))

    async def control(self, target: AmsAddr, ads_state: int, device_state: int = 0, data: bytes = b"") -> None:
        """Ask for a state (WriteControl). Raises AdsFault."""
        request = WriteControlRequest(ads_state, device_state, data).encode()
        await self.request(target, Command.WRITE_CONTROL, request, where=f"state {ads_state}")

    async def device_info(self, target: AmsAddr) -> DeviceInfo:
        """Name and version. Raises AdsFault, FormatError."""
        body = await self.request(target, Command.READ_DEVICE_INFO, where="device info")
        # pyads' test server sends no more of the name than there is.
        return DeviceInfo.parse(body.ljust(DEVICE_INFO.size, b"\0") if len(body) >= _NAME_AT else body)

    async def delete_notification(self, target: AmsAddr, handle: int) -> None:
        """By its handle. Raises AdsFault. `Subscription.close` does it for those that this client made."""
        timeout_s = min(CLOSE_S, self.options.timeout_s)
        body = HANDLE.pack(handle)
        await self.request(
            target, Command.DELETE_NOTIFICATION, body, where=f"notification {handle:#x}", timeout_s=timeout_s
        )

    async def subscribe(
        self,
        target: AmsAddr,
        extent: Extent | Callable[[], Awaitable[Extent]],
        rhythm: Rhythm | None = None,
        *,
        callback: Callable[[Sample], object] | None = None,
        name: str = "",
    ) -> Subscription:
        """Be told of a value: by iterating over the subscription, or by `callback(sample)` in the event loop.

        extent: where it lies, or a function that looks it up, which is called again whenever that may have changed.
        Raises AdsFault when the device refuses now; later refusals are in `Subscription.fault`.
        """
        made = Subscription(
            self.hub,
            target,
            extent,
            rhythm or Rhythm(),
            queue_samples=self.options.queue_samples,
            callback=callback,
            name=name,
        )
        try:
            await made.add()
        except BaseException:
            self.hub.abandon(made)
            raise
        return made

    async def request(
        self,
        target: AmsAddr,
        command: int,
        body: bytes = b"",
        *,
        where: str = "",
        timeout_s: float | None = None,
        at_once: Callable[[Answer], None] | None = None,
    ) -> bytes:
        """Any command; the response's body, result first. Raises AdsFault for an error in header or result.

        at_once: see `ClientLink.ask`.
        """
        patience_s = self.options.timeout_s if timeout_s is None else timeout_s
        place = f"{where} at {target}" if where else str(target)
        began_s = time.monotonic()
        link = await self._usable(patience_s)
        try:
            left_s = patience_s - (time.monotonic() - began_s)
            answer = await link.ask(target, command, body, left_s, at_once)
        except TimeoutError as fault:
            what = f"no answer within {patience_s:g} s ({AdsError.CLIENT_TIMEOUT:#x})"
            raise self.fault(AdsError.CLIENT_TIMEOUT, target, place, what) from fault
        code = answer.error or result_of(answer.body)
        if code:
            raise self.fault(code, target, place)
        return answer.body

    def fault(self, code: int, target: AmsAddr, where: str, what: str = "", near: tuple[str, ...] = ()) -> AdsFault:
        """The exception for a code, with what to try from here."""
        return fault_of(
            code, what=what, where=where, target=target, source=self.address, host=self.peer_ip or self.host, near=near
        )

    async def close(self) -> None:
        """Delete notifications, release handles, give the port back, end the connection. Takes a second at most."""
        if self._closing:
            return
        self._closing = True
        if self._coming_back is not None:
            self._coming_back.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S + CLOSE_EACH_S * self.hub.active):
                await self.hub.close()
                for work in self.before_close:
                    await work()
        if self._link is not None:
            await self._link.close(CLOSE_S / 2)
        self._up.set()  # whoever waits for a connection learns that there will be none

    # the connection

    async def _usable(self, patience_s: float) -> ClientLink:
        if not self._up.is_set() and self._coming_back is not None:
            try:
                async with asyncio.timeout(patience_s):
                    await self._up.wait()
            except TimeoutError as fault:
                raise again(self._last_loss) from fault
        if self._link is None or self._link.ended is not None:
            raise again(self._last_loss)
        return self._link

    async def _open(self) -> None:
        """Make a connection and know our own address. Raises LinkLost."""
        link = await self._dial()
        try:
            if self._asks_router(link) and not await link.connect_port(0, self.options.port_connect_timeout_s):
                link.abort("no port")
                link = await self._dial_without_router()  # whatever it made of those bytes: begin anew
            if link.core.router_net_id is None:
                link.core.address = AmsAddr.of(self.options.net_id or own_net_id(link.local_ip), self._own_port)
        except BaseException:
            link.abort("given up")
            raise
        if link.ended is not None:
            raise again(link.ended)
        self._link = link
        self._core = link.core
        self.connections += 1
        self._up.set()

    async def _dial_without_router(self) -> ClientLink:
        if self.options.how is How.ROUTER:
            raise LinkLost(
                AdsError.PORT_NOT_CONNECTED,
                "the router gave no AMS port",
                where=f"{self.host}:{self.port}",
                hint="a router gives ports to its own machine only; `--own-net-id` needs none",
            )
        return await self._dial()

    def _asks_router(self, link: ClientLink) -> bool:
        return self.options.how is How.ROUTER or (self.options.how is How.AUTO and is_loopback(link.peer_ip))

    async def _dial(self) -> ClientLink:
        events = LinkEvents(self.hub.notified, self._router_note, self._lost)
        # Invoke ids go on where they were: a late answer to the connection before this one must match nothing.
        core = ClientCore(first_invoke_id=self._core.last_invoke_id + 1)
        return await open_tcp(self.host, self.port, core, events, self.options.connect_timeout_s)

    def _router_note(self, state: int) -> None:
        if state == _ROUTER_STARTED:
            self.hub.renew_all(forget=True)

    def _lost(self, link: ClientLink, why: LinkLost) -> None:
        if link is not self._link:
            return
        self._last_loss = why
        if self._closing:
            return
        self._up.clear()
        self.hub.lost_link(None if self.options.reconnect else again(why))
        if self.options.reconnect:
            self._coming_back = asyncio.get_running_loop().create_task(self._come_back())

    async def _come_back(self) -> None:
        pause_s = self.options.first_pause_s
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self._open()
            except LinkLost as fault:
                self._last_loss = fault
                pause_s = min(2 * pause_s, self.options.longest_pause_s)
                continue
            self._coming_back = None
            self.hub.renew_all(forget=True)
            return


def own_net_id(local_ip: str) -> NetId:
    """Our NetId without a router: the IPv4 address and `.1.1`; on loopback 127.0.0.1.1.1."""
    with contextlib.suppress(BadRequest):
        return NetId.of_ipv4(local_ip.removeprefix("::ffff:"))
    return LOOPBACK_NET_ID


def data_of(body: bytes, size_bytes: int, where: str) -> bytes:
    """The data of a Read's or ReadWrite's response. Raises FormatError when it is more than was asked for."""
    data = DataResponse.parse(body).data
    if len(data) > size_bytes:
        what = f"{len(data)} bytes came, {size_bytes} were asked for"
        raise FormatError(what, structure="Read response", field="length", where=where)
    return data


def spot(group: int, offset: int) -> str:
    """How an address is told: `0x4020:0`."""
    return f"{group:#x}:{offset}"
