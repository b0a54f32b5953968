"""How a client behaves: waiting, who it is, and what it does when the other side goes away."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dinrail.ams.address import NetId

FIRST_OWN_PORT = 30000
"""Where clients without a router of their own begin, as AdsLib does."""


class How(enum.StrEnum):
    """Who gives us our AMS address."""

    AUTO = "auto"  # the router when the host is this machine and it answers, else ourselves
    ROUTER = "router"  # port connect, also with a router elsewhere (a container's host)
    DIRECT = "direct"  # our own NetId, without asking


@dataclass(frozen=True, slots=True)
class Options:
    """timeout_s:        for one request, waiting for a connection included.
    net_id, ams_port: our own address when no router gives us one; else our IPv4 address with `.1.1`, and a free port.
    reconnect:        come back after a lost connection, with all subscriptions. False: a loss is final.
    first_pause_s ..: pauses between attempts to come back; each is twice the one before.
    sum_items:        sub commands in one sum request (Beckhoff: 500, as one request is served within one PLC cycle).
    sum_bytes:        and bytes in one, either way.
    queue_samples:    kept for a reader that is slow; then the oldest are dropped and counted.
    check_restart_s:  how often the system service is asked whether the device was restarted, 0: never.
    """

    timeout_s: float = 5.0
    connect_timeout_s: float = 5.0
    port_connect_timeout_s: float = 1.0
    how: How = How.AUTO
    net_id: NetId | None = None
    ams_port: int = 0
    reconnect: bool = True
    first_pause_s: float = 0.1
    longest_pause_s: float = 10.0
    sum_items: int = 500
    sum_bytes: int = 1 << 20
    queue_samples: int = 10_000
    check_restart_s: float = 2.0
