"""Frames told in words."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from build_capture import CLIENT, CLIENT_END, MS, PLC, SERVER_END, START_NS, answer, request
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.trace.flows import Seen
from dinrail.ads.trace.packet import Endpoint
from dinrail.ads.trace.tracer import Event, Kind, Tracer
from dinrail.ads.trace.words import MAX_DATA_BYTES, clean, stamp
from dinrail.ams import discovery, local
from dinrail.ams import sum as sums
from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.command import (
    AddNotificationRequest,
    DataResponse,
    DeviceInfo,
    HandleResponse,
    ReadRequest,
    ReadWriteRequest,
    ResultResponse,
    StateResponse,
    WriteControlRequest,
    WriteRequest,
    error_body,
)
from dinrail.ams.datatype import DataTypeEntry
from dinrail.ams.entry import DataTypeId
from dinrail.ams.frame import Command, TcpCommand, build_frame, tcp_frame
from dinrail.ams.group import IndexGroup
from dinrail.ams.notification import filetime, payloads
from dinrail.ams.state import AdsState, TransMode
from dinrail.ams.sum import HandleResult, SumResult
from dinrail.ams.symbol import SymbolEntry, UploadInfo, build_symbols

SYMBOL = SymbolEntry("MAIN.i", "INT", 0x4040, 384000, 2, DataTypeId.INT16)


class Conversation:
    """A tracer, and a client and a device that talk, a millisecond between frames."""

    def __init__(self) -> None:
        self.tracer = Tracer()
        self.wall_ns = START_NS
        self.invoke_id = 0

    def see(self, data: bytes, *, up: bool = True, is_datagram: bool = False) -> Event:
        ends = (CLIENT_END, SERVER_END) if up else (SERVER_END, CLIENT_END)
        event = self.tracer.event(Seen(self.wall_ns, *ends, data, is_datagram))
        self.wall_ns += MS
        assert json.loads(json.dumps(event.as_dict(), allow_nan=False))["words"] == event.words
        return event

    def ask(self, command: int, payload: bytes, reply: bytes, *, error: int = 0) -> tuple[Event, Event]:
        self.invoke_id += 1
        frame = request(command, payload, invoke_id=self.invoke_id)
        return self.see(frame), self.see(answer(frame, reply, error=error), up=False)

    def words(self, command: int, payload: bytes, reply: bytes, *, error: int = 0) -> tuple[str, str]:
        asked, answered = self.ask(command, payload, reply, error=error)
        assert (asked.kind, answered.kind, answered.latency_ns) == (Kind.REQUEST, Kind.RESPONSE, MS)
        return asked.words, answered.words

    def call(self, group: int, data: bytes, reply: bytes, *, size: int = 4, offset: int = 0) -> tuple[str, str]:
        payload = ReadWriteRequest(group, offset, size, data).encode()
        return self.words(Command.READ_WRITE, payload, DataResponse(0, reply).encode())

    def notice(self, data: bytes) -> Event:
        return self.see(build_frame(CLIENT, PLC, Command.NOTIFICATION, 4, 0, data), up=False)


def test_a_read_is_told_with_place_size_and_latency() -> None:
    """Command, group by name, addresses with port names, the time that the answer took."""
    asked, answered = Conversation().ask(
        Command.READ, ReadRequest(0x4020, 4, 4).encode(), DataResponse(0, b"\x01\x02\x03\x04").encode()
    )
    assert asked.words == "read plc-memory 0x4, 4 bytes"
    assert answered.words == "plc-memory 0x4: 01020304"
    assert asked.line() == (
        "2026-01-01T00:00:00.000000000Z 10.0.0.7.1.1:30000 > 192.168.0.231.1.1:851 (plc) #1"
        " ? read plc-memory 0x4, 4 bytes"
    )
    assert answered.line().endswith(" = plc-memory 0x4: 01020304  [1.000 ms]")
    assert asked.as_dict() == {
        "time": "2026-01-01T00:00:00.000000000Z",
        "wall_ns": START_NS,
        "source": "10.0.0.7:50000",
        "target": "10.0.0.1:48898",
        "kind": "request",
        "words": asked.words,
        "from": "10.0.0.7.1.1:30000",
        "to": "192.168.0.231.1.1:851 (plc)",
        "command": "read",
        "invoke_id": 1,
        "error": 0,
        "group": 0x4020,
        "group_name": "plc-memory",
        "offset": 4,
        "size_bytes": 4,
    }
    assert answered.as_dict() | {"latency_ns": MS, "data": "01020304", "data_bytes": 4} == answered.as_dict()


def test_a_handle_is_told_by_its_name_until_it_is_released() -> None:
    """F003 teaches, F005 uses, F006 ends; the same number given to another client is another handle."""
    talk = Conversation()
    assert talk.call(IndexGroup.HANDLE_BY_NAME, b"MAIN.i\0", b"\x11\0\0\0") == (
        "handle-by-name 'MAIN.i'",
        "MAIN.i: handle 0x11",
    )
    read = ReadRequest(IndexGroup.VALUE_BY_HANDLE, 0x11, 2).encode()
    assert talk.words(Command.READ, read, DataResponse(0, b"\5\0").encode()) == ("read MAIN.i, 2 bytes", "MAIN.i: 0500")
    other = build_frame(PLC, AmsAddr.parse("10.0.0.8.1.1:1"), Command.READ, 4, 9, read)
    assert talk.see(other).words == "read value-by-handle 0x11, 2 bytes"
    release = WriteRequest(IndexGroup.RELEASE_HANDLE, 0, b"\x11\0\0\0").encode()
    assert talk.words(Command.WRITE, release, bytes(4))[0] == "release handle 0x11 (MAIN.i)"
    assert talk.words(Command.READ, read, error_body(2, 0x703)) == (
        "read value-by-handle 0x11, 2 bytes",
        "value-by-handle 0x11: invalid index offset (0x703)",
    )


def test_a_symbol_entry_teaches_address_and_type() -> None:
    """After F009 a raw access is told by name, and its bytes as a number."""
    talk = Conversation()
    told = talk.call(IndexGroup.SYMBOL_BY_NAME, b"main.I\0", SYMBOL.encode(), size=0xFFFFFFFF)
    assert told == ("symbol-by-name 'main.I'", "main.I: MAIN.i : INT at plc-data 0x5dc00, 2 bytes")
    write = WriteRequest(0x4040, 384000, b"\xff\xff").encode()
    assert talk.words(Command.WRITE, write, bytes(4)) == ("write MAIN.i = -1", "MAIN.i: ok")
    talk.call(IndexGroup.HANDLE_BY_NAME, b"MAIN.I", b"\x12\0\0\0")
    _, answered = talk.ask(
        Command.READ, ReadRequest(IndexGroup.VALUE_BY_HANDLE, 0x12, 2).encode(), DataResponse(0, b"\7\0").encode()
    )
    assert (answered.words, answered.fields["value"]) == ("MAIN.I: 7", 7)


def test_an_upload_and_an_info_by_name_teach_addresses() -> None:
    """F00B and F007; what is uploaded is counted."""
    talk = Conversation()
    upload = build_symbols(
        [SYMBOL, replace(SYMBOL, name="MAIN.r", offset=8, size_bytes=4, data_type=DataTypeId.REAL32)]
    )
    read = ReadRequest(IndexGroup.SYMBOL_UPLOAD, 0, 0xFFFFFFFF).encode()
    assert talk.words(Command.READ, read, DataResponse(0, upload).encode()) == (
        "read symbol-upload 0x0, all",
        "symbol-upload 0x0: 2 symbols",
    )
    inf = DataResponse(0, b"\0\0\x80\x7f").encode()
    assert talk.words(Command.READ, ReadRequest(0x4040, 8, 4).encode(), inf) == ("read MAIN.r, 4 bytes", "MAIN.r: inf")
    where = bytes.fromhex("20400000 10000000 01000000")
    assert talk.call(IndexGroup.INFO_BY_NAME, b"MAIN.b", where)[1] == "MAIN.b: at plc-memory 0x10, 1 byte"
    assert talk.words(Command.READ, ReadRequest(0x4020, 16, 1).encode(), DataResponse(0, b"\1").encode())[0] == (
        "read MAIN.b, 1 byte"
    )


def test_sums_are_told_item_by_item() -> None:
    """Names, results and values of each; failed ones are counted; handles are learned in a sum, too."""
    talk = Conversation()
    talk.call(IndexGroup.SYMBOL_BY_NAME, b"MAIN.i", SYMBOL.encode())
    items = [ReadRequest(0x4040, 384000, 2), ReadRequest(0x4020, 0, 2)]
    reply = sums.build_blocks([SumResult(0, b"\3\0"), SumResult(0x702)], [2, 2])
    assert talk.call(IndexGroup.SUM_READ, sums.build_read(items), reply, offset=2, size=12) == (
        "sum-read of 2: read MAIN.i, 2 bytes, read plc-memory 0x0, 2 bytes",
        "sum-read: 1 ok, 1 failed: MAIN.i: 3, plc-memory 0x0: invalid index group (0x702)",
    )
    writes = sums.build_write([WriteRequest(0x4040, 384000, b"\4\0")])
    assert talk.call(IndexGroup.SUM_WRITE, writes, bytes(4), offset=1) == (
        "sum-write of 1: write MAIN.i = 4",
        "sum-write: 1 ok: MAIN.i: ok",
    )
    asked = sums.build_read_write([ReadWriteRequest(IndexGroup.HANDLE_BY_NAME, 0, 4, b"MAIN.x")])
    found = sums.build_data([SumResult(0, b"\x21\0\0\0")])
    assert (
        talk.call(IndexGroup.SUM_READ_WRITE, asked, found, offset=1)[1] == "sum-read-write: 1 ok: MAIN.x: handle 0x21"
    )
    assert (
        talk.call(IndexGroup.VALUE_BY_HANDLE, b"", b"\1", offset=0x21)[0]
        == "call MAIN.x, writes nothing, reads 4 bytes"
    )
    raw = sums.build_read(items)
    ex = sums.build_blocks_ex([SumResult(0, b"\5\0"), SumResult(0, b"")], [2, 2])
    assert (
        talk.call(IndexGroup.SUM_READ_EX, raw, ex, offset=2)[1]
        == "sum-read-ex: 2 ok: MAIN.i: 5, plc-memory 0x0: nothing"
    )
    ex2 = sums.build_data([SumResult(0, b"\6\0"), SumResult(0x701)])
    assert talk.call(IndexGroup.SUM_READ_EX_2, raw, ex2, offset=2)[1].startswith(
        "sum-read-ex-2: 1 ok, 1 failed: MAIN.i: 6"
    )


def test_a_long_sum_is_cut_in_words_and_whole_in_json() -> None:
    """Six items are shown, all are in the fields."""
    talk = Conversation()
    items = [ReadRequest(0x4020, n, 1) for n in range(100)]
    payload = ReadWriteRequest(IndexGroup.SUM_READ, 100, 500, sums.build_read(items)).encode()
    reply = DataResponse(0, sums.build_blocks([SumResult(0, b"x")] * 100, [1] * 100)).encode()
    asked, answered = talk.ask(Command.READ_WRITE, payload, reply)
    assert asked.words.endswith("read plc-memory 0x5, 1 byte, … (100 in all)")
    for event in (asked, answered):
        assert isinstance(event.fields["items"], list)
        assert len(event.fields["items"]) == 100


def test_notifications_are_told_by_what_was_subscribed() -> None:
    """A subscription's handle is remembered until it is deleted; a sample without data says that it is gone."""
    talk = Conversation()
    talk.call(IndexGroup.SYMBOL_BY_NAME, b"MAIN.i", SYMBOL.encode())
    add = AddNotificationRequest(0x4040, 384000, 2, TransMode.SERVER_ON_CHANGE, 20_000, 1_000_000)
    assert talk.words(Command.ADD_NOTIFICATION, add.encode(), HandleResponse(0, 5).encode()) == (
        "subscribe MAIN.i, 2 bytes, server-on-change every 100 ms, delay 2 ms",
        "MAIN.i: notification handle 0x5",
    )
    time = filetime(START_NS)
    (body,) = payloads([(time, 5, b"\x2a\0"), (time, 6, b"zz"), (time + 1, 5, b"")])
    event = talk.notice(body)
    assert (event.kind, event.words) == (Kind.NOTIFICATION, "MAIN.i = 42, handle 0x6 = 7a7a, MAIN.i is gone")
    samples = event.fields["samples"]
    assert isinstance(samples, list)
    assert samples[0] == {
        "time": "2026-01-01T00:00:00.000000000Z",
        "handle": 5,
        "symbol": "MAIN.i",
        "data": "2a00",
        "data_bytes": 2,
        "value": 42,
    }
    delete = (5).to_bytes(4, "little")
    assert talk.words(Command.DELETE_NOTIFICATION, delete, bytes(4)) == ("unsubscribe 0x5 (MAIN.i)", "MAIN.i: ok")
    assert talk.notice(payloads([(time, 5, b"\1\0")])[0]).words == "handle 0x5 = 0100"


