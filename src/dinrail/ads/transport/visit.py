"""A first visit: introduce ourselves to a Secure ADS server with a user name and a password, and learn its certificate.

Afterwards the server knows our certificate by its fingerprint, and we know its: a route with that `pin` needs no
password any more.
"""

from __future__ import annotations

from dinrail.ads.contract import Link, Origin, Via
from dinrail.ads.transport import tls
from dinrail.ads.transport.certificates import Credentials
from dinrail.ads.transport.sink import FrameSink
from dinrail.ads.transport.tls_claim import Claim, Mode, Visit
from dinrail.ads.transport.tls_context import TlsContext
from dinrail.ads.transport.tls_core import ClientCore
from dinrail.ams.address import NetId
from dinrail.errors import HostError


class _Nothing:
    """Nobody talks during an introduction."""

    def receive(self, _frame: bytes) -> bytes | None:
        return None

    def quick(self, _data: bytes) -> bytes | None:
        return None

    def closed(self) -> None:
        return


async def introduce(
    host: str, port: int, own: Credentials, visit: Visit, *, net_id: NetId | None = None, timeout_s: float = 10.0
) -> Claim:
    """Call, say who we are, hang up. `visit.first` takes whatever certificate the server shows; look at it.

    net_id: what the server has to be, when that is known. Raises SecureAdsFault, HostError, BadRequest.
    """
    seen: list[Claim] = []
    context = TlsContext(own)

    async def admit(claim: Claim, _address: str) -> tuple[NetId, ...] | None:
        seen.append(claim)
        return (claim.net_id,) if net_id in (None, claim.net_id) else None

    def connect(_link: Link) -> FrameSink:
        return _Nothing()

    door = tls.TlsDoor(
        "introduction",
        lambda _: ClientCore(context, visit),
        admit,
        lambda address: Origin(Via.TLS, "introduction", address),
        connect,
    )
    link = await tls.dial(door, host, port, timeout_s=timeout_s)
    link.close("introduced")
    if not seen:
        raise HostError("the server let us in without saying who it is", where=f"{host}:{port}")
    return seen[-1]


def first_visit(net_id: NetId, host_name: str, *, user: str = "", password: str = "", pin: str = "") -> Visit:
    """How to call with one's own certificate: for the first time (no pin), or known already."""
    return Visit(Mode.SELF_SIGNED, net_id, host_name, pin=pin, first=not pin, user=user, password=password)
