"""The image: what is written is read, and what was damaged is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from control_channel import empty_object
from hypothesis import given
from hypothesis import strategies as st

from dinrail.control.channel.layout import Space
from dinrail.control.elf import add_sections, read_sections
from dinrail.control.image import ABI, Image, Retained, Segment, TaskImage, load_image, read_image, write_image
from dinrail.control.settings import Overrun, TaskSettings
from dinrail.errors import FormatError

WHOLE = Image(
    name="press",
    layout_hash=bytes(range(32)),
    tasks=(
        TaskImage(
            TaskSettings("Fast", 250_000, 3, 1, 50_000, 7, Overrun.STOP, ("MAIN", "Aux"), 351),
            (Segment(Space.DATA, 64, 128), Segment(Space.OUTPUT, 0, 8)),
            4096,
        ),
    ),
    data_bytes=4096,
    input_bytes=8,
    output_bytes=8,
    marker_bytes=16,
    heap_bytes=1 << 20,
    retained=(Retained("MAIN.n", "DINT", 64, 4, True),),
    symbols=b"[1]",
    state=b'{"types":[],"variables":[]}',
    debug_map=b"\x00map",
    options=(("optimise", "2"),),
    sources=(("plc/MAIN.st", "ab" * 32),),
    calls=(("FB_Axis", "Reset", 4, 8),),
    compiler="dinrail 0.1.0",
)


def test_an_image_reads_back_as_it_was_written() -> None:
    """Every part of an image survives the file."""
    assert read_image(write_image(empty_object(), WHOLE)) == WHOLE


def test_equal_parts_give_equal_bytes() -> None:
    """Writing twice gives the same file."""
    assert write_image(empty_object(), WHOLE) == write_image(empty_object(), WHOLE)


def test_binutils_read_what_was_added(tmp_path: Path) -> None:
    """The file is still an ELF object with all its old sections, and readelf finds no fault in it."""
    path = tmp_path / "a.so"
    path.write_bytes(write_image(empty_object(), WHOLE))
    run = subprocess.run(["readelf", "-SW", path], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    assert all(name in run.stdout for name in (".dynsym", ".dinrail.image", ".dinrail.symbols", ".dinrail.debug"))
    assert load_image(path) == WHOLE


@given(st.dictionaries(st.from_regex(r"\.[a-z]{1,12}", fullmatch=True), st.binary(max_size=300), max_size=6))
def test_added_sections_come_back(parts: dict[str, bytes]) -> None:
    """Whatever is added under a name of its own is found under it."""
    old = read_sections(empty_object())
    fresh = {name: data for name, data in parts.items() if name not in old}
    assert read_sections(add_sections(empty_object(), fresh)) == old | fresh


@given(st.data())
def test_a_changed_byte_is_noticed(data: st.DataObject) -> None:
    """A file with one other byte is the same image, or a FormatError: never a different image, never another error."""
    whole = write_image(empty_object(), WHOLE)
    at = data.draw(st.integers(0, len(whole) - 1))
    broken = bytearray(whole)
    broken[at] ^= data.draw(st.integers(1, 255))
    try:
        assert read_image(bytes(broken)) == WHOLE
    except FormatError:
        return


def test_changed_code_is_refused() -> None:
    """A byte of the machine code that is not what was built is a FormatError."""
    broken = bytearray(write_image(empty_object(), WHOLE))
    broken[0x18] ^= 1  # the entry point's lowest byte: part of what was built
    with pytest.raises(FormatError, match="not what was built"):
        read_image(bytes(broken))


@given(st.integers(0, 4000))
def test_a_file_that_was_cut_off_is_refused(size: int) -> None:
    """The beginning of an image is no image."""
    whole = write_image(empty_object(), WHOLE)
    with pytest.raises(FormatError):
        read_image(whole[: min(size, len(whole) - 1)])


def test_an_image_of_another_executive_is_refused() -> None:
    """An image with another ABI number says so, and how to get a right one."""
    other = write_image(empty_object(), Image("x", tasks=WHOLE.tasks, data_bytes=4096, output_bytes=8, abi=ABI + 1))
    with pytest.raises(FormatError, match="made for executive") as caught:
        read_image(other)
    assert "plc build" in str(caught.value.hint)


def test_a_segment_outside_its_space_is_refused() -> None:
    """A place that does not exist is found when the image is read, not when it is published."""
    with pytest.raises(FormatError, match="outside its space"):
        read_image(write_image(empty_object(), Image("x", tasks=WHOLE.tasks, data_bytes=100, output_bytes=8)))


def test_an_object_without_an_image_is_refused() -> None:
    """Any shared object but ours is a FormatError that names the command."""
    with pytest.raises(FormatError, match="no image"):
        read_image(empty_object())