def test_sums_of_subscriptions_teach_and_forget_handles() -> None:
    """F085 and F086."""
    talk = Conversation()
    adds = [AddNotificationRequest(0x4020, n, 1, TransMode.SERVER_CYCLE) for n in (0, 1)]
    handles = sums.build_handles([HandleResult(0, 7), HandleResult(0x717, 0)])
    _, told = talk.call(IndexGroup.SUM_ADD_NOTIFICATION, sums.build_add(adds), handles, offset=2)
    assert told == (
        "sum-add-notification: 1 ok, 1 failed: plc-memory 0x0: notification handle 0x7"
        ", plc-memory 0x1: size is too large to watch (0x717)"
    )
    assert talk.notice(payloads([(0, 7, b"\1")])[0]).words == "plc-memory 0x0 = 01"
    asked, told = talk.call(
        IndexGroup.SUM_DELETE_NOTIFICATION, sums.build_delete([7, 8]), sums.build_results([0, 0x714]), offset=2
    )
    assert asked == "sum-delete-notification of 2: unsubscribe 0x7 (plc-memory 0x0), unsubscribe 0x8"
    assert told == (
        "sum-delete-notification: 1 ok, 1 failed: plc-memory 0x0: ok, 0x8: notification handle is invalid (0x714)"
    )
    assert talk.notice(payloads([(0, 7, b"\1")])[0]).words == "handle 0x7 = 01"


