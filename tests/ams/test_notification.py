"""DeviceNotification payloads and their time."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby

import pytest
from ams_values import BYTES, U32, value_or_format_error
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ams.address import AmsAddr
from dinrail.ams.frame import FRAME_HEADER_BYTES, REQUEST_FLAGS, Command, build_frame
from dinrail.ams.notification import (
    MAX_FRAME_BYTES,
    MAX_PAYLOAD_BYTES,
    NotificationBuilder,
    Sample,
    Stamp,
    build_notification,
    filetime,
    parse_notification,
    payloads,
    unix_ns,
)
from dinrail.errors import FormatError

NEW_YEAR_NS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 10**9
NEW_YEAR = 0x01DC7AB192810000
GOLDEN = bytes.fromhex(
    "0000 3d000000  7f0000010101 3075  c0a800e70101 5303  0800 0400 1d000000 00000000 00000000"
    "19000000 01000000"  # 25 bytes follow, one stamp
    "00008192b17adc01 01000000"  # 2026-01-01T00:00:00Z, one sample
    "11000000 01000000 2a"  # handle 0x11, one byte, 42
)


def test_a_notification_has_the_bytes_that_clients_take() -> None:
    """One stamp with one sample, built in both ways and read back."""
    stamps = (Stamp(NEW_YEAR, (Sample(0x11, b"\x2a"),)),)
    body = build_notification(stamps)
    client, plc = AmsAddr.parse("127.0.0.1.1.1:30000"), AmsAddr.parse("192.168.0.231.1.1:851")
    assert build_frame(client, plc, Command.NOTIFICATION, REQUEST_FLAGS, 0, body) == GOLDEN
    assert payloads([(NEW_YEAR, 0x11, b"\x2a")]) == [body]
    assert parse_notification(GOLDEN[FRAME_HEADER_BYTES:]) == stamps


def test_a_filetime_counts_from_1601() -> None:
    """100 ns since 1601-01-01; the epoch of Unix lies 11644473600 s behind it."""
    assert filetime(NEW_YEAR_NS) == NEW_YEAR
    assert filetime(0) == 116_444_736_000_000_000
    assert unix_ns(0) == -11_644_473_600 * 10**9


@given(st.integers(-(2**61), 2**61))
def test_time_survives_to_100_ns(time: int) -> None:
    """There and back loses what is below the unit, and nothing else."""
    assert unix_ns(filetime(time)) == time - time % 100


def test_samples_of_one_time_share_a_stamp() -> None:
    """Neighbours with the same time are one stamp; a sample of size 0 is kept, for it says that a handle is gone."""
    samples = [(1, 7, b"a"), (1, 8, b""), (2, 7, b"b"), (1, 7, b"c")]
    (body,) = payloads(samples)
    assert parse_notification(body) == (
        Stamp(1, (Sample(7, b"a"), Sample(8, b""))),
        Stamp(2, (Sample(7, b"b"),)),
        Stamp(1, (Sample(7, b"c"),)),
    )


SAMPLES = st.lists(st.tuples(st.integers(0, 4), U32, BYTES), max_size=40)


@given(SAMPLES, st.integers(20, 300))
def test_no_payload_is_larger_than_allowed_and_no_sample_is_lost(
    samples: list[tuple[int, int, bytes]], max_bytes: int
) -> None:
    """All samples arrive in order; only one that is too large by itself has a larger payload, alone."""
    made = payloads(samples, max_bytes=max_bytes)
    arrived: list[tuple[int, int, bytes]] = []
    for body in made:
        stamps = parse_notification(body)
        assert [stamp.filetime for stamp in stamps] == [key for key, _ in groupby(s.filetime for s in stamps)]
        inside = [(time, *sample) for time, found in stamps for sample in found]
        assert inside
        assert len(body) <= max_bytes or len(inside) == 1
        assert build_notification(stamps) == body
        arrived += inside
    assert arrived == samples


def test_frames_of_a_server_are_64_kib_at_most() -> None:
    """A thousand samples of 1 KiB fill frames up to 64 KiB and never above."""
    made = payloads((time // 10, time, bytes(1000)) for time in range(1000))
    frames = [FRAME_HEADER_BYTES + len(body) for body in made]
    assert max(frames) <= MAX_FRAME_BYTES == MAX_PAYLOAD_BYTES + FRAME_HEADER_BYTES
    assert len(frames) == 16
    assert sum(len(stamp.samples) for body in made for stamp in parse_notification(body)) == 1000


def test_a_builder_starts_anew_after_it_was_emptied() -> None:
    """What was taken is not given again, and an empty builder gives nothing."""
    builder = NotificationBuilder()
    assert builder.take() == []
    builder.add(1, 1, b"x")
    first = builder.take()
    assert builder.take() == []
    builder.add(1, 1, b"x")
    assert builder.take() == first


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.lists(st.tuples(U32, BYTES), max_size=4)), max_size=6))
def test_stamps_come_back_as_they_were(raw: list[tuple[int, list[tuple[int, bytes]]]]) -> None:
    """Any stamps, empty ones too; and whatever is cut off is missed."""
    stamps = tuple(Stamp(time, tuple(Sample(*sample) for sample in samples)) for time, samples in raw)
    body = build_notification(stamps)
    assert parse_notification(body) == stamps
    assert parse_notification(body + b"behind") == stamps
    for length in range(len(body)):
        assert not value_or_format_error(parse_notification, body[:length])


@given(st.binary(max_size=100))
def test_any_bytes_are_a_notification_or_a_format_error(data: bytes) -> None:
    """Also behind a head that makes them plausible."""
    value_or_format_error(parse_notification, data)
    value_or_format_error(parse_notification, (len(data) + 4).to_bytes(4, "little") + b"\3\0\0\0" + data)


@pytest.mark.parametrize("at", [0, 4, 16, 24])
def test_hostile_counts_are_refused_at_once(at: int) -> None:
    """4 GiB of bytes, stamps, samples or data of one sample end where the bytes do."""
    body = bytearray(GOLDEN[FRAME_HEADER_BYTES:])
    body[at : at + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(FormatError):
        parse_notification(bytes(body))
