"""The JSON beside a VBIOS file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from build_rom import BOARD, card, function, two_images
from hypothesis import given
from hypothesis import strategies as st

from dinrail.errors import FormatError
from dinrail.vbios.provenance import MAX_BYTES, describes, differences, from_json, matches, provenance, to_json
from dinrail.vbios.rom import read_rom

ROM = read_rom(two_images(), origin="01:00.0")
FUNCTION = function(card(board=BOARD))
NOTE = provenance(ROM, FUNCTION, method="sysfs-rom", kernel="6.1.0-30-amd64", wall_ns=1_769_860_800_999_999_999)


def document(**changes: Any) -> bytes:
    return json.dumps({**json.loads(to_json(NOTE)), **changes}).encode()


def test_a_provenance_says_whose_rom_it_is_and_how_it_was_read() -> None:
    """Ids, board, address, method, kernel, UTC time, hash, size and images are in the document, readable."""
    fields = json.loads(to_json(NOTE))
    assert fields["device"] == "1234:1111"
    assert fields["subsystem"] == "1af4:1100"
    assert (fields["address"], fields["method"], fields["kernel"]) == ("0000:01:00.0", "sysfs-rom", "6.1.0-30-amd64")
    assert fields["taken_at"] == "2026-01-31T12:00:00Z"
    assert (fields["sha256"], fields["size_bytes"]) == (ROM.sha256, len(ROM.data))
    assert [(image["kind"], image["ids"]) for image in fields["images"]] == [
        ("x86", ["1234:1111"]),
        ("efi", ["1234:1111", "1234:2222"]),
    ]


def test_a_document_reads_back_as_it_was_written() -> None:
    """Writing and reading keep every field."""
    assert from_json(to_json(NOTE)) == NOTE
    assert describes(NOTE, ROM)
    assert not describes(NOTE, read_rom(two_images() + b"\xff", origin="x"))


def test_a_kept_rom_belongs_to_cards_of_the_same_ids_board_and_revision() -> None:
    """The slot may change; device, board and revision may not, and each difference is told."""
    assert matches(NOTE, FUNCTION)
    assert matches(NOTE, function(card(board=BOARD), address="05:00.0"))
    others = (card(device_id=2, board=BOARD), card(board=(1, 2)), card(board=BOARD, revision=1))
    for ids, word in zip(others, ("device ids", "subsystem ids", "revision"), strict=True):
        (line,) = differences(NOTE, function(ids))
        assert line.startswith(word)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "dinrail-rom-provenance/2"),
        ("device", "1234"),
        ("device", 0x1234),
        ("subsystem", "1af4:11000"),
        ("revision", -1),
        ("revision", True),
        ("address", "elsewhere"),
        ("method", "x" * 257),
        ("kernel", "6.1\x1b[2J"),
        ("taken_at", "yesterday"),
        ("sha256", "A" * 64),
        ("size_bytes", 1 << 32),
        ("images", {}),
        ("images", [1]),
    ],
)
def test_every_wrong_field_is_named(field: str, value: object) -> None:
    """A field of another type, form or size is a FormatError that names it; so is one that is missing."""
    with pytest.raises(FormatError) as fault:
        from_json(document(**{field: value}), where="a.json")
    assert (fault.value.field, fault.value.where) == (field, "a.json")
    fields = json.loads(to_json(NOTE))
    del fields[field]
    with pytest.raises(FormatError, match="missing"):
        from_json(json.dumps(fields).encode())


def test_a_wrong_image_is_named_with_its_place() -> None:
    """A fault inside the image list says in which entry."""
    with pytest.raises(FormatError) as fault:
        from_json(document(images=[{"offset": 0, "size_bytes": 1, "kind": "x86", "ids": ["x"]}]))
    assert (fault.value.structure, fault.value.field) == ("provenance, images[0]", "ids")


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"\xff\xfe", b"{" * 10, b"[" * 100_000, b" " * (MAX_BYTES + 1), b'{"format": ' + b"9" * 5000 + b"}"],
)
def test_what_is_no_document_is_a_format_error(data: bytes) -> None:
    """Other JSON, no JSON, deep nesting, huge numbers and huge files are one declared error."""
    with pytest.raises(FormatError):
        from_json(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(json.loads(to_json(NOTE)))), JSON)
def test_any_value_in_any_field_is_read_or_refused(field: str, value: object) -> None:
    """Whatever stands in a field, reading gives a provenance or a FormatError."""
    try:
        found = from_json(document(**{field: value}))
    except FormatError:
        return
    assert from_json(to_json(found)) == found
