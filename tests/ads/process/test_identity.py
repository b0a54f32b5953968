"""Who somebody is, is where a frame came in: claims, forged answers, others' handles, guests that want a port."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import ads_requests as rq
import pytest
from ads_guests import CAM, EVERYTHING, HMI, RULES, Plant, plant
from ads_process import NET_ID, PLC, SYSTEM, Raw, document, note_entry, serving, status

from dinrail.ams.address import AmsAddr, NetId, Port
from dinrail.ams.discovery import server_info_request
from dinrail.ams.frame import TcpCommand as Tcp
from dinrail.ams.frame import build_frame, parse_header, tcp_frame

pytestmark = pytest.mark.ads

BEHIND = NetId.parse("10.7.7.7.1.1")
ONE_WAY = "127.0.0.80"
ROUTES = f"""
[[ads.route]]
name = "one-way"
net_id = "{BEHIND}"
address = "{ONE_WAY}:1"
unidirectional = true
"""


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    with plant(tmp_path_factory.mktemp("there"), RULES + ROUTES) as running:
        yield running


def dropped(there: Plant, reason: str) -> int:
    return int(status(there.status)["dropped"].get(reason, 0))


@pytest.mark.parametrize(
    ("door", "claim", "why"),
    [
        ("cam", HMI.net_id, "another guest's"),
        ("cam", NET_ID, "the router's"),
        ("cam", NetId.parse("127.0.0.1.1.1"), "this machine's"),
        ("cam", BEHIND, "a route's"),
        ("hmi", NET_ID, "the router's"),
        ("hmi", CAM.net_id, "one that its door is not bound to"),
        ("here", HMI.net_id, "a guest's"),
        ("here", BEHIND, "a route's, from another address than the route's"),
    ],
)
def test_a_claimed_net_id_gets_no_answer(there: Plant, door: str, claim: NetId, why: str) -> None:
    """A frame that says another's NetId is dropped and counted; what follows it on the same link is answered."""
    before = dropped(there, "spoofed")
    with there.client(door) as raw:
        raw.send(PLC, 4, source=AmsAddr.of(claim, 851))
        raw.send(SYSTEM, 801, b"", source=AmsAddr.of(claim, 10000))
        honest = raw.send(PLC, 4)
        assert parse_header(raw.frame()).invoke_id == honest, why
    assert dropped(there, "spoofed") == before + 2


def test_a_guest_behind_its_own_net_id_is_answered(there: Plant) -> None:
    """The control to the above: the same frames with the NetId of the door."""
    with there.client("hmi") as raw:
        assert rq.state()(raw) == rq.YES


@pytest.mark.parametrize("door", ["cam", "hmi", "office"])
def test_forged_answers_and_notifications_reach_nobody(there: Plant, door: str) -> None:
    """A response or a notification that nobody waits for from there is dropped, whatever address it is for."""
    before = dropped(there, "unasked")
    with Raw(there.server.where) as victim, there.client(door) as liar:
        mine = victim.connect_port()
        handle = victim.subscribe(PLC, 0x4020, 3100, 4, 50, mode=4)
        assert victim.samples() == [(handle, bytes(4))]
        sample = struct.pack("<IIqIII", 28, 1, 0, 1, handle, 4) + b"LIES"
        for source in (PLC, liar.source):
            for target in (mine, PLC):
                for invoke_id in (1, 2, 3):
                    liar.sock.sendall(build_frame(target, source, 2, 5, invoke_id, bytes(4) + b"\4\0\0\0LIES"))
                liar.sock.sendall(build_frame(target, source, 8, 4, 0, sample))
        assert rq.state()(liar) in (rq.YES, rq.NO)  # all of it was taken before this was answered
        asked = victim.send(PLC, 4)
        assert parse_header(victim.frame()).invoke_id == asked
    assert dropped(there, "unasked") == before + 16


def test_anothers_handles_are_worth_nothing(there: Plant) -> None:
    """Symbol and notification handles belong to who got them, also for another address on the same link."""
    with there.client("here") as owner, there.client("office") as other:
        result, data = owner.read_write(PLC, 0xF003, 0, 4, b"GVL_Types.nInt\0")
        assert result == 0
        (handle,) = struct.unpack("<I", data)
        noted = owner.subscribe(PLC, 0x4020, 3000, 4, 1000)
        assert other.read(PLC, 0xF005, handle, 2)[0] == 0x710
        header, body = other.ask(PLC, 7, struct.pack("<I", noted))
        assert (header.error, body) == (0, struct.pack("<I", 0x714))
        assert other.write(PLC, 0xF006, 0, data) == 0x710
        invoke_id = owner.send(PLC, 2, struct.pack("<III", 0xF005, handle, 2), source=AmsAddr.parse("10.20.30.1.1.1:7"))
        assert owner.response(invoke_id)[1][:4] == struct.pack("<I", 0x710)
        assert owner.read(PLC, 0xF005, handle, 2)[0] == 0
        assert owner.ask(PLC, 7, struct.pack("<I", noted))[1] == bytes(4)