def test_states_and_infos_are_told_in_words() -> None:
    """ReadState, WriteControl, ReadDeviceInfo, group F100, types and uploads."""
    talk = Conversation()
    assert talk.words(Command.READ_STATE, b"", StateResponse(0, AdsState.RUN, 0).encode()) == (
        "read-state",
        "read-state: run, device 0",
    )
    control = WriteControlRequest(AdsState.STOP, 1, b"x").encode()
    assert talk.words(Command.WRITE_CONTROL, control, ResultResponse(0x712).encode()) == (
        "write-control stop, device 1, 78",
        "write-control: server is in an invalid state (0x712)",
    )
    info = DeviceInfo("Plc30 App", 3, 1, 4026).encode()
    assert talk.words(Command.READ_DEVICE_INFO, b"", info)[1] == "read-device-info: 'Plc30 App' 3.1.4026"
    data = ReadRequest(IndexGroup.DEVICE_DATA, 0, 4).encode()
    assert talk.words(Command.READ, data, DataResponse(0, b"\x0f\0\0\0").encode())[1] == "device-data 0x0: config"
    kind = DataTypeEntry("ST_A", "", 8, 65, sub_items=(DataTypeEntry("a", "INT", 2, 2),))
    assert talk.call(IndexGroup.DATA_TYPE_BY_NAME, b"ST_A", kind.encode())[1] == "ST_A: ST_A, 8 bytes, 1 members"
    upload = ReadRequest(IndexGroup.UPLOAD_INFO_2, 0, 64).encode()
    assert talk.words(Command.READ, upload, DataResponse(0, UploadInfo(3, 99, 2, 88).encode()).encode())[1] == (
        "upload-info-2 0x0: 3 symbols, 2 data types"
    )
    types = ReadRequest(IndexGroup.DATA_TYPE_UPLOAD, 0, 64).encode()
    assert (
        talk.words(Command.READ, types, DataResponse(0, kind.encode()).encode())[1]
        == "data-type-upload 0x0: 1 data types"
    )


