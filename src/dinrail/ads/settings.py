"""Everything that the router process is told, as plain values: made from `[ads]`, handed over as one JSON file.

The router has no privileges and reads no TOML: whoever starts it renders `to_json` into a file that only the router
may read (keys and passwords are in it), and `from_json` takes nothing that it does not know.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from dinrail.ads.policy.presets import Preset
from dinrail.ads.policy.rule import Network, Rule
from dinrail.ads.router.limits import Limits
from dinrail.ads.router.routes import Route
from dinrail.ads.settings_json import from_text, to_text
from dinrail.ams.address import AMS_TCP_PORT, SECURE_ADS_PORT, NetId
from dinrail.errors import BadRequest

LOOPBACK_V4 = "127.0.0.1"
MAX_JSON_BYTES = 8 << 20
METRICS_PORT = 9848
_LIMITS = Limits()


class Door(enum.StrEnum):
    """PLAIN: AMS/TCP, and discovery beside it where that is on. SECURE: TLS."""

    PLAIN = "plain"
    SECURE = "secure"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen: an address, an interface whose addresses are asked for when the router starts, or neither:
    everywhere.

    guest:  everything that comes in there comes from that guest (`Via.HOST_ONLY`).
    net_id: the one NetId that the guest may call itself, and that nobody else may.
    """

    door: Door
    address: str = ""
    port: int = AMS_TCP_PORT
    interface: str = ""
    guest: str = ""
    net_id: NetId | None = None

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address or self.interface or "*"
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class RouteSetting:
    """A route, and what its other end is to us.

    grants:      what it may do here.
    pin:         `sha256:HEX`, the certificate that it shows (and that we show ours to).
    psk:         identity of the pre-shared key that it uses. Neither: its certificate has to be of our CA.
    server_name: name that a CA's certificate has to be for; empty: the route's host.
    """

    route: Route
    grants: Preset = Preset.NOTHING
    pin: str = ""
    psk: str = ""
    server_name: str = ""

    @property
    def identity(self) -> str:
        """What an origin says when this route's other end came in by TLS; empty for a plain route."""
        return self.pin or (f"psk:{self.psk}" if self.psk else "")


@dataclass(frozen=True, slots=True)
class Psk:
    """A pre-shared key: derived from `password` as TwinCAT does, or the key itself (64 hexadecimal digits)."""

    identity: str
    password: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """certificate: PEM file with our certificate and key, made when missing; empty: one in the router's own directory.

    authorities: PEM file of the shared CA.
    """

    certificate: str = ""
    authorities: str = ""
    psks: tuple[Psk, ...] = ()


class CredentialKind(enum.StrEnum):
    """How name and password of somebody who adds a route are checked. NONE: nobody may."""

    NONE = "none"
    FILE = "file"
    PAM = "pam"


@dataclass(frozen=True, slots=True)
class CredentialSettings:
    """file: hashed passwords. service: PAM's. grants: what the other end of a route added so may do here."""

    kind: CredentialKind = CredentialKind.NONE
    file: str = ""
    service: str = ""
    grants: Preset = Preset.GATEWAY


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """An MQTT broker that joins a virtual AMS network. authorities: PEM file; empty: no TLS."""

    name: str
    host: str
    port: int = 1883
    topic: str = "VirtualAmsNetwork1"
    user: str = ""
    password: str = field(default="", repr=False)
    client_id: str = ""
    tls: bool = False
    authorities: str = ""
    certificate: str = ""
    retain: bool = True
    unidirectional: bool = False
    grants: Preset = Preset.NOTHING


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulated device: its description file, and the port that it serves; 0: the one that the file says, or 851."""

    file: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """A program that clients with the right to administer may start: by its exact path, never by a shell."""

    path: str
    takes_arguments: bool = False
    directories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GuestAds:
    """A guest, and what its owner lets it do: symbol patterns."""

    name: str
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdsSettings:
    """`[ads]` as plain values; what is left empty has the default that the document's reader would expect.

    net_id:         None: the router makes one of the host's address, and keeps it.
    name:           host name in discovery; empty: the host's own.
    listen:         doors. Loopback is always among them unless `listen` was given.
    rules:          the user's own, in order.
    guests:         behind the user's rules.
    files:          the one directory that ADS file access sees; empty: none.
    programs:       what port 10000 may start; nothing unless named.
    metrics:        `HOST:PORT` for Prometheus; empty: off.
    channels:       of the controls that this router serves. Never from the document's `[ads]`.
    """

    net_id: NetId | None = None
    name: str = ""
    listen: tuple[Listen, ...] = (Listen(Door.PLAIN, LOOPBACK_V4),)
    discovery: bool = True
    routes: tuple[RouteSetting, ...] = ()
    rules: tuple[Rule, ...] = ()
    guests: tuple[GuestAds, ...] = ()
    brokers: tuple[BrokerSettings, ...] = ()
    tls: TlsSettings | None = None
    credentials: CredentialSettings = CredentialSettings()
    limits: Limits = _LIMITS
    browse: bool = True
    files: str = ""
    programs: tuple[Program, ...] = ()
    metrics: str = ""
    simulate: tuple[Simulated, ...] = ()
    channels: tuple[str, ...] = ()

    @property
    def local_networks(self) -> tuple[Network, ...]:
        """Container networks; what comes from there is as good as loopback."""
        return self.limits.local_networks

    def to_json(self) -> str:
        """The rendered file. Keys and passwords are in it."""
        return to_text(self)

    @classmethod
    def from_json(cls, data: bytes, *, where: str | None = None) -> AdsSettings:
        """The settings in a rendered file. Raises BadRequest, and nothing else for any bytes."""
        if len(data) > MAX_JSON_BYTES:
            raise BadRequest(f"settings are longer than {MAX_JSON_BYTES} bytes", where=where)
        return from_text(cls, data, where=where)


SECURE_EVERYWHERE = Listen(Door.SECURE, port=SECURE_ADS_PORT)
