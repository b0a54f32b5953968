"""StaticRoutes.xml, TwinCAT's own route file: text <-> routes. All faults at once, or none.

    <TcConfig><RemoteConnections>
      <Route><Name/><Address/><NetId/><Type>TCP_IP</Type><Flags>64</Flags></Route>

A file comes from outside: it may not declare a document type (so no entities), is at most 4 MiB, and what of it we do
not know is left out of the routes and named in `Import.skipped`.

Source: Beckhoff Information System, StaticRoutes.xml; TwinCAT SDK, flags of AdsSysAddRemote.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from xml.parsers import expat
from xml.sax.saxutils import escape

from dinrail.ads.router.routes import MAX_ROUTES, Route, RouteTable, Transport, check
from dinrail.ams.address import NetId
from dinrail.errors import BadRequest
from dinrail.units import MS_NS

MAX_TEXT_BYTES = 4 << 20
_MAX_DEPTH = 16
_MAX_SKIPPED = 50
_TEMPORARY, _TLS, _UNIDIRECTIONAL = 0x01, 0x08, 0x80
_TCP_TYPE = "TCP_IP"
_PATH = ("TcConfig", "RemoteConnections", "Route")
_KNOWN = frozenset(("Name", "Address", "NetId", "Type", "Flags", "Timeout", "Tls"))


@dataclass(frozen=True, slots=True)
class Import:
    """What a file says. `skipped`: one sentence for each thing in it that no route has a place for."""

    routes: RouteTable
    skipped: tuple[str, ...] = ()


@dataclass(slots=True)
class _Entry:
    line: int
    fields: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"route {self.fields.get('Name', '')!r} in line {self.line}"


class _Reader:
    """expat's events into entries: the routes' own fields, and the names of everything else."""

    def __init__(self) -> None:
        self.entries: list[_Entry] = []
        self.skipped: list[str] = []
        self._path: list[str] = []
        self._text: list[str] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text.append
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self, text: bytes) -> None:
        self._parser.Parse(text, True)

    def _doctype(self, *_: object) -> None:
        raise BadRequest("declares a document type", where="StaticRoutes.xml", why="entities are not followed")

    def _start(self, name: str, _: dict[str, str]) -> None:
        self._path.append(name)
        self._text.clear()
        if len(self._path) > _MAX_DEPTH:
            raise BadRequest(f"is nested deeper than {_MAX_DEPTH}", where="StaticRoutes.xml")
        if len(self._path) == 1 and name != _PATH[0]:
            raise BadRequest(f"begins with <{name}>, not <{_PATH[0]}>", where="StaticRoutes.xml")
        path = tuple(self._path)
        if path == _PATH:
            if len(self.entries) >= MAX_ROUTES:
                raise BadRequest(f"has more than {MAX_ROUTES} routes", where="StaticRoutes.xml")
            self.entries.append(_Entry(self._parser.CurrentLineNumber))
        elif path[:3] != _PATH and path[:2] == _PATH[:2] and len(path) == 3:
            self._skip(f"<{name}> in line {self._parser.CurrentLineNumber} is no route to one device")

    def _end(self, name: str) -> None:
        if len(self._path) == 4 and tuple(self._path[:3]) == _PATH:
            entry = self.entries[-1]
            if name not in _KNOWN:
                self._skip(f"{entry.title}: <{name}> is not used here")
            elif name in entry.fields:
                self._skip(f"{entry.title}: a second <{name}>")
            else:
                entry.fields[name] = "".join(self._text).strip()
        self._path.pop()
        self._text.clear()

    def _skip(self, sentence: str) -> None:
        if len(self.skipped) < _MAX_SKIPPED:
            self.skipped.append(sentence)


def parse_static_routes(text: bytes) -> Import:
    """The routes of a StaticRoutes.xml. Raises BadRequest that names every fault by its line."""
    if len(text) > MAX_TEXT_BYTES:
        raise BadRequest(f"has {len(text)} bytes, {MAX_TEXT_BYTES} are read", where="StaticRoutes.xml")
    reader = _Reader()
    try:
        reader.read(text)
    except (expat.ExpatError, ValueError, LookupError) as fault:
        raise BadRequest(f"is no XML: {fault}", where="StaticRoutes.xml") from fault
    entries = [(entry.title, partial(_route, entry)) for entry in reader.entries]
    table = RouteTable.gather(entries, where="StaticRoutes.xml")
    return Import(table, tuple(reader.skipped))


def _route(entry: _Entry) -> Route:
    fields = entry.fields
    faults: list[str] = [f"has no <{name}>" for name in ("Name", "Address", "NetId") if not fields.get(name)]
    flags = _number(fields.get("Flags") or "0")
    timeout_s = _number(fields.get("Timeout") or "0")
    if flags is None:
        faults.append(f"<Flags>{fields['Flags'][:32]}</Flags> is no number")
    if timeout_s is None:
        faults.append(f"<Timeout>{fields['Timeout'][:32]}</Timeout> is no number")
    kind = fields.get("Type") or _TCP_TYPE
    if kind != _TCP_TYPE:
        faults.append(f"type {kind[:32]!r} is none that we can connect")
    if faults:
        raise BadRequest(faults[0], details=tuple(faults[1:]))
    flags = flags or 0
    route = Route(
        name=fields["Name"],
        net_id=NetId.parse(fields["NetId"]),
        host=fields["Address"],
        transport=Transport.TLS if "Tls" in fields or flags & _TLS else Transport.TCP,
        temporary=bool(flags & _TEMPORARY),
        unidirectional=bool(flags & _UNIDIRECTIONAL),
    )
    return dataclasses.replace(route, timeout_ns=timeout_s * 1000 * MS_NS) if timeout_s else route


def _number(text: str) -> int | None:
    """A decimal number of at most nine digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def render_static_routes(routes: Iterable[Route]) -> bytes:
    """The file for these routes. What TwinCAT has no field for is left out: MQTT, ports, read-only, local NetIds.

    Raises BadRequest for a route that is none (a name with control characters cannot be said in XML).
    """
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<TcConfig>", "  <RemoteConnections>"]
    for route in routes:
        faults = check(route)
        if faults:
            raise BadRequest(faults[0], where=f"route {route.name!r}", details=tuple(faults[1:]))
        if route.transport is not Transport.MQTT:
            lines += _lines(route)
    return "\n".join([*lines, "  </RemoteConnections>", "</TcConfig>", ""]).encode()


def _lines(route: Route) -> list[str]:
    flags = (
        (_TEMPORARY if route.temporary else 0)
        | (_TLS if route.transport is Transport.TLS else 0)
        | (_UNIDIRECTIONAL if route.unidirectional else 0)
    )
    fields = [
        ("Name", escape(route.name)),
        ("Address", escape(route.host)),
        ("NetId", str(route.net_id)),
        ("Type", _TCP_TYPE),
    ]
    if route.timeout_ns != DEFAULT_TIMEOUT_NS:
        fields.append(("Timeout", str(max(route.timeout_ns // (1000 * MS_NS), 1))))
    if flags:
        fields.append(("Flags", str(flags)))
    return ["    <Route>", *(f"      <{name}>{value}</{name}>" for name, value in fields), "    </Route>"]


DEFAULT_TIMEOUT_NS = Route("default", NetId(b"\1\1\1\1\1\1"), "default").timeout_ns
