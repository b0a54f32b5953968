"""Routes at run time: those of the document, and those that were added since, by whatever door. Kept on disk.

Added routes are kept in one file, written whole or not at all; temporary ones are not. The document's own are never
touched by a client: whoever wants one away edits the document.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dinrail.ads.contract import Origin, Via
from dinrail.ads.policy.presets import Preset
from dinrail.ads.router.core import Router
from dinrail.ads.router.routes import Route, RouteExists, RouteTable, Transport
from dinrail.ads.settings import MAX_JSON_BYTES, AdsSettings, RouteSetting
from dinrail.ads.settings_json import from_text, to_text
from dinrail.ams.address import NetId
from dinrail.errors import Refused
from dinrail.files import atomic_write, read_file

LOG = logging.getLogger("dinrail.ads.routes")
MAX_ADDED = 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """The file's content."""

    routes: tuple[RouteSetting, ...] = ()


class Routing:
    """The one place that changes routes. `changed` makes the policy anew, since routes grant things."""

    def __init__(self, settings: AdsSettings, own: NetId, path: Path | None, changed: Callable[[], object]) -> None:
        """Raises BadRequest, HostError for a file that cannot be read, Refused when it contradicts the document."""
        self._settings = settings
        self._own = own
        self._path = path
        self._changed = changed
        self.added: tuple[RouteSetting, ...] = self._load()
        self.router: Router | None = None
        self.table()

    def table(self) -> RouteTable:
        """All routes. The document's win over an added one that came to contradict them, and so do its guests."""
        table = RouteTable(one.route for one in self._settings.routes)
        guests = {door.net_id for door in self._settings.listen if door.net_id is not None}
        kept = []
        for one in self.added:
            try:
                if one.route.net_id in guests or table.to(one.route.net_id) is not None:
                    raise RouteExists(f"{one.route.net_id} is the document's", where=f"route {one.route.name!r}")
                table = table.added(one.route)
            except Refused as fault:
                LOG.warning("kept route left out: %s", fault)
                continue
            kept.append(one)
        self.added = tuple(kept)
        return table

    def add(self, route: Route, origin: Origin, *, pin: str = "") -> None:
        """Add a route for somebody who may. What it grants is the document's word, where a password was right; one that
        this machine adds (INSIDE: port 10000, an imported list) says how a device is reached, and lets nobody in.

        The same route again renews it. One that the document has stays as it stands there, and nobody takes over a
        NetId that is reached elsewhere: who may add a route is not who may lead others' requests to himself.

        pin: `sha256:HEX` of the certificate that this end showed. Raises RouteExists, Refused, BadRequest, HostError:
        then nothing has changed.
        """
        if route.net_id == self._own:
            raise Refused(f"{route.net_id} is this router's own NetId", where=f"route {route.name!r}")
        if len(self.added) >= MAX_ADDED:
            raise Refused(f"{MAX_ADDED} routes were added already", hint="dinrail ads route remove NAME")
        RouteTable([*(known.route for known in self.settings), route])
        document = next((known for known in self._settings.routes if known.route.net_id == route.net_id), None)
        if document is not None:
            if pin not in ("", document.pin):
                where = f"route {route.name!r}"
                raise RouteExists(f"the document's route to {route.net_id} has not this certificate", where=where)
            return
        known = next((known for known in self.added if known.route.net_id == route.net_id), None)
        grants = self._settings.credentials.grants
        if origin.via is Via.INSIDE:
            grants = known.grants if known is not None else Preset.NOTHING
        one = RouteSetting(route, grants, pin)
        others = tuple(known for known in self.added if known.route.net_id != route.net_id)
        self._take((*others, one))
        LOG.info(
            "route %r to %s at %s added from %s", route.name, route.net_id, route.host, origin.address or origin.via
        )

    def remove(self, name: str) -> None:
        """Take an added route away. Raises Refused when there is none, or it is the document's."""
        if any(one.route.name.lower() == name.lower() for one in self._settings.routes):
            raise Refused(f"route {name!r} is in the configuration document", hint="remove it there")
        rest = tuple(one for one in self.added if one.route.name.lower() != name.lower())
        if len(rest) == len(self.added):
            raise Refused(f"there is no route {name!r}", hint="dinrail ads route list")
        self._take(rest)

    def pin_of(self, net_id: NetId) -> str:
        """The certificate pinned for that NetId, `sha256:HEX`; empty when none is."""
        return next((one.pin for one in self.settings if one.route.net_id == net_id and one.pin), "")

    @property
    def settings(self) -> tuple[RouteSetting, ...]:
        """All routes with what belongs to them."""
        return (*self._settings.routes, *self.added)

    def setting_of(self, route: Route) -> RouteSetting:
        """What belongs to a route of the table."""
        return next((one for one in self.settings if one.route.net_id == route.net_id), RouteSetting(route))

    def identity_of(self, route: Route) -> str:
        """What the other end of a route proves: its certificate or key, or that a broker lets it be who it is."""
        if route.transport is Transport.MQTT:
            return f"mqtt:{route.host}/{route.net_id}"
        return self.setting_of(route).identity

    def reload(self) -> None:
        """Read the file again. Raises as the constructor does, and keeps what was there."""
        before, self.added = self.added, self._load()
        try:
            self._apply()
        except Refused:
            self.added = before
            raise

    def describe(self, route: Route) -> dict[str, object]:
        """One route for people and programs."""
        return {
            "name": route.name,
            "net_id": str(route.net_id),
            "host": route.host,
            "transport": route.transport.value,
            "read_only": route.read_only,
            "unidirectional": route.unidirectional,
            "temporary": route.temporary,
            "grants": self.setting_of(route).grants.value,
            "from_document": any(one.route.net_id == route.net_id for one in self._settings.routes),
        }

    def _take(self, added: tuple[RouteSetting, ...]) -> None:
        """On disk first: a route that is answered for is there after a power cut."""
        before = self.added
        self._store(added)
        self.added = added
        try:
            self._apply()
        except Refused:
            self.added = before
            self._store(before)
            raise

    def _apply(self) -> None:
        if self.router is not None:
            self.router.set_routes(self.table())
        self._changed()

    def _store(self, added: tuple[RouteSetting, ...]) -> None:
        if self._path is not None:
            lasting = tuple(one for one in added if not one.route.temporary)
            atomic_write(self._path, to_text(Kept(lasting)).encode(), mode=0o600)

    def _load(self) -> tuple[RouteSetting, ...]:
        if self._path is None or not self._path.exists():
            return ()
        kept = from_text(Kept, read_file(self._path, max_bytes=MAX_JSON_BYTES), where=str(self._path))
        return tuple(replace(one, route=replace(one.route, temporary=False)) for one in kept.routes)
