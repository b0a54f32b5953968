"""Names, handles, values, uploads, methods and online change, as clients ask for them."""

from __future__ import annotations

import struct

import pytest
from ads_device import Client, FakePeer, FakePermit, Time
from build_device import DATA, SYMBOLS, M, plc
from build_iec import INT

from dinrail.ads.contract import Action
from dinrail.ads.device.access import Limits
from dinrail.ads.device.memory import address_of
from dinrail.ads.device.rpc import Returned
from dinrail.ads.device.symbolic import SymbolDevice
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.symbol import UploadInfo, parse_symbols
from dinrail.ams.text import UTF_8
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import Encoding
from dinrail.iec.value import Value

ANY = 0xFFFF_FFFF


class Names(Client):
    """A client that gets handles."""

    device: SymbolDevice

    def handle(self, name: bytes) -> int:
        result, data = self.read_write(0xF003, 0, 4, name)
        assert result == 0, hex(result)
        return int.from_bytes(data, "little")


@pytest.fixture
def client() -> Names:
    return Names(plc())


@pytest.mark.parametrize(
    "name",
    [b"MAIN.i", b"MAIN.i\0", b"main.I\0\0", b"Main.I\0rest", b"MAIN.aInt[2]", b"MAIN.stFlags.n\0", b"MAIN.i.3"],
)
def test_handles_are_given_for_names_in_any_case_with_or_without_nul(client: Names, name: bytes) -> None:
    """F003 takes a name up to its first NUL, in any case, down to members, elements and bits."""
    assert client.handle(name) > 0


@pytest.mark.parametrize(
    ("size", "name", "result"),
    [
        (0, b"MAIN.i", 0x705),
        (3, b"MAIN.i", 0x705),
        (4, b"", 0x710),
        (4, b"\0", 0x710),
        (4, b"MAIN.nothing", 0x710),
        (4, b"MAIN.i\xff\xfe\x81", 0x710),
        (4, b"\x81\x8d", 0x710),
        (4, b"A" * 5000, 0x710),
        (4, b"MAIN.aInt[9]", 0x721),
        (4, b"MAIN.i^", 0x710),
        (4, b"MAIN.aInt[" + b"9" * 3000, 0x710),
    ],
)
def test_what_is_no_name_is_an_error_of_the_request(client: Names, size: int, name: bytes, result: int) -> None:
    """A buffer without room for a handle is 0x705; nothing, nonsense and the unknown are 0x710."""
    assert client.read_write(0xF003, 0, size, name) == (result, b"")
    assert client.device.handles.count(client.peer) == 0


@pytest.mark.parametrize("code", ["utf-8", "cp1252"])
@pytest.mark.parametrize("encoding", list(Encoding))
def test_names_are_found_in_both_encodings(code: str, encoding: Encoding) -> None:
    """A client that speaks the other code page finds its symbols all the same."""
    assert Names(plc(encoding=encoding)).handle("main.größe\0".encode(code)) > 0


def test_a_longer_buffer_gets_size_and_type_with_the_handle(client: Names) -> None:
    """F003 with more than four bytes: handle, size, data type, type name and NUL, cut to the buffer."""
    told = struct.pack("<IIIH", 1, 2, 2, 3) + b"INT\0"
    assert client.read_write(0xF003, 0, ANY, b"MAIN.i") == (0, told)
    assert client.read_write(0xF003, 0, 9, b"MAIN.i") == (0, struct.pack("<II", 2, 2) + b"\2")


def test_a_methods_long_handle_tells_what_it_returns(client: Names) -> None:
    """Of a method, size and type name are its return value's; nothing for one without."""
    told = struct.pack("<IIIH", 1, 4, 0, 4) + b"DINT\0"
    assert client.read_write(0xF003, 0, ANY, b"MAIN.fbDrive#Scale") == (0, told)
    assert client.read_write(0xF003, 0, ANY, b"MAIN.fbDrive#Swap") == (0, struct.pack("<IIIHB", 2, 0, 0, 0, 0))


