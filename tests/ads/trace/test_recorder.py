"""Frames written as a capture."""

from __future__ import annotations

import pytest
from build_capture import CLIENT_END, SERVER_END, START_NS, answer, request
from hypothesis import given, settings
from hypothesis import strategies as st

from dinrail.ads.trace.captured import LinkType
from dinrail.ads.trace.flows import Flows
from dinrail.ads.trace.packet import MAX_SEGMENT_BYTES, Endpoint, Segment, TcpFlag, parse_packet
from dinrail.ads.trace.pcap import CaptureReader
from dinrail.ads.trace.recorder import Direction, FrameRecorder, LinkName
from dinrail.ams.command import DataResponse, ReadRequest, WriteRequest
from dinrail.ams.frame import Command

READ = request(Command.READ, ReadRequest(0x4020, 0, 4).encode())
ANSWER = answer(READ, DataResponse(0, b"\1\2\3\4").encode())
LINK = LinkName(CLIENT_END, SERVER_END)


def segments(capture: list[bytes]) -> list[Segment]:
    found: list[Segment] = []
    for packet in CaptureReader().feed(b"".join(capture)):
        assert packet.link_type == LinkType.RAW
        segment = parse_packet(packet)
        assert isinstance(segment, Segment)
        found.append(segment)
    return found


def frames(capture: list[bytes]) -> tuple[list[tuple[int, Endpoint, Endpoint, bytes]], Flows]:
    flows = Flows()
    found = [
        (seen.wall_ns, seen.source, seen.target, seen.data)
        for packet in CaptureReader().feed(b"".join(capture))
        for seen in flows.add(packet)
    ]
    return found, flows


def test_a_recording_is_a_tcp_connection_from_handshake_to_end() -> None:
    """SYN, SYN-ACK, ACK, data with running numbers in both directions, FIN from both sides."""
    capture: list[bytes] = []
    recorder = FrameRecorder(capture.append)
    recorder.record(Direction.IN, LINK, READ, START_NS)
    recorder.record(Direction.OUT, LINK, ANSWER, START_NS + 1)
    recorder.record(Direction.IN, LINK, READ, START_NS + 2)
    recorder.ended(LINK, START_NS + 3)
    up, down, size = len(READ), len(ANSWER), 1
    push = TcpFlag.PSH | TcpFlag.ACK
    assert [
        (s.source == CLIENT_END, s.sequence, s.acknowledged, s.flags, len(s.payload)) for s in segments(capture)
    ] == [
        (True, 0, 0, TcpFlag.SYN, 0),
        (False, 0, size, TcpFlag.SYN | TcpFlag.ACK, 0),
        (True, 1, size, TcpFlag.ACK, 0),
        (True, 1, 1, push, up),
        (False, 1, 1 + up, push, down),
        (True, 1 + up, 1 + down, push, up),
        (True, 1 + 2 * up, 1 + down, TcpFlag.FIN | TcpFlag.ACK, 0),
        (False, 1 + down, 2 + 2 * up, TcpFlag.FIN | TcpFlag.ACK, 0),
    ]
    assert (recorder.frames, recorder.dropped, recorder.written_bytes) == (3, 0, sum(map(len, capture)))


def test_frames_come_back_as_they_were_recorded_with_time_and_ends() -> None:
    """Interleaved links, IPv6 next to IPv4, a frame of half a megabyte over many segments."""
    big = request(Command.WRITE, WriteRequest(0x4020, 0, bytes(500_000)).encode())
    six = LinkName.of(9, "fe80::7%vmnet0")
    capture: list[bytes] = []
    recorder = FrameRecorder(capture.append)
    recorder.record(Direction.IN, LINK, READ, START_NS)
    recorder.record(Direction.IN, six, big, START_NS + 5)
    recorder.record(Direction.OUT, LINK, ANSWER, START_NS + 7)
    found, flows = frames(capture)
    assert found == [
        (START_NS, CLIENT_END, SERVER_END, READ),
        (START_NS + 5, Endpoint("fe80::7", 1033), Endpoint("::1", 48898), big),
        (START_NS + 7, SERVER_END, CLIENT_END, ANSWER),
    ]
    assert (flows.counters.gaps, flows.counters.skipped_bytes) == (0, 0)
    assert max(len(segment.payload) for segment in segments(capture)) == MAX_SEGMENT_BYTES


def test_links_without_an_address_have_one_for_documentation() -> None:
    """MQTT and what is inside: still each its own connection."""
    names = {LinkName.of(number) for number in range(0, 200_000, 7)}
    assert len(names) == len(range(0, 200_000, 7))
    assert {name.peer.address for name in names} == {"192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.3"}
    assert LinkName.of(3, "not an address").peer == Endpoint("192.0.2.0", 1027)
    assert LinkName.of(3, "10.0.0.7", port=50000, local=SERVER_END) == LINK


def test_a_recording_that_is_full_drops_and_counts() -> None:
    """The limit is never passed by data, and what was written stays whole."""
    capture: list[bytes] = []
    recorder = FrameRecorder(capture.append, max_bytes=1000)
    for n in range(50):
        recorder.record(Direction.IN, LINK, READ, START_NS + n)
    recorder.ended(LINK, START_NS)
    assert recorder.frames + recorder.dropped == 50
    assert recorder.dropped > 0
    assert sum(map(len, capture)) < 1200
    assert len(frames(capture)[0]) == recorder.frames


def test_the_number_of_links_is_bounded() -> None:
    """A link that made room and comes back is told as a new connection, readable like the first."""
    capture: list[bytes] = []
    recorder = FrameRecorder(capture.append, max_links=2)
    for n in (1, 2, 3, 1, 2, 3):
        recorder.record(Direction.IN, LinkName.of(n), READ, START_NS)
    recorder.ended(LinkName.of(99), START_NS)
    assert len(frames(capture)[0]) == 6
    assert sum(segment.flags == TcpFlag.SYN for segment in segments(capture)) == 6


def test_a_fault_of_the_file_is_the_caller_s() -> None:
    """What the sink raises passes through."""

    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        FrameRecorder(full)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 200_000)), max_size=8))
def test_any_mixture_of_frames_comes_back(mixture: list[tuple[bool, int, int]]) -> None:
    """Any sizes, links and directions: all frames, each direction in order."""
    capture: list[bytes] = []
    recorder = FrameRecorder(capture.append)
    sent: list[bytes] = []
    for n, (inwards, link, size) in enumerate(mixture):
        frame = request(Command.WRITE, bytes(size), invoke_id=n)
        sent.append(frame)
        recorder.record(Direction.IN if inwards else Direction.OUT, LinkName.of(link), frame, START_NS + n)
    assert [data for *_, data in frames(capture)[0]] == sent
