"""Who may do what: a table of sources and requests, by raw bytes against the real process, and by AdsLib."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import ads_requests as rq
import pytest
from ads_guests import CAM, EVERYTHING, HMI, RULES, Plant, plant
from ads_requests import Ask, Place
from foreign_clients import pyads

pytestmark = pytest.mark.ads

WHO = ("here", "office", "panel", "logger", "hmi", "cam")
FLAGS, BITS = (0x4020, 3000, 4), (0x4021, 24000, 1)
ADD = b"\x14\0\0\0\x16\0\0\0"
ROUTE = '[[ads.route]]\nname = "known"\nnet_id = "10.98.0.1.1.1"\naddress = "192.0.2.8"\n'
_SERIAL = itertools.count(1)


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    with plant(tmp_path_factory.mktemp("ruled"), RULES + ROUTE) as there:
        yield there


@pytest.fixture(scope="module")
def unruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    with plant(tmp_path_factory.mktemp("unruled"), EVERYTHING + ROUTE) as there:
        yield there


def _new_route(raw: rq.Raw) -> str:
    number = next(_SERIAL)
    return rq.add_route(f"new{number}", f"10.99.0.{number}.1.1")(raw)


def _requests(mine: Place, other: Place, array: Place) -> dict[str, Ask]:
    """All requests by name; the places of GVL_Types.nInt, GVL_Struct.eMode and MAIN.aInts are known to everyone."""
    nint, mode = "GVL_Types.nInt", "GVL_Struct.eMode"
    return {
        "state": rq.state(),
        "device info": rq.info(),
        "symbol version": rq.read(0xF008, 0, 1),
        "upload": rq.read(0xF00B, 0, 1 << 16),
        "types": rq.read(0xF00E, 0, 1 << 16),
        "upload info": rq.read(0xF00F, 0, 24),
        "entry by name": rq.read_write(0xF009, 0, 1 << 12, b"MAIN.aInts\0"),
        "info by name": rq.read_write(0xF007, 0, 12, b"GVL_Struct.eMode\0"),
        "who subscribes": rq.read(0xF091, 0, 8),
        "read %M": rq.read(*FLAGS),
        "read %MX": rq.read(*BITS),
        "write %M": rq.write(0x4020, 3000, b"1234"),
        "write %MX": rq.write(0x4021, 24000, b"\1"),
        "read inputs": rq.read(0xF020, 0, 2),
        "read address": rq.read(*mine),
        "read other address": rq.read(*other),
        "write address": rq.write(*mine[:2], b"\1\0"),
        "write other address": rq.write(*other[:2], b"\1\0"),
        "read over the edge": rq.read(mine[0], mine[1], 512),
        "read name": rq.read_write(0xF004, 0, 2, b"gvl_types.NINT\0"),
        "read other name": rq.read_write(0xF004, 0, 2, b"gvl_struct.EMODE\0"),
        "write name": rq.write(0xF004, 0, nint.encode() + b"\0\1\0"),
        "write other name": rq.write(0xF004, 0, mode.encode() + b"\0\1\0"),
        "read handle": rq.by_handle(nint, lambda handle: rq.read(0xF005, handle, 2)),
        "read other handle": rq.by_handle(mode, lambda handle: rq.read(0xF005, handle, 2)),
        "write handle": rq.by_handle(nint, lambda handle: rq.write(0xF005, handle, b"\1\0")),
        "write other handle": rq.by_handle(mode, lambda handle: rq.write(0xF005, handle, b"\1\0")),
        "write array": rq.write(*array[:2], bytes(10)),
        "write element": rq.by_handle("MAIN.aInts[2]", lambda handle: rq.write(0xF005, handle, b"\1\0")),
        "sum read": rq.sum_read(mine, other, FLAGS),
        "sum readEx": rq.sum_read_with_lengths(0xF083, mine, other, FLAGS),
        "sum readEx2": rq.sum_read_with_lengths(0xF084, mine, other, FLAGS),
        "sum write": rq.sum_write((*mine[:2], b"\1\0"), (*other[:2], b"\1\0"), (*FLAGS[:2], b"1234")),
        "sum read-write": rq.sum_values(nint, mode),
        "sum subscribe": rq.sum_subscribe(mine, other, FLAGS),
        "sum unsubscribe": rq.sum_unsubscribe(mine, mine),
        "subscribe %M": rq.subscribe(*FLAGS),
        "subscribe handle": rq.by_handle(nint, lambda handle: rq.subscribe(0xF005, handle, 2)),
        "subscribe other": rq.by_handle(mode, lambda handle: rq.subscribe(0xF005, handle, 2)),
        "call Add": rq.call("MAIN.fbCalculator#Add", ADD, 5),
        "call Echo": rq.call("MAIN.fbCalculator#Echo", b"hello".ljust(81, b"\0"), 83),
        "control plc": rq.control(5),
        "system state": rq.state(10000),
        "host name": rq.read(702, 0, 64, port=10000),
        "routes": rq.read(803, 0, 512, port=10000),
        "add route": _new_route,
        "open to read": rq.open_file("there.txt", 0x11),
        "open to write": rq.open_file("new.txt", 0x12),
        "delete file": rq.file_deed(131, "nothing.txt"),
        "registry write": rq.write(200, 0, b"Software\0test\0\4\0\0\0\1\0\0\0", port=10000),
        "control system": rq.control(5, 10000),
        "log": rq.write(1, 0, b"\1\0\0\0", port=100),
    }


TABLE = """
                    | here    office  panel   logger  hmi     cam
