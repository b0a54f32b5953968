"""The protocol between a program and its own router."""

from __future__ import annotations

import pytest
from ams_values import ADDRESSES, BYTES, NET_IDS, U16, U32, value_or_format_error
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ams import local
from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.frame import TcpCommand, tcp_frame
from dinrail.errors import FormatError

ROUTER = AmsAddr.parse("192.168.0.231.1.1:32905")


def test_local_frames_have_the_bytes_that_clients_know() -> None:
    """Connect, its reply, close, NetId and note, each written by hand."""
    assert local.connect_request() == bytes.fromhex("0010 02000000 0000")
    assert local.connect_request(851) == bytes.fromhex("0010 02000000 5303")
    assert local.connect_reply(ROUTER) == bytes.fromhex("0010 08000000 c0a800e70101 8980")
    assert local.close_request(0x8089) == bytes.fromhex("0100 02000000 8980")
    assert local.close_reply() == bytes.fromhex("0100 00000000")
    assert local.net_id_request() == bytes.fromhex("0210 00000000")
    assert local.net_id_reply(ROUTER.net_id) == bytes.fromhex("0210 06000000 c0a800e70101")
    assert local.note(local.RouterNote.START) == bytes.fromhex("0110 04000000 01000000")


@given(ADDRESSES, U16, NET_IDS, U32)
def test_bodies_come_back_as_they_were(address: AmsAddr, port: int, net_id: NetId, state: int) -> None:
    """Each body is read by its own parser; unknown states of a router stay numbers."""
    assert local.parse_connect_reply(local.parse_local(local.connect_reply(address)).body) == address
    assert local.parse_port_body(local.parse_local(local.connect_request(port)).body) == port
    assert local.parse_port_body(local.parse_local(local.close_request(port)).body) == port
    assert local.parse_net_id_reply(local.parse_local(local.net_id_reply(net_id)).body) == net_id
    assert local.parse_note(local.NOTE.pack(state)) == state


@given(st.binary(max_size=20))
def test_any_bytes_are_a_body_or_a_format_error(data: bytes) -> None:
    """No parser of the protocol raises anything else."""
    parsers = (local.parse_local, local.parse_port_body, local.parse_connect_reply, local.parse_net_id_reply)
    for parse in (*parsers, local.parse_note):
        value_or_format_error(parse, data)


@given(st.sampled_from(TcpCommand), BYTES)
def test_a_frame_is_taken_apart_whole(command: TcpCommand, body: bytes) -> None:
    """Command and body come back; an AMS frame, or a length that is not the frame's, is refused."""
    frame = tcp_frame(command, body)
    if command is TcpCommand.AMS:
        with pytest.raises(FormatError, match="is an AMS frame"):
            local.parse_local(frame)
        return
    assert local.parse_local(frame) == (command, body)
    for other in (frame[:-1], frame + b"\0"):
        with pytest.raises(FormatError):
            local.parse_local(other)