def test_values_by_handle(client: Names) -> None:
    """F005 reads and writes whole or in part; more than there is is cut when read, and 0x705 when written."""
    handle = client.handle(b"MAIN.aInt")
    assert client.write(0xF005, handle, struct.pack("<4h", 1, 2, 3, -4)) == 0
    assert client.read(0xF005, handle, 8) == (0, struct.pack("<4h", 1, 2, 3, -4))
    assert client.read(0xF005, handle, 3) == (0, b"\1\0\2")
    assert client.read(0xF005, handle, 0) == (0, b"")
    assert client.read(0xF005, handle, 1024) == (0, struct.pack("<4h", 1, 2, 3, -4))
    assert client.read_write(0xF005, handle, 2, b"") == (0, b"\1\0")
    assert client.write(0xF005, handle, bytes(9)) == 0x705
    assert client.write(0xF005, handle, b"\7") == 0
    assert client.write(0xF005, handle, b"") == 0
    assert client.read(DATA, 104, 2) == (0, b"\7\0")
    assert client.read_write(0xF005, handle, 2, b"x")[0] == 0x705


def test_values_by_name(client: Names) -> None:
    """F004 reads by ReadWrite with the name, and writes a name, NUL, and the value."""
    assert client.write(0xF004, 0, b"MAIN.i\0\x2a\0") == 0
    assert client.read_write(0xF004, 0, ANY, b"main.i") == (0, b"\x2a\0")
    assert client.write(0xF004, 0, b"MAIN.zz\0\x2a\0") == 0x710
    assert client.write(0xF004, 0, b"MAIN.i\0\x2a\0\0") == 0x705


def test_bits_by_name_are_one_byte(client: Names) -> None:
    """A BIT member and a bit of an integer read as 0 or 1, and leave their neighbours alone."""
    low, high, third = (client.handle(name) for name in (b"MAIN.stFlags.bLow", b"MAIN.stFlags.bHigh", b"MAIN.i.11"))
    client.write(DATA, 116, b"\x7e")
    assert client.write(0xF005, high, b"\1") == 0
    assert client.write(0xF005, low, b"\5") == 0
    assert client.read(DATA, 116, 1) == (0, b"\xff")
    assert client.write(0xF005, third, b"\1") == 0
    assert client.read(DATA, 100, 2) == (0, b"\0\x08")
    assert client.read(0xF005, third, 4) == (0, b"\1")
    assert client.read_write(0xF007, 0, 12, b"MAIN.stFlags.bHigh") == (0, struct.pack("<III", DATA + 1, 116 * 8 + 7, 1))


def test_read_only_symbols_are_not_written_by_name_or_handle(client: Names) -> None:
    """A constant is 0x704, by handle and by name."""
    assert client.write(0xF005, client.handle(b"MAIN.nConst"), bytes(4)) == 0x704
    assert client.write(0xF004, 0, b"MAIN.nConst\0" + bytes(4)) == 0x704


@pytest.mark.parametrize(
    ("group", "offset", "size", "result"),
    [
        (DATA, 112, 4, 0x704),
        (DATA, 115, 1, 0x704),
        (DATA, 110, 3, 0x704),
        (DATA, 0, 400, 0x704),
        (DATA + 1, 8 * 115 + 7, 1, 0x704),
        (DATA, 110, 2, 0),
        (DATA, 116, 4, 0),
        (DATA, 112, 0, 0),
        (DATA + 1, 8 * 116, 1, 0),
        (M, 112, 4, 0),
    ],
)
def test_read_only_symbols_are_not_written_by_address(
    client: Names, group: int, offset: int, size: int, result: int
) -> None:
    """Whatever touches a constant's bytes is 0x704, by bytes or bits; its neighbours are written."""
    assert client.write(group, offset, b"\xff" * size) == result
    assert client.read(DATA, 112, 4) == (0, bytes(4))


