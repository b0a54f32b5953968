"""The route store: one JSON document, text <-> routes. Who writes the file does it atomically; here is only the text.

    {"version": 1, "routes": [{"name": "line1", "net_id": "5.80.201.232.1.1", "host": "192.168.1.10", ...}]}

Temporary routes are not stored. A fault anywhere refuses the whole document, with all of its faults: a store that is
half read would be written back without the other half.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from functools import partial

from dinrail.ads.router.routes import Route, RouteTable, Transport
from dinrail.ams.address import NetId
from dinrail.errors import BadRequest

VERSION = 1
MAX_TEXT_BYTES = 4 << 20
_TYPES: dict[str, type] = {
    "name": str,
    "net_id": str,
    "host": str,
    "tcp_port": int,
    "transport": str,
    "local_net_id": str,
    "read_only": bool,
    "unidirectional": bool,
    "timeout_ns": int,
    "max_fragment": int,
}
_REQUIRED = frozenset(("name", "net_id", "host"))


def render_store(routes: Iterable[Route]) -> str:
    """The document for these routes, in their order; fields that have their default are left out."""
    return json.dumps({"version": VERSION, "routes": [_entry(r) for r in routes if not r.temporary]}, indent=1) + "\n"


def _entry(route: Route) -> dict[str, object]:
    entry: dict[str, object] = {}
    for field in dataclasses.fields(Route):
        value = getattr(route, field.name)
        if field.name in _TYPES and (field.name in _REQUIRED or value != field.default):
            entry[field.name] = str(value) if isinstance(value, NetId) else value
    return entry


def parse_store(text: str | bytes) -> RouteTable:
    """The routes of such a document. Raises BadRequest with all its faults."""
    if len(text) > MAX_TEXT_BYTES:
        raise BadRequest(f"has {len(text)} bytes, {MAX_TEXT_BYTES} are read", where="route store")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise BadRequest(f"is no JSON: {fault}", where="route store") from fault
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise BadRequest(f"is no route store of version {VERSION}", where="route store")
    entries = document.get("routes")
    if not isinstance(entries, list):
        raise BadRequest("has no list of routes", where="route store")
    titled = [(f"route {number}", partial(_route, entry)) for number, entry in enumerate(entries, 1)]
    return RouteTable.gather(titled, where="route store")


def _route(entry: object) -> Route:
    if not isinstance(entry, dict):
        raise BadRequest("is no table of fields")
    faults = [f"has no {name!r}" for name in sorted(_REQUIRED - entry.keys())]
    for name, value in entry.items():
        kind = _TYPES.get(name)
        if kind is None:
            faults.append(f"{name!r} is no field of a route")
        elif type(value) is not kind:  # bool is an int to isinstance
            faults.append(f"{name!r} is no {kind.__name__}")
    if not faults and entry.get("transport", Transport.TCP) not in tuple(Transport):
        faults.append(f"{entry['transport']!r} is no transport")
    if faults:
        raise BadRequest(faults[0], details=tuple(faults[1:]))
    values = dict(entry)
    for name in ("net_id", "local_net_id"):
        if name in values:
            values[name] = NetId.parse(values[name])
    if "transport" in values:
        values["transport"] = Transport(values["transport"])
    return Route(**values)
