"""Who somebody is by the address that a connection comes from, for each listener."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
from dataclasses import dataclass

from dinrail.ads.contract import Origin, Via
from dinrail.ads.settings import Listen
from dinrail.ads.transport.tcp import is_loopback
from dinrail.errors import HostError

_SIOCGIFADDR = 0xC0206921 if sys.platform.startswith("freebsd") else 0x8915
_IFREQ = struct.Struct("16s16x")


@dataclass(frozen=True, slots=True)
class Classify:
    """The origin of whoever comes in by one listener."""

    listen: Listen

    def __call__(self, address: str) -> Origin:
        listener = str(self.listen)
        net_ids = (self.listen.net_id,) if self.listen.net_id is not None else ()
        if self.listen.guest:
            # A guest's network is believed before the address is looked at: a guest may send any source address.
            return Origin(Via.HOST_ONLY, listener, address, guest=self.listen.guest, net_ids=net_ids)
        return Origin(Via.LOOPBACK if is_loopback(address) else Via.LAN, listener, address, net_ids=net_ids)


def addresses(listen: Listen) -> tuple[str | None, ...]:
    """The addresses to bind for a listener; (None,) is everywhere. Raises HostError for an interface without one."""
    if listen.interface:
        return (interface_address(listen.interface),)
    return (listen.address or None,)


def interface_address(name: str) -> str:
    """An interface's IPv4 address. Raises HostError when there is no such interface, or it has none (yet)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            answer = fcntl.ioctl(sock.fileno(), _SIOCGIFADDR, _IFREQ.pack(name.encode()[:15]))
        except OSError as fault:
            why = fault.strerror or str(fault)
            raise HostError("the interface has no IPv4 address", where=name, why=why, hint="ip -br address") from fault
    return socket.inet_ntoa(answer[20:24])


def is_local(address: str) -> bool:
    """Whether an IP address is one of this machine's: only then a socket may be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