def test_the_system_service_has_its_own_groups() -> None:
    """The same number means something else on port 10000."""
    service = AmsAddr.parse("192.168.0.231.1.1:10000")
    event = Conversation().see(request(Command.READ, ReadRequest(240, 0, 16).encode(), device=service))
    assert event.words == "read system-state 0x0, 16 bytes"
    assert event.receiver == "192.168.0.231.1.1:10000 (system-service)"


def test_transport_errors_are_told_from_the_header() -> None:
    """Error 6 has no body; the answer belongs to its request all the same."""
    asked, answered = Conversation().ask(Command.READ_STATE, b"", b"", error=6)
    assert asked.error == 0
    assert (answered.error, answered.latency_ns) == (6, MS)
    assert answered.words == "read-state: target port not found: no ADS server runs there (0x6)"


def test_an_answer_without_its_request_is_told_as_well_as_it_can_be() -> None:
    """No latency, no place, but result and data."""
    frame = request(Command.READ, ReadRequest(0x4020, 0, 4).encode(), invoke_id=77)
    event = Conversation().see(answer(frame, DataResponse(0, b"\1").encode()), up=False)
    assert (event.latency_ns, event.words) == (None, "read: 01")


def test_answers_out_of_order_find_their_requests() -> None:
    """By addresses and invoke id, on their own connection."""
    talk = Conversation()
    frames = [request(Command.READ, ReadRequest(0x4020, n, 1).encode(), invoke_id=n) for n in range(3)]
    for frame in frames:
        talk.see(frame)
    told = [talk.see(answer(frame, DataResponse(0, b"\1").encode()), up=False) for frame in reversed(frames)]
    assert [event.words for event in told] == ["plc-memory 0x2: 01", "plc-memory 0x1: 01", "plc-memory 0x0: 01"]
    assert [event.latency_ns for event in told] == [MS, 3 * MS, 5 * MS]
    assert talk.tracer.unanswered == 0
    elsewhere = Seen(START_NS, Endpoint("10.0.0.9", 1), CLIENT_END, answer(frames[0], bytes(8)))
    assert talk.tracer.event(elsewhere).latency_ns is None


