"""AMS addresses as text and as bytes."""

from __future__ import annotations

import pytest
from ams_values import ADDRESSES, NET_IDS
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ams.address import AmsAddr, NetId, Port, parse_port
from dinrail.errors import BadRequest


def test_an_address_is_the_eight_bytes_of_a_header() -> None:
    """NetId in order, port little-endian; a slice of a frame is equal to it and finds it in a table."""
    address = AmsAddr.parse("192.168.0.231.1.1:851")
    assert address == bytes.fromhex("c0a800e70101 5303")
    assert (str(address.net_id), address.port, str(address)) == ("192.168.0.231.1.1", 851, "192.168.0.231.1.1:851")
    assert {address: 1}[b"\xc0\xa8\x00\xe7\x01\x01\x53\x03"] == 1
    assert repr(address) == "AmsAddr('192.168.0.231.1.1:851')"
    assert repr(address.net_id) == "NetId('192.168.0.231.1.1')"


@given(NET_IDS)
def test_every_net_id_is_read_as_it_is_written(net_id: NetId) -> None:
    """Text and NetId lead to each other."""
    assert NetId.parse(str(net_id)) == net_id


@given(ADDRESSES)
def test_every_address_is_read_as_it_is_written(address: AmsAddr) -> None:
    """Text and address lead to each other, port 0 excepted, which nobody may name."""
    if address.port:
        assert AmsAddr.parse(str(address)) == address
    assert AmsAddr.of(address.net_id, address.port) == address


@pytest.mark.parametrize(
    "text", ["", "1.2.3.4", "1.2.3.4.5.256", "1.2.3.4.5.6.7", "1.2.3.4.5.-1", "1.2.3.4.5.6 ", "٣.1.1.1.1.1"]
)
def test_what_is_no_net_id_is_refused(text: str) -> None:
    """Six decimal numbers from 0 to 255 in ASCII, and nothing else."""
    with pytest.raises(BadRequest):
        NetId.parse(text)


def test_ports_have_names() -> None:
    """A port is said by number or by name, as one word with hyphens."""
    assert (parse_port("851"), parse_port("plc"), parse_port("system-service")) == (851, Port.PLC, 10000)
    for text in ("0", "65536", "nope", "", "²"):
        with pytest.raises(BadRequest):
            parse_port(text)


@given(st.binary(max_size=12))
def test_other_lengths_are_no_addresses(raw: bytes) -> None:
    """Six and eight bytes only: anything else is our own bug, and a ValueError."""
    if len(raw) != 6:
        with pytest.raises(ValueError, match="six bytes"):
            NetId(raw)
    if len(raw) != 8:
        with pytest.raises(ValueError, match="eight bytes"):
            AmsAddr(raw)


def test_the_usual_net_id_follows_from_an_ip_address() -> None:
    """IPv4 and `.1.1`."""
    assert str(NetId.of_ipv4("10.0.0.7")) == "10.0.0.7.1.1"
    with pytest.raises(BadRequest):
        NetId.of_ipv4("fe80::1")
