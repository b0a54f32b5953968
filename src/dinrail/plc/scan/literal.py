"""What a literal is worth: numbers, strings, times and dates from their text, with their ranges.

Source: IEC 61131-3:2013, 6.3 (tables 5 to 9); ranges of the time types as TwinCAT 3 has them (TIME and the dates are
unsigned 32 bits, their long forms unsigned 64 bits of nanoseconds).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from dinrail.plc.parse.expression import LiteralKind
from dinrail.plc.scan.literal_text import BadLiteral, string_value, utf8_value, wstring_value
from dinrail.plc.scan.literal_time import date_time_value, date_value, time_of_day_value, time_value

_INTEGER: Final = re.compile(r"([+-]?)(?:([0-9]+)#)?([0-9A-Za-z]+(?:_[0-9A-Za-z]+)*)")
_REAL: Final = re.compile(r"[+-]?[0-9]+(?:_[0-9]+)*(?:\.[0-9]+(?:_[0-9]+)*)?(?:[eE][+-]?[0-9]+)?")
_SPAN: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:ms|us|ns|d|h|m|s)(?:[0-9].*)?", re.IGNORECASE)
_BASES: Final = ("2", "8", "16")
_FIGURES: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_MAX_DIGITS: Final = 400  # no type holds more; Python would refuse thousands
_MAX_REAL: Final = 3.4028235677973366e38  # everything below rounds to a REAL


class Worth(NamedTuple):
    """A literal's kind, value and type (see `parse.expression.Literal`); `fault`, with a hint, where it has none."""

    kind: LiteralKind
    value: int | float | bool | bytes | str
    prefix: str = ""
    fault: str = ""
    hint: str = ""


def _integer_ranges() -> dict[str, tuple[int, int]]:
    sizes = {"S": 8, "": 16, "D": 32, "L": 64}
    ranges: dict[str, tuple[int, int]] = {}
    for size, bits in sizes.items():
        ranges[f"{size}INT"] = (-(1 << bits - 1), (1 << bits - 1) - 1)
        ranges[f"U{size}INT"] = (0, (1 << bits) - 1)
    return ranges | {name: (0, (1 << bits) - 1) for name, bits in zip(_BIT_STRINGS, sizes.values(), strict=True)}


_BIT_STRINGS: Final = ("BYTE", "WORD", "DWORD", "LWORD")
_RANGES: Final = _integer_ranges()
_WIDEST: Final = (-(1 << 63), (1 << 64) - 1)


def integer_value(text: str, name: str = "") -> int:
    """An integer's digits in any base, in the range of the type `name` (else of the widest). Raises BadLiteral."""
    match = _INTEGER.fullmatch(text) if len(text) <= _MAX_DIGITS else None
    if not match:
        raise BadLiteral(f"`{_short(text)}` is no number", "digits may be grouped by single _, as in 1_000_000")
    sign, base, digits = match.groups()
    if base is not None and base not in _BASES:
        raise BadLiteral(f"there is no base {base}", "2#, 8# and 16# are the bases besides ten")
    figures = digits.replace("_", "")
    if not set(_FIGURES[: int(base or 10)]).issuperset(figures.lower()):
        raise _bad_digits(text, base, digits)
    value = int(sign + figures, int(base or 10))
    low, high = _RANGES.get(name, _WIDEST)
    if not low <= value <= high:
        fits = f"{name} ({low} .. {high})" if name in _RANGES else "any type"
        raise BadLiteral(f"{_short(text)} does not fit {fits}")
    return value


def _bad_digits(text: str, base: str | None, digits: str) -> BadLiteral:
    if base is not None:
        alien = next(char for char in digits if char != "_" and int(char, 36) >= int(base))
        return BadLiteral(f"`{alien}` is no digit of base {base}")
    if digits[:2].lower() == "0x":
        return BadLiteral(f"`{text}` is no number", f"hexadecimal is written 16#{digits[2:].upper()}")
    if _SPAN.fullmatch(digits):
        return BadLiteral(f"`{text}` is no number", f"a duration is written T#{digits}")
    return BadLiteral(f"`{_short(text)}` is no number", "a name does not begin with a digit")