def test_addresses_by_name_and_handle(client: Names) -> None:
    """F007 and F012 tell group, offset and size; what lies behind a pointer has no address."""
    told = struct.pack("<III", DATA, 106, 2)
    handle = client.handle(b"MAIN.aInt[2]")
    assert client.read_write(0xF007, 0, 12, b"MAIN.aInt[2]") == (0, told)
    assert client.read(0xF012, handle, 12) == (0, told)
    assert client.read_write(0xF012, 0, 12, struct.pack("<I", handle)) == (0, told)
    assert client.read_write(0xF007, 0, 12, b"MAIN.pInt^") == (0, struct.pack("<III", 0xF014, 0, 2))


def test_pointers_are_followed_within_bounds(client: Names) -> None:
    """A dereference follows the pointer of that moment; null, wild and overlong ones are 0x703."""
    handle = client.handle(b"MAIN.pInt^")
    assert client.read(0xF005, handle, 2)[0] == 0x703
    client.write(DATA, 104, struct.pack("<2h", 11, 22))
    for offset, value in ((104, 11), (106, 22)):
        client.write(DATA, 144, struct.pack("<Q", address_of(DATA, offset)))
        assert client.read(0xF005, handle, 2) == (0, struct.pack("<h", value))
    assert client.write(0xF005, handle, b"\1\1") == 0
    assert client.read(DATA, 106, 2) == (0, b"\1\1")
    for wild in (address_of(DATA, 4095), address_of(DATA, 0xFFFF_FFFF), address_of(0x1234, 0), (1 << 64) - 1):
        client.write(DATA, 144, struct.pack("<Q", wild))
        assert client.read(0xF005, handle, 2)[0] == 0x703
        assert client.write(0xF005, handle, b"\1\1") == 0x703


def test_handles_are_released_once(client: Names) -> None:
    """F006 takes four bytes; a handle that was released or never given is 0x710."""
    handle = client.handle(b"MAIN.i")
    assert client.write(0xF006, 0, b"123") == 0x705
    assert client.write(0xF006, 0, struct.pack("<I", handle)) == 0
    assert client.write(0xF006, 0, struct.pack("<I", handle)) == 0x710
    assert client.read(0xF005, handle, 2)[0] == 0x710
    assert client.read(0xF005, 0, 2)[0] == 0x710
    assert client.subscribe(0xF005, handle, 2)[0] == 0x710


def test_handles_belong_to_their_peer(client: Names) -> None:
    """Another client can neither use nor release a handle, and its own end with it."""
    handle = client.handle(b"MAIN.i")
    other = Names(client.device, FakePeer())
    assert other.handle(b"MAIN.i") != handle
    assert other.read(0xF005, handle, 2)[0] == 0x710
    assert other.write(0xF006, 0, struct.pack("<I", handle)) == 0x710
    client.device.peer_gone(other.peer)
    assert client.device.handles.count(other.peer) == 0
    assert client.read(0xF005, handle, 2) == (0, b"\0\0")


def test_a_greedy_client_runs_out_of_handles_alone() -> None:
    """65 535 requests for handles end in 0x716 for that client, and others get theirs."""
    client = Names(plc(limits=Limits(handles_per_peer=1000)))
    results = [client.read_write(0xF003, 0, 4, b"MAIN.i")[0] for _ in range(65_535)]
    assert results == [0] * 1000 + [0x716] * 64_535
    assert Names(client.device, FakePeer()).handle(b"MAIN.i") > 0
    client.write(0xF006, 0, struct.pack("<I", 5))
    assert client.handle(b"MAIN.i") > 1000