@pytest.mark.parametrize("door", ["hmi", "cam"])
def test_a_guest_connects_no_port(there: Plant, door: str) -> None:
    """The router's own protocol is for this machine: a guest gets no port, no NetId, and closes nobody's."""
    before = dropped(there, "not local")
    with Raw(there.server.where) as owner, there.client(door) as guest:
        mine = owner.connect_port()
        guest.sock.sendall(tcp_frame(Tcp.PORT_CONNECT, b"\0\0") + tcp_frame(Tcp.GET_NET_ID))
        guest.sock.sendall(
            tcp_frame(Tcp.PORT_CLOSE, struct.pack("<H", mine.port)) + tcp_frame(Tcp.PORT_CONNECT, b"S\3")
        )
        asked = guest.send(PLC, 4)
        assert parse_header(guest.frame()).invoke_id == asked
        assert rq.state()(owner) == rq.YES
    assert dropped(there, "not local") == before + 4


def test_a_guest_reaches_no_other_guest_and_no_local_client(there: Plant) -> None:
    """Ports that clients serve are ports as others: a rule has to name them; this machine may ask a guest's."""
    with there.client("hmi") as panel, there.client("cam") as cam, Raw(there.server.where) as local:
        assert rq.state()(panel) == rq.YES  # now the router knows where its NetId is
        port = local.connect_port()
        denied = struct.pack("<I", 0x723)
        for asking, target in ((cam, HMI), (cam, port), (panel, port)):
            for command, payload in ((2, struct.pack("<III", 0x4020, 0, 4)), (4, b""), (6, note_entry(0x4020, 0, 4))):
                header, body = asking.ask(target, command, payload)
                assert (header.error, body[:4]) == (0, denied)
        asked = local.send(HMI, 4)
        frame = panel.frame()
        header = parse_header(frame)
        assert (header.target, header.command, header.is_response) == (HMI, 4, False)
        panel.sock.sendall(build_frame(header.source, HMI, 4, 5, header.invoke_id, struct.pack("<IHH", 0, 5, 0)))
        assert local.response(asked)[1] == struct.pack("<IHH", 0, 5, 0)


def test_a_unidirectional_route_lets_its_other_end_ask_for_little(there: Plant) -> None:
    """From there come ReadState requests, answers and notifications; everything else is 0x723, and be it from here."""
    with Raw(there.server.where, AmsAddr.of(BEHIND, 30000), bind=ONE_WAY) as other:
        assert rq.state()(other) == rq.YES
        for name, ask in {
            "info": rq.info(),
            "subscribe": rq.subscribe(0x4020, 3000),
            "sum subscribe": rq.sum_subscribe((0x4020, 3000, 4)),
            "read": rq.read(0x4020, 3000),
            "write": rq.write(0x4020, 3000, b"1234"),
            "handle": rq.read_write(0xF003, 0, 4, b"GVL_Types.nInt\0"),
            "sum read": rq.sum_read((0x4020, 3000, 4)),
            "control": rq.control(5),
            "control system": rq.control(5, 10000),
            "route": rq.add_route("x", "10.7.7.8.1.1"),
            "file": rq.open_file("there.txt", 0x11),
        }.items():
            assert ask(other) == rq.NO, name
    with Raw(there.server.where, AmsAddr.parse("10.7.7.9.1.1:30000"), bind=ONE_WAY) as neighbour:
        assert rq.read(0x4020, 3000)(neighbour) == rq.YES  # the control: it is the route that is limited


