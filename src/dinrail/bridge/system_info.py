"""`TwinCAT_SystemInfoVarList`: what an application can know about its tasks and itself, as symbols of its port.

    _TaskInfo : ARRAY [1..n] OF PlcTaskSystemInfo      128 bytes each
    _AppInfo  : PlcAppSystemInfo                       256 bytes

They lie in an index group of their own and are made when they are read; nobody can write them.
Source: Beckhoff Information System, "Global data types": PlcTaskSystemInfo, PlcAppSystemInfo.
"""

from __future__ import annotations

import struct

from dinrail.ads.device.access import no_service
from dinrail.bridge.facts import ControlFacts, TaskFacts, Told
from dinrail.control.channel.layout import State
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import (
    AliasType,
    ArrayType,
    Bound,
    Elementary,
    ElementaryType,
    IecType,
    Member,
    StringType,
    StructType,
)
from dinrail.layout import Buffer

GROUP = 0x4050
"""Free in TwinCAT; 0x4051 are its bits, 0x4055 its size."""
LIST = "TwinCAT_SystemInfoVarList"
TASK_BYTES, APP_BYTES = 128, 256
UNIT_NS = 100
NAME_CHARS = 63
_U32 = 0xFFFF_FFFF
_TASK = struct.Struct("<IIHHIqI4B32x64s")
_APP = struct.Struct("<IIIIHBBIBBBBBB2xQ24x64s64s64x")
# Beckhoff: OTCID 0x08502000 is the first PLC module's; tasks are 0x02010020 and on. Clients only show them.
_TASK_ID, _APP_ID = 0x0201_0020, 0x0850_2000


def _named(kind: Elementary) -> ElementaryType:
    return ElementaryType(kind)


_OTCID = AliasType("OTCID", _named(Elementary.UDINT))
_TEXT = StringType(NAME_CHARS)
_BOOL, _UINT, _UDINT = _named(Elementary.BOOL), _named(Elementary.UINT), _named(Elementary.UDINT)


def _members(*members: tuple[str, IecType, int]) -> tuple[Member, ...]:
    return tuple(Member(name, kind, offset) for name, kind, offset in members)


TASK_INFO = StructType(
    "PlcTaskSystemInfo",
    _members(
        ("ObjId", _OTCID, 0),
        ("CycleTime", _UDINT, 4),
        ("Priority", _UINT, 8),
        ("AdsPort", _UINT, 10),
        ("CycleCount", _UDINT, 12),
        ("DcTaskTime", _named(Elementary.LINT), 16),
        ("LastExecTime", _UDINT, 24),
        ("FirstCycle", _BOOL, 28),
        ("CycleTimeExceeded", _BOOL, 29),
        ("InCallAfterOutputUpdate", _BOOL, 30),
        ("RTViolation", _BOOL, 31),
        ("TaskName", _TEXT, 64),
    ),
    TASK_BYTES,
    8,
)
APP_INFO = StructType(
    "PlcAppSystemInfo",
    _members(
        ("ObjId", _OTCID, 0),
        ("TaskCnt", _UDINT, 4),
        ("OnlineChangeCnt", _UDINT, 8),
        ("Flags", _named(Elementary.DWORD), 12),
        ("AdsPort", _UINT, 16),
        ("BootDataLoaded", _BOOL, 18),
        ("OldBootData", _BOOL, 19),
        ("AppTimestamp", _named(Elementary.DATE_AND_TIME), 20),
        ("KeepOutputsOnBP", _BOOL, 24),
        ("ShutdownInProgress", _BOOL, 25),
        ("LicensesPending", _BOOL, 26),
        ("BSODOccured", _BOOL, 27),
        ("LoggedIn", _BOOL, 28),
        ("PersistentStatus", _named(Elementary.USINT), 29),
        ("TComSrvPtr", _named(Elementary.ULINT), 32),
        ("AppName", _TEXT, 64),
        ("ProjectName", _TEXT, 128),
    ),
    APP_BYTES,
    8,
)


def symbols(task_count: int) -> tuple[Symbol, ...]:
    """Both symbols of an application with so many tasks (at least one)."""
    tasks = ArrayType(TASK_INFO, (Bound(1, task_count),))
    return (
        Symbol(f"{LIST}._TaskInfo", tasks, GROUP, 0, read_only=True),
        Symbol(f"{LIST}._AppInfo", APP_INFO, GROUP, task_count * TASK_BYTES, read_only=True),
    )


class SystemInfoArea:
    """The bytes of both, as a `MemoryArea` that is made anew each time. Raises AdsFault NOT_READY without control."""

    def __init__(self, told: Told, task_count: int) -> None:
        self.size_bytes = task_count * TASK_BYTES + APP_BYTES
        self._told = told
        self._count = task_count

    def read(self, offset: int, size_bytes: int) -> bytes:
        return bytes(self.view()[offset : offset + size_bytes])

    def view(self) -> Buffer:
        tasks = [encode_task(self._told.task(index)) for index in range(self._count)]
        return b"".join((*tasks, encode_app(self._told.control(), self._count)))

    def write(self, offset: int, data: bytes) -> None:
        """Raises AdsFault."""
        raise no_service(f"{len(data)} bytes at {offset} are told, not kept")

    def write_bits(self, offset: int, mask: bytes, data: bytes) -> None:
        """Raises AdsFault."""
        del data
        self.write(offset, mask)


def encode_task(task: TaskFacts) -> bytes:
    """A PlcTaskSystemInfo."""
    return _TASK.pack(
        _TASK_ID + task.index,
        task.cycle_ns // UNIT_NS & _U32,
        task.priority & 0xFFFF,
        task.ads_port & 0xFFFF,
        task.cycle_count & _U32,
        0,  # there are no distributed clocks
        task.execution_last_ns // UNIT_NS & _U32,
        task.run_count <= 1,
        task.execution_last_ns > task.cycle_ns,
        0,
        task.fault != 0,
        _text(task.name),
    )


def encode_app(control: ControlFacts, task_count: int) -> bytes:
    """A PlcAppSystemInfo."""
    return _APP.pack(
        _APP_ID,
        task_count,
        control.online_change_count & _U32,
        0,
        control.ads_port,
        1,
        0,
        control.built_wall_s & _U32,
        0,
        control.state == State.CONFIG,
        0,
        control.state == State.EXCEPTION,
        0,
        0,
        0,
        _text(f"Port_{control.ads_port}"),
        _text(control.application),
    )


def _text(text: str) -> bytes:
    """A STRING(63), cut where it is longer."""
    return text.encode("cp1252", "replace")[:NAME_CHARS]
