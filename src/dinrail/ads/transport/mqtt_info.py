"""ADS-over-MQTT: topics, and the little XML document by which each router says that it is there.

    <Net>/<NetId>/info       retained, QoS 2: who is online           (last will: offline)
    <Net>/<NetId>/ams        requests and notifications to NetId, QoS 0
    <Net>/<NetId>/ams/res    responses to NetId, QoS 0

Source: Beckhoff Information System, "ADS-over-MQTT" (tc3_grundlagen 3595576203, 17769091979).
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from dinrail.ams.address import NET_ID_BYTES, NetId
from dinrail.ams.frame import Flag
from dinrail.errors import BadRequest, FormatError

MAX_INFO_BYTES = 4096
MAX_TEXT = 64
_FLAGS_AT = 18


@dataclass(frozen=True, slots=True)
class Info:
    """What one router says of itself. The texts are its own words, cut to 64 characters."""

    online: bool
    name: str = ""
    os_version: str = ""
    os_platform: str = ""
    tc_version: str = ""


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one virtual AMS network, for one router in it."""

    net: str
    own: NetId

    @property
    def info(self) -> str:
        return f"{self.net}/{self.own}/info"

    @property
    def subscriptions(self) -> list[tuple[str, int]]:
        """Filters with their QoS."""
        return [(f"{self.net}/+/info", 2), (f"{self.net}/{self.own}/ams/#", 0)]

    def of(self, bare: bytes) -> str:
        """Where a message (AMS header and data) is published: its target's topic."""
        is_response = bare[_FLAGS_AT] & Flag.RESPONSE
        return f"{self.net}/{NetId(bare[:NET_ID_BYTES])}/ams" + ("/res" if is_response else "")

    def is_ams(self, topic: str) -> bool:
        return topic in (f"{self.net}/{self.own}/ams", f"{self.net}/{self.own}/ams/res")

    def announcer(self, topic: str) -> NetId | None:
        """Whose info topic this is; None when it is none. The NetId has to be spelt in its one plain way."""
        head, _, tail = topic.removeprefix(self.net + "/").partition("/")
        if tail != "info" or not topic.startswith(self.net + "/"):
            return None
        try:
            net_id = NetId.parse(head)
        except BadRequest:
            return None
        return net_id if str(net_id) == head else None


def build_info(info: Info) -> bytes:
    """The document, as TwinCAT writes it."""
    attributes = {
        "name": info.name,
        "osVersion": info.os_version,
        "osPlatform": info.os_platform,
        "tcVersion": info.tc_version,
    }
    said = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items() if value)
    return f"<info><online{said}>{escape('true' if info.online else 'false')}</online></info>".encode()


def parse_info(data: bytes) -> Info:
    """From anybody's bytes. Raises FormatError; no entity is ever expanded, and a DOCTYPE is refused."""
    data = data.rstrip(b"\0")
    if len(data) > MAX_INFO_BYTES:
        raise _bad(f"has {len(data)} bytes, {MAX_INFO_BYTES} are allowed")
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as fault:  # the last two: encodings that are none
        raise _bad(f"is no XML: {fault}") from fault
    if reader.attributes is None:
        raise _bad("has no <online>")
    said = {key: _plain(value) for key, value in reader.attributes.items()}
    return Info(
        "".join(reader.text).strip().lower() in ("true", "1"),
        said.get("name", ""),
        said.get("osVersion", ""),
        said.get("osPlatform", ""),
        said.get("tcVersion", ""),
    )


class _Reader:
    """expat's callbacks: <info>, in it <online>, and nothing else is looked at."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.attributes: dict[str, str] | None = None
        self.text: list[str] = []
        self._path: list[str] = []

    def _doctype(self, *_: object) -> None:
        raise _bad("has a DOCTYPE", hint="entities are refused, whoever wrote them")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._path and name != "info":
            raise _bad(f"begins with <{_plain(name)}>, not <info>")
        if self._path == ["info"] and name == "online" and self.attributes is None:
            self.attributes = attributes
        self._path.append(name)

    def _end(self, _name: str) -> None:
        self._path.pop()

    def _characters(self, text: str) -> None:
        if self._path == ["info", "online"]:
            self.text.append(text)


def _plain(text: str) -> str:
    return "".join(character for character in text[:MAX_TEXT] if character.isprintable())


def _bad(what: str, *, hint: str | None = None) -> FormatError:
    return FormatError(what, structure="ADS-over-MQTT info", hint=hint)
