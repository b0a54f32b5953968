"""Anything from anywhere, in any order: the router never raises, never mixes answers up, and keeps nothing at last."""

from __future__ import annotations

import struct
from random import Random

from ads_wire import (
    HERE,
    LOCAL,
    OURS,
    PLC,
    PLC_NET,
    Allow,
    Bench,
    Client,
    Policy,
    Wire,
    add_note,
    answer_to,
    delete_note,
    head_of,
    lan,
    notification,
    read,
    read_write,
    request,
    write,
)
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.contract import Action, Origin, Via
from dinrail.ads.router.limits import Limits
from dinrail.ads.router.outlet import Outlet
from dinrail.ads.router.routes import Route
from dinrail.ads.router.session import Session
from dinrail.ams.address import LOOPBACK_NET_ID, AmsAddr, NetId
from dinrail.ams.frame import Command, Flag, TcpCommand, tcp_frame
from dinrail.units import MS_NS, S_NS

LINE = Route("line", PLC_NET, "192.0.2.50", timeout_ns=1 * S_NS)
SUB = Route("sub", NetId.parse("5.80.201.232.2.1"), "192.0.2.50", unidirectional=True)
OTHER = Route("other", NetId.parse("5.9.9.9.1.1"), "192.0.2.60", read_only=True)
BOUND = NetId.parse("10.9.0.2.1.1")
ORIGINS = [LOCAL, lan("192.0.2.8"), Origin(Via.HOST_ONLY, "vmnet0", "10.9.0.2", guest="hmi", net_ids=(BOUND,))]
SOURCES = [AmsAddr.parse(text) for text in ("127.0.0.1.1.1:30000", "192.0.2.8.1.1:1", "10.9.0.2.1.1:7")]
TARGETS = [HERE, PLC, AmsAddr.of(OTHER.net_id, 851), AmsAddr.of(SUB.net_id, 2), AmsAddr.of(LOOPBACK_NET_ID, 0x8000)]
TARGETS += [AmsAddr.of(BOUND, 851), AmsAddr.of(OURS, 9), AmsAddr.parse("9.9.9.9.9.9:9")]
SMALL = Limits(
    max_links=12,
    max_peers_per_link=6,
    max_orphans=8,
    max_ports=6,
    pending_per_peer=20,
    max_deferred=4,
    queue_frames=5,
    subscriptions_per_peer=10,
    handles_per_peer=10,
    cleanup_window=2,
    fast_entries=4,
    book_names=5,
    orphan_ns=2 * S_NS,
    idle_ns=1 * S_NS,
    deferred_ns=3 * S_NS,
)