def test_what_is_remembered_of_requests_is_bounded() -> None:
    """The oldest requests are forgotten; a sum counts as many as its items."""
    tracer = Tracer(max_pending=10)
    for n in range(100):
        tracer.event(Seen(n, CLIENT_END, SERVER_END, request(Command.READ_STATE, invoke_id=n)))
    assert tracer.unanswered == 10
    items = sums.build_read([ReadRequest(0x4020, 0, 1)] * 9)
    wide = request(Command.READ_WRITE, ReadWriteRequest(IndexGroup.SUM_READ, 9, 99, items).encode(), invoke_id=7777)
    tracer.event(Seen(0, CLIENT_END, SERVER_END, wide))
    assert tracer.unanswered == 1


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (local.connect_request(), "connect port any"),
        (local.connect_request(851), "connect port 851"),
        (local.connect_reply(CLIENT), "connected as 10.0.0.7.1.1:30000"),
        (local.close_request(30000), "close port 30000"),
        (local.close_reply(), "closed"),
        (local.net_id_request(), "which NetId"),
        (local.net_id_reply(NetId.parse("1.2.3.4.5.6")), "NetId is 1.2.3.4.5.6"),
        (local.note(local.RouterNote.START), "router: start"),
        (tcp_frame(TcpCommand.ROUTER_NOTE, b"\x09\0\0\0"), "router: 9"),
    ],
)
def test_the_local_protocol_is_told(frame: bytes, told: str) -> None:
    """Connect, close, NetId and notes, requests and replies."""
    event = Conversation().see(frame)
    assert (event.kind, event.words) == (Kind.LOCAL, told)
    assert event.line().endswith(f"10.0.0.7:50000 > 10.0.0.1:48898 local {told}")


