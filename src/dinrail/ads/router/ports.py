"""The local-router protocol: connecting and closing ports, asking for the NetId.

It is for clients of this machine (and of container networks that the configuration names): a port belongs to the link
that connected it, and its owner may also serve it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dinrail.ams.address import FREE_PORTS, AmsAddr
from dinrail.ams.frame import TcpCommand
from dinrail.ams.local import PORT, close_reply, connect_reply, net_id_reply, parse_local
from dinrail.errors import FormatError

if TYPE_CHECKING:
    from dinrail.ads.router.core import Router
    from dinrail.ads.router.session import Session


class LocalPorts:
    """Ports of this router's NetId that clients connected."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._owners: dict[int, Session] = {}
        self._next = FREE_PORTS.start

    def owner(self, port: int) -> Session | None:
        """The link whose port it is."""
        return self._owners.get(port)

    def receive(self, session: Session, frame: bytes) -> bytes | None:
        """A frame whose first word is not AMS."""
        if not session.is_local:
            return self._drop("not local")
        try:
            command, body = parse_local(frame)
        except FormatError:
            return self._drop("local")
        if command == TcpCommand.GET_NET_ID:
            return net_id_reply(self._router.net_id)
        if len(body) != PORT.size:
            return self._drop("local")
        (port,) = PORT.unpack(body)
        if command == TcpCommand.PORT_CONNECT:
            return self._connect(session, port)
        if command == TcpCommand.PORT_CLOSE:
            return self._close(session, port)
        return self._drop("local")

    def _drop(self, reason: str) -> bytes | None:
        self._router.counters.drop(reason)
        return None

    def _connect(self, session: Session, wanted: int) -> bytes | None:
        if wanted and (self._owners.get(wanted) is session or self._is_free(wanted)):
            port = wanted
        else:
            # The answer has no field for an error: who finds its wanted port taken gets another, and sees which.
            port = self._free_port()
        if not port or (len(self._owners) >= self._router.limits.max_ports and port not in self._owners):
            return self._drop("ports")
        self._owners[port] = session
        session.ports.add(port)
        return connect_reply(AmsAddr.of(self._router.net_id, port))

    def _is_free(self, port: int) -> bool:
        return port not in self._owners and not self._router.serves(port)

    def _free_port(self) -> int:
        """In turn, so that nobody gets what another has only just left, or may come back to. 0: there is none."""
        awaited = self._router.clients.awaited()
        for _ in FREE_PORTS:
            port = self._next
            self._next = port + 1 if port + 1 in FREE_PORTS else FREE_PORTS.start
            if self._is_free(port) and AmsAddr.of(self._router.net_id, port) not in awaited:
                return port
        return 0

    def _close(self, session: Session, port: int) -> bytes | None:
        source = AmsAddr.of(self._router.net_id, port)
        peer = session.peers.get(source)
        if self._owners.get(port) is not session and peer is None:
            return self._drop("local")
        if peer is not None:
            self._router.clients.purge(peer)
        if self._owners.get(port) is session:
            del self._owners[port]
            session.ports.discard(port)
            if session.outlet is not None:
                session.outlet.device_gone(source)
        session.send(close_reply())
        if not session.ports and not session.peers:
            session.link.close("port closed")
        return None

    def release(self, session: Session) -> None:
        """The link is gone, and its ports with it."""
        for port in session.ports:
            del self._owners[port]
        session.ports.clear()

    def sessions(self) -> set[Session]:
        """Links with a connected port."""
        return set(self._owners.values())
