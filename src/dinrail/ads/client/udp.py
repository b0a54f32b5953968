"""UDP 48899 from the client's side: who is there, and be known there (an added route).

devices = await discover()                                   # everybody on this machine's networks
info = await ask("192.168.0.231")                            # one device: its NetId, name, versions
await add_route("192.168.0.231", AddRoute(...))              # raises AdsFault for a wrong password
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

from dinrail.ads.client.faults import AdsDenied, LinkLost
from dinrail.ads.discovery import added, found
from dinrail.ams.address import AMS_UDP_PORT, AmsAddr
from dinrail.ams.discovery import AddRoute, ServerInfo, server_info_request
from dinrail.ams.errors import AdsError, AdsFault, describe
from dinrail.errors import BadRequest, HostError

EVERYBODY = "255.255.255.255"
ATTEMPTS = 3
"""A datagram may be lost; an answer to each is no harm."""
MAX_FOUND = 1000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found:
    """One device that answered, and from which IP address."""

    ip: str
    info: ServerInfo


class _Mailbox(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.arrived: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue(maxsize=MAX_FOUND)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self.arrived.full():
            self.arrived.put_nowait((data, addr[0]))

    def error_received(self, exc: Exception) -> None:
        """ICMP told that nobody listens there; the other attempts may still be answered."""


async def discover(
    address: str = EVERYBODY, *, port: int = AMS_UDP_PORT, wait_s: float = 2.0, bind: str = ""
) -> list[Found]:
    """Who answers within `wait_s`, by IP address. A device that answers twice is one. Raises HostError, BadRequest."""
    devices: dict[tuple[str, AmsAddr], Found] = {}
    async with _socket(bind) as (transport, mailbox):
        _send(transport, server_info_request(), (address, port))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while len(devices) < MAX_FOUND:
                    data, ip = await mailbox.arrived.get()
                    info = found(data)
                    if info is not None:
                        devices[(ip, info.address)] = Found(ip, info)
    return sorted(devices.values(), key=lambda one: (socket.inet_aton(one.ip), one.info.address))


async def ask(host: str, *, port: int = AMS_UDP_PORT, timeout_s: float = 2.0) -> ServerInfo:
    """What one device tells of itself. Raises LinkLost when it does not answer, BadRequest for an unknown name."""
    return await _exchange(host, port, server_info_request(), found, timeout_s, "the question who it is")


async def add_route(host: str, route: AddRoute, *, port: int = AMS_UDP_PORT, timeout_s: float = 5.0) -> None:
    """Ask a device to know us. Raises AdsFault (0x704: user or password is wrong), LinkLost, BadRequest."""
    invoke_id = secrets.randbits(32)
    request = route.request(AmsAddr.of(route.net_id, 10000), invoke_id)
    status = await _exchange(host, port, request, lambda data: added(data, invoke_id), timeout_s, "the route")
    if status in (AdsError.INVALID_ACCESS, AdsError.ACCESS_DENIED):
        raise AdsDenied(
            status, f"{host} does not accept user {route.user!r} with this password ({status:#x})", where=host
        )
    if status:
        raise AdsFault(status, f"{host} refuses the route: {describe(status)}", where=host)


async def own_ip(host: str) -> str:
    """Our own IP address on the way to a host. Nothing is sent. Raises BadRequest, HostError."""
    address = await _resolve(host)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, AMS_UDP_PORT))
        except OSError as fault:
            raise HostError("no network leads there", where=host, why=fault.strerror) from fault
        return str(probe.getsockname()[0])


async def _exchange(
    host: str, port: int, request: bytes, read: Callable[[bytes], T | None], timeout_s: float, about: str
) -> T:
    address = await _resolve(host)
    async with _socket() as (transport, mailbox):
        for _ in range(ATTEMPTS):
            _send(transport, request, (address, port))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s / ATTEMPTS):
                    while True:
                        data, ip = await mailbox.arrived.get()
                        answer = read(data) if ip == address else None
                        if answer is not None:
                            return answer
    raise LinkLost(
        AdsError.CLIENT_TIMEOUT,
        f"no answer to {about} within {timeout_s:g} s",
        where=f"{host}:{port}/udp",
        hint="a firewall may drop UDP 48899; or there is no ADS device",
    )


async def _resolve(host: str) -> str:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET)
    except OSError as fault:
        raise BadRequest(f"{host!r} is no known host", why=fault.strerror) from fault
    return str(found[0][4][0])


@contextlib.asynccontextmanager
async def _socket(bind: str = "") -> AsyncIterator[tuple[asyncio.DatagramTransport, _Mailbox]]:
    """bind: our own IP address, where one network has to be meant among several; else the system chooses."""
    endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        endpoint.setblocking(False)
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if bind:
            endpoint.bind((bind, 0))
        transport, mailbox = await asyncio.get_running_loop().create_datagram_endpoint(_Mailbox, sock=endpoint)
    except OSError as fault:
        endpoint.close()
        raise HostError("no UDP socket", where=bind or None, why=fault.strerror or str(fault)) from fault
    try:
        yield transport, mailbox
    finally:
        transport.close()


def _send(transport: asyncio.DatagramTransport, data: bytes, address: tuple[str, int]) -> None:
    try:
        transport.sendto(data, address)
    except OSError as fault:
        raise HostError(
            "the datagram cannot be sent", where=f"{address[0]}:{address[1]}", why=fault.strerror
        ) from fault