def test_discovery_is_told_without_passwords() -> None:
    """Who is there, who answers, who wants a route; a password is in no line and no JSON."""
    talk = Conversation()
    assert talk.see(discovery.server_info_request(), is_datagram=True).words == "who is there"
    info = discovery.ServerInfo(AmsAddr.of(PLC.net_id, 10000), "CX-1", (3, 1, 4026))
    assert talk.see(info.reply(0), is_datagram=True).words == "CX-1, 192.168.0.231.1.1, TwinCAT 3.1.4026"
    route = discovery.AddRoute(CLIENT.net_id, "10.0.0.7", "pc", "admin", "s3cret").request(CLIENT)
    event = talk.see(route, is_datagram=True)
    assert event.words == "add route 'pc' to 10.0.0.7.1.1 at 10.0.0.7, as 'admin'"
    assert "s3cret" not in json.dumps(event.as_dict()) + event.line() + repr(event)
    reply = discovery.status_reply(discovery.parse_packet(route), PLC.net_id, 0x704)
    event = talk.see(reply, is_datagram=True)
    assert (event.words, event.error) == ("add route: reading or writing is not permitted (0x704)", 0x704)


def test_a_malformed_add_route_keeps_its_bytes_to_itself() -> None:
    """A packet that cannot be read may hold a password all the same: its data is not told."""
    route = discovery.AddRoute(CLIENT.net_id, "10.0.0.7", "pc", "admin", "s3cret").request(CLIENT)
    event = Conversation().see(route[:-3], is_datagram=True)
    assert event.kind is Kind.MALFORMED
    assert b"s3cret".hex() not in json.dumps(event.as_dict())


def test_names_from_the_wire_cannot_command_a_terminal() -> None:
    """Escapes and line breaks are told as such, and names without end are cut."""
    talk = Conversation()
    asked, _ = talk.call(IndexGroup.HANDLE_BY_NAME, b"\x1b[2J\nx" + b"y" * 500, b"\x11\0\0\0")
    assert asked.isprintable()
    assert len(asked) < 300
    assert clean("a\x1b\x9b\nb") == "a\\x1b\\x9b\\x0ab"


def test_long_data_is_cut_in_words_and_in_json() -> None:
    """Sixteen bytes in a line, a few thousand in JSON, and always the whole length."""
    write = WriteRequest(0x4020, 0, bytes(100_000)).encode()
    asked, _ = Conversation().ask(Command.WRITE, write, bytes(4))
    assert asked.words == "write plc-memory 0x0 = 00000000 00000000 00000000 00000000 … (100000 bytes)"
    assert (len(str(asked.fields["data"])), asked.fields["data_bytes"]) == (2 * MAX_DATA_BYTES, 100_000)


def test_times_outside_of_any_calendar_are_told_in_seconds() -> None:
    """A capture may claim any time."""
    assert stamp(START_NS + 1) == "2026-01-01T00:00:00.000000001Z"
    assert stamp(10**9 * 10**12) == "1000000000000.000000000"
    assert stamp(-1) == "-1.999999999"


ANY_PAYLOAD = st.binary(max_size=80)


@given(
    st.lists(
        st.tuples(st.integers(0, 10), st.booleans(), st.sampled_from([0, *IndexGroup]), st.integers(0, 4), ANY_PAYLOAD),
        max_size=8,
    )
)
def test_any_conversation_is_told_without_a_fault(frames: list[tuple[int, bool, int, int, bytes]]) -> None:
    """Requests and answers with any payload: an event each, printable, and JSON."""
    talk = Conversation()
    for command, is_answer, group, count, payload in frames:
        head = group.to_bytes(4, "little") + count.to_bytes(4, "little") + bytes(4)
        frame = request(command, payload if is_answer else head + payload)
        event = talk.see(answer(frame, payload) if is_answer else frame, up=not is_answer)
        assert event.line().isprintable()


@given(ANY_PAYLOAD, st.booleans())
def test_any_bytes_are_told_without_a_fault(data: bytes, is_datagram: bool) -> None:
    """Frames and datagrams that are none are malformed events."""
    talk = Conversation()
    for raw in (data, bytes.fromhex("0366147100000000") + data, tcp_frame(TcpCommand.PORT_CONNECT, data)):
        assert talk.see(raw, is_datagram=is_datagram).line().isprintable()
