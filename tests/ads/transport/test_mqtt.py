"""ADS-over-MQTT against a real broker: frames, who is online, and a broker that comes and goes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from build_ads_peer import OURS, STATE, THEIRS, Hall, read_state, until
from build_certificates import Authority, write_pem
from paho.mqtt.enums import CallbackAPIVersion
from run_mosquitto import PROGRAM, Mosquitto, free_port

from dinrail.ads.contract import Via
from dinrail.ads.transport.mqtt import MAX_PACKET_BYTES, MqttDoor
from dinrail.ads.transport.mqtt_info import Info
from dinrail.ads.transport.mqtt_settings import MqttLimits, MqttSettings
from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.frame import build_frame, parse_header
from dinrail.errors import BadRequest, HostError

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed")
NET = "VirtualAmsNetwork1"
RIGHT, WRONG = {"user": "plc", "password": "right"}, {"user": "plc", "password": "wrong"}
QUICK = MqttLimits(backoff_s=0.05, max_backoff_s=0.2, announce_s=0.1)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path)
    made.start()
    yield made
    made.stop()


class Site:
    """One of ours at a broker."""

    def __init__(self, port: int, net_id: NetId, limits: MqttLimits = QUICK, **more: Any) -> None:
        accepts = more.pop("accepts", lambda _: True)
        self.hall = Hall()
        settings = MqttSettings("plant", "127.0.0.1", NET, net_id, Info(True, f"host {net_id}"), port=port, **more)
        self.door = MqttDoor(settings, self.hall.enter, limits=limits, accepts=accepts)

    async def __aenter__(self) -> Site:
        self.door.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.door.stop()

    async def ask(self, frame: bytes, to: NetId) -> bytes:
        """Send a request by the link to `to`, and wait for the answer."""
        link = self.door.link_to(to)
        assert link is not None
        before = len(self.hall.frames())
        link.send(frame)
        await until(lambda: len(self.hall.frames()) > before)
        return self.hall.frames()[-1]


@contextlib.asynccontextmanager
async def two(port: int, **more: Any) -> AsyncIterator[tuple[Site, Site]]:
    """Two of ours that know each other."""
    async with Site(port, OURS, **more) as one, Site(port, THEIRS, **more) as other:
        await until(lambda: one.door.link_to(THEIRS) and other.door.link_to(OURS))
        yield one, other


def run(steps: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(steps(), 60))


def stranger(port: int, *publications: tuple[str, bytes, int, bool]) -> None:
    """Publish as somebody who keeps to no rule."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for topic, payload, qos, retain in publications:
        client.publish(topic, payload, qos, retain).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize("size", [0, 1, 1460, 300_000, 4_000_000])
def test_two_of_ours_exchange_frames(broker: Mosquitto, size: int) -> None:
    """A request of any size reaches the other by the broker, and its answer comes back."""

    async def steps() -> None:
        async with two(broker.port) as (one, other):
            data = bytes(size)
            answer = await one.ask(read_state(THEIRS, OURS, 42, extra=data), THEIRS)
            assert parse_header(answer).invoke_id == 42
            assert answer[38:] == STATE + data
            origin = other.hall.sinks[0].link.origin
            assert (origin.via, origin.listener, origin.net_ids) == (Via.MQTT, "plant", (OURS,))

    run(steps)


def test_who_is_online_is_known_with_his_name(broker: Mosquitto) -> None:
    """An info is retained: who comes later knows who is there; who leaves, or dies, goes offline for the others."""

    async def steps() -> None:
        async with Site(broker.port, OURS) as one:
            await until(lambda: one.door.is_connected)
            async with Site(broker.port, THEIRS):
                await until(lambda: THEIRS in one.door.online)
                assert one.door.online[THEIRS].name == f"host {THEIRS}"
            await until(lambda: THEIRS not in one.door.online)
            assert one.door.link_to(THEIRS) is None
            assert [sink.ended for sink in one.hall.sinks] == [1]

    run(steps)


def test_a_killed_broker_is_found_again(broker: Mosquitto) -> None:
    """The broker dies by -9 and comes back: links end, both reconnect by themselves, and frames pass again."""

    async def steps() -> None:
        async with two(broker.port) as (one, other):
            broker.kill()
            await until(lambda: not one.door.is_connected and not other.door.is_connected)
            assert one.door.link_to(THEIRS) is None
            assert one.hall.sinks[0].ended == 1
            await until(lambda: one.door.counters.failures > 1)
            broker.start()
            await until(lambda: one.door.link_to(THEIRS) and other.door.link_to(OURS))
            assert (await one.ask(read_state(THEIRS, OURS), THEIRS))[38:] == STATE
            assert one.door.counters.connects == 2

    run(steps)