def test_uploads_come_as_large_as_the_info_says(client: Names) -> None:
    """F00F by 64, 24 and 8 bytes and F00C agree with F00B and F00E, whose buffers may be larger."""
    info = UploadInfo.parse(client.read(0xF00F, 0, 64)[1])
    assert info.symbols == len(SYMBOLS)
    assert (info.max_dynamic, info.used_dynamic, info.code_page) == (16_384, 0, UTF_8)
    assert client.read(0xF00F, 0, 2000)[1] == client.read(0xF00F, 0, 64)[1]
    for size in (24, 8):
        assert client.read(0xF00F, 0, size) == (0, client.read(0xF00F, 0, 64)[1][:size])
    assert client.read(0xF00C, 0, 8) == client.read(0xF00F, 0, 8)
    symbols = client.read(0xF00B, 0, ANY)[1]
    assert len(symbols) == info.symbol_bytes
    assert [entry.name for entry in parse_symbols(symbols, code_page=UTF_8)] == [one.name for one in SYMBOLS]
    assert len(client.read(0xF00E, 0, ANY)[1]) == info.data_type_bytes
    client.handle(b"MAIN.i")
    assert UploadInfo.parse(client.read(0xF00F, 0, 64)[1]).used_dynamic == 1


def test_entries_come_one_by_one(client: Names) -> None:
    """F009 and F011 take any read length and cut to it; what is unknown is 0x710."""
    entry = client.read_write(0xF009, 0, ANY, b"main.aint[2]\0")[1]
    (parsed,) = parse_symbols(entry, code_page=UTF_8)
    assert (parsed.name, parsed.group, parsed.offset, parsed.size_bytes) == ("MAIN.aInt[2]", DATA, 106, 2)
    assert client.read_write(0xF009, 0, 30, b"main.aint[2]\0") == (0, entry[:30])
    assert client.read_write(0xF009, 0, ANY, b"MAIN.zz")[0] == 0x710
    assert client.read_write(0xF011, 0, ANY, b"ST_Flags\0")[0] == 0
    assert client.read_write(0xF011, 0, ANY, b"\xff\xfe\0")[0] == 0x710
    assert client.read_write(0xF011, 0, ANY, b"T_Nothing")[0] == 0x710


@pytest.mark.parametrize("group", [0xF000, 0xF00A, 0xF00D, 0xF010, 0xF013, 0xF01C, 0xF070, 0xF088])
def test_services_that_this_device_has_not_are_0x701(client: Names, group: int) -> None:
    """Downloads, JSON and the like are told as what they are: not supported."""
    assert client.read(group, 0, 4)[0] == 0x701
    assert client.write(group, 0, bytes(4)) == 0x701
    assert client.read_write(group, 0, 4, bytes(4))[0] == 0x701


def test_what_is_written_only_where_it_is_meant(client: Names) -> None:
    """Uploads, versions and states are not written."""
    for group in (0xF003, 0xF008, 0xF009, 0xF00B, 0xF00F, 0xF100):
        assert client.write(group, 0, bytes(4)) == 0x701
    for group in (0xF003, 0xF004, 0xF006, 0xF007, 0xF009, 0xF011):
        assert client.read(group, 0, 4)[0] == 0x701


def test_states_change_as_on_a_plc(client: Names) -> None:
    """RUN, STOP and RESET, which stops; what a PLC does not go to is 0x701."""
    assert (client.control(6), client.state()) == (0, (6, 0))
    assert (client.control(5), client.state()) == (0, (5, 0))
    assert (client.control(2), client.state()) == (0, (6, 0))
    assert client.control(15) == 0x701


