"""ADS-over-MQTT: who is in the virtual network, and one link to the router for each of them.

What a link proves here. A request is published to the *target's* topic and says nothing about who published it: the
broker checks that (its users, its ACL), we never see it. So the broker is the gate. `Origin.identity`, which is
`mqtt:BROKER/NETID`, and `net_ids` mean "somebody whom this broker lets write to us, and who calls himself so", no
more. Rules by `listener` (the broker's name) hold; rules that tell participants of one broker apart hold as far as its
ACL keeps them from posing as each other, which MQTT cannot do by topic. Who needs more gives each zone a broker entry
of its own.

One link for each NetId: when it goes offline, its handles, subscriptions and routes end, and nobody else's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from dinrail.ads.contract import Origin, Via
from dinrail.ads.transport.bare import size_of, unwrap, wrap
from dinrail.ads.transport.mqtt_info import Info, Topics
from dinrail.ads.transport.sink import FrameSink, SinkFactory
from dinrail.ams.address import NetId
from dinrail.ams.frame import AMS_HEADER_BYTES, Command, Flag
from dinrail.errors import FormatError

LOG = logging.getLogger("dinrail.ads.mqtt")
_SOURCE = slice(8, 14)
_COMMAND_AT = 16
_FLAGS_AT = 18
_WELCOME_FROM_BELOW = (Command.NOTIFICATION, Command.READ_STATE)


@dataclass(slots=True)
class MqttCounters:
    """Of one broker, since the process came up; `links` is now.

    unknown_dropped: from a source that may not be there. full_dropped: not sent, the broker took no more.
    """

    connects: int = 0
    disconnects: int = 0
    failures: int = 0
    links: int = 0
    frames_in: int = 0
    frames_out: int = 0
    malformed_dropped: int = 0
    unknown_dropped: int = 0
    unidirectional_dropped: int = 0
    full_dropped: int = 0
    bad_infos: int = 0


class MqttLink:
    """The way to one NetId by one broker. `ads.contract.Link`."""

    __slots__ = ("_closed", "_publish", "info", "is_closed", "net_id", "origin", "sink", "used")

    def __init__(
        self,
        broker: str,
        net_id: NetId,
        publish: Callable[[bytes], None],
        closed: Callable[[MqttLink, str], None],
    ) -> None:
        self.net_id = net_id
        self.origin = Origin(Via.MQTT, broker, identity=f"mqtt:{broker}/{net_id}", net_ids=(net_id,))
        self.info: Info | None = None
        self.sink: FrameSink | None = None
        self.used = 0
        self.is_closed = False
        self._publish = publish
        self._closed = closed

    def send(self, frame: bytes) -> None:
        """Publish whole frames, each to the topic of the NetId that its header names."""
        if not self.is_closed:
            for bare in unwrap(frame):
                if len(bare) >= AMS_HEADER_BYTES:
                    self._publish(bare)

    def close(self, why: str) -> None:
        """Nothing goes this way any more; a later frame from there makes a new link."""
        if not self.is_closed:
            self.is_closed = True
            self._closed(self, why)


class Participants:
    """All links of one broker. Announced ones stay until they go offline; others give way when it is full.

    accepts: whether a NetId may come by this broker at all. later: runs something soon, outside of any frame.
    """

    def __init__(
        self,
        broker: str,
        topics: Topics,
        connect: SinkFactory,
        publish: Callable[[bytes], None],
        *,
        accepts: Callable[[NetId], bool],
        later: Callable[[Callable[[], None]], object],
        unidirectional: bool,
        max_links: int,
        counters: MqttCounters,
    ) -> None:
        self._broker = broker
        self._topics = topics
        self._connect = connect
        self._publish = publish
        self._accepts = accepts
        self._later = later
        self._unidirectional = unidirectional
        self._max_links = max_links
        self._counters = counters
        self._links: dict[NetId, MqttLink] = {}
        self._clock = 0

    @property
    def online(self) -> dict[NetId, Info]:
        """Who has announced himself, with his own words."""
        return {net_id: link.info for net_id, link in self._links.items() if link.info is not None}

    def link_to(self, net_id: NetId) -> MqttLink | None:
        """The link to a participant that is there now."""
        return self._links.get(net_id)

    def announced(self, net_id: NetId, info: Info) -> None:
        """Somebody's info came. Offline ends his link."""
        if not info.online:
            self.drop(net_id, "went offline")
            return
        link = self._links.get(net_id) or self._meet(net_id, self._connect)
        if link is not None:
            if link.info is None:
                LOG.info("%s: %s is online (%s)", self._broker, net_id, info.name)
            link.info = info

    def receive(self, bare: bytes) -> None:
        """One message to us: AMS header and data. Anything may be in it."""
        counters = self._counters
        if not self._is_whole(bare):
            counters.malformed_dropped += 1
            return
        if (
            self._unidirectional
            and not bare[_FLAGS_AT] & Flag.RESPONSE
            and bare[_COMMAND_AT] not in _WELCOME_FROM_BELOW
        ):
            counters.unidirectional_dropped += 1
            return
        net_id = NetId(bare[_SOURCE])
        link = self._links.get(net_id) or self._meet(net_id, self._connect)
        if link is None or link.sink is None:
            counters.unknown_dropped += 1
            return
        counters.frames_in += 1
        self._clock += 1
        link.used = self._clock
        answer = link.sink.receive(wrap(bare))
        if answer:
            link.send(answer)

    def join(self, net_id: NetId, connect: SinkFactory) -> MqttLink | None:
        """A new link to that NetId for `connect`, in place of the one that is there. None: it may not be there."""
        info = self.online.get(net_id)
        self.drop(net_id, "a route takes its place")
        link = self._meet(net_id, connect)
        if link is not None:
            link.info = info
        return link

    def drop(self, net_id: NetId, why: str) -> None:
        """End one participant's link."""
        link = self._links.pop(net_id, None)
        if link is None:
            return
        LOG.info("%s: %s: %s", self._broker, net_id, why)
        self._counters.links -= 1
        link.is_closed = True
        if link.sink is not None:
            link.sink.closed()

    def drop_all(self, why: str) -> None:
        """The broker is gone."""
        for net_id in tuple(self._links):
            self.drop(net_id, why)

    def _closing(self, link: MqttLink, why: str) -> None:
        def end() -> None:
            if self._links.get(link.net_id) is link:
                self.drop(link.net_id, why)

        self._later(end)

    def _is_whole(self, bare: bytes) -> bool:
        try:
            return len(bare) >= AMS_HEADER_BYTES and size_of(bare) == len(bare)
        except FormatError:
            return False

    def _meet(self, net_id: NetId, connect: SinkFactory) -> MqttLink | None:
        if net_id == self._topics.own or not self._accepts(net_id):
            return None
        if len(self._links) >= self._max_links and not self._make_room():
            return None
        link = MqttLink(self._broker, net_id, self._publish, self._closing)
        self._links[net_id] = link
        self._counters.links += 1
        link.sink = connect(link)
        return link

    def _make_room(self) -> bool:
        silent = [link for link in self._links.values() if link.info is None]
        if not silent:
            return False
        self.drop(min(silent, key=lambda link: link.used).net_id, "another needs the room")
        return True
