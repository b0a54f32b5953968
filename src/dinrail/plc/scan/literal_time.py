"""Literals of durations, dates and times of day, as nanoseconds (dates: since 1970-01-01).

Source: IEC 61131-3:2013, 6.3.4 and 6.3.5 (tables 8 and 9); ranges from Beckhoff Information System, "Date types".
"""

from __future__ import annotations

import datetime
import re
from typing import Final

from dinrail.plc.scan.literal_text import BadLiteral

_NS: Final = {"d": 86_400 * 10**9, "h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_ORDER: Final = tuple(_NS)
_PART: Final = re.compile(r"([0-9]+(?:_[0-9]+)*)(?:\.([0-9]+))?(ms|us|ns|d|h|m|s)_?", re.IGNORECASE)
_DATE: Final = re.compile(r"([0-9]{1,4})-([0-9]{1,2})-([0-9]{1,2})")
_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:\.([0-9]{1,9}))?)?")
_EPOCH_DAY: Final = datetime.date(1970, 1, 1).toordinal()
_MAX_TIME_NS: Final = (2**32 - 1) * 10**6
_MAX_DATE_NS: Final = (2**32 - 1) * 10**9
_MAX_LONG_NS: Final = 2**64 - 1
_MAX_CHARACTERS: Final = 100


def time_value(text: str, name: str) -> int:
    """`1d2h3m4.5s` for TIME or LTIME, its parts in falling order, only the last with a fraction. Raises BadLiteral."""
    is_long = name == "LTIME"
    if text[0] == "-":
        raise BadLiteral(f"{name} is never negative", f"{name} counts up from 0")
    body = text.lstrip("+")
    total_ns, at, last = 0, 0, -1
    while at < len(body):
        part = _PART.match(body, at) if len(body) <= _MAX_CHARACTERS else None
        if not part:
            hint = "a number needs its unit: d, h, m, s, ms" + (", us, ns" if is_long else "")
            raise BadLiteral(f"`{body[at : at + 20]}` is no part of a duration", hint)
        whole, fraction, unit = part[1].replace("_", ""), part[2], part[3].lower()
        if _ORDER.index(unit) <= last:
            raise BadLiteral(f"`{unit}` comes too late in this duration", "the order is d, h, m, s, ms")
        if unit in ("us", "ns") and not is_long:
            raise BadLiteral(f"TIME counts milliseconds: it has no `{unit}`", f"LTIME#{text}")
        at, last = part.end(), _ORDER.index(unit)
        if fraction is not None:
            total_ns += int(fraction) * _NS[unit] // 10 ** len(fraction)
            if at < len(body):
                raise BadLiteral("only the last part of a duration may have a fraction")
        total_ns += int(whole) * _NS[unit]
    limit_ns, shown = (_MAX_LONG_NS, "213503d") if is_long else (_MAX_TIME_NS, "49d17h2m47s295ms")
    if total_ns > limit_ns:
        raise BadLiteral(f"{text} does not fit {name}", f"its largest value is {name}#{shown}")
    return total_ns


def date_value(text: str, name: str) -> int:
    """`2026-01-31` for DATE or LDATE. Raises BadLiteral."""
    match = _DATE.fullmatch(text)
    if not match:
        raise BadLiteral(f"`{text[:40]}` is no date", f"as in {name}#2026-01-31")
    return _in_range(_day_ns(match), text, name)


def time_of_day_value(text: str, name: str) -> int:
    """`12:30[:15[.250]]` for TIME_OF_DAY or LTIME_OF_DAY. Raises BadLiteral."""
    match = _CLOCK.fullmatch(text)
    if not match:
        raise BadLiteral(f"`{text[:40]}` is no time of day", f"as in {name}#12:30:15.250")
    return _clock_ns(match)


def date_time_value(text: str, name: str) -> int:
    """`2026-01-31-12:30[:15]` for DATE_AND_TIME or LDATE_AND_TIME. Raises BadLiteral."""
    day, _, clock = text.rpartition("-")
    date, time = _DATE.fullmatch(day), _CLOCK.fullmatch(clock)
    if not date or not time:
        raise BadLiteral(f"`{text[:40]}` is no date and time", f"as in {name}#2026-01-31-12:30:15")
    return _in_range(_day_ns(date) + _clock_ns(time), text, name)


def _day_ns(match: re.Match[str]) -> int:
    try:
        day = datetime.date(*map(int, match.groups()))
    except ValueError:
        raise BadLiteral(f"there is no day {match[0]}") from None
    return (day.toordinal() - _EPOCH_DAY) * _NS["d"]


def _clock_ns(match: re.Match[str]) -> int:
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3] or 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise BadLiteral(f"there is no time {match[0]}", "from 0:00:00 to 23:59:59.999")
    fraction = int((match[4] or "").ljust(9, "0"))
    return (hours * 3600 + minutes * 60 + seconds) * 10**9 + fraction


def _in_range(value_ns: int, text: str, name: str) -> int:
    limit_ns, last = (_MAX_LONG_NS, "2554-07-21") if name[0] == "L" else (_MAX_DATE_NS, "2106-02-07")
    if not 0 <= value_ns <= limit_ns:
        raise BadLiteral(f"{text} does not fit {name}", f"it reaches from 1970-01-01 to {last}")
    return value_ns
