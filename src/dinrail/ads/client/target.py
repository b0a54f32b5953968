"""Which device is meant: from `HOST[:TCPPORT]` and what the other side tells of itself."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from dinrail.ads.client.connection import AdsClient
from dinrail.ads.client.faults import LinkLost, discover
from dinrail.ads.client.link import is_loopback
from dinrail.ads.client.udp import ask
from dinrail.ams.address import AMS_TCP_PORT, AMS_UDP_PORT, LOOPBACK_NET_ID, MAX_PORT, NetId
from dinrail.errors import BadRequest

_ENDPOINT = re.compile(r"(?:\[(?P<ip>[^\[\]]+)\]|(?P<host>[^:\[\]\s]+))(?::(?P<port>\d{1,5}))?", re.ASCII)
DEFAULT_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect to."""

    host: str = DEFAULT_HOST
    port: int = AMS_TCP_PORT

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """From `HOST`, `HOST:PORT`, `[IPv6]` or `[IPv6]:PORT`. Raises BadRequest."""
        try:  # an IPv6 address without brackets and port
            return cls(str(ipaddress.IPv6Address(text)))
        except ValueError:
            match = _ENDPOINT.fullmatch(text)
        port = int(match["port"] or AMS_TCP_PORT) if match else 0
        if match is None or not 0 < port <= MAX_PORT:
            raise BadRequest(f"{text!r} is no target", hint="HOST or HOST:TCPPORT, like 192.168.0.231:48898")
        return cls(match["ip"] or match["host"], port)


async def net_id_of(client: AdsClient, *, udp_port: int = AMS_UDP_PORT) -> NetId:
    """The NetId of the device at the other end: the router's own, or what it tells over UDP. Raises BadRequest.

    A server on this machine that is no router and answers no UDP is addressed as 127.0.0.1.1.1.
    """
    if client.router_net_id is not None:
        return client.router_net_id
    local = is_loopback(client.peer_ip)
    try:
        return (await ask(client.host, port=udp_port, timeout_s=0.3 if local else 2.0)).address.net_id
    except LinkLost as fault:
        if local:
            return LOOPBACK_NET_ID
        raise BadRequest(
            "the device does not tell its NetId",
            where=client.host,
            why="an AMS NetId is no IP address, and nothing follows from one to the other",
            hint=f"give it by --net-id (its label or web page has it); `{discover(client.host)}` asks again",
        ) from fault
