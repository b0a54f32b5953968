"""Connections followed through a capture."""

from __future__ import annotations

from build_capture import CLIENT_END, MS, SERVER_END, START_NS, Talk, answer, request, udp
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.trace.captured import Captured, LinkType
from dinrail.ads.trace.flows import Flows, Seen
from dinrail.ads.trace.packet import Endpoint, TcpFlag
from dinrail.ams.command import DataResponse, ReadRequest
from dinrail.ams.discovery import server_info_request
from dinrail.ams.frame import Command

READ = request(Command.READ, ReadRequest(0x4020, 0, 4).encode())
ANSWER = answer(READ, DataResponse(0, b"\1\2\3\4").encode())


def follow(flows: Flows, packets: list[tuple[int, bytes]]) -> list[Seen]:
    found = [seen for wall_ns, data in packets for seen in flows.add(Captured(wall_ns, LinkType.RAW, data))]
    return found + list(flows.finish())


def test_frames_are_seen_when_their_last_byte_is() -> None:
    """Both directions of a connection, a frame over two segments, two frames in one."""
    talk = Talk().open().up(READ[:10]).up(READ[10:]).down(ANSWER + ANSWER)
    flows = Flows()
    assert follow(flows, talk.packets) == [
        Seen(START_NS + 3 * MS, CLIENT_END, SERVER_END, READ),
        Seen(START_NS + 4 * MS, SERVER_END, CLIENT_END, ANSWER),
        Seen(START_NS + 4 * MS, SERVER_END, CLIENT_END, ANSWER),
    ]
    assert (flows.counters.packets, flows.counters.gaps, flows.counters.skipped_bytes) == (5, 0, 0)


def test_only_ams_ports_and_discovery_are_followed() -> None:
    """48898 by default, others when they are named; UDP 48899 always."""
    other = Talk(server=Endpoint("10.0.0.1", 8080)).open().up(READ)
    who = udp(Endpoint("10.0.0.7", 40000), Endpoint("255.255.255.255", 48899), server_info_request())
    flows = Flows()
    (seen,) = follow(flows, [*other.packets, (START_NS, who)])
    assert (seen.is_datagram, seen.data, seen.target) == (
        True,
        server_info_request(),
        Endpoint("255.255.255.255", 48899),
    )
    assert flows.counters.other == 3
    assert [seen.data for seen in follow(Flows({8080}), other.packets)] == [READ]


def test_a_lost_segment_costs_its_frame_and_no_other() -> None:
    """What the capture missed is a gap; frames go on at the next header."""
    big = request(Command.WRITE, ReadRequest(0x4020, 0, 2000).encode() + bytes(2000))
    talk = Talk().open().up(READ).up(big[:1000]).up(big[1000:]).up(READ)
    flows = Flows()
    without = [packet for n, packet in enumerate(talk.packets) if n != 3]
    assert [seen.data for seen in follow(flows, without)] == [READ, READ]
    assert (flows.counters.gaps, flows.counters.skipped_bytes) == (1, len(big) - 1000)


def test_a_connection_joined_in_the_middle_is_followed() -> None:
    """No SYN: frames start at the first header."""
    flows = Flows()
    talk = Talk().up(ANSWER[40:] + READ).up(READ)
    assert [seen.data for seen in follow(flows, talk.packets)] == [READ, READ]
    assert flows.counters.gaps == 1


def test_ports_that_are_used_again_are_another_connection() -> None:
    """A SYN or RST ends what was there, with what it still had."""
    talk = Talk().open().up(READ[:10])
    talk.client_sequence = 77
    talk.open().up(READ).up(b"", flags=TcpFlag.RST)
    talk.client_sequence = 5
    talk.open().up(READ)
    assert [seen.data for seen in follow(Flows(), talk.packets)] == [READ, READ]


def test_memory_is_bounded_by_connections() -> None:
    """The connection that was silent longest is given up for a new one, and counted."""
    flows = Flows(max_flows=4)
    for port in range(1000, 1100):
        follow(flows, Talk(client=Endpoint("10.0.0.7", port)).open().up(READ[:20]).packets)
    assert flows.counters.given_up == 196
    last = Talk(client=Endpoint("10.0.0.7", 1099), client_sequence=1021).up(READ[20:])
    assert [seen.data for seen in follow(flows, last.packets)] == [READ]


def test_packets_that_cannot_be_read_are_counted() -> None:
    """A cut packet and a fragment are no reason to stop."""
    talk = Talk().open().up(READ)
    flows = Flows()
    cut = [(START_NS, talk.packets[0][1][:30])]
    assert [seen.data for seen in follow(flows, cut + talk.packets)] == [READ]
    assert flows.counters.unreadable == 1


@given(st.lists(st.tuples(st.integers(0, 4), st.binary(max_size=60)), max_size=12))
def test_any_packets_are_followed_without_a_fault(noise: list[tuple[int, bytes]]) -> None:
    """Garbage among packets, as payload or as packets, never raises."""
    talk = Talk().open()
    for kind, data in noise:
        if kind == 0:
            talk.packets.append((talk.wall_ns, data))
        elif kind == 1:
            talk.client_sequence += len(data)
        else:
            talk.up(data + READ)
    follow(Flows(), talk.packets)
