"""TlsConnectInfo."""

from __future__ import annotations

import pytest
from ams_values import NET_IDS, TEXT, U8, U16, value_or_format_error
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ams.address import NetId
from dinrail.ams.tls import HEAD_BYTES, MAX_BYTES, TlsConnectInfo, TlsError, TlsFlag, size_of
from dinrail.errors import BadRequest, FormatError

GOLDEN = bytes.fromhex(
    "4000 0000 01 00 010203040101 00 00"  # 64 bytes, no flags, version 1, no error, NetId, no user, no password
    "000000000000000000000000000000000000"  # reserved
    "7063"
) + bytes(30)


def test_a_psk_request_has_the_bytes_that_targets_know() -> None:
    """Built and read against one written by hand."""
    info = TlsConnectInfo(NetId.parse("1.2.3.4.1.1"), host_name="pc")
    assert info.encode() == GOLDEN
    assert TlsConnectInfo.parse(GOLDEN) == info
    assert size_of(GOLDEN) == HEAD_BYTES


def test_a_first_connection_carries_user_and_password_but_not_in_its_repr() -> None:
    """Self-signed with AddRemote: lengths in the head, texts behind it."""
    flags = TlsFlag.ADD_REMOTE | TlsFlag.SELF_SIGNED | TlsFlag.IP_ADDRESS | TlsFlag.IGNORE_COMMON_NAME
    info = TlsConnectInfo(NetId(), flags, "pc", "Administrator", "secret")
    data = info.encode()
    assert data[:14] == bytes.fromhex("5300 f000 01 00 000000000000 0d 06")
    assert data[64:] == b"Administratorsecret"
    assert "secret" not in repr(info)
    assert TlsConnectInfo.parse(data) == info
    refusal = TlsConnectInfo(NetId(), TlsFlag.RESPONSE, error=TlsError.UNKNOWN_USER)
    assert refusal.is_response
    assert refusal.encode()[:6] == bytes.fromhex("4000 0100 01 04")


@given(st.builds(TlsConnectInfo, NET_IDS, U16, TEXT.map(lambda t: t[:32]), TEXT, TEXT, U8, U8))
def test_every_exchange_comes_back_as_it_was(info: TlsConnectInfo) -> None:
    """Every field; and the first two bytes tell how many to wait for."""
    data = info.encode()
    assert TlsConnectInfo.parse(data) == info
    assert (size_of(data[:2]), size_of(data[:1])) == (len(data), None)
    for other in (data[:-1], data + b"\0"):
        with pytest.raises(FormatError):
            TlsConnectInfo.parse(other)


@pytest.mark.parametrize("total", [0, 63, 513, 0xFFFF])
def test_impossible_lengths_are_refused_at_their_second_byte(total: int) -> None:
    """A peer that announces less than the head or more than 512 bytes is not waited for."""
    with pytest.raises(FormatError):
        size_of(total.to_bytes(2, "little"))


def test_texts_that_lead_out_of_the_structure_are_refused() -> None:
    """User and password are held against the total length; too long ones are not built."""
    with pytest.raises(FormatError):
        TlsConnectInfo.parse(GOLDEN[:12] + b"\x01" + GOLDEN[13:])
    for user, password in (("u" * 256, ""), ("u" * 225, "p" * 224)):
        with pytest.raises(BadRequest):
            TlsConnectInfo(NetId(), user=user, password=password).encode()
    assert len(TlsConnectInfo(NetId(), user="u" * 224, password="p" * 224).encode()) == MAX_BYTES


@given(st.binary(max_size=80))
def test_any_bytes_are_an_exchange_or_a_format_error(data: bytes) -> None:
    """Also when the length is right."""
    value_or_format_error(TlsConnectInfo.parse, data)
    value_or_format_error(size_of, data)
    value_or_format_error(TlsConnectInfo.parse, (len(data) + 2).to_bytes(2, "little") + data)
