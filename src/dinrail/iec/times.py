"""IEC times and dates: whole numbers in the type's own unit, their literals, and Python's own types for them.

A value is an int that knows its unit, because Python's types cannot hold it: timedelta and datetime end at
microseconds where LTIME counts nanoseconds, and a value must come back as the bytes that it was read from. Who wants to
calculate takes `.rich`, which is cut to whole microseconds.

    type                  unit  counts from   literal
    TIME, LTIME           ms, ns  -           T#1d2h3m4s5ms, LTIME#5us7ns
    DATE, LDATE           s, ns   1970-01-01  D#2026-01-31
    TOD, LTOD             ms, ns  midnight    TOD#12:30:15.250
    DT, LDT               s, ns   1970-01-01  DT#2026-01-31-12:30:15

DATE counts seconds although it means days, and TOD can count beyond a day. Such values are kept, and shown with what
is left over (`D#2026-01-31-12:00:00`, `TOD#36:00:00`), so that every literal gives its bytes back.
Source: IEC 61131-3:2013, 6.3.4 (tables 8 and 9); Beckhoff Information System, "Date types" (TwinCAT 3 PLC).
"""

from __future__ import annotations

import datetime
import re
from typing import ClassVar

from dinrail.errors import BadRequest
from dinrail.iec.types import Elementary

NS_PER_DAY = 86_400 * 10**9
EPOCH = datetime.datetime.combine(datetime.date(1970, 1, 1), datetime.time())
_EPOCH_UTC = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_UNITS = {"d": NS_PER_DAY, "h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|ns|d|h|m|s)")
_PREFIX = re.compile(r"([A-Za-z_]+)#")
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_CLOCK = re.compile(r"(\d{1,7}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?)?")
Rich = datetime.timedelta | datetime.date | datetime.time


class IecTime(int):
    """A value of one of the eight time types: an int in that type's own unit. `str()` is its IEC literal."""

    kind: ClassVar[Elementary]
    unit_ns: ClassVar[int]
    prefix: ClassVar[str]

    @property
    def nanoseconds(self) -> int:
        return int(self) * self.unit_ns

    @property
    def rich(self) -> Rich:
        """timedelta, date, time or datetime (without a zone, as the PLC has none), cut to whole microseconds."""
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{self.prefix}#{self._digits()}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({int(self)})"

    def _digits(self) -> str:
        raise NotImplementedError


