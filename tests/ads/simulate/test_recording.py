"""Recordings of a running PLC: written, read, replayed."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace

import pytest
from ads_device import WALL_NS
from build_iec import AXIS, BOOL, INT, le
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.simulate.device import SimulatedDevice
from dinrail.ads.simulate.recording import Header, Recording, RecordingWriter, read_recording, to_description
from dinrail.ads.symbols.export import Exporter
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ams.address import NetId
from dinrail.ams.symbol import SymbolEntry, build_symbols
from dinrail.ams.text import UTF_8
from dinrail.errors import BadRequest, DinrailError
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import Encoding
from dinrail.units import MS_NS

SYMBOLS = [
    Symbol("MAIN.n", INT, 0x4040, 100),
    Symbol("MAIN.axis", AXIS, 0x4040, 200),
    Symbol("MAIN.ä", BOOL, 0x4020, 0),
]


def header(symbols: list[Symbol] = SYMBOLS) -> Header:
    out = Exporter(SymbolTable(symbols))
    net_id = NetId.parse("5.1.2.3.1.1")
    return Header(net_id, 852, "Plc30 App", (3, 1, 4024), out.info(), out.symbols, out.types, "2026-01-31T12:00:00Z")


def written(samples: list[tuple[int, dict[str, bytes]]]) -> list[str]:
    lines: list[str] = []
    writer = RecordingWriter(lines.append, header())
    for time_ns, values in samples:
        writer.sample(time_ns, values)
    return lines


def replayed(samples: list[tuple[int, dict[str, bytes]]], *, loop: bool = True) -> SimulatedDevice:
    recording = read_recording(written(samples), where="x.jsonl")
    return SimulatedDevice(to_description(recording, where="x.jsonl", loop=loop))


def value(device: SimulatedDevice, path: str) -> bytes:
    place = device.table.find(path)
    return device.memory.read(place.group, place.offset, place.size_bytes)


@given(st.lists(st.dictionaries(st.sampled_from(["MAIN.n", "MAIN.x", "ä[1,2].b"]), st.binary(max_size=9)), max_size=9))
def test_what_is_written_is_read(samples: list[dict[str, bytes]]) -> None:
    """Header, times and bytes of a recording come back as they were given."""
    recording = read_recording(written(list(enumerate(samples))), where="x")
    expected = replace(header().info, symbols=0, symbol_bytes=0, data_types=0, data_type_bytes=0)
    assert recording.header == replace(header(), info=expected)
    for path, track in recording.tracks.items():
        pairs = [(at, values[path]) for at, values in enumerate(samples) if path in values]
        assert list(zip(track.times_ns, track.values, strict=True)) == pairs
    assert set(recording.tracks) == {path for values in samples for path in values}


def test_a_recording_is_served_as_the_device_that_it_was() -> None:
    """Name, version, port, symbols, types, addresses and first values are those of the recorded device."""
    device = replayed([(0, {"MAIN.n": le("h", 5), "MAIN.axis.aPoints[2].y": le("h", 7)})])
    assert (device.name, device.version, device.description.port) == ("Plc30 App", (3, 1, 4024), 852)
    assert device.description.encoding is Encoding.UTF_8
    for symbol in SYMBOLS:
        place = device.table.find(symbol.name)
        assert (place.type.name, place.address) == (symbol.type.name, (symbol.group, symbol.offset))
    assert value(device, "MAIN.n") == le("h", 5)
    assert value(device, "MAIN.axis.aPoints[2].y") == le("h", 7)


def test_values_come_at_their_times_and_again() -> None:
    """Each sample holds until the next of its variable; behind the end the recording begins again, or stays."""
    samples = [(at * 20 * MS_NS, {"MAIN.n": le("h", at)}) for at in range(3)]
    for loop, expected in ((True, [0, 0, 1, 1, 2, 2, 0, 0]), (False, [0, 0, 1, 1, 2, 2, 2, 2])):
        device = replayed(samples, loop=loop)
        seen = []
        for cycle in range(8):
            device.cycle(WALL_NS + cycle * 10 * MS_NS)
            seen.append(int.from_bytes(value(device, "MAIN.n"), "little"))
        assert seen == expected


def test_a_line_that_was_not_finished_is_left_out() -> None:
    """A recorder that was killed in the midst of a line leaves a recording that can be read."""
    lines = written([(0, {"MAIN.n": le("h", 1)}), (5, {"MAIN.n": le("h", 2)})])
    cut = [*lines[:2], lines[2][:10]]
    assert read_recording(cut, where="x").tracks["MAIN.n"].values == [le("h", 1)]


def test_time_never_goes_back_in_what_is_written() -> None:
    """When a sampled clock is set back, the recording stands still instead."""
    lines = written([(100, {"MAIN.n": b""}), (50, {"MAIN.n": b""})])
    assert [json.loads(line)["t"] for line in lines[1:]] == [100, 100]


def test_symbols_without_an_address_get_one() -> None:
    """What a device says lies at a service's group is served from the data area."""
    entry = SymbolEntry("MAIN.ref", "INT", 0xF016, 0, 2, 2)
    recording = Recording(replace(header(), symbols=build_symbols([entry], code_page=UTF_8)), {}, 0)
    (symbol,) = to_description(recording, where="x").symbols
    assert (symbol.name, symbol.group) == ("MAIN.ref", 0x4040)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([""], "is no recording"),
        (["{}\n"], "is no recording"),
        (['{"dinrail-recording": 2}\n'], "or one of a newer version"),
        (['{"dinrail-recording": 1}\n'], "its first line is broken"),
        (["[" * 100_000 + "\n"], "is no recording"),
    ],
)
def test_what_is_no_recording_is_refused(lines: list[str], says: str) -> None:
    """A first line that is no header is a BadRequest."""
    with pytest.raises(BadRequest) as fault:
        read_recording(lines, where="x.jsonl")
    assert says in str(fault.value)


