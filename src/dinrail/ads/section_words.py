"""The words of `[ads]`: how each kind of value is written, and its JSON Schema."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from dinrail.ads.contract import Action, Via
from dinrail.ads.policy.presets import Preset
from dinrail.ads.policy.rule import Network, Span, canonical_identity, parse_address, parse_network
from dinrail.ams.address import MAX_PORT, NULL_NET_ID, NetId, parse_port
from dinrail.errors import BadRequest
from dinrail.section import fault, text_with
from dinrail.units import parse_duration

_FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}")
_HEX_KEY = r"^[0-9A-Fa-f]{64}$"


def _net_id(text: str) -> NetId:
    net_id = NetId.parse(text)
    if net_id == NULL_NET_ID:
        raise BadRequest("0.0.0.0.0.0 is nobody's NetId", hint="six numbers, like 5.80.201.232.1.1")
    return net_id


def _ports(text: str) -> Span:
    """Port names are allowed, and have dashes: they are tried first."""
    try:
        port = parse_port(text)
    except BadRequest:
        return Span.parse(text, top=MAX_PORT)
    return Span(port, port)


def _pin(text: str) -> str:
    word = canonical_identity(text if text.lower().startswith("sha256:") else f"sha256:{text}")
    if not _FINGERPRINT.fullmatch(word):
        raise BadRequest(f"{text!r} is no fingerprint", hint="SHA-256 as 64 hexadecimal digits, colons allowed")
    return word


def _identity(text: str) -> str:
    kind, _, rest = text.partition(":")
    if kind.lower() == "sha256":
        return _pin(text)
    if kind == "mqtt":
        broker, _, net_id = rest.rpartition("/")
        if not broker:
            raise BadRequest(f"{text!r} names no broker", hint="`mqtt:BROKER/NETID`, the broker's name in [[ads.mqtt]]")
        return f"mqtt:{broker}/{NetId.parse(net_id)}"
    if kind == "psk" and rest:
        return text
    raise BadRequest(f"{text!r} is no identity", hint="`sha256:FINGERPRINT`, `psk:IDENTITY`, or `mqtt:BROKER/NETID`")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host or interface, and a port; 0: the usual one."""

    host: str
    port: int = 0

    @property
    def is_address(self) -> bool:
        return parse_address(self.host) is not None

    def text(self, port: int) -> str:
        """`HOST:PORT`, a v6 address in brackets; `port` where none was given."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port or port}"

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """From `HOST`, `HOST:PORT`, `[V6]:PORT` or a bare v6 address. Raises BadRequest."""
        if parse_address(text) is not None:
            return cls(text)
        bracketed = re.fullmatch(r"\[([^\[\]]+)\](?::(\d{1,5}))?", text)
        plain = re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9._-]{0,254})(?::(\d{1,5}))?", text)
        match = bracketed or plain
        if match is None or (bracketed and parse_address(match[1]) is None) or int(match[2] or 1) not in _TCP_PORTS:
            raise BadRequest(
                f"{text!r} is no address", hint="like 192.168.0.5, plc.local, 192.168.0.5:48898, [fe80::1]"
            )
        return cls(match[1], int(match[2] or 0))


_TCP_PORTS = range(1, MAX_PORT + 1)

NetIdText = Annotated[
    NetId,
    text_with(_net_id, "a NetId"),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,3}(\.\d{1,3}){5}$", "examples": ["5.80.201.232.1.1"]}),
]
NetworkText = Annotated[
    Network,
    text_with(parse_network, "a network"),
    WithJsonSchema({"type": "string", "examples": ["172.17.0.0/16", "192.168.0.7"]}),
]
PortsText = Annotated[
    Span,
    text_with(_ports, "a port range"),
    WithJsonSchema({"type": "string", "examples": ["851", "851-860", "system-service"]}),
]
GroupsText = Annotated[
    Span, text_with(Span.parse, "a group range"), WithJsonSchema({"type": "string", "examples": ["0x4020-0x4025"]})
]
PinText = Annotated[
    str, text_with(_pin, "a fingerprint"), WithJsonSchema({"type": "string", "description": "SHA-256, hexadecimal"})
]
IdentityText = Annotated[
    str,
    text_with(_identity, "an identity"),
    WithJsonSchema({"type": "string", "examples": ["sha256:FINGERPRINT", "psk:IDENTITY", "mqtt:cell/5.1.2.3.1.1"]}),
]
EndpointText = Annotated[
    Endpoint,
    text_with(Endpoint.parse, "an address"),
    WithJsonSchema({"type": "string", "examples": ["192.168.0.5", "plc.local:48898"]}),
]


def _positive(duration_ns: int) -> int:
    if duration_ns <= 0:
        raise fault("a time is above zero here")
    return duration_ns


Duration = Annotated[
    int,
    text_with(parse_duration, "a time"),
    AfterValidator(_positive),
    WithJsonSchema({"type": "string", "examples": ["5 s", "250 ms"]}),
]
HexKey = Annotated[str, StringConstraints(pattern=_HEX_KEY)]
Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,255}$")]
PresetWord = Annotated[Preset, Field(strict=False)]
ActionWord = Annotated[Action, Field(strict=False)]
ViaWord = Annotated[Via, Field(strict=False)]
AmsPort = Annotated[int, Field(ge=1, le=MAX_PORT)]