def test_permits_see_the_symbols_own_address_and_names() -> None:
    """By handle, name or address, a rule by group or symbol meets the same: address, and paths outermost first."""
    permit = FakePermit(by_symbol=True)
    client = Names(plc(), permit=permit)
    handle = client.handle(b"main.aint[2]")
    client.read(0xF005, handle, 2)
    client.read_write(0xF004, 0, 2, b"main.aint[2]")
    client.write(0xF005, handle, b"\1")
    client.read(DATA, 106, 2)
    client.read(DATA, 104, 4)
    client.subscribe(0xF005, handle, 2)
    client.write(DATA + 1, 116 * 8 + 7, b"\1")
    paths = ("MAIN.aInt", "MAIN.aInt[2]")
    assert permit.asked == [
        (Action.BROWSE, 0xF003, 0, 4, paths),
        (Action.READ, DATA, 106, 2, paths),
        (Action.READ, DATA, 106, 2, paths),
        (Action.WRITE, DATA, 106, 1, paths),
        (Action.READ, DATA, 106, 2, paths),
        (Action.READ, DATA, 104, 4, ("MAIN.aInt",)),
        (Action.READ, DATA, 106, 2, paths),
        (Action.WRITE, DATA, 116, 1, ("MAIN.stFlags", "MAIN.stFlags.bHigh")),
    ]


def test_a_pointer_is_asked_about_where_it_leads() -> None:
    """A pointer does not lead around a rule: the permit hears of the target's address and names, too."""
    permit = FakePermit(by_symbol=True)
    client = Names(plc(), permit=permit)
    client.device.memory.write(DATA, 144, struct.pack("<Q", address_of(DATA, 112)))
    handle = client.handle(b"MAIN.pInt^")
    client.write(0xF005, handle, b"\1\1")
    action, group, offset, size, names = permit.asked[-1]
    assert (action, group, offset, size) == (Action.WRITE, DATA, 112, 2)
    assert names == ("MAIN.nConst", "MAIN.pInt", "MAIN.pInt^")


def test_names_are_not_looked_for_where_no_rule_needs_them(client: Names) -> None:
    """Without symbol rules a permit gets no names."""
    client.read(0xF005, client.handle(b"MAIN.i"), 2)
    assert [question[4] for question in client.permit.asked] == [(), ()]


