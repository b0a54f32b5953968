"""ADS-over-MQTT: one broker, its connection kept up, its participants as links.

paho-mqtt does the protocol; its socket is read and written by our event loop. Only its connecting blocks (name, TCP,
TLS), and that alone runs in a worker thread, bounded by `connect_s`.

MQTT 5 is tried first, for one reason: `Maximum Packet Size` lets the broker keep away what nobody may send us (else one
retained giant in an info topic would end every connection anew). A broker that does not know it gets 3.1.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import random
import ssl
import struct
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt import MQTTException
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from dinrail.ads.transport.mqtt_info import Info, Topics, build_info, parse_info
from dinrail.ads.transport.mqtt_link import MqttCounters, MqttLink, Participants
from dinrail.ads.transport.mqtt_settings import MqttLimits, MqttSettings
from dinrail.ads.transport.sink import SinkFactory
from dinrail.ams.address import NetId
from dinrail.ams.frame import MAX_FRAME_BYTES
from dinrail.errors import BadRequest, FormatError, HostError

LOG = logging.getLogger("dinrail.ads.mqtt")
MAX_PACKET_BYTES = MAX_FRAME_BYTES + 1024
_READS_A_TURN = 64
_MISC_S = 1.0
_UNSUPPORTED_VERSION = 0x84


class MqttDoor:
    """`start`, and it stays connected until `stop`."""

    def __init__(
        self,
        settings: MqttSettings,
        connect: SinkFactory,
        *,
        accepts: Callable[[NetId], bool] = lambda _: True,
        limits: MqttLimits | None = None,
    ) -> None:
        """accepts: whether a NetId may come by this broker (not, when it is known to be somewhere else).

        Raises BadRequest for a topic that is none.
        """
        if not settings.topic or set(settings.topic) & set("+#\0") or settings.topic.startswith(("$", "/")):
            raise BadRequest(f"{settings.topic!r} is no network's name", where=f"broker {settings.name}")
        self.settings = settings
        self.counters = MqttCounters()
        self.fault = ""
        self._limits = limits or MqttLimits()
        self._topics = Topics(settings.topic, settings.net_id)
        self._enabled = asyncio.Event()
        self._enabled.set()
        self._loop: asyncio.AbstractEventLoop
        self._task: asyncio.Task[None] | None = None
        self._version = MQTTProtocolVersion.MQTTv5
        self._client: paho.Client | None = None
        self._lost: asyncio.Future[str] | None = None
        self._is_connected = False
        self._backlog_bytes = 0
        self._inbox: list[paho.MQTTMessage] = []
        self._announced_s = float("-inf")
        self._writing = False
        self._fd: int | None = None
        self._people = Participants(
            settings.name,
            self._topics,
            connect,
            self._publish,
            accepts=accepts,
            later=self._soon,
            unidirectional=settings.unidirectional,
            max_links=self._limits.max_links,
            counters=self.counters,
        )

    @property
    def is_connected(self) -> bool:
        """The broker has let us in. `fault` says why not, as far as it is known."""
        return self._is_connected

    @property
    def is_enabled(self) -> bool:
        return self._enabled.is_set()

    @property
    def online(self) -> dict[NetId, Info]:
        """Who has announced himself there."""
        return self._people.online

    def link_to(self, net_id: NetId) -> MqttLink | None:
        """The link to somebody who is there; None when nobody of that NetId is known."""
        return self._people.link_to(net_id)

    def join(self, net_id: NetId, connect: SinkFactory) -> MqttLink:
        """A link to that NetId for a route, announced or not, in place of the learned one. Raises HostError."""
        link = self._people.join(net_id, connect) if self._is_connected else None
        if link is None:
            why = self.fault or ("disabled" if not self.is_enabled else "not connected")
            where = f"broker {self.settings.name}"
            raise HostError(f"no way to {net_id}", where=where, why="not accepted" if self._is_connected else why)
        return link

    def set_enabled(self, enabled: bool) -> None:
        """Let go of the broker, or come back (system service, index group 808)."""
        if enabled:
            self._enabled.set()
        else:
            self._enabled.clear()
            self._lose("disabled")

    def start(self) -> None:
        """Begin, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name=f"broker {self.settings.name}")

    async def stop(self) -> None:
        """Leave: the broker tells the others."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _soon(self, step: Callable[[], None]) -> None:
        self._loop.call_soon(step)

    async def _run(self) -> None:
        limits = self._limits
        wait_s = limits.backoff_s
        while True:
            await self._enabled.wait()
            connects = self.counters.connects
            try:
                self.fault = await self._visit()
            except (OSError, ValueError) as fault:  # paho: ValueError for what the settings make impossible
                self.fault = f"cannot connect: {fault}"
            if self.counters.connects > connects:
                wait_s = limits.backoff_s
                self.counters.disconnects += 1
            else:
                self.counters.failures += 1
            where = f"{self.settings.host}:{self.settings.port}"
            LOG.warning("broker %s (%s): %s", self.settings.name, where, self.fault)
            if self.is_enabled:
                await asyncio.sleep(wait_s * random.SystemRandom().uniform(0.7, 1.3))
                wait_s = min(wait_s * 2, limits.max_backoff_s)

    async def _visit(self) -> str:
        """One connection from its beginning to its end. Returns why it ended; raises OSError, ValueError."""
        settings = self.settings
        client = self._make_client()
        self._lost = self._loop.create_future()
        properties: Properties | None = None
        if self._version == MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's own gap
            properties.MaximumPacketSize = MAX_PACKET_BYTES
        await asyncio.to_thread(
            client.connect, settings.host, settings.port, settings.keepalive_s, properties=properties
        )
        sock = client.socket()
        if sock is None:
            return "the connection broke while it was made"
        self._client = client
        self._fd = sock.fileno()
        self._loop.add_reader(self._fd, self._readable)
        misc = self._loop.create_task(self._misc(client))
        try:
            self._flush()
            return await self._lost
        finally:
            misc.cancel()
            self._detach()
            self._leave(client)

    def _detach(self) -> None:
        """Before the socket is closed, by whomever: its number is somebody else's next."""
        if self._fd is not None:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
        self._fd = None

    def _make_client(self) -> paho.Client:
        settings = self.settings
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id or f"dinrail-{settings.net_id}",
            protocol=self._version,
            reconnect_on_failure=False,
        )
        client.connect_timeout = self._limits.connect_s
        client.will_set(self._topics.info, build_info(Info(online=False)), qos=2, retain=settings.retain)
        if settings.user:
            client.username_pw_set(settings.user, settings.password or None)
        if settings.tls or settings.authorities or settings.certificate:
            context = ssl.create_default_context(cafile=settings.authorities or None)
            if settings.certificate:
                context.load_cert_chain(settings.certificate)
            client.tls_set_context(context)
        client.on_connect = self._answered
        client.on_disconnect = self._ended
        client.on_socket_close = lambda _client, _data, _sock: self._detach()
        client.on_message = lambda _client, _data, message: self._inbox.append(message)
        return client

    def _answered(self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if reason.is_failure:
            if reason.value == _UNSUPPORTED_VERSION and self._version == MQTTProtocolVersion.MQTTv5:
                self._version = MQTTProtocolVersion.MQTTv311
            self._lose(f"the broker refuses us: {reason}")
            return
        self._is_connected = True
        self.fault = ""
        self.counters.connects += 1
        LOG.info("broker %s: connected", self.settings.name)

    def _ended(self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if not self._is_connected and self._lost is not None and not self._lost.done():
            # No word at all: some old brokers meet MQTT 5 by hanging up.
            is_5 = self._version == MQTTProtocolVersion.MQTTv5
            self._version = MQTTProtocolVersion.MQTTv311 if is_5 else MQTTProtocolVersion.MQTTv5
        self._lose(f"the connection ended: {reason}")

    def _lose(self, why: str) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(why)

    def _leave(self, client: paho.Client) -> None:
        """Hang up. Without a goodbye, or with one that says so, the broker tells the others that we are offline."""
        self._client = None
        was_connected, self._is_connected = self._is_connected, False
        self._backlog_bytes, self._writing = 0, False
        self._inbox.clear()
        self._people.drop_all("the broker is gone")
        if was_connected and self._version == MQTTProtocolVersion.MQTTv5:
            client.disconnect(ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message"))
        sock = client.socket()
        if sock is not None:
            sock.close()

    async def _misc(self, client: paho.Client) -> None:
        """Keep-alive: a broker that is gone without a word is found within two of its intervals."""
        begun_s = self._loop.time()
        while True:
            await asyncio.sleep(_MISC_S)
            if not self._is_connected and self._loop.time() - begun_s > self._limits.connect_s:
                self._lose(f"no answer within {self._limits.connect_s:g} s")
            client.loop_misc()
            self._flush()

    def _readable(self) -> None:
        client = self._client
        if client is None:
            return
        was_connected = self._is_connected
        for _ in range(_READS_A_TURN):
            before = len(self._inbox)
            try:
                client.loop_read()
            except (MQTTException, ValueError, IndexError, TypeError, struct.error) as fault:
                self._lose(f"what the broker sends is no MQTT: {fault}")
                break
            sock = client.socket()
            if sock is None:
                break
            held = sock.pending() if isinstance(sock, ssl.SSLSocket) else 0
            if len(self._inbox) == before and not held:
                break
        if self._is_connected and not was_connected:
            client.subscribe(self._topics.subscriptions)
            self._announce()
        inbox, self._inbox = self._inbox, []
        for message in inbox:
            self._take(message)
        self._flush()

    def _take(self, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self.counters.malformed_dropped += 1
            return
        if self._topics.is_ams(topic):
            self._people.receive(bytes(message.payload))
            return
        net_id = self._topics.announcer(topic)
        if net_id is None:
            return
        if not message.payload:  # how a retained message is deleted
            info = Info(online=False)
        else:
            try:
                info = parse_info(bytes(message.payload))
            except FormatError as fault:
                self.counters.bad_infos += 1
                LOG.info("broker %s: what %s says of itself %s", self.settings.name, net_id, fault)
                return
        if net_id != self.settings.net_id:
            self._people.announced(net_id, info)
        elif not info.online:
            self._contradict()

    def _contradict(self) -> None:
        """The will of an older connection of ours came late: say again that we are there, but never in a quarrel."""
        wait_s = self._announced_s + self._limits.announce_s - self._loop.time()
        self._loop.call_later(max(wait_s, 0), self._announce_if_due)

    def _announce_if_due(self) -> None:
        if self._is_connected and self._loop.time() - self._announced_s >= self._limits.announce_s:
            self._announce()
            self._flush()

    def _announce(self) -> None:
        if self._client is not None:
            self._announced_s = self._loop.time()
            self._client.publish(self._topics.info, build_info(self.settings.info), 2, self.settings.retain)

    def _publish(self, bare: bytes) -> None:
        client = self._client
        if client is None or not self._is_connected:
            return
        if self._backlog_bytes > self._limits.hard_bytes:
            self.counters.full_dropped += 1
            return
        self.counters.frames_out += 1
        self._backlog_bytes += len(bare)
        client.publish(self._topics.of(bare), bare, 0)
        self._flush()

    def _flush(self) -> None:
        """paho has written what the socket took; wait for room for the rest."""
        client = self._client
        if client is None:
            return
        if client.want_write():
            client.loop_write()
        waits = client.want_write()
        if not waits:
            self._backlog_bytes = 0
        if self._fd is not None and waits != self._writing:
            if waits:
                self._loop.add_writer(self._fd, self._flush)
            else:
                self._loop.remove_writer(self._fd)
            self._writing = waits


class _Client(paho.Client):
    """paho asks the socket for as many bytes as a packet announces: up to 256 MB, whoever announced them."""

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > MAX_PACKET_BYTES:
            raise OSError(errno.EMSGSIZE, f"a packet of {bufsize} bytes")
        return super()._sock_recv(bufsize)