@pytest.mark.parametrize("key", ["port", "version", "symbols", "net_id", "flags", "name"])
def test_every_part_of_the_header_has_to_be_there(key: str) -> None:
    """A header that lacks a part, or has nonsense in it, is a BadRequest."""
    head = json.loads(written([])[0])
    for broken in ({k: v for k, v in head.items() if k != key}, head | {key: [None]} if key != "name" else {}):
        with pytest.raises(BadRequest):
            read_recording([json.dumps(broken) + "\n"], where="x.jsonl")


def test_all_faulty_lines_are_told() -> None:
    """Each line that is no sample is named, and so is each path that the device has not."""
    bad = ["5\n", '{"t": 5, "v": {"MAIN.n": "zz"}}\n', '{"t": 1, "v": {}}\n', "x\n"]
    with pytest.raises(BadRequest) as fault:
        read_recording([*written([]), *bad], where="x.jsonl")
    told = "\n".join(fault.value.lines())
    assert all(f"line {number}: " in told for number in (2, 3, 4, 5))
    with pytest.raises(BadRequest) as fault:
        replayed([(0, {"MAIN.nope": b"", "MAIN.n": b"123"})])
    told = "\n".join(fault.value.lines())
    assert "MAIN.nope: symbol not found" in told
    assert "MAIN.n: a sample has not the 2 bytes of a INT" in told


@given(st.lists(st.text(max_size=30), max_size=4), st.binary(max_size=60), st.binary(max_size=60))
def test_any_lines_give_a_device_or_an_error(lines: list[str], symbols: bytes, types: bytes) -> None:
    """Whatever stands in a file, nothing else is raised."""
    with contextlib.suppress(DinrailError):
        read_recording([line + "\n" for line in lines], where="x")
    with contextlib.suppress(DinrailError):
        read_recording([*written([]), *(line + "\n" for line in lines)], where="x")
    with contextlib.suppress(DinrailError):
        SimulatedDevice(to_description(Recording(replace(header(), symbols=symbols, types=types), {}, 0), where="x"))
