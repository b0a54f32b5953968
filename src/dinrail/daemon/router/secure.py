"""Secure ADS joined to routes and policy: who may come in, and how we call on others.

who came            is let in when                                                       as
certificate, known  a route has it pinned, and names the NetId that it says              that NetId
certificate, new    it brings a user name and a password that are right: the route and   that NetId
                    the pin are stored
certificate of our  nobody else owns the NetId that it says                              that NetId
shared CA
key (PSK)           nobody else owns the NetId; a route with that key names the NetId    that NetId
"""

from __future__ import annotations

import asyncio
import getpass
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.x509 import Certificate

from dinrail.ads.admission import Admission
from dinrail.ads.contract import Link, Origin, Via
from dinrail.ads.router.routes import Route, Transport
from dinrail.ads.settings import Listen, Psk, TlsSettings
from dinrail.ads.transport import certificates, tls
from dinrail.ads.transport import psk as keys
from dinrail.ads.transport.sink import FrameSink
from dinrail.ads.transport.tls_claim import Claim, Mode, Visit
from dinrail.ads.transport.tls_context import TlsContext
from dinrail.ads.transport.tls_core import ClientCore, ServerCore, TlsCore
from dinrail.ams.address import NetId
from dinrail.daemon.router.origins import Classify
from dinrail.daemon.router.place import Place
from dinrail.errors import BadRequest, HostError
from dinrail.files import read_file
from dinrail.units import S_NS

if TYPE_CHECKING:
    from dinrail.daemon.router.process import RouterProcess


LOG = logging.getLogger("dinrail.ads.secure")
CERTIFICATE = "ads-certificate.pem"


class SecureDoors:
    """One certificate, one context for all that come, one more for each route that is dialled."""

    def __init__(self, process: RouterProcess) -> None:
        settings = process.settings.tls
        if settings is None:
            raise BadRequest("Secure ADS without [ads.tls]")
        self._process = process
        self.counters = tls.TlsCounters()
        self.own = _own(process, settings)
        self._authorities = _authorities(settings)
        self._psks = {entry.identity.upper(): _key(entry) for entry in settings.psks}
        find = (lambda identity: self._psks.get(identity.upper())) if self._psks else None
        self._context = TlsContext(self.own, authorities=self._authorities, find_psk=find)

    async def listen(self, listen: Listen, address: str | None) -> tuple[asyncio.Server, tls.TlsDoor]:
        """One more secure listener. Raises HostError, BadRequest."""
        process = self._process

        def start(peer: str) -> TlsCore:
            return ServerCore(self._context, net_id=process.net_id, host_name=process.settings.name, address=peer)

        async def admit(claim: Claim, peer: str) -> tuple[NetId, ...] | None:
            return await self._admit(claim, Classify(listen)(peer))

        door = tls.TlsDoor(str(listen), start, admit, Classify(listen), process.router.connect, counters=self.counters)
        return await tls.listen(door, address, listen.port), door

    async def dial(self, route: Route) -> None:
        """Call on the other end of a secure route. Raises SecureAdsFault, HostError, BadRequest."""
        process = self._process
        setting = process.routing.setting_of(route)
        psk = self._psks.get(setting.psk.upper()) if setting.psk else None
        if setting.psk and psk is None:
            raise BadRequest(f"no key for identity {setting.psk!r} in [ads.tls]", where=f"route {route.name}")
        mode = Mode.PSK if psk else Mode.SELF_SIGNED if setting.pin else Mode.SHARED_CA
        visit = Visit(
            mode,
            route.local_net_id or process.net_id,
            process.settings.name,
            pin=setting.pin.removeprefix("sha256:"),
            server_name=setting.server_name or (route.host if mode is Mode.SHARED_CA else ""),
        )
        context = TlsContext(None if psk else self.own, authorities=self._authorities, offer_psk=psk)

        async def admit(claim: Claim, _peer: str) -> tuple[NetId, ...] | None:
            return (route.net_id,) if claim.net_id == route.net_id else None

        def connect(link: Link) -> FrameSink:
            return process.router.upstream_up(route, link)

        name = f"route {route.name}"
        door = tls.TlsDoor(
            name,
            lambda _: ClientCore(context, visit, psk=psk.identity if psk else ""),
            admit,
            lambda address: Origin(Via.TLS, name, address),
            connect,
            counters=self.counters,
        )
        _, host, port = route.endpoint
        await tls.dial(door, host, port, timeout_s=route.timeout_ns / S_NS)
        process.doors.also(door)

    async def _admit(self, claim: Claim, origin: Origin) -> tuple[NetId, ...] | None:
        if claim.mode is Mode.SELF_SIGNED:
            return await self._adds(claim, origin) if claim.adds else self._pinned(claim)
        named = [one.route.net_id for one in self._process.routing.settings if one.psk and one.psk == claim.psk]
        if named and claim.net_id not in named:
            return None
        known = Origin(Via.TLS, origin.listener, origin.address, origin.guest, claim.identity)
        return (claim.net_id,) if named or self._process.policy.accepts_source(known, claim.net_id) else None

    def _pinned(self, claim: Claim) -> tuple[NetId, ...] | None:
        pin = self._process.routing.pin_of(claim.net_id)
        return (claim.net_id,) if pin and pin == claim.identity else None

    async def _adds(self, claim: Claim, origin: Origin) -> tuple[NetId, ...] | None:
        process = self._process
        if await process.devices.gate.admit(origin, claim.user, claim.password) is not Admission.YES:
            return None
        name = claim.host_name or str(claim.net_id)
        route = Route(name, claim.net_id, origin.address, transport=Transport.TLS)
        process.routing.add(route, origin, pin=claim.identity)
        return (claim.net_id,)


def certificate_path(settings: TlsSettings, place: Place) -> Path | None:
    """Where the router's certificate lies: where the document says, else in its own directory; None: nowhere."""
    return Path(settings.certificate) if settings.certificate else place.at(CERTIFICATE)


def _own(process: RouterProcess, settings: TlsSettings) -> certificates.Credentials:
    name, now_ns = process.settings.name, process.clock.wall_ns()
    path = certificate_path(settings, process.place)
    if path is None:
        LOG.warning("no state directory: our certificate is another one at each start (--state DIR keeps it)")
        return certificates.make(name, now_ns=now_ns)
    try:
        return certificates.load_or_make(path, name, now_ns=now_ns)
    except HostError as fault:
        hint = f"the router runs as {getpass.getuser()}: let it read that file, or leave `certificate` out"
        raise HostError(fault.what, where=fault.where, why=fault.why, hint=hint) from fault


def _key(entry: Psk) -> keys.Psk:
    if entry.key:
        return keys.Psk(entry.identity, bytes.fromhex(entry.key))
    return keys.derive(entry.identity, entry.password)


def _authorities(settings: TlsSettings) -> tuple[Certificate, ...]:
    if not settings.authorities:
        return ()
    pem = read_file(Path(settings.authorities), max_bytes=certificates.MAX_PEM_BYTES)
    return certificates.decode_authorities(pem, where=settings.authorities)
