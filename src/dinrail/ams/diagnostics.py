"""What ports 100 (logger) and 200 (real time) tell.

Source: Beckhoff/ADS AdsTool/RTimeAccess.cpp; pcdshub/ads-async structs.py (AdsNotificationLogMessage).
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

from dinrail.ams.cursor import Cursor
from dinrail.ams.text import cut_text, encode_text, fit_text
from dinrail.layout import record, u32, u64

RTIME_GROUP = 1
LOGGER_GROUP = 1
LOGGER_OFFSET = 0xFFFF
"""Subscribe here; the samples' size varies."""


class RtimeOffset(enum.IntEnum):
    """Index offsets of group 1 on port 200."""

    LATENCY = 0x2  # RW: cpu u32 -> CpuLatency
    LATENCY_RESET = 0xB  # the same, and start again
    CPU_SETTINGS = 0xD  # R: CpuSettings
    START_TICKER = 0x25


@record(size_bytes=32, name="RTimeCpuSettings", source="Beckhoff/ADS AdsTool/RTimeAccess.h")
class CpuSettings:
    """How the cores are shared between the operating system and real time."""

    windows_cpus: int = u32(0x00)
    isolated_cpus: int = u32(0x04)
    affinity: int = u64(0x08)
    rtime_cpus: int = u32(0x10)
    cpu_type: int = u32(0x14)
    cpu_family: int = u32(0x18)
    cpu_mhz: int = u32(0x1C)


@record(size_bytes=12, name="RTimeCpuLatency", source="Beckhoff/ADS AdsTool/RTimeAccess.h")
class CpuLatency:
    """Latency of one core in microseconds."""

    current: int = u32(0x0)
    maximum: int = u32(0x4)
    limit: int = u32(0x8)


class LogKind(enum.IntFlag):
    """What a message is, and where it should be shown."""

    HINT = 0x01
    WARNING = 0x02
    ERROR = 0x04
    LOG = 0x10
    MESSAGE_BOX = 0x20
    RESOURCE = 0x40
    TEXT = 0x80


_LOG = struct.Struct("<QII16sI")


@dataclass(frozen=True, slots=True)
class LogMessage:
    """One message of the logger. `filetime` in 100 ns since 1601; `port` is the AMS port that it is about."""

    filetime: int
    kind: int
    port: int
    sender: str
    text: str

    def encode(self) -> bytes:
        """A sender longer than 16 bytes is cut. Raises BadRequest."""
        text = encode_text(self.text) + b"\0"
        return _LOG.pack(self.filetime, self.kind, self.port, fit_text(self.sender, 16), len(text)) + text

    @classmethod
    def parse(cls, data: bytes) -> LogMessage:
        """Raises Truncated."""
        cursor = Cursor(data, "log message")
        filetime, kind, port, sender, size = cursor.fields(_LOG, "header")
        return cls(filetime, kind, port, cut_text(sender), cut_text(cursor.take(size, "text")))
