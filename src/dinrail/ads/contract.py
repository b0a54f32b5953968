"""What the rooms of the ADS wing are to each other: links carry frames, devices answer requests, permits say who may.

    transport/  --frames-->  router/  --Request-->  device (in this process)
       Link     <--frames--          <--bytes----   Device
                                |
                             policy: Permit for (origin, source, target port), asked by router and device

Nothing here does I/O, so the same router and devices run under asyncio, in a fuzzer, and byte by byte in a test.
Identity is where a frame came in (`Origin`), never what its header says.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dinrail.ams.address import AmsAddr, NetId


class Via(enum.StrEnum):
    """The kind of door a frame came in by."""

    INSIDE = "inside"  # this process itself
    LOOPBACK = "loopback"
    HOST_ONLY = "host-only"  # a guest's network
    LAN = "lan"  # plain AMS/TCP or UDP from anywhere else
    TLS = "tls"  # Secure ADS: `identity` says by which certificate or key
    MQTT = "mqtt"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who is at the other end of a link, by what the link itself proves.

    listener: name of the door (`127.0.0.1:48898`, a broker's name).
    address:  the peer's IP address; empty for MQTT.
    guest:    the guest whose network this is.
    identity: `sha256:HEX` of the peer's certificate, `psk:NAME`, `mqtt:BROKER/NETID` (by that broker's word only, see
              ADR 0007); empty when nothing was proven.
    net_ids:  the NetIds bound to that peer; empty when it may say what it likes.
    """

    via: Via
    listener: str
    address: str = ""
    guest: str = ""
    identity: str = ""
    net_ids: tuple[NetId, ...] = ()


INSIDE = Origin(Via.INSIDE, "inside")


class Link(Protocol):
    """One connection, as the router sees it."""

    @property
    def origin(self) -> Origin: ...

    def send(self, frame: bytes) -> None:
        """Queue one whole frame (AMS/TCP header included). Never waits and never raises: a full link ends itself."""

    def close(self, why: str) -> None:
        """End the connection after what is queued. `why` is for the log and the counters."""


class Action(enum.StrEnum):
    """What a request amounts to, for rules. Subscribing is reading."""

    STATE = "state"  # ReadState, ReadDeviceInfo, symbol version
    BROWSE = "browse"  # names, types, uploads
    READ = "read"
    WRITE = "write"
    CALL = "call"  # RPC methods
    CONTROL = "control"  # WriteControl: run, stop, reset
    ADMIN = "admin"  # routes, files to write, processes: the system service's deeds


class Permit(Protocol):
    """What one source may do at one target port. Made once for each, valid until the router's epoch moves."""

    @property
    def by_symbol(self) -> bool:
        """Whether its rules name symbols, so that an access by address has to be given its symbols' names."""

    def allows(self, action: Action, group: int, offset: int, size_bytes: int, names: tuple[str, ...] = ()) -> bool:
        """Whether this may be done. Counts and logs (once per burst) what it refuses.

        names: full instance paths, outermost first, of all symbols that contain the whole range; for an access by
        name or handle the path itself is the last one. Empty when nothing there has a name.
        """

    def would_allow(
        self, action: Action, group: int, offset: int, size_bytes: int, names: tuple[str, ...] = ()
    ) -> bool:
        """The same without counting: for preparing an answer, since what is refused then is asked for again."""


class Peer(Protocol):
    """A client of a device: one (link, source address). Outlives its link for a while (see Router)."""

    @property
    def source(self) -> AmsAddr: ...

    @property
    def origin(self) -> Origin: ...

    def notify(self, device: AmsAddr, payload: bytes) -> bool:
        """Send one DeviceNotification payload from `device`. False when it was dropped (link full, or away)."""


class Request(Protocol):
    """One request to a device in this process. `payload` is what follows the AMS header; nothing of it is checked."""

    @property
    def target(self) -> AmsAddr: ...

    @property
    def peer(self) -> Peer: ...

    @property
    def permit(self) -> Permit: ...

    @property
    def command(self) -> int: ...

    @property
    def payload(self) -> bytes: ...

    def reply(self, body: bytes, *, error: int = 0) -> None:
        """Answer later, after `Device.request` returned None. Answering twice, or too late, does nothing."""


class Device(Protocol):
    """What serves one AMS port."""

    def request(self, request: Request) -> bytes | None:
        """The body of the response (result first), or None: `request.reply` comes later.

        Raises AdsFault for an error of the whole request; the router turns it into the shortest body that the
        command allows (result alone, or result and a zero). Nothing else is ever raised for any bytes.
        """

    def prepare(self, request: Request) -> Callable[[], bytes] | None:
        """A function that gives the body again each time this very request (same source, same bytes) comes.

        None when there is none. The router keeps it until its epoch moves (`Router.changed`), and asks for reads and
        sum reads only. Permission was given when it was made; handles must be looked up again at each call.
        """

    def peer_gone(self, peer: Peer) -> None:
        """This client will not come back: drop its handles and notifications."""

    def tick(self, monotonic_ns: int, wall_ns: int) -> None:
        """Do what is due (sample, flush, cycle)."""

    def due_ns(self) -> int | None:
        """When `tick` is needed next, on the monotonic clock; None: not before something else happens."""
