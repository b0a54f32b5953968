"""A router under a permit, with a device behind a route that is up, and sums for it."""

from __future__ import annotations

import struct

from ads_wire import PLC, PLC_NET, Allow, Bench, Client, Policy, Wire, answer_to, read_write, request

from dinrail.ads.router.routes import Route
from dinrail.ads.router.session import Session
from dinrail.ams.address import AmsAddr
from dinrail.ams.frame import Command

LINE = Route("line", PLC_NET, "192.0.2.50")
ONE = AmsAddr.parse("127.0.0.1.1.1:30000")
ACCESS = struct.Struct("<III")


def gated(permit: Allow, route: Route = LINE) -> tuple[Bench, Client, Wire, Session]:
    """A router with an upstream connection that is up, and one client under `permit`."""
    bench = Bench(routes=(route,), policy=Policy(permit))
    client = bench.client()
    client.say(request(PLC, ONE, Command.READ_STATE))
    wire, session = bench.up(route)
    for frame in wire.take():
        session.receive(answer_to(frame, bytes(8)))
    client.wire.take()
    permit.asked.clear()
    return bench, client, wire, session


def sum_of(group: int, *items: tuple[int, int, int], data: bytes = b"") -> bytes:
    body = b"".join(ACCESS.pack(*item) for item in items) + data
    return read_write(PLC, ONE, group, len(items), 1000, body)
