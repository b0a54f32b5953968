"""Payloads of the ADS commands, against vectors read by eye."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ams_values import BYTES, TEXT, U8, U16, U32, value_or_format_error
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ams.address import AmsAddr
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
    parse_handle,
    result_of,
)
from dinrail.ams.frame import FRAME_HEADER_BYTES, REQUEST_FLAGS, Command, build_frame, response_to
from dinrail.ams.group import IndexGroup
from dinrail.ams.state import AdsState, TransMode, is_cyclic, is_on_change
from dinrail.errors import FormatError

PLC = AmsAddr.parse("192.168.0.231.1.1:851")
CLIENT = AmsAddr.parse("127.0.0.1.1.1:30000")
THERE = "c0a800e70101 5303  7f0000010101 3075"
BACK = "7f0000010101 3075  c0a800e70101 5303"


def request(command: int, invoke_id: int, data: bytes = b"") -> bytes:
    return build_frame(PLC, CLIENT, command, REQUEST_FLAGS, invoke_id, data)


REQUESTS = {
    "ReadState": (
        request(Command.READ_STATE, 1),
        f"0000 20000000  {THERE}  0400 0400 00000000 00000000 01000000",
    ),
    "Read": (
        request(Command.READ, 2, ReadRequest(IndexGroup.PLC_MEMORY, 0, 4).encode()),
        f"0000 2c000000  {THERE}  0200 0400 0c000000 00000000 02000000  20400000 00000000 04000000",
    ),
    "ReadWrite": (
        request(Command.READ_WRITE, 3, ReadWriteRequest(IndexGroup.HANDLE_BY_NAME, 0, 4, b"MAIN.i\0").encode()),
        # read 4, write 7: MAIN.i and NUL
        (
            f"0000 37000000  {THERE}  0900 0400 17000000 00000000 03000000  03f00000 00000000 04000000 07000000"
            "4d41494e2e6900"
        ),
    ),
    "AddDeviceNotification": (
        request(
            Command.ADD_NOTIFICATION,
            4,
            AddNotificationRequest(
                IndexGroup.PLC_MEMORY, 4, 1, TransMode.SERVER_CYCLE, max_delay_100ns=0, cycle_100ns=1_000_000
            ).encode(),
        ),
        # group, offset, 1 byte, mode 3, no delay, 1000000 * 100 ns, reserved
        (
            f"0000 48000000  {THERE}  0600 0400 28000000 00000000 04000000"
            "20400000 04000000 01000000 03000000 00000000 40420f00 00000000000000000000000000000000"
        ),
    ),
}
RESPONSES = {
    "ReadState": (
        response_to(REQUESTS["ReadState"][0], StateResponse(0, AdsState.RUN, 0).encode()),
        f"0000 28000000  {BACK}  0400 0500 08000000 00000000 01000000  00000000 0500 0000",
    ),
    "Read": (
        response_to(REQUESTS["Read"][0], DataResponse(0, 0xDEADBEEF.to_bytes(4, "little")).encode()),
        f"0000 2c000000  {BACK}  0200 0500 0c000000 00000000 02000000  00000000 04000000 efbeadde",
    ),
    "ReadWrite error": (
        response_to(REQUESTS["ReadWrite"][0], error_body(Command.READ_WRITE, 0x710)),
        f"0000 28000000  {BACK}  0900 0500 08000000 00000000 03000000  10070000 00000000",
    ),
    "AddDeviceNotification": (
        response_to(REQUESTS["AddDeviceNotification"][0], HandleResponse(0, 0x11).encode()),
        f"0000 28000000  {BACK}  0600 0500 08000000 00000000 04000000  00000000 11000000",
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_has_the_bytes_that_clients_send(name: str) -> None:
    """What we build is what AdsLib, pyads and ads-client put on the wire."""
    made, written = REQUESTS[name]
    assert made == bytes.fromhex(written)


@pytest.mark.parametrize("name", RESPONSES)
def test_a_response_has_the_bytes_that_clients_accept(name: str) -> None:
    """What we answer is what real clients were seen to take."""
    made, written = RESPONSES[name]
    assert made == bytes.fromhex(written)


def test_the_fields_of_a_vector_are_read_by_name() -> None:
    """Requests and responses written by hand come back field by field."""
    body = {name: bytes.fromhex(written)[FRAME_HEADER_BYTES:] for name, (_, written) in REQUESTS.items()}
    assert ReadRequest.parse(body["Read"]) == (0x4020, 0, 4)
    assert ReadWriteRequest.parse(body["ReadWrite"]) == (0xF003, 0, 4, b"MAIN.i\0")
    added = AddNotificationRequest.parse(body["AddDeviceNotification"])
    assert (added.group, added.offset, added.size_bytes, added.mode) == (0x4020, 4, 1, 3)
    assert (added.max_delay_ns, added.cycle_ns) == (0, 100_000_000)
    answers = {name: bytes.fromhex(written)[FRAME_HEADER_BYTES:] for name, (_, written) in RESPONSES.items()}
    assert StateResponse.parse(answers["ReadState"]) == (0, 5, 0)
    assert DataResponse.parse(answers["Read"]) == (0, bytes.fromhex("efbeadde"))
    assert DataResponse.parse(answers["ReadWrite error"]) == (0x710, b"")
    assert HandleResponse.parse(answers["AddDeviceNotification"]) == (0, 0x11)


@pytest.mark.parametrize("command", range(10))
def test_a_failed_command_has_the_shortest_body_that_clients_take(command: int) -> None:
    """Result and an empty length for reads, result and handle 0 for subscriptions, the result alone for the rest."""
    body = error_body(command, 0x701)
    assert body == bytes.fromhex("01070000 00000000" if command in (2, 6, 9) else "01070000")
    assert result_of(body) == 0x701


@pytest.mark.parametrize("parse", [DataResponse.parse, HandleResponse.parse, StateResponse.parse, DeviceInfo.parse])
def test_a_bare_result_is_an_error_s_whole_answer(parse: Callable[[bytes], tuple[object, ...]]) -> None:
    """Four bytes that are not 0 are enough; four zeros promise more than is there."""
    assert 0x710 in parse(bytes.fromhex("10070000"))
    with pytest.raises(FormatError):
        parse(bytes(4))


def test_a_device_that_has_loaded_nothing_may_answer_with_nothing() -> None:
    """An empty ReadDeviceInfo body is no name, version 0."""
    assert DeviceInfo.parse(b"") == DeviceInfo("")
    assert result_of(b"") == 0
    assert DeviceInfo("Plc30 App", 3, 1, 1711).encode() == bytes.fromhex("00000000 03 01 af06") + b"Plc30 App".ljust(
        16, b"\0"
    )
    assert DeviceInfo.parse(DeviceInfo("a name of 17 byte", 1).encode()).name == "a name of 17 byt"


def test_lengths_that_promise_more_than_there_is_are_refused_at_once() -> None:
    """A Write, ReadWrite, WriteControl or answer that announces 4 GiB takes no memory and is a FormatError."""
    for parse, head in (
        (WriteRequest.parse, "00000000 00000000 ffffffff"),
        (ReadWriteRequest.parse, "00000000 00000000 04000000 ffffffff"),
        (WriteControlRequest.parse, "0500 0000 ffffffff"),
        (DataResponse.parse, "00000000 ffffffff"),
    ):
        with pytest.raises(FormatError, match="announces 4294967295 bytes of data, 1 are there"):
            parse(bytes.fromhex(head) + b"x")
    assert ReadRequest.parse(bytes.fromhex("00000000 00000000 ffffffff")).size_bytes == 0xFFFFFFFF


DECODERS: list[Callable[[bytes], object]] = [
    ReadRequest.parse,
    WriteRequest.parse,
    ReadWriteRequest.parse,
    WriteControlRequest.parse,
    AddNotificationRequest.parse,
    DataResponse.parse,
    ResultResponse.parse,
    HandleResponse.parse,
    StateResponse.parse,
    DeviceInfo.parse,
    parse_handle,
    result_of,
]


@given(st.binary(max_size=64))
def test_any_bytes_are_a_payload_or_a_format_error(data: bytes) -> None:
    """No decoder of a command raises anything else, and none is bothered by bytes behind its structure."""
    for parse in DECODERS:
        if value_or_format_error(parse, data) and len(data) > 4:
            assert value_or_format_error(parse, data + b"behind")


PAYLOADS = st.one_of(
    st.builds(ReadRequest, U32, U32, U32),
    st.builds(WriteRequest, U32, U32, BYTES),
    st.builds(ReadWriteRequest, U32, U32, U32, BYTES),
    st.builds(WriteControlRequest, U16, U16, BYTES),
    st.builds(AddNotificationRequest, U32, U32, U32, U32, U32, U32, st.binary(min_size=16, max_size=16)),
    st.builds(DataResponse, U32, BYTES),
    st.builds(ResultResponse, U32),
    st.builds(HandleResponse, U32, U32),
    st.builds(StateResponse, U32, U16, U16),
    st.builds(DeviceInfo, TEXT.map(lambda text: text[:16]), U8, U8, U16, U32),
)


@given(PAYLOADS)
def test_every_payload_comes_back_as_it_was(payload: ReadRequest | WriteRequest | DeviceInfo) -> None:
    """Encoding and parsing are each other's reverse, and whatever is cut off is missed."""
    data = payload.encode()
    assert type(payload).parse(data) == payload
    for length in range(len(data)):
        if length not in (0, 4) or isinstance(payload, ReadRequest):
            assert not value_or_format_error(type(payload).parse, data[:length])


def test_transmission_modes_say_what_is_sent() -> None:
    """3, 5 and 16 to 31 send every sample, 4 and 6 only changes."""
    assert [mode for mode in range(40) if is_cyclic(mode)] == [3, 5, *range(16, 32)]
    assert [mode for mode in range(40) if is_on_change(mode)] == [4, 6]