def scale(instance: str, inputs: dict[str, Value]) -> object:
    assert instance == "MAIN.fbDrive"
    by = inputs["nBy"]
    assert isinstance(by, int)
    if by == 99:
        raise AdsFault(AdsError.BUSY)
    return Returned(-by if inputs["bSign"] else 100 // by, {"nOld": 7})


def test_methods_are_called_by_handle(client: Names) -> None:
    """Inputs one behind the other, then the return value and the outputs; the handle is asked for as CALL."""
    client.device.on_call("MAIN.fbDrive#Scale", scale)
    handle = client.handle(b"main.fbdrive#scale")
    assert client.read_write(0xF005, handle, 8, struct.pack("<h?", 5, True)) == (0, struct.pack("<iI", -5, 7))
    assert client.permit.asked[-1][:2] == (Action.CALL, 0xF005)


@pytest.mark.parametrize(
    ("data", "result"),
    [
        (struct.pack("<h", 5), 0x705),
        (struct.pack("<h?x", 5, True), 0x705),
        (struct.pack("<h?", 0, False), 0x700),
        (struct.pack("<h?", 99, False), 0x708),
    ],
)
def test_a_method_that_fails_is_an_ads_error(client: Names, data: bytes, result: int) -> None:
    """Inputs of another size are 0x705, an exception 0x700, an AdsFault its own code; the device lives on."""
    client.device.on_call("fb_drive#scale", scale)
    handle = client.handle(b"MAIN.fbDrive#Scale")
    assert client.read_write(0xF005, handle, 100, data) == (result, b"")
    assert client.read_write(0xF005, handle, 100, struct.pack("<h?", 4, False))[0] == 0


def test_in_out_parameters_come_back(client: Names) -> None:
    """A VAR_IN_OUT is an input and an output; what the method does not give is what came."""
    client.device.on_call("FB_Drive#Swap", lambda _, inputs: Returned(outputs={"a": inputs["b"]}))
    handle = client.handle(b"MAIN.fbDrive#Swap")
    assert client.read_write(0xF005, handle, 4, struct.pack("<hh", 1, 2)) == (0, struct.pack("<hh", 2, 2))
    client.device.on_call("FB_Drive#Swap", lambda *_: Returned(outputs={"a": "no number"}))
    assert client.read_write(0xF005, handle, 4, struct.pack("<hh", 1, 2))[0] == 0x700


def test_a_method_is_no_value(client: Names) -> None:
    """A method's handle is neither read, written nor watched; one that nobody serves is 0x701."""
    handle = client.handle(b"MAIN.fbDrive#Scale")
    assert client.read(0xF005, handle, 4)[0] == 0x704
    assert client.write(0xF005, handle, b"") == 0x704
    assert client.subscribe(0xF005, handle, 4)[0] == 0x717
    assert client.read_write(0xF005, handle, 4, b"\0\0\0") == (0x701, b"")
    assert client.read_write(0xF003, 0, 4, b"MAIN.fbDrive#Nothing")[0] == 0x710


def test_online_change(client: Names) -> None:
    """The version moves, handles are 0x711, notifications by handle end with size 0, those by address go on."""
    time = Time()
    handle = client.handle(b"MAIN.i")
    by_handle, fixed, version, far = (
        client.subscribe(group, offset, size, mode=4, delay_ms=delay)[1]
        for group, offset, size, delay in ((0xF005, handle, 2, 50), (M, 0, 2, 0), (0xF008, 0, 1, 0), (M, 4000, 8, 0))
    )
    time.run(client.device, 10)
    client.peer.take()
    other = plc(symbols=(*SYMBOLS, Symbol("GVL.new", INT, DATA, 200)))
    other.memory.write(M, 0, b"ab")
    client.device.online_change(other.source, other.uploads, other.memory)
    assert client.read(0xF005, handle, 2)[0] == 0x711
    assert client.write(0xF006, 0, struct.pack("<I", handle)) == 0x711
    assert client.read(0xF008, 0, 1) == (0, b"\2")
    time.run(client.device, 100)
    got = [(sample.handle, sample.data) for sample in client.peer.take()]
    assert got == [(by_handle, b"\0\0"), (by_handle, b""), (fixed, b"ab"), (version, b"\2")]
    assert client.unsubscribe(by_handle) == 0x714
    assert client.unsubscribe(far) == 0
    assert client.handle(b"GVL.new") > handle


def test_watching_a_symbol(client: Names) -> None:
    """A handle is watched at its size or less; more is 0x717; releasing the handle ends nothing."""
    time = Time()
    handle = client.handle(b"MAIN.sText")
    assert client.subscribe(0xF005, handle, 22)[0] == 0x717
    whole, part = client.subscribe(0xF005, handle, 21, mode=4)[1], client.subscribe(0xF005, handle, 4, mode=4)[1]
    client.write(0xF006, 0, struct.pack("<I", handle))
    time.run(client.device, 5)
    client.write(DATA, 120, b"text")
    time.run(client.device, 10)
    assert {got.handle: got.data for got in client.peer.take()} == {whole: b"text".ljust(21, b"\0"), part: b"text"}


def test_rules_that_change_end_subscriptions(client: Names) -> None:
    """After a review, what is no longer permitted ends with a sample of size 0, for that peer alone."""
    time = Time()
    kept, ended = client.subscribe(M, 0, 2)[1], client.subscribe(M, 100, 2)[1]
    other = Names(client.device, FakePeer())
    others = other.subscribe(M, 100, 2)[1]
    time.run(client.device, 0)
    client.peer.take()
    client.device.review(client.peer, FakePermit(rule=lambda *question: question[2] != 100))
    time.run(client.device, 10)
    assert {(got.handle, got.data) for got in client.peer.take()} == {(kept, b"\0\0"), (ended, b"")}
    assert {got.handle for got in other.peer.take()} == {others}
