"""Topics of ADS-over-MQTT, and the info document from anybody's bytes."""

from __future__ import annotations

import pytest
from build_ads_peer import OURS, THEIRS, read_state
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.transport.mqtt_info import MAX_INFO_BYTES, Info, Topics, build_info, parse_info
from dinrail.ams.frame import response_to
from dinrail.errors import FormatError

TOPICS = Topics("Net/1", OURS)
PLAIN = st.text(st.characters(exclude_categories=("C", "Z")), max_size=60)


def test_twincats_own_document_is_read() -> None:
    """The document as the Information System prints it."""
    text = (
        b'<info><online name="HOST" osVersion="10.0.20348" osPlatform="2" tcVersion="3.1.4026.10">true</online></info>'
    )
    assert parse_info(text) == Info(True, "HOST", "10.0.20348", "2", "3.1.4026.10")
    assert parse_info(text + b"\0") == parse_info(text)
    assert parse_info(b"<info><online>false</online></info>") == Info(False)


@given(st.builds(Info, st.booleans(), PLAIN, PLAIN, PLAIN, PLAIN))
def test_what_is_written_is_read(info: Info) -> None:
    """Names with any printable characters survive, quotes and angle brackets included."""
    assert parse_info(build_info(info)) == info


@given(st.binary(max_size=300) | st.text(alphabet="<>/infoonline=&;!\"' tru").map(str.encode))
def test_any_bytes_are_an_info_or_a_format_error(data: bytes) -> None:
    """Nothing but FormatError comes of rubbish."""
    try:
        parse_info(data)
    except FormatError:
        return


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE a [<!ENTITY x "y">]><info><online>&x;</online></info>',
        b"<info><online>" + b"a" * MAX_INFO_BYTES + b"</online></info>",
        b"<other><online>true</online></other>",
        b"<info><a><online>true</online></a></info>",
        b"",
    ],
)
def test_hostile_documents_are_refused(data: bytes) -> None:
    """Entities, giants, and elements in other places than theirs."""
    with pytest.raises(FormatError):
        parse_info(data)


def test_names_lose_what_a_terminal_would_obey() -> None:
    """Control characters do not survive, and no text is longer than 64."""
    info = parse_info(b'<info><online name="a&#x9b;31m&#x202e;' + b"b" * 100 + b'">true</online></info>')
    assert info.name.isprintable()
    assert len(info.name) <= 64


def test_topics_follow_the_header() -> None:
    """A request goes to its target's `ams`, a response to its target's `ams/res`."""
    request = read_state(THEIRS, OURS)
    assert TOPICS.of(request[6:]) == f"Net/1/{THEIRS}/ams"
    assert TOPICS.of(response_to(request)[6:]) == f"Net/1/{OURS}/ams/res"
    assert TOPICS.is_ams(f"Net/1/{OURS}/ams/res")
    assert not TOPICS.is_ams(f"Net/1/{THEIRS}/ams")


@pytest.mark.parametrize(
    ("topic", "net_id"),
    [
        (f"Net/1/{THEIRS}/info", THEIRS),
        ("Net/1/05.9.8.7.1.1/info", None),
        ("Net/1/256.9.8.7.1.1/info", None),
        (f"{THEIRS}/info", None),
        (f"Net/1/{THEIRS}/info/more", None),
        ("Net/1//info", None),
    ],
)
def test_an_announcer_is_spelt_in_one_way(topic: str, net_id: object) -> None:
    """Two spellings of one NetId would be two retained infos."""
    assert TOPICS.announcer(topic) == net_id
