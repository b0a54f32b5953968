"""The tables within `[ads]`, one class each; each gives its plain value from `settings`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from dinrail.ads import settings as s
from dinrail.ads.policy.presets import Preset
from dinrail.ads.router.routes import Route, Transport, check
from dinrail.ads.section_words import (
    AmsPort,
    Duration,
    EndpointText,
    HexKey,
    Name,
    NetIdText,
    PinText,
    PresetWord,
)
from dinrail.section import PathText, Section, Text, fault
from dinrail.units import S_NS

GuestWord = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")]
MQTT_PORT = 1883
MQTT_TLS_PORT = 8883


def _or_text(schema: dict[str, Any]) -> None:
    """The JSON Schema of a table that may be abbreviated to an address."""
    table = {key: schema.pop(key) for key in list(schema) if key != "title"}
    schema["anyOf"] = [{"type": "string", "examples": ["127.0.0.1", "192.168.0.1:48898", "vmnet0"]}, table]


class ListenSection(Section):
    """`"127.0.0.1"`, `"vmnet0"`, or `{ at = "vmnet0", guest = "hmi", net_id = "10.0.0.2.1.1" }`."""

    model_config = ConfigDict(json_schema_extra=_or_text)

    at: EndpointText
    guest: GuestWord = ""
    net_id: NetIdText | None = None

    @model_validator(mode="after")
    def _net_id_of_a_guest(self) -> ListenSection:
        if self.net_id is not None and not self.guest:
            raise fault("a door's `net_id` is its guest's, and it has no `guest`")
        return self

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"at": value} if isinstance(value, str) else value

    def value(self, door: s.Door, port: int) -> s.Listen:
        host = s.LOOPBACK_V4 if self.at.host == "localhost" else self.at.host
        address, interface = ("", host) if not self.at.is_address and host != s.LOOPBACK_V4 else (host, "")
        return s.Listen(door, address, self.at.port or port, interface, self.guest, self.net_id)


class RouteSection(Section):
    """One route. `grants`: what its other end may do here."""

    name: Name
    net_id: NetIdText
    address: EndpointText
    transport: Annotated[Transport, Field(strict=False)] | None = None
    read_only: bool = False
    unidirectional: bool = False
    grants: PresetWord = Preset.NOTHING
    local_net_id: NetIdText | None = None
    timeout: Duration = 5 * S_NS
    pin: PinText = ""
    psk: Text = ""
    server_name: Text = ""

    @model_validator(mode="after")
    def _secure_words(self) -> RouteSection:
        if self.pin and self.psk:
            raise fault("a route has a `pin` or a `psk`, not both")
        secured = bool(self.pin or self.psk or self.server_name)
        if secured and self.transport not in (None, Transport.TLS):
            raise fault(f"a {self.transport} route has neither pin nor key", 'say `transport = "tls"`')
        faults = check(self.route())
        if faults:
            raise fault(faults[0])
        return self

    def route(self) -> Route:
        """The route as the router's table takes it."""
        secured = bool(self.pin or self.psk or self.server_name)
        return Route(
            name=self.name,
            net_id=self.net_id,
            host=self.address.host,
            tcp_port=self.address.port,
            transport=self.transport or (Transport.TLS if secured else Transport.TCP),
            local_net_id=self.local_net_id,
            read_only=self.read_only,
            unidirectional=self.unidirectional,
            timeout_ns=self.timeout,
        )

    def value(self) -> s.RouteSetting:
        return s.RouteSetting(self.route(), self.grants, self.pin, self.psk, self.server_name)


class PskSection(Section):
    """One pre-shared key, by its password or by itself."""

    identity: Name
    password: Text = ""
    key: HexKey = ""

    @model_validator(mode="after")
    def _one_secret(self) -> PskSection:
        if bool(self.password) == bool(self.key):
            raise fault("a pre-shared key has a `password` or a `key`, one of them")
        return self

    def value(self) -> s.Psk:
        return s.Psk(self.identity, self.password, self.key.lower())


class TlsSection(Section):
    """Secure ADS: our certificate (made when it is missing), the shared CA, pre-shared keys."""

    certificate: PathText | None = None
    authorities: PathText | None = None
    psk: list[PskSection] = Field(default_factory=list)

    def value(self, base: Path) -> s.TlsSettings:
        authorities = rooted(base, self.authorities)
        return s.TlsSettings(rooted(base, self.certificate), authorities, tuple(psk.value() for psk in self.psk))


class CredentialsSection(Section):
    """Who may add a route: names in a file of hashed passwords, or PAM's."""

    file: PathText | None = None
    pam: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")] | None = None
    grants: PresetWord = Preset.GATEWAY

    @model_validator(mode="after")
    def _one_means(self) -> CredentialsSection:
        if (self.file is None) == (self.pam is None):
            raise fault("credentials are checked by a `file` or by `pam`, one of them")
        return self

    def value(self, base: Path) -> s.CredentialSettings:
        kind = s.CredentialKind.FILE if self.file else s.CredentialKind.PAM
        return s.CredentialSettings(kind, rooted(base, self.file), self.pam or "", self.grants)


class BrokerSection(Section):
    """One MQTT broker."""

    name: Name
    address: EndpointText
    topic: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f#+/\x7f][^\x00-\x1f#+\x7f]{0,254}$")] = (
        "VirtualAmsNetwork1"
    )
    user: Text = ""
    password: Text = ""
    client_id: Text = ""
    tls: bool = False
    authorities: PathText | None = None
    certificate: PathText | None = None
    retain: bool = True
    unidirectional: bool = False
    grants: PresetWord = Preset.NOTHING

    def value(self, base: Path) -> s.BrokerSettings:
        tls = self.tls or self.authorities is not None or self.certificate is not None
        return s.BrokerSettings(
            name=self.name,
            host=self.address.host,
            port=self.address.port or (MQTT_TLS_PORT if tls else MQTT_PORT),
            topic=self.topic,
            user=self.user,
            password=self.password,
            client_id=self.client_id,
            tls=tls,
            authorities=rooted(base, self.authorities),
            certificate=rooted(base, self.certificate),
            retain=self.retain,
            unidirectional=self.unidirectional,
            grants=self.grants,
        )


class SimulateSection(Section):
    """One simulated device."""

    file: PathText
    port: AmsPort | None = None

    def value(self, base: Path) -> s.Simulated:
        return s.Simulated(rooted(base, self.file), self.port or 0)


class ProgramSection(Section):
    """One program that may be started from outside. With arguments an interpreter is everything: say so knowingly."""

    path: Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f]{1,1023}$")]
    arguments: bool = False
    directories: list[PathText] = Field(default_factory=list)

    def value(self) -> s.Program:
        return s.Program(self.path, self.arguments, tuple(self.directories))


def rooted(base: Path, text: str | None) -> str:
    """A path of the document, from the document's own directory; empty for none."""
    return str(base / text) if text else ""