def test_a_wrong_password_is_said_and_a_right_one_works(tmp_path: Path) -> None:
    """A broker's refusal is in `fault`; the same broker takes the right password."""
    broker = Mosquitto(tmp_path, users={RIGHT["user"]: RIGHT["password"]})
    broker.start()

    async def steps() -> None:
        async with Site(broker.port, OURS, **WRONG) as one:
            await until(lambda: one.door.counters.failures)
            assert "refuses" in one.door.fault
            with pytest.raises(HostError, match="no way"):
                one.door.join(THEIRS, one.hall.enter)
        async with Site(broker.port, OURS, **RIGHT) as one:
            await until(lambda: one.door.is_connected)

    try:
        run(steps)
    finally:
        broker.stop()


# paho leaves a socket whose handshake failed to Python's reference counting, which warns.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_to_the_broker(tmp_path: Path) -> None:
    """A broker under a shared CA is spoken to by TLS, large frames included; one of another CA is not."""
    ca, other_ca = Authority("plant"), Authority("elsewhere")
    server = ca.issue("localhost", addresses=("127.0.0.1",))
    files = write_pem(tmp_path, server, ca.certificate)
    broker = Mosquitto(tmp_path, tls={"certfile": files["certificate"], "keyfile": files["key"]})
    elsewhere = tmp_path / "elsewhere.pem"
    elsewhere.write_bytes(other_ca.pem)
    broker.start()

    async def steps() -> None:
        async with two(broker.port, authorities=str(files["authorities"])) as (one, _):
            data = bytes(1_000_000)
            assert (await one.ask(read_state(THEIRS, OURS, extra=data), THEIRS))[38:] == STATE + data
        async with Site(broker.port, OURS, authorities=str(elsewhere)) as one:
            await until(lambda: one.door.counters.failures)
            assert "certificate" in one.door.fault.lower()

    try:
        run(steps)
    finally:
        broker.stop()


HOSTILE = {
    "entities": b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><info><online>&d;</online></info>',
    "external": b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><info><online>true</online></info>',
    "huge": b"<info><online>true</online>" + b" " * 100_000 + b"</info>",
    "deep": b"<info>" * 600,
    "no xml": b"\xff\xfe\x00online",
    "encoding": b'<?xml version="1.0" encoding="no-such"?><info><online>true</online></info>',
    "nothing in it": b"<info/>",
}


def test_hostile_infos_harm_nobody(broker: Mosquitto) -> None:
    """Entities, giants, depth and rubbish in retained infos are counted; the network works on beside them."""
    topics = [f"{NET}/5.0.0.{n}.1.1/info" for n in range(len(HOSTILE))]
    stranger(broker.port, *((topic, HOSTILE[key], 1, True) for topic, key in zip(topics, HOSTILE, strict=True)))
    stranger(broker.port, (f"{NET}/05.0.0.1.1.1/info", b"<info><online>true</online></info>", 1, True))
    stranger(broker.port, (f"{NET}/no net id/info", b"<info><online>true</online></info>", 1, True))

    async def steps() -> None:
        async with two(broker.port) as (one, _):
            await until(lambda: one.door.counters.bad_infos == len(HOSTILE))
            assert set(one.door.online) == {THEIRS}
            assert (await one.ask(read_state(THEIRS, OURS), THEIRS))[38:] == STATE

    run(steps)


def test_a_giant_is_kept_away_by_the_broker(broker: Mosquitto) -> None:
    """A retained message above the cap never reaches us, and does not end our connection."""
    stranger(broker.port, (f"{NET}/5.6.6.6.1.1/info", bytes(MAX_PACKET_BYTES + 1), 1, True))

    async def steps() -> None:
        async with two(broker.port) as (one, _):
            assert (await one.ask(read_state(THEIRS, OURS), THEIRS))[38:] == STATE
            assert one.door.counters.disconnects == 0

    run(steps)


def test_hostile_frames_are_dropped_and_counted(broker: Mosquitto) -> None:
    """Short, long, lying and foreign messages to our topics reach no sink."""
    to_us = f"{NET}/{OURS}/ams"
    bare = read_state()[6:]
    messages = [b"", b"x", bare[:31], bare + b"y", bare[:20] + b"\xff\xff\xff\xff" + bare[24:]]

    async def steps() -> None:
        async with Site(broker.port, OURS, accepts=lambda net_id: net_id != THEIRS) as one:
            await until(lambda: one.door.is_connected)
            publications = [(to_us, message, 0, False) for message in (*messages, bare, read_state(OURS, OURS)[6:])]
            publications.append((f"{to_us}/no/such", bare, 0, False))
            await asyncio.to_thread(stranger, broker.port, *publications)
            await until(lambda: one.door.counters.unknown_dropped == 2)
            assert one.door.counters.malformed_dropped == len(messages)
            assert one.hall.sinks == []

    run(steps)