def real_value(text: str, name: str = "LREAL") -> float:
    """A decimal number, in the range of REAL or LREAL. Raises BadLiteral."""
    if len(text) > _MAX_DIGITS or not _REAL.fullmatch(text):
        if _SPAN.fullmatch(text):
            raise BadLiteral(f"`{text}` is no number", f"a duration is written T#{text}")
        raise BadLiteral(f"`{_short(text)}` is no number", "as in 1.5, 2.0E-3 or 1_000.0")
    value = float(text.replace("_", ""))
    if math.isinf(value) or (name == "REAL" and abs(value) >= _MAX_REAL):
        raise BadLiteral(f"{_short(text)} does not fit {name}")
    return value


def _bool_value(text: str) -> bool:
    word = text.upper()
    if word not in ("TRUE", "FALSE", "1", "0"):
        raise BadLiteral(f"`{_short(text)}` is no BOOL", "TRUE or FALSE")
    return word in ("TRUE", "1")


_Value = int | float | bool | bytes | str
_TYPED: Final[dict[str, tuple[LiteralKind, str, Callable[[str], _Value]]]] = {
    "BOOL": (LiteralKind.BOOL, "BOOL", _bool_value),
    "REAL": (LiteralKind.REAL, "REAL", lambda text: real_value(text, "REAL")),
    "LREAL": (LiteralKind.REAL, "LREAL", real_value),
    "STRING": (LiteralKind.STRING, "STRING", string_value),
    "UTF8": (LiteralKind.STRING, "STRING", utf8_value),
    "WSTRING": (LiteralKind.WSTRING, "WSTRING", wstring_value),
}


def _add_times() -> None:
    def both(short: str, name: str, kinds: tuple[LiteralKind, LiteralKind], read: Callable[[str, str], int]) -> None:
        for letter, kind in zip(("", "L"), kinds, strict=True):
            full = letter + name
            row = (kind, full, lambda text, full=full: read(text, full))
            _TYPED[letter + short] = _TYPED[full] = row

    both("T", "TIME", (LiteralKind.TIME, LiteralKind.LTIME), time_value)
    both("D", "DATE", (LiteralKind.DATE, LiteralKind.LDATE), date_value)
    both("TOD", "TIME_OF_DAY", (LiteralKind.TIME_OF_DAY, LiteralKind.LTIME_OF_DAY), time_of_day_value)
    both("DT", "DATE_AND_TIME", (LiteralKind.DATE_AND_TIME, LiteralKind.LDATE_AND_TIME), date_time_value)


_add_times()


def _worth(text: str) -> Worth:
    prefix, mark, rest = text.partition("#")
    first = text[0]
    if first in "'\"":
        read, kind = (string_value, LiteralKind.STRING) if first == "'" else (wstring_value, LiteralKind.WSTRING)
        return Worth(kind, read(text))
    if first.isdigit():
        is_real = not mark and ("." in text or ("e" in text.lower() and _REAL.fullmatch(text) is not None))
        return Worth(LiteralKind.REAL, real_value(text)) if is_real else Worth(LiteralKind.INTEGER, integer_value(text))
    if not mark:
        return Worth(LiteralKind.BOOL, text.upper() == "TRUE")
    name = prefix.upper()
    if not rest:
        raise BadLiteral(f"`{text}` has no value", "it stands right behind the #, as in INT#5")
    if name in _RANGES:
        return Worth(LiteralKind.INTEGER, integer_value(rest, name), name)
    if name not in _TYPED:
        raise BadLiteral(f"`{prefix}` is no type that a literal can have", "as in INT#5, BYTE#16#FF or T#1s")
    kind, full, reader = _TYPED[name]
    return Worth(kind, reader(rest), full)


def _meant(text: str) -> tuple[LiteralKind, _Value]:
    """The kind that a faulty literal would have had, so that nobody complains about it a second time."""
    name = text.partition("#")[0].upper()
    if name in _TYPED:
        kind = _TYPED[name][0]
        empty: dict[LiteralKind, _Value] = {LiteralKind.STRING: b"", LiteralKind.WSTRING: "", LiteralKind.REAL: 0.0}
        return kind, empty.get(kind, 0)
    if text[0] in "'\"":
        return (LiteralKind.STRING, b"") if text[0] == "'" else (LiteralKind.WSTRING, "")
    return LiteralKind.INTEGER, 0


class Literals(dict[str, Worth]):
    """Literals' worth by their spelling; each is worked out once, up to a bound."""

    def __missing__(self, text: str) -> Worth:
        try:
            worth = _worth(text)
        except BadLiteral as bad:
            kind, value = _meant(text)
            worth = Worth(kind, value, "", bad.fault, bad.hint)
        if len(self) < 50_000 and len(text) < 64:
            self[text] = worth
        return worth


LITERALS: Final = Literals()


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