class Storm:
    """One run: all that it does is drawn from `random`."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.bench = Bench(routes=(LINE, SUB, OTHER), limits=SMALL)
        self.bench.router.serve(851, self.bench.memory)
        self.dialled: list[Route] = []
        self.bench.dial = self.dialled.append
        self.clients: list[Client] = []
        self.upstreams: list[tuple[Wire, Session]] = []
        self.seen: list[tuple[Session | None, bytes]] = [(None, b""), (None, bytes(38))]
        self.invoke = 0
        self.asked: dict[Session, set[bytes]] = {}

    def step(self) -> None:
        often = [self.ask] * 5 + [self.serve] * 3 + [self.dial] * 2
        action = self.random.choice(
            [*often, self.join, self.notify, self.noise, self.leave, self.lose, self.wait, self.change]
        )
        action()
        self.collect()

    def join(self) -> None:
        client = self.bench.client(self.random.choice(ORIGINS))
        if client.session.is_open:
            self.clients.append(client)

    def ask(self) -> None:
        if not self.clients:
            return
        client = self.random.choice(self.clients)
        own = SOURCES[ORIGINS.index(client.origin)]
        source = own if self.random.random() < 0.8 else self.random.choice(SOURCES)
        target = PLC if self.random.random() < 0.4 else self.random.choice(TARGETS)
        self.invoke += 1
        n = self.random.randrange(8)
        frames = [
            read(target, source, n, 4, invoke=self.invoke),
            write(target, source, bytes(n), invoke=self.invoke),
            add_note(target, source, invoke=self.invoke),
            delete_note(target, source, n, invoke=self.invoke),
            read_write(target, source, 0xF003, 0, 4, b"MAIN.x\0", invoke=self.invoke),
            read_write(target, source, 0xF086, 1, 4, n.to_bytes(4, "little"), invoke=self.invoke),
            request(target, source, Command.WRITE_CONTROL, bytes(8), invoke=self.invoke),
            request(target, source, Command.READ_STATE, invoke=self.invoke, flags=4 | Flag.NO_RETURN),
            tcp_frame(TcpCommand.PORT_CONNECT, self.random.choice([b"\0\0", b"\0\x80"])),
            tcp_frame(TcpCommand.PORT_CLOSE, b"\0\x80"),
        ]
        frame = self.random.choice(frames)
        self.note(client.session, frame)
        self.hear(client, client.say(frame))

    def note(self, session: Session, frame: bytes) -> None:
        """Only what a link asked may be answered there."""
        if len(frame) >= 38 and not frame[24] & Flag.RESPONSE and frame[22] != Command.NOTIFICATION:
            self.asked.setdefault(session, set()).add(frame[34:38])

    def serve(self) -> None:
        """Whoever was asked answers something."""
        session, frame = self.random.choice(self.seen[-20:])
        bodies = [bytes(8), b"\0\0\0\0" + bytes([self.random.randrange(8), 0, 0, 0]), self.random.randbytes(4), b""]
        bodies.append(struct.pack("<III", 0, 4, self.random.randrange(8)))
        if len(frame) >= 38:
            answer = answer_to(fitting(frame), self.random.choice(bodies), error=self.random.choice([0, 0, 0, 6]))
            self.feed(answer, session)

    def notify(self) -> None:
        session, frame = self.random.choice(self.seen[-20:])
        if len(frame) >= 38:
            head = head_of(fitting(frame))
            self.feed(notification(head.source, head.target, (self.random.randrange(8), b"x")), session)

    def noise(self) -> None:
        frame = bytearray(self.random.choice(self.seen[-40:])[1] or bytes(40))
        for _ in range(self.random.randrange(5)):
            frame[self.random.randrange(len(frame))] = self.random.randrange(256)
        self.feed(bytes(frame[: self.random.randrange(len(frame) + 1)] if self.random.random() < 0.3 else frame), None)

    def feed(self, frame: bytes, by: Session | None) -> None:
        """Mostly by that link; else by any link at all."""
        sessions = [client.session for client in self.clients] + [session for _, session in self.upstreams]
        if sessions:
            session = self.random.choice(sessions)
            if by in sessions and self.random.random() < 0.8:
                session = by
            self.note(session, frame)
            answer = session.receive(frame)
            assert answer is None or len(answer) >= 6

    def leave(self) -> None:
        if self.clients and self.random.random() < 0.5:
            self.clients.pop(self.random.randrange(len(self.clients))).drop()

    def dial(self) -> None:
        if self.dialled:
            route = self.dialled.pop()
            if self.random.random() < 0.3:
                self.bench.router.upstream_failed(route, "refused")
            else:
                self.upstreams.append(self.bench.up(route))

    def lose(self) -> None:
        if self.upstreams and self.random.random() < 0.3:
            self.upstreams.pop(self.random.randrange(len(self.upstreams)))[1].closed()

    def wait(self) -> None:
        self.bench.pass_time(self.random.choice([1 * MS_NS, 300 * MS_NS, 1500 * MS_NS]))

    def change(self) -> None:
        router = self.bench.router
        if self.random.random() < 0.2:
            if router.routes.named("sub"):
                router.remove_route("sub")
            else:
                router.add_route(SUB)
        elif self.random.random() < 0.2:
            router.changed()
        elif self.random.random() < 0.2:
            refuse = frozenset(self.random.sample(list(Action), self.random.choice([0, 0, 2])))
            bound = {SOURCES[1].net_id: "192.0.2.99"} if self.random.random() < 0.2 else {}
            router.set_policy(Policy(Allow(refuse=refuse), bound))
        elif self.bench.memory.waiting:
            self.bench.memory.waiting.pop().reply(bytes(4))

    def collect(self) -> None:
        for client in tuple(self.clients):
            self.hear(client, client.wire.take())
            if client.wire.closed_why is not None:
                client.drop()
                self.clients.remove(client)
        for wire, session in self.upstreams:
            self.seen += ((session, frame) for frame in wire.take())

    def hear(self, client: Client, frames: list[bytes]) -> None:
        """A response goes to a link that asked with that invoke id, and to no other."""
        for frame in frames:
            if frame[:2] == b"\0\0":
                head = head_of(frame)
                if head.is_response:
                    assert frame[34:38] in self.asked.get(client.session, set())
                elif head.command != Command.NOTIFICATION:
                    self.seen.append((client.session, frame))

    def end(self) -> None:
        """All links go, and time passes."""
        for client in self.clients:
            client.drop()
        for _, session in self.upstreams:
            session.closed()
        for _ in range(3):
            self.bench.pass_time(60 * S_NS)
            for route in self.dialled:
                self.bench.router.upstream_failed(route, "over")


def fitting(frame: bytes) -> bytes:
    """The frame with the length that it has."""
    return frame[:26] + (len(frame) - 38).to_bytes(4, "little") + frame[30:]


def assert_outlet_is_empty(outlet: Outlet) -> None:
    assert len(outlet.aliases) == 0
    assert not outlet._pending
    assert not outlet._deadlines
    assert outlet._kept_bytes == 0
    assert not outlet.tidy._jobs
    assert outlet.tidy._under_way == 0
    assert len(outlet.names) == 0


@given(st.randoms(use_true_random=True))
def test_a_storm_leaves_nothing_behind(random: Random) -> None:
    """Random frames, answers, losses and route changes: no fault, no answer astray, and empty tables at the end."""
    storm = Storm(random)
    for _ in range(400):
        storm.step()
    storm.end()
    router, counters = storm.bench.router, storm.bench.counters
    now = (counters.links, counters.peers, counters.orphans, counters.pending, counters.upstreams)
    assert now == (0, 0, 0, 0, 0)
    assert not router.deferred
    assert not router._sessions
    assert not router._inner
    assert not router._bound
    assert not router.locals._owners
    assert not router.clients._orphans
    assert not router.clients._waiting
    assert storm.bench.memory.notes == {}
    for upstream in router.uplinks.all():
        assert_outlet_is_empty(upstream)
        assert not upstream._queue
        assert not upstream._missed
    assert router.due_ns() is None


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=120)), max_size=8))
def test_any_bytes_are_taken(frames: list[tuple[bool, bytes]]) -> None:
    """Whatever bytes come by a client's or an upstream link, `receive` gives an answer or None."""
    bench = Bench(routes=(LINE,))
    bench.router.serve(851, bench.memory)
    client = bench.client()
    client.say(read(PLC, SOURCES[0]))
    _, session = bench.up(LINE)
    for by_client, frame in frames:
        (client.session if by_client else session).receive(frame)


@given(st.data())
def test_any_fields_are_taken(data: st.DataObject) -> None:
    """Well-framed requests, answers and notifications with any fields raise nothing and are answered to who asked."""
    bench = Bench(routes=(LINE,))
    bench.router.serve(851, bench.memory)
    client = bench.client()
    client.say(read(PLC, SOURCES[0]))
    wire, session = bench.up(LINE)
    addresses = st.sampled_from([*TARGETS, *SOURCES, *(head_of(frame).source for frame in wire.take())])
    for _ in range(data.draw(st.integers(1, 6))):
        frame = request(
            data.draw(addresses),
            data.draw(addresses),
            data.draw(st.integers(0, 10)),
            data.draw(st.binary(max_size=60)),
            invoke=data.draw(st.integers(0, 5)),
            flags=data.draw(st.sampled_from([4, 5, 6, 0x24, 0x25, 0])),
        )
        answer = data.draw(st.sampled_from([client.session, session])).receive(frame)
        if answer is not None:
            asked, said = head_of(frame), head_of(answer)
            assert (said.target, said.source, said.invoke_id) == (asked.source, asked.target, asked.invoke_id)
            assert said.is_response
