"""The target's description of itself."""

from __future__ import annotations

import pytest
from ams_values import value_or_format_error
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ams.address import NetId
from dinrail.ams.target import TargetDescription, read_fields
from dinrail.errors import FormatError

TARGET = TargetDescription(
    NetId.parse("5.1.2.3.1.1"), "CX20x0", (3, 1, 4026), "CX2020 <&>", "0815", "5", "TwinCAT/BSD", "13.2", "1.0"
)


def test_a_target_is_described_in_the_words_that_clients_look_for() -> None:
    """Type, version, NetId, hardware and OS, special characters escaped, a NUL at the end."""
    data = TARGET.encode()
    assert data.startswith(
        b'<?xml version="1.0"?><TcTargetDesc><TargetType>CX20x0</TargetType><TargetVersion><Version>3<'
    )
    assert b"<TargetFeatures><NetId>5.1.2.3.1.1</NetId></TargetFeatures>" in data
    assert b"<Model>CX2020 &lt;&amp;&gt;</Model>" in data
    assert data.endswith(b"</TcTargetDesc>\0")
    assert TargetDescription.parse(data) == TARGET


def test_what_is_missing_stays_empty() -> None:
    """A short description is one, too, and white space around a text is not part of it."""
    assert TargetDescription.parse(b"<TcTargetDesc/>") == TargetDescription(NetId(), version=(0, 0, 0))
    assert read_fields(b"<TcTargetDesc>\n <A>\n <B> x </B> </A></TcTargetDesc>\0\0") == {"A/B": "x"}


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<TcTargetDesc>",
        b"<Other/>",
        b'<!DOCTYPE a [<!ENTITY b "bbbb">]><TcTargetDesc><A>&b;</A></TcTargetDesc>',
        b"<TcTargetDesc>" + b"<A>" * 20 + b"</A>" * 20 + b"</TcTargetDesc>",
        b"<TcTargetDesc>" + b"<A/>" * 600 + b"</TcTargetDesc>",
        b"<TcTargetDesc>" + b" " * 70_000 + b"</TcTargetDesc>",
        b"<TcTargetDesc><TargetVersion><Build>x</Build></TargetVersion></TcTargetDesc>",
        b"<TcTargetDesc><TargetFeatures><NetId>1.2</NetId></TargetFeatures></TcTargetDesc>",
    ],
)
def test_what_is_no_description_or_would_exhaust_a_reader_is_refused(document: bytes) -> None:
    """No entities, no depth, no length without end; numbers and NetIds are checked."""
    with pytest.raises(FormatError):
        TargetDescription.parse(document)


@pytest.mark.parametrize("encoding", ["rot13", "utf-16", "zip", "windows-1252", "nonsense"])
def test_the_encoding_is_not_the_sender_s_to_choose(encoding: str) -> None:
    """Whatever a document declares, it is UTF-8, or 1252 where that fails."""
    head = f'<?xml version="1.0" encoding="{encoding}"?>'.encode()
    assert read_fields(head + b"<TcTargetDesc><A>\xfc</A></TcTargetDesc>") == {"A": "ü"}


@given(st.binary(max_size=100))
def test_any_bytes_are_a_description_or_a_format_error(data: bytes) -> None:
    """Also inside the right root."""
    value_or_format_error(TargetDescription.parse, data)
    value_or_format_error(TargetDescription.parse, b"<TcTargetDesc>" + data + b"</TcTargetDesc>")