class _Span(IecTime):
    @property
    def rich(self) -> datetime.timedelta:
        return datetime.timedelta(microseconds=self.nanoseconds // 1000)

    def _digits(self) -> str:
        rest = self.nanoseconds
        parts = []
        for unit, size_ns in _UNITS.items():
            count, rest = divmod(rest, size_ns)
            if count:
                parts.append(f"{count}{unit}")
        return "".join(parts) or "0ms"


class _Day(IecTime):
    @property
    def rich(self) -> datetime.date:
        return _day_of(self.nanoseconds // NS_PER_DAY)

    def _digits(self) -> str:
        days, rest = divmod(self.nanoseconds, NS_PER_DAY)
        return _day_of(days).isoformat() + (f"-{_clock_text(rest)}" if rest else "")


class _Clock(IecTime):
    @property
    def rich(self) -> datetime.time:
        """The time of day; a value of a day and more (which the type can hold) starts again at midnight."""
        return (EPOCH + datetime.timedelta(microseconds=self.nanoseconds % NS_PER_DAY // 1000)).time()

    def _digits(self) -> str:
        return _clock_text(self.nanoseconds)


class _Moment(IecTime):
    @property
    def rich(self) -> datetime.datetime:
        return EPOCH + datetime.timedelta(microseconds=self.nanoseconds // 1000)

    def _digits(self) -> str:
        days, rest = divmod(self.nanoseconds, NS_PER_DAY)
        return f"{_day_of(days).isoformat()}-{_clock_text(rest)}"


class Time(_Span):
    """TIME: milliseconds."""

    kind, unit_ns, prefix = Elementary.TIME, 10**6, "T"


class LTime(_Span):
    """LTIME: nanoseconds."""

    kind, unit_ns, prefix = Elementary.LTIME, 1, "LTIME"


class Date(_Day):
    """DATE: seconds since 1970-01-01."""

    kind, unit_ns, prefix = Elementary.DATE, 10**9, "D"


class LDate(_Day):
    """LDATE: nanoseconds since 1970-01-01."""

    kind, unit_ns, prefix = Elementary.LDATE, 1, "LDATE"


class TimeOfDay(_Clock):
    """TIME_OF_DAY: milliseconds since midnight."""

    kind, unit_ns, prefix = Elementary.TIME_OF_DAY, 10**6, "TOD"


class LTimeOfDay(_Clock):
    """LTIME_OF_DAY: nanoseconds since midnight."""

    kind, unit_ns, prefix = Elementary.LTIME_OF_DAY, 1, "LTOD"


class DateAndTime(_Moment):
    """DATE_AND_TIME: seconds since 1970-01-01."""

    kind, unit_ns, prefix = Elementary.DATE_AND_TIME, 10**9, "DT"


class LDateAndTime(_Moment):
    """LDATE_AND_TIME: nanoseconds since 1970-01-01."""

    kind, unit_ns, prefix = Elementary.LDATE_AND_TIME, 1, "LDT"


TIMES: dict[Elementary, type[IecTime]] = {
    cls.kind: cls for cls in (Time, LTime, Date, LDate, TimeOfDay, LTimeOfDay, DateAndTime, LDateAndTime)
}
_PREFIXES: dict[type[IecTime], tuple[str, ...]] = {
    _Span: ("T", "TIME", "LT", "LTIME"),
    _Day: ("D", "DATE", "LD", "LDATE"),
    _Clock: ("TOD", "TIME_OF_DAY", "LTOD", "LTIME_OF_DAY"),
    _Moment: ("DT", "DATE_AND_TIME", "LDT", "LDATE_AND_TIME"),
}


def parse_time(kind: Elementary, text: str) -> IecTime:
    """From a literal, with or without its prefix, or from a plain number in the type's own unit. Raises BadRequest."""
    cls = TIMES[kind]
    family = cls.__mro__[1]
    body = text.strip()
    if match := _PREFIX.match(body):
        if match[1].upper() not in _PREFIXES[family]:
            raise _bad(kind, text, f"{match[0]} is not how a {kind.value[0]} begins")
        body = body[match.end() :]
    body = body.lower().replace("_", "")
    if body.isascii() and body.isdigit():
        return cls(int(body[:40]))
    nanoseconds = _nanoseconds(family, body)
    if nanoseconds is None:
        raise _bad(kind, text, "is not a literal of that type")
    if nanoseconds % cls.unit_ns:
        raise _bad(kind, text, f"is finer than its unit of {cls.unit_ns} ns")
    return cls(nanoseconds // cls.unit_ns)


def from_rich(kind: Elementary, value: object) -> IecTime | None:
    """From a timedelta, date, time or datetime; what has a zone is taken to UTC. None for any other type of value.

    A part that is finer than the type's unit is cut off, as when a clock is read.
    """
    cls = TIMES[kind]
    micro = datetime.timedelta(microseconds=1)
    span: datetime.timedelta | None = None
    if issubclass(cls, _Span) and isinstance(value, datetime.timedelta):
        span = value
    elif issubclass(cls, _Clock) and isinstance(value, datetime.time):
        span = datetime.datetime.combine(EPOCH, value.replace(tzinfo=None)) - EPOCH
    elif issubclass(cls, _Day | _Moment) and isinstance(value, datetime.datetime):
        span = value - (EPOCH if value.tzinfo is None else _EPOCH_UTC)
    elif issubclass(cls, _Day | _Moment) and isinstance(value, datetime.date):
        span = value - EPOCH.date()
    return None if span is None else cls(span // micro * 1000 // cls.unit_ns)


def _nanoseconds(family: type, body: str) -> int | None:
    if family is _Span:
        parts = _PART.findall(body)
        whole = "".join(number + unit for number, unit in parts) == body and parts
        return sum(_scaled(number, _UNITS[unit]) for number, unit in parts) if whole else None
    if family is _Clock:
        return _clock_ns(body)
    day = re.match(r"(\d{4}-\d{1,2}-\d{1,2})(?:[-t ]|$)", body)
    date_ns = _day_ns(day[1]) if day else None
    clock_ns = 0 if day and day.end() == len(body) else _clock_ns(body[day.end() :] if day else "")
    return None if date_ns is None or clock_ns is None or clock_ns >= NS_PER_DAY else date_ns + clock_ns


def _scaled(number: str, unit_ns: int) -> int:
    whole, _, fraction = number[:60].partition(".")
    return int(whole) * unit_ns + int(fraction or "0") * unit_ns // int("1" + "0" * len(fraction))


def _day_ns(text: str) -> int | None:
    match = _DATE.fullmatch(text)
    try:
        return (datetime.date(*map(int, match.groups())) - EPOCH.date()).days * NS_PER_DAY if match else None
    except ValueError:
        return None


def _clock_ns(text: str) -> int | None:
    match = _CLOCK.fullmatch(text)
    if not match:
        return None
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3] or 0)
    fraction = int((match[4] or "").ljust(9, "0"))
    in_range = minutes < 60 and seconds < 60
    return ((hours * 60 + minutes) * 60 + seconds) * 10**9 + fraction if in_range else None


def _day_of(days: int) -> datetime.date:
    return EPOCH.date() + datetime.timedelta(days=days)


def _clock_text(nanoseconds: int) -> str:
    seconds, fraction = divmod(nanoseconds, 10**9)
    minutes, second = divmod(seconds, 60)
    digits = f"{fraction:09}".rstrip("0")
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}" + (f".{digits}" if digits else "")


def _bad(kind: Elementary, text: str, why: str) -> BadRequest:
    cls = TIMES[kind]
    return BadRequest(f"{text!r} is no {kind.value[0]}", why=why, hint=f"like {cls(_EXAMPLES[kind])}")


_EXAMPLES = {kind: 86_399 * 10**9 // cls.unit_ns for kind, cls in TIMES.items()}
