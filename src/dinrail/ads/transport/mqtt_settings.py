"""What an MQTT broker's door is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from dinrail.ads.transport.mqtt_info import Info
from dinrail.ams.address import NetId


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """One broker, and who we are there.

    topic: the virtual network's name. authorities, certificate: PEM files; `tls` alone takes the system's authorities.
    info:  what we say of ourselves.
    """

    name: str
    host: str
    topic: str
    net_id: NetId
    info: Info
    port: int = 1883
    user: str = ""
    password: str = field(default="", repr=False)
    client_id: str = ""
    tls: bool = False
    authorities: str = ""
    certificate: str = ""
    retain: bool = True
    unidirectional: bool = False
    keepalive_s: int = 15


@dataclass(frozen=True, slots=True)
class MqttLimits:
    """Seconds and bytes; `backoff_s` doubles up to `max_backoff_s` while a broker stays away."""

    connect_s: float = 5.0
    backoff_s: float = 0.5
    max_backoff_s: float = 30.0
    announce_s: float = 5.0
    hard_bytes: int = 8 << 20
    max_links: int = 1024
