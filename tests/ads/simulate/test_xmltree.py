"""The hardened XML reader."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.simulate.xmltree import MAX_DEPTH, parse_xml
from dinrail.errors import FormatError

LAUGHS = b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;&y;</a>'


def test_elements_attributes_and_text_are_read() -> None:
    """Text is in one, CDATA too; children are found by name, below others as well."""
    root = parse_xml(b'<?xml version="1.0" encoding="utf-8"?><a k="v"> x<b>1</b><![CDATA[<y>]]><c><b>2</b></c></a>')
    assert (root.tag, root.attributes, root.text) == ("a", {"k": "v"}, " x<y>")
    assert [node.text for node in root.all("b")] == ["1"]
    assert [node.text for node in root.descendants("b")] == ["1", "2"]
    assert (root.get("b"), root.get("z"), root.get("z", "-")) == ("1", "", "-")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (LAUGHS, "declares a document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "declares a document type"),
        (b"<a>" * (MAX_DEPTH + 1), "nested too deeply"),
        (b"<a></b>", "mismatched tag"),
        (b"<a>", "no element found"),
        (b"", "no element found"),
        (b"\xff\xfe\x00", "XML"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "XML"),
        (b"<a>&nope;</a>", "undefined entity"),
    ],
)
def test_what_is_no_plain_xml_is_a_format_error(data: bytes, says: str) -> None:
    """Document types, entities, depth without end and broken XML are refused."""
    with pytest.raises(FormatError) as fault:
        parse_xml(data, where="x.tmc")
    assert says in str(fault.value)
    assert str(fault.value).startswith("x.tmc: ")


@given(st.one_of(st.binary(), st.text("<>/ab&;!?[]\"'= ", max_size=60).map(str.encode)))
def test_any_bytes_give_a_tree_or_a_format_error(data: bytes) -> None:
    """Nothing else is raised."""
    with contextlib.suppress(FormatError):
        assert parse_xml(data).tag
