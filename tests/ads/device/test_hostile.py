"""Any bytes: a body or an AdsFault, nothing else, and nobody is worse off afterwards."""

from __future__ import annotations

import struct

from ads_device import Client, FakePeer, FakePermit, Time, parse_frame
from build_device import DATA, M, plc
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.device.access import Limits
from dinrail.ads.device.gather import Gather, point_of
from dinrail.ads.device.memory import BytesArea, Spot
from dinrail.ams.errors import AdsFault

GROUPS = (0, M, M + 1, M + 5, DATA, DATA + 1, 0xF020, 0xF02B, 0xF031, 0xF040, 0xF060, *range(0xF000, 0xF020))
u32 = st.one_of(st.integers(0, 300), st.integers(0, 0xFFFF_FFFF), st.just(0xFFFF_FFFF))
groups = st.one_of(st.sampled_from((*GROUPS, *range(0xF080, 0xF087), 0xF090, 0xF091, 0xF100)), u32)
paths = st.sampled_from(
    (
        b"MAIN.i",
        b"MAIN.aInt[2]",
        b"MAIN.pInt^",
        b"MAIN.stFlags.bLow",
        b"MAIN.fbDrive#Scale",
        b"MAIN.sText\0",
        b"MAIN.\xff",
    )
)
data = st.one_of(st.binary(max_size=60), paths, st.binary(min_size=40, max_size=40))


def with_data(head: tuple[int, ...], content: bytes) -> bytes:
    return struct.pack(f"<{len(head) + 1}I", *head, len(content)) + content


requests = st.one_of(
    st.tuples(st.integers(0, 12), st.binary(max_size=80)),
    st.builds(lambda g, o, n: (2, struct.pack("<III", g, o, n)), groups, u32, u32),
    st.builds(lambda g, o, d: (3, with_data((g, o), d)), groups, u32, data),
    st.builds(lambda g, o, n, d: (9, with_data((g, o, n), d)), groups, u32, u32, data),
    st.builds(lambda *v: (6, struct.pack("<6I16x", *v)), groups, u32, u32, st.integers(0, 40), u32, u32),
    st.builds(lambda h: (7, struct.pack("<I", h)), u32),
    st.builds(lambda s, d: (5, struct.pack("<HHI", s, 0, len(d)) + d), st.integers(0, 25), data),
)
items = st.lists(st.tuples(groups, u32, u32), max_size=6).map(
    lambda found: b"".join(struct.pack("<III", *one) for one in found)
)
sums = st.builds(
    lambda g, n, size, d: (9, with_data((g, n, size), d)),
    st.integers(0xF080, 0xF086),
    st.integers(0, 6),
    u32,
    st.one_of(items, data),
)


@given(st.lists(st.one_of(requests, sums), max_size=25), st.booleans())
def test_any_requests_give_a_body_or_a_fault_and_hurt_nobody(sent: list[tuple[int, bytes]], by_symbol: bool) -> None:
    """Whatever a client sends, its answers have their form, and another client's reads and samples go on."""
    device = plc(limits=Limits(response_bytes=100_000))
    time = Time()
    neighbour = Client(device, FakePeer())
    neighbour.write(DATA, 300, b"safe")
    handle = neighbour.subscribe(0xF100, 0, 4)[1]
    hostile = Client(device, FakePeer(), FakePermit(by_symbol=by_symbol))
    codes: set[int] = set()
    for command, payload in sent:
        try:
            body = hostile.body(command, payload)
        except AdsFault as fault:
            codes.add(fault.code)
        else:
            assert body is None or len(body) >= 4
            if command in (2, 9):
                assert body is not None
                assert struct.unpack_from("<I", body, 4) == (len(body) - 8,)
                asked = struct.unpack_from("<I", payload, 8)[0]
                assert len(body) - 8 <= asked
            prepared = hostile.prepared(command, payload)
            if prepared is not None and command == 2:
                assert prepared()[4:8] == struct.pack("<I", len(prepared()) - 8)
        time.run(device, 10)
    assert all(0 < code < 0x1000 for code in codes)
    for frame in hostile.peer.frames:
        parse_frame(frame)
    neighbour.peer.take()
    time.run(device, 20)
    assert {got.handle for got in neighbour.peer.take()} == {handle}
    assert neighbour.read(0xF00F, 0, 8)[0] == 0


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)), max_size=40), st.binary(min_size=100, max_size=100))
def test_a_gather_reads_what_single_reads_would(places: list[tuple[int, int]], content: bytes) -> None:
    """Places in any order, overlapping, empty or twice, come as if each had been read by itself."""
    areas = (BytesArea(100), BytesArea(100))
    areas[0].write(0, content)
    areas[1].write(0, content[::-1])
    points = [point_of(Spot(areas[number % 2], M, at, size)) for number, (at, size) in enumerate(places)]
    assert Gather(points)() == tuple(point.now() for point in points)