def test_unidirectional_lets_answers_and_states_in_only(broker: Mosquitto) -> None:
    """From a unidirectional broker come answers, notifications and ReadState, and no other request."""

    async def steps() -> None:
        async with Site(broker.port, OURS, unidirectional=True) as one, Site(broker.port, THEIRS) as other:
            await until(lambda: one.door.link_to(THEIRS) and other.door.link_to(OURS))
            assert (await one.ask(read_state(THEIRS, OURS), THEIRS))[38:] == STATE
            link = other.door.link_to(OURS)
            assert link is not None
            link.send(build_frame(AmsAddr.of(OURS, 851), AmsAddr.of(THEIRS, 1), 3, 4, 1, b"a write"))
            await until(lambda: one.door.counters.unidirectional_dropped == 1)
            assert (await other.ask(read_state(), OURS))[38:] == STATE

    run(steps)


def test_disabled_at_run_time(broker: Mosquitto) -> None:
    """A disabled door leaves the network for all to see, and comes back when it is enabled."""

    async def steps() -> None:
        async with two(broker.port) as (one, other):
            one.door.set_enabled(False)
            await until(lambda: OURS not in other.door.online)
            await asyncio.sleep(0.3)
            assert not one.door.is_connected
            one.door.set_enabled(True)
            await until(lambda: OURS in other.door.online)

    run(steps)


def test_a_late_will_of_our_own_is_contradicted(broker: Mosquitto) -> None:
    """Who is told to be offline while he is not says so again."""

    async def steps() -> None:
        async with two(broker.port) as (one, other):
            offline = b"<info><online>false</online></info>"
            await asyncio.to_thread(stranger, broker.port, (f"{NET}/{OURS}/info", offline, 1, True))
            await until(lambda: len(other.hall.sinks) == 2 and OURS in other.door.online)
            assert one.door.counters.disconnects == 0

    run(steps)


def test_strangers_are_bounded(broker: Mosquitto) -> None:
    """Of those who never announced themselves the longest silent gives way; announced ones stay."""

    async def steps() -> None:
        limits = MqttLimits(max_links=3, backoff_s=0.05)
        async with Site(broker.port, OURS, limits) as one, Site(broker.port, THEIRS):
            await until(lambda: THEIRS in one.door.online)
            sources = [NetId.parse(f"6.6.6.{n}.1.1") for n in range(10)]
            sent = [(f"{NET}/{OURS}/ams", read_state(OURS, source)[6:], 0, False) for source in sources]
            await asyncio.to_thread(stranger, broker.port, *sent)
            await until(lambda: one.door.link_to(sources[-1]))
            assert one.door.counters.links == 3
            assert one.door.link_to(THEIRS)
            assert sum(sink.ended for sink in one.hall.sinks) == 8

    run(steps)


def test_a_route_takes_a_link_of_its_own(broker: Mosquitto) -> None:
    """`join` puts another sink in the place of the learned one, and a link that is closed makes room for a new one."""

    async def steps() -> None:
        async with two(broker.port) as (one, _):
            route = Hall()
            link = one.door.join(THEIRS, route.enter)
            assert one.hall.sinks[0].ended == 1
            link.send(read_state(THEIRS, OURS))
            await until(route.frames)
            link.close("enough")
            await until(lambda: route.sinks[0].ended == 1)
            assert one.door.link_to(THEIRS) is None

    run(steps)


def test_an_old_broker_gets_the_old_protocol() -> None:
    """A broker that hangs up on MQTT 5 is met with 3.1.1 the next time."""
    levels: list[int] = []

    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            levels.append((await reader.readexactly(9))[8])
        writer.close()

    async def steps() -> None:
        server = await asyncio.start_server(old, "127.0.0.1", 0)
        async with Site(server.sockets[0].getsockname()[1], OURS):
            await until(lambda: len(levels) >= 2)
        server.close()
        assert levels[:2] == [5, 4]

    run(steps)


def test_a_broker_that_talks_rubbish_is_left(tmp_path: Path) -> None:
    """What is no MQTT, or announces more than the cap, ends the connection, and another is tried."""
    rubbish = [b"\x20\x03\x00\x00\x00\x30\xff\xff\xff\x7f", b"\xff\xff\xff\xff\xff\xff", b"\x20\x01\x00", b"\x90\x00"]

    seen: list[int] = []

    async def steps() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(rubbish[len(seen) % len(rubbish)])
            seen.append(1)
            with contextlib.suppress(OSError):
                await asyncio.wait_for(reader.read(), 5)  # until we hang up
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with Site(server.sockets[0].getsockname()[1], OURS) as one:
            await until(lambda: len(seen) > len(rubbish), 20)
            assert not one.door.online
        server.close()

    run(steps)


def test_nobody_there_is_a_fault_and_not_the_end() -> None:
    """Without a broker the door tries on, and says why."""

    async def steps() -> None:
        async with Site(free_port(), OURS) as one:
            await until(lambda: one.door.counters.failures > 1)
            assert "cannot connect" in one.door.fault

    run(steps)


@pytest.mark.parametrize("topic", ["", "a/+", "#", "$SYS", "/a"])
def test_a_network_has_a_plain_name(topic: str) -> None:
    """Wildcards and the broker's own topics are no network."""
    with pytest.raises(BadRequest):
        MqttDoor(MqttSettings("b", "h", topic, OURS, Info(True)), Hall().enter)