state               | y       y       y       n       y       n
device info         | y       y       y       n       y       n
symbol version      | y       y       y       n       y       n
upload              | y       y       y       n       y       n
types               | y       y       y       n       y       n
upload info         | y       y       y       n       y       n
entry by name       | y       y       y       n       y       n
info by name        | y       y       y       n       y       n
who subscribes      | y       y       y       n       y       n
read %M             | y       y       n       y       n       n
read %MX            | y       y       n       y       n       n
write %M            | y       n       n       y       n       n
write %MX           | y       n       n       y       n       n
read inputs         | y       y       n       n       n       n
read address        | y       y       y       n       y       n
read other address  | y       y       n       n       n       n
write address       | y       n       y       n       y       n
write other address | y       n       n       n       n       n
read over the edge  | y       y       n       n       n       n
read name           | y       y       y       n       y       n
read other name     | y       y       n       n       n       n
write name          | y       n       y       n       y       n
write other name    | y       n       n       n       n       n
read handle         | y       y       y       n       y       n
read other handle   | y       y       n       n       n       n
write handle        | y       n       y       n       y       n
write other handle  | y       n       n       n       n       n
write array         | y       n       n       n       y       n
write element       | y       n       n       n       y       n
sum read            | y,y,y   y,y,y   y,n,n   n,n,y   y,n,n   n,n,n
sum readEx          | y,y,y   y,y,y   y,n,n   n,n,y   y,n,n   n,n,n
sum readEx2         | y,y,y   y,y,y   y,n,n   n,n,y   y,n,n   n,n,n
sum write           | y,y,y   n,n,n   y,n,n   n,n,y   y,n,n   n,n,n
sum read-write      | y,y     y,y     y,n     n,n     y,n     n,n
sum subscribe       | y,y,y   y,y,y   y,n,n   n,n,y   y,n,n   n,n,n
sum unsubscribe     | y,y     y,y     y,y     n       y,y     n
subscribe %M        | y       y       n       y       n       n
subscribe handle    | y       y       y       n       y       n
subscribe other     | y       y       n       n       n       n
call Add            | y       n       n       n       y       n
call Echo           | y       n       n       n       n       n
control plc         | y       n       n       n       n       n
system state        | y       n       y       n       y       n
host name           | y       n       y       n       y       n
routes              | y       n       y       n       n       n
add route           | y       n       n       n       n       n
open to read        | y       n       n       n       n       n
open to write       | y       n       n       n       n       n
delete file         | 0x70c   n       n       n       n       n
registry write      | y       n       n       n       n       n
control system      | y       n       n       n       n       n
log                 | y       n       n       n       n       n
"""
ROWS = {name.strip(): line.split() for name, _, line in (row.partition("|") for row in TABLE.splitlines()[2:])}


def _outcomes(there: Plant, name: str) -> list[str]:
    with there.client("here") as raw:
        ask = _requests(*(rq.place(raw, path) for path in ("GVL_Types.nInt", "GVL_Struct.eMode", "MAIN.aInts")))[name]
    found = []
    for who in WHO:
        with there.client(who) as raw:
            found.append(ask(raw))
    return found


@pytest.mark.parametrize("name", ROWS)
def test_each_source_may_do_what_its_rules_say_and_nothing_else(ruled: Plant, name: str) -> None:
    """One request by six sources; what is refused is 0x723 in the result, in a sum for its item alone."""
    assert _outcomes(ruled, name) == ROWS[name]


@pytest.mark.parametrize("name", ROWS)
def test_without_the_rules_the_same_requests_are_all_answered(unruled: Plant, name: str) -> None:
    """The control: it is the rules that refuse, not the request that is wrong."""
    assert _outcomes(unruled, name) == [ROWS[name][0]] * len(WHO)


SUMS = ("sum read", "sum write")
WORDS = (
    *("state", "info", "symbols", "read %M", "write %M", "write name", "read name", "write other", "read other"),
    *(*SUMS, "subscribe", "subscribe other", "call", "control", "system", "file", "route"),
)
ALL: dict[str, object] = dict.fromkeys(WORDS, 0) | {key: [True, True] for key in SUMS}
NOTHING: dict[str, object] = dict.fromkeys(WORDS, 0x723)
SOME = ("state", "info", "symbols", "write name", "read name", "subscribe", "call", "system")
HMI_MAY = NOTHING | dict.fromkeys(SOME, 0) | {key: [True, False] for key in SUMS}


@pytest.mark.parametrize("who", ["here", "hmi", "cam"])
def test_adslib_is_allowed_and_refused_the_same(ruled: Plant, unruled: Plant, who: str) -> None:
    """The same by pyads, by the door of this machine and by those of two guests; without rules all of it is done."""
    expected = {"here": ALL, "hmi": HMI_MAY, "cam": NOTHING}[who]
    for there, outcome in ((ruled, expected), (unruled, ALL)):
        door = {"here": there.server.address, "hmi": there.hmi, "cam": there.cam}[who]
        net_id = {"here": "10.20.30.1.1.1", "hmi": str(HMI.net_id), "cam": str(CAM.net_id)}[who]
        assert pyads("policy", there.at(door), net_id, str(next(_SERIAL))) == outcome
