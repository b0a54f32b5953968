"""What a monitor shows: text on a console, or a known bitmap, compared pixel by pixel.

The kernel's console and a VGA card in text mode draw each character as a fixed cell of 8x16 pixels on a grid: reading
a screen is a look-up, not recognition: a cell is a character of the font, or it is none. OCR was not taken: it guesses.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from dinrail.errors import FormatError, HostError
from dinrail.lab.firmware import Bitmap

CELL_WIDTH, CELL_HEIGHT = 8, 16
UNKNOWN = "\N{REPLACEMENT CHARACTER}"

_LETTER_A = bytes.fromhex("000010386cc6c6fec6c6c6c600000000")
"""The capital A of every 8x16 VGA font: how its table is found in a VGA BIOS."""


@dataclass(frozen=True, slots=True)
class Font:
    """Characters by their cell: 16 bytes, one a row, the leftmost pixel in the highest bit."""

    characters: dict[bytes, str]

    @classmethod
    def from_table(cls, table: bytes) -> Font:
        """A font of 256 or more cells in the order of code page 437; only printable ASCII is named."""
        cells = {table[16 * code : 16 * code + 16]: chr(code) for code in range(0x20, 0x7F)}
        return cls(cells | {bytes(16): " "})

    @classmethod
    def from_vga_bios(cls, rom: bytes) -> Font:
        """The 8x16 font that a VGA BIOS carries. Raises FormatError where there is none."""
        at = rom.find(_LETTER_A) - 16 * ord("A")
        if at < 0:
            raise FormatError("not found", structure="VGA BIOS", field="8x16 font")
        return cls.from_table(rom[at : at + 16 * 256])

    def cell(self, character: str) -> bytes:
        """The pixels of one character, for drawing test pictures."""
        return next(cell for cell, known in self.characters.items() if known == character)


@dataclass(frozen=True, slots=True)
class Picture:
    """A screendump in memory."""

    bitmap: Bitmap

    @classmethod
    def load(cls, path: Path) -> Picture:
        """Read a PNG or PPM file. Raises HostError."""
        try:
            with Image.open(path) as image:
                pixels = image.convert("RGB")
                return cls(Bitmap(pixels.width, pixels.height, pixels.tobytes()))
        except OSError as error:
            raise HostError("is not a picture that can be read", where=str(path)) from error

    @property
    def blank(self) -> bool:
        """Every pixel is the same."""
        rgb = self.bitmap.rgb
        return rgb == rgb[:3] * (len(rgb) // 3)

    def find(self, wanted: Bitmap) -> tuple[int, int] | None:
        """Where `wanted` stands on the picture (x, y of its upper left corner), exact in every pixel."""
        first, width = wanted.row(0), wanted.width
        for y in range(self.bitmap.height - wanted.height + 1):
            row = self.bitmap.row(y)
            start = row.find(first)
            while start >= 0:
                if start % 3 == 0 and self._matches(wanted, start, y, width):
                    return start // 3, y
                start = row.find(first, start + 1)
        return None

    def _matches(self, wanted: Bitmap, start: int, y: int, width: int) -> bool:
        return all(
            self.bitmap.row(y + line)[start : start + 3 * width] == wanted.row(line) for line in range(wanted.height)
        )

    def text(self, font: Font) -> tuple[str, ...]:
        """The text grid from the upper left corner, lines without trailing blanks. Unknown cells read as U+FFFD.

        A pixel is set where it differs from the cell's background, which is the colour of the cell's corner; a cell
        that is all of one colour is a blank.
        """
        columns, rows = self.bitmap.width // CELL_WIDTH, self.bitmap.height // CELL_HEIGHT
        return tuple("".join(self._line(row, columns, font)).rstrip() for row in range(rows))

    def _line(self, row: int, columns: int, font: Font) -> list[str]:
        lines = [self.bitmap.row(row * CELL_HEIGHT + y) for y in range(CELL_HEIGHT)]
        if all(line == lines[0][:3] * self.bitmap.width for line in lines):
            return []
        return [font.characters.get(_cell(lines, column), UNKNOWN) for column in range(columns)]


def _cell(lines: list[bytes], column: int) -> bytes:
    at = column * CELL_WIDTH * 3
    background = lines[0][at : at + 3]
    return bytes(
        sum((line[x : x + 3] != background) << (7 - i) for i, x in enumerate(range(at, at + CELL_WIDTH * 3, 3)))
        for line in lines
    )
