"""ADS-over-MQTT joined to the router: who is online at a broker is reached through it, without a route of one's own."""

from __future__ import annotations

import platform
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dinrail.ads.contract import Origin, Via
from dinrail.ads.numbers import Numbers, numbers_of
from dinrail.ads.router.routes import Route
from dinrail.ads.service.info import VERSION
from dinrail.ads.settings import BrokerSettings
from dinrail.ads.transport.mqtt import MqttDoor
from dinrail.ads.transport.mqtt_info import Info
from dinrail.ads.transport.mqtt_settings import MqttSettings
from dinrail.ams.address import NetId
from dinrail.errors import HostError, Refused
from dinrail.files import atomic_write

if TYPE_CHECKING:
    from dinrail.daemon.router.process import RouterProcess

_OFF = "mqtt-off"


class Brokers:
    """All brokers of the settings. Connecting takes its time and never holds the router's start."""

    def __init__(self, process: RouterProcess) -> None:
        self._process = process
        self._off: Path | None = process.place.at(_OFF)
        self._doors = {
            one.name: MqttDoor(self._told(one), process.router.connect, accepts=partial(self._accepts, one.name))
            for one in process.settings.brokers
        }

    async def open(self) -> None:
        """Begin to connect; `switch` of an earlier life still holds."""
        self._process.dialler.join = self.join
        disabled = self._off is not None and self._off.exists()
        for door in self._doors.values():
            if disabled:
                door.set_enabled(False)
            door.start()

    async def close(self) -> None:
        for door in self._doors.values():
            await door.stop()

    def join(self, route: Route) -> None:
        """The way to a route's NetId by the broker that it names. Raises HostError when there is none now."""
        door = self._doors.get(route.host)
        if door is None:
            raise HostError(f"no broker {route.host!r}", where=f"route {route.name}", hint="[[ads.mqtt]]")
        door.join(route.net_id, partial(self._process.router.upstream_up, route))

    def switch(self, enabled: bool, *, temporary: bool) -> None:
        """Brokers on or off; for good only where something is kept. Raises Refused, HostError."""
        if not temporary:
            if self._off is None:
                raise Refused("nothing is kept here", hint="switch it temporarily, or run with --state DIR")
            if enabled:
                self._off.unlink(missing_ok=True)
            else:
                atomic_write(self._off, b"")
        for door in self._doors.values():
            door.set_enabled(enabled)

    def numbers(self) -> Numbers:
        """What all brokers counted, together."""
        totals: dict[str, int] = {}
        for door in self._doors.values():
            for name, value in numbers_of(door.counters).items():
                totals[name] = totals.get(name, 0) + value
        return totals

    def describe(self) -> dict[str, object]:
        """Each broker, whether it has us, and who is there."""
        return {
            name: {
                "connected": door.is_connected,
                "enabled": door.is_enabled,
                "fault": door.fault,
                "online": {str(net_id): info.name for net_id, info in door.online.items() if info.online},
            }
            for name, door in self._doors.items()
        }

    def _accepts(self, broker: str, net_id: NetId) -> bool:
        """Not what belongs to another door: a NetId that is bound elsewhere is nobody's at a broker."""
        origin = Origin(Via.MQTT, broker, identity=f"mqtt:{broker}/{net_id}", net_ids=(net_id,))
        return self._process.policy.accepts_source(origin, net_id)

    def _told(self, one: BrokerSettings) -> MqttSettings:
        process = self._process
        info = Info(
            online=True,
            name=process.settings.name,
            os_version=platform.release(),
            tc_version=".".join(map(str, VERSION)),
        )
        return MqttSettings(
            name=one.name,
            host=one.host,
            port=one.port,
            topic=one.topic,
            net_id=process.net_id,
            info=info,
            user=one.user,
            password=one.password,
            client_id=one.client_id,
            tls=one.tls,
            authorities=one.authorities,
            certificate=one.certificate,
            retain=one.retain,
            unidirectional=one.unidirectional,
        )
