"""`[ads]`: the TOML of the ADS wing, checked, as `AdsSettings`. Unknown keys are faults.

A proxy in front of a PLC:

    [[ads.route]]
    name = "press"
    net_id = "5.80.201.232.1.1"
    address = "192.168.0.5"
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from dinrail.ads import settings as s
from dinrail.ads.router.limits import Limits
from dinrail.ads.router.routes import RouteTable, Transport
from dinrail.ads.section_parts import (
    BrokerSection,
    CredentialsSection,
    ListenSection,
    ProgramSection,
    RouteSection,
    SimulateSection,
    TlsSection,
    rooted,
)
from dinrail.ads.section_rules import RuleSection
from dinrail.ads.section_words import Duration, EndpointText, NetIdText, NetworkText
from dinrail.ams.address import AMS_TCP_PORT, SECURE_ADS_PORT
from dinrail.errors import BadRequest, Refused
from dinrail.section import PathText, Section, fault
from dinrail.units import S_NS

MAX_CONNECTIONS = 65536


class LimitsSection(Section):
    """The few bounds that a plant might want to move. strict: one connection for each remote, as TwinCAT has it."""

    connections: Annotated[int, Field(ge=1, le=MAX_CONNECTIONS)] = 4096
    idle: Duration = 60 * S_NS
    orphans: Duration = 10 * S_NS
    strict: bool = False


class AdsSection(Section):
    """The whole table."""

    net_id: NetIdText | None = None
    name: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?$")] = ""
    listen: list[ListenSection] | None = None
    secure: list[ListenSection] | None = None
    discovery: bool = True
    local_networks: list[NetworkText] = Field(default_factory=list)
    route: list[RouteSection] = Field(default_factory=list)
    rule: list[RuleSection] = Field(default_factory=list)
    mqtt: list[BrokerSection] = Field(default_factory=list)
    tls: TlsSection | None = None
    credentials: CredentialsSection | None = None
    limits: LimitsSection = Field(default_factory=LimitsSection)
    browse: bool = True
    files: PathText | None = None
    program: list[ProgramSection] = Field(default_factory=list)
    metrics: EndpointText | None = None
    simulate: list[SimulateSection] = Field(default_factory=list)

    @model_validator(mode="after")
    def _routes_go_together(self) -> AdsSection:
        try:
            RouteTable(route.route() for route in self.route)
        except (BadRequest, Refused) as bad:
            raise fault(str(bad), bad.hint or "") from bad
        return self

    @model_validator(mode="after")
    def _names_lead_somewhere(self) -> AdsSection:
        keys = {psk.identity for psk in self.tls.psk} if self.tls else set()
        brokers = {broker.name for broker in self.mqtt}
        for route in self.route:
            if route.psk and route.psk not in keys:
                raise fault(f"route {route.name!r} uses the key {route.psk!r}, and there is none", "[[ads.tls.psk]]")
            if route.transport is Transport.MQTT and route.address.host not in brokers:
                raise fault(f"route {route.name!r}: {route.address.host!r} is no broker here", "[[ads.mqtt]]")
        for kind, names in (
            ("broker", [broker.name for broker in self.mqtt]),
            ("simulated port", [str(device.port) for device in self.simulate if device.port]),
            ("key", [psk.identity.upper() for psk in self.tls.psk] if self.tls else []),
        ):
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise fault(f"the {kind} {twice!r} stands here twice")
        return self

    @model_validator(mode="after")
    def _secure_doors_have_a_lock(self) -> AdsSection:
        if self.secure and self.tls is None:
            raise fault("a secure door needs a certificate or keys", "add a table `[ads.tls]`, even an empty one")
        return self

    def settings(self, base: Path, guests: Iterable[s.GuestAds] = ()) -> s.AdsSettings:
        """The same as plain values. `base`: the document's directory, to which relative paths belong."""
        return s.AdsSettings(
            net_id=self.net_id,
            name=self.name,
            listen=self._doors(),
            discovery=self.discovery,
            routes=tuple(route.value() for route in self.route),
            rules=tuple(value for number, rule in enumerate(self.rule, 1) for value in rule.values(number)),
            guests=tuple(guests),
            brokers=tuple(broker.value(base) for broker in self.mqtt),
            tls=self.tls.value(base) if self.tls else None,
            credentials=self.credentials.value(base) if self.credentials else s.CredentialSettings(),
            limits=Limits(
                local_networks=tuple(self.local_networks),
                max_links=self.limits.connections,
                idle_ns=self.limits.idle,
                orphan_ns=self.limits.orphans,
                strict=self.limits.strict,
            ),
            browse=self.browse,
            files=rooted(base, self.files),
            programs=tuple(program.value() for program in self.program),
            metrics=self.metrics.text(s.METRICS_PORT) if self.metrics else "",
            simulate=tuple(device.value(base) for device in self.simulate),
        )

    def doors(self) -> list[ListenSection]:
        """All doors that the document names."""
        return (self.listen or []) + (self.secure or [])

    def _doors(self) -> tuple[s.Listen, ...]:
        """What is listened at: loopback unless `listen` says otherwise; the LAN by TLS once there is `[ads.tls]`."""
        plain: tuple[s.Listen, ...] = (s.Listen(s.Door.PLAIN, s.LOOPBACK_V4),)
        if self.listen is not None:
            plain = tuple(one.value(s.Door.PLAIN, AMS_TCP_PORT) for one in self.listen)
        secure: tuple[s.Listen, ...] = (s.SECURE_EVERYWHERE,) if self.tls else ()
        if self.secure is not None:
            secure = tuple(one.value(s.Door.SECURE, SECURE_ADS_PORT) for one in self.secure)
        return plain + secure
