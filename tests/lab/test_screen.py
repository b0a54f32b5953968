"""Reading a screen is exact: what was drawn with the font comes back, everything else is unknown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dinrail.errors import FormatError, HostError
from dinrail.lab.firmware import Bitmap
from dinrail.lab.screen import UNKNOWN, Font, Picture
from dinrail.lab.vbios import LEGACY_ROMS
from dinrail.lab.watch import says, shows

BLACK, GREY, BLUE = bytes((0, 0, 0)), bytes((170, 170, 170)), bytes((0, 0, 170))


@pytest.fixture(scope="module")
def font() -> Font:
    rom = LEGACY_ROMS["VGA"]
    if not rom.exists():
        pytest.skip("Debian's seabios is not installed")
    return Font.from_vga_bios(rom.read_bytes())


def drawn(font: Font, lines: list[str], *, ink: bytes = GREY, paper: bytes = BLACK, columns: int = 40) -> Picture:
    """A console screen with these lines."""
    rows = bytearray()
    for line in lines:
        cells = [font.cell(character) for character in line.ljust(columns)]
        for y in range(16):
            for cell in cells:
                rows += b"".join(ink if cell[y] >> (7 - x) & 1 else paper for x in range(8))
    return Picture(Bitmap(columns * 8, len(lines) * 16, bytes(rows)))


@given(
    lines=st.lists(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12), min_size=1, max_size=3)
)
def test_text_that_was_drawn_is_read_back(font: Font, lines: list[str]) -> None:
    """Any printable text survives the way over the pixels."""
    assert list(drawn(font, lines, columns=12).text(font)) == [line.rstrip() for line in lines]


def test_colours_do_not_matter(font: Font) -> None:
    """A pixel counts as set where it differs from its cell's background."""
    assert drawn(font, ["hello"], ink=GREY, paper=BLUE).text(font) == ("hello",)


def test_a_cell_that_is_no_character_is_unknown(font: Font) -> None:
    """One pixel too many, and the cell is not guessed."""
    picture = drawn(font, ["ab"])
    rgb = bytearray(picture.bitmap.rgb)
    rgb[3 * 1 : 3 * 2] = GREY
    assert Picture(Bitmap(320, 16, bytes(rgb))).text(font) == (UNKNOWN + "b",)


def test_a_bitmap_is_found_where_it_stands_and_only_whole() -> None:
    """The position is in pixels; one differing pixel means that it is not there."""
    mark = Bitmap(2, 2, GREY + BLUE + BLUE + GREY)
    rows = [[BLACK] * 6 for _ in range(4)]
    rows[1][3:5], rows[2][3:5] = [GREY, BLUE], [BLUE, GREY]
    picture = Picture(Bitmap(6, 4, b"".join(b"".join(row) for row in rows)))
    assert picture.find(mark) == (3, 1)
    assert shows(mark)(picture)
    rows[2][4] = BLUE
    spoiled = Picture(Bitmap(6, 4, b"".join(b"".join(row) for row in rows)))
    assert spoiled.find(mark) is None


def test_blank_means_one_colour() -> None:
    """A black screen is blank, and so is a blue one; one lit pixel ends it."""
    assert Picture(Bitmap(2, 1, BLUE * 2)).blank
    assert not Picture(Bitmap(2, 1, BLUE + GREY)).blank


def test_says_needs_every_text(font: Font) -> None:
    """A screen is accepted when all wanted texts stand on it."""
    picture = drawn(font, ["guest: here", "word abc"])
    assert says(font, "guest: here", "word abc")(picture)
    assert not says(font, "guest: here", "word xyz")(picture)


def test_a_picture_is_loaded_from_its_file(tmp_path: Path) -> None:
    """PNG in, rows of 24-bit pixels out; anything else is refused by name."""
    Image.new("RGB", (3, 2), (1, 2, 3)).save(tmp_path / "a.png")
    assert Picture.load(tmp_path / "a.png").bitmap == Bitmap(3, 2, bytes((1, 2, 3)) * 6)
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(HostError):
        Picture.load(tmp_path / "b.png")


def test_bytes_without_a_font_are_refused() -> None:
    """The font is found by its letter A."""
    with pytest.raises(FormatError):
        Font.from_vga_bios(bytes(4096))