def test_what_lies_behind_a_read_only_route_is_never_changed(tmp_path: Path) -> None:
    """Not by a rule that allows everything, not in a sum; by an ordinary route to the same device all of it is done."""
    with serving("--simulate", port=0) as far:
        text = EVERYTHING + f'[[ads.route]]\nname = "line"\nnet_id = "{NET_ID}"\naddress = "{far.address}:{far.port}"\n'
        deeds = {
            "write": rq.write(0x4020, 3000, b"1234"),
            "write name": rq.write(0xF004, 0, b"GVL_Types.nInt\0\1\0"),
            "write handle": rq.by_handle("GVL_Types.nInt", lambda handle: rq.write(0xF005, handle, b"\1\0")),
            "control": rq.control(5),
            "call": rq.call("MAIN.fbCalculator#Add", bytes(8), 5),
            "route": rq.add_route("x", "10.7.7.8.1.1"),
            "file": rq.open_file("x.txt", 0x12),
        }
        looks = {
            "state": rq.state(),
            "upload info": rq.read(0xF00F, 0, 24),
            "read": rq.read(0x4020, 3000),
            "sum read": rq.sum_read((0x4020, 3000, 4)),
            "subscribe": rq.subscribe(0x4020, 3000),
            "read handle": rq.by_handle("GVL_Types.nInt", lambda handle: rq.read(0xF005, handle, 2)),
        }
        for limit, outcome, sum_outcome in (("read_only = true", rq.NO, rq.NO), ("", rq.YES, "y,y")):
            directory = tmp_path / (limit[:4] or "free")
            directory.mkdir()
            with serving(*document(directory, text + limit), net_id=BEHIND) as near, Raw(near.where) as raw:
                assert {name: ask(raw) for name, ask in looks.items()} == dict.fromkeys(looks, rq.YES)
                assert {name: ask(raw) for name, ask in deeds.items()} == dict.fromkeys(deeds, outcome)
                # Half a sum cannot be sent on in another's name unnoticed: one forbidden item refuses it whole.
                two = ((0x4020, 3000, b"1234"), (0x4020, 3004, b"1234"))
                assert rq.sum_write(*two)(raw) == sum_outcome


def test_refusals_are_counted_each_and_told_once_a_burst(tmp_path: Path) -> None:
    """Fifty refused writes of one guest are fifty in the count, and one line in the log; another's are another line."""
    with (
        plant(tmp_path, RULES) as there,
        there.client("cam") as cam,
        there.client("hmi") as hmi,
        there.client("here") as here,
    ):
        for _ in range(50):
            assert rq.write(0x4020, 3000, b"1234")(cam) == rq.NO
        for _ in range(7):
            assert rq.subscribe(0x4020, 3000)(hmi) == rq.NO
        assert rq.read(0x4020, 3000)(here) == rq.YES
        refused = status(there.status)["refused"]
        assert refused == {"default: nothing without a rule": 57}
        lines = [line for line in there.log.read_text().splitlines() if "refused by" in line]
        assert [("cam" in line, "hmi" in line) for line in lines] == [(True, False), (False, True)]
        assert "0x4020" in lines[0]
        assert str(CAM) in lines[0]
        # A route more is another policy: what was counted, and what was told, stays.
        assert rq.add_route("more", "10.99.1.1.1.1")(here) == rq.YES
        assert rq.write(0x4020, 3000, b"1234")(cam) == rq.NO
        assert status(there.status)["refused"] == {"default: nothing without a rule": 58}
        assert there.log.read_text().count("refused by") == 2


def test_who_listens_at_the_logger_hears_of_a_refusal(tmp_path: Path) -> None:
    """A subscriber of port 100 gets one line for a burst: who was refused what, and by which rule."""
    with plant(tmp_path, RULES) as there, there.client("cam") as cam, there.client("here") as here:
        here.subscribe(AmsAddr.of(NET_ID, Port.LOGGER), 1, 0xFFFF, 1024, 0)
        for _ in range(9):
            assert rq.write(0x4020, 3000, b"1234")(cam) == rq.NO
        ((_, message),) = here.samples()
        assert b"write of 0x4020:0xbb8" in message
        assert b"refused by default: nothing without a rule" in message
        here.sock.settimeout(1)
        with pytest.raises(TimeoutError):
            here.samples()


def test_a_refused_read_is_counted_once(there: Plant) -> None:
    """Also what could have been prepared: a Read and a sum read with one forbidden item."""
    with there.client("hmi") as hmi, there.client("cam") as cam:
        mine = rq.place(hmi, "GVL_Types.nInt")
        before = sum(status(there.status)["refused"].values())
        assert rq.read(0x4020, 3000)(cam) == rq.NO
        assert rq.sum_read(mine, (0x4020, 3000, 4))(hmi) == "y,n"
        assert sum(status(there.status)["refused"].values()) == before + 2


def test_a_guest_without_rules_hears_nothing_by_discovery(there: Plant) -> None:
    """UDP: this machine and a guest with rules are told who we are; one without rules gets silence."""
    for door, answered in ((there.server.address, True), (there.hmi, True), (there.cam, False)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5 if answered else 0.5)
            sock.sendto(server_info_request(), (door, 48899))
            if answered:
                assert NET_ID in sock.recv(2048)
            else:
                with pytest.raises(TimeoutError):
                    sock.recv(2048)
