"""What `dinrail ads serve --simulate` runs: a PLC at port 851 that looks like one, with no configuration.

Three parts: the variables of default.toml; those of Beckhoff's own test project, at their real addresses, since
AdsLib's tests expect them; and the structures that TwinCAT adds to every PLC, which tools ask for.

Source: Beckhoff/ADS PLC-TestProject (Untitled1.tpy, MAIN); Beckhoff Information System, "PlcAppSystemInfo" and
"PlcTaskSystemInfo".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources

from dinrail.ads.device.memory import Memory
from dinrail.ads.device.rpc import Returned
from dinrail.ads.simulate.description import Description, Drive
from dinrail.ads.simulate.device import SimulatedDevice
from dinrail.ads.simulate.document import from_toml
from dinrail.ads.simulate.generators import Counter, Random
from dinrail.ams.address import Port
from dinrail.ams.group import IndexGroup
from dinrail.errors import BadRequest
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import (
    ArrayType,
    Bound,
    Elementary,
    ElementaryType,
    EnumType,
    IecType,
    Member,
    StructType,
)
from dinrail.iec.types_text import parse_type
from dinrail.iec.value import Value, encode
from dinrail.units import MS_NS

CYCLE_NS = 10 * MS_NS
_OWN_VARIABLES_AT = 400_000
"""Behind Beckhoff's test project, whose last variable ends before it."""
_COUNTING = slice(4, 1028)
_NEXT_BYTE = bytes((byte + 1) & 0xFF for byte in range(256))

_TEST_PROJECT = (
    ("MAIN.byByte", "ARRAY [0..1027] OF BYTE", IndexGroup.PLC_MEMORY, 0),
    ("MAIN.i", "INT", IndexGroup.PLC_DATA, 385_000),
    ("MAIN.moreBytes", "ARRAY [0..8192] OF BYTE", IndexGroup.PLC_DATA, 385_002),
    ("MAIN.bInitTest", "BOOL", IndexGroup.PLC_DATA, 393_195),
    ("MAIN.bStartTest", "BOOL", IndexGroup.PLC_DATA, 393_196),
    ("MAIN.bTestBusy", "BOOL", IndexGroup.PLC_DATA, 393_197),
    ("MAIN.nTestState", "DINT", IndexGroup.PLC_DATA, 393_200),
    ("MAIN.sLogPath", "STRING(255)", IndexGroup.PLC_DATA, 393_204),
    ("MAIN.nTestCasesFailed", "DINT", IndexGroup.PLC_DATA, 393_884),
)


def _fixed(name: str, size_bytes: int, *members: tuple[int, str, str]) -> StructType:
    """A structure of (offset, name, type): these have reserved bytes between their members."""
    kinds: dict[str, IecType] = {"EPlcPersistentStatus": _PERSISTENT_STATUS}
    made = tuple(Member(label, parse_type(text, kinds.get), offset) for offset, label, text in members)
    return StructType(name, made, size_bytes, 8)


_PERSISTENT_STATUS = EnumType(
    "EPlcPersistentStatus", (("PS_None", 0), ("PS_All", 1), ("PS_Partial", 2)), ElementaryType(Elementary.USINT)
)
APP_INFO = _fixed(
    "PlcAppSystemInfo",
    256,
    (0, "ObjId", "OTCID"),
    (4, "TaskCnt", "UDINT"),
    (8, "OnlineChangeCnt", "UDINT"),
    (12, "Flags", "DWORD"),
    (16, "AdsPort", "UINT"),
    (18, "BootDataLoaded", "BOOL"),
    (19, "OldBootData", "BOOL"),
    (20, "AppTimestamp", "DATE_AND_TIME"),
    (24, "KeepOutputsOnBP", "BOOL"),
    (25, "ShutdownInProgress", "BOOL"),
    (26, "LicensesPending", "BOOL"),
    (27, "BSODOccured", "BOOL"),
    (28, "LoggedIn", "BOOL"),
    (29, "PersistentStatus", "EPlcPersistentStatus"),
    (32, "TComSrvPtr", "PVOID"),
    (64, "AppName", "STRING(63)"),
    (128, "ProjectName", "STRING(63)"),
)
TASK_INFO = _fixed(
    "PlcTaskSystemInfo",
    128,
    (0, "ObjId", "OTCID"),
    (4, "CycleTime", "UDINT"),
    (8, "Priority", "UINT"),
    (10, "AdsPort", "UINT"),
    (12, "CycleCount", "UDINT"),
    (16, "DcTaskTime", "LINT"),
    (24, "LastExecTime", "UDINT"),
    (28, "FirstCycle", "BOOL"),
    (29, "CycleTimeExceeded", "BOOL"),
    (30, "InCallAfterOutputUpdate", "BOOL"),
    (31, "RTViolation", "BOOL"),
    (64, "TaskName", "STRING(63)"),
)
_LIST = "TwinCAT_SystemInfoVarList"
_APP, _TASKS, _TASK = f"{_LIST}._AppInfo", f"{_LIST}._TaskInfo", f"{_LIST}._TaskInfo[1]"


def default_plc() -> SimulatedDevice:
    """The PLC that needs no configuration."""
    return SimulatedDevice(default_description())


def default_description() -> Description:
    """The same as a description."""
    text = resources.files("dinrail.ads.simulate").joinpath("default.toml").read_text("utf-8")
    own = from_toml(text, where="default.toml", read_text=_no_files, first_offset=_OWN_VARIABLES_AT)
    test_project = tuple(Symbol(name, parse_type(kind), group, at) for name, kind, group, at in _TEST_PROJECT)
    system = (
        Symbol(_APP, APP_INFO, IndexGroup.PLC_DATA, 393_496, read_only=True),
        Symbol(_TASKS, ArrayType(TASK_INFO, (Bound(1, 1),)), IndexGroup.PLC_DATA, 393_752, read_only=True),
    )
    return replace(
        own,
        symbols=(*test_project, *system, *own.symbols),
        values=(*own.values, *_system_values(), *_pointers(own)),
        drives=(*own.drives, *_task_drives()),
        methods={**own.methods, **_METHODS},
        hooks=(_count_bytes,),
        cycle_ns=CYCLE_NS,
    )


def _no_files(name: str) -> str:
    raise BadRequest(f"there is no file {name}")


def _count_bytes(memory: Memory) -> None:
    """What MAIN of the test project does: bytes 4 and up of byByte go up by one; the first four are the clients'."""
    area = memory.area(IndexGroup.PLC_MEMORY)
    if area is not None:
        data = area.read(_COUNTING.start, _COUNTING.stop - _COUNTING.start)
        area.write(_COUNTING.start, data.translate(_NEXT_BYTE))


def _system_values() -> list[tuple[str, bytes]]:
    app = {
        "ObjId": 0x08502000,
        "TaskCnt": 1,
        "AdsPort": Port.PLC.value,
        "BootDataLoaded": True,
        "AppTimestamp": "DT#2026-01-01-00:00:00",
        "AppName": "Port_851",
        "ProjectName": "dinrail",
    }
    task = {
        "ObjId": 0x02010030,
        "CycleTime": CYCLE_NS // 100,
        "Priority": 20,
        "AdsPort": Port.PLC_TASK.value,
        "TaskName": "PlcTask",
    }
    return [
        (_APP, encode(APP_INFO, app, base=bytes(APP_INFO.size_bytes))),
        (_TASK, encode(TASK_INFO, task, base=bytes(TASK_INFO.size_bytes))),
    ]


def _task_drives() -> list[Drive]:
    return [
        Drive(f"{_TASK}.CycleCount", Counter(0, (1 << 32) - 1, 1, CYCLE_NS)),
        Drive(f"{_TASK}.DcTaskTime", Counter(0, (1 << 63) - 1, CYCLE_NS, CYCLE_NS)),
        Drive(f"{_TASK}.LastExecTime", Random(200, 800, CYCLE_NS)),
    ]


def _pointers(own: Description) -> list[tuple[str, bytes]]:
    """Pointers hold group and offset of what they point to (Memory.locate)."""
    at = {symbol.name: (symbol.group << 32 | symbol.offset).to_bytes(8, "little") for symbol in own.symbols}
    target, first, second = (at[f"GVL_Pointer.{name}"] for name in ("nTarget", "stFirst", "stSecond"))
    return [
        ("GVL_Pointer.pTarget", target),
        ("GVL_Pointer.refTarget", target),
        ("GVL_Pointer.stFirst.pNext", second),
        ("GVL_Pointer.stSecond.pNext", first),
    ]


def _add(instance: str, inputs: dict[str, Value]) -> Returned:
    del instance
    total = _number(inputs, "nA") + _number(inputs, "nB")
    wrapped = (int(total) + (1 << 31)) % (1 << 32) - (1 << 31)
    return Returned(wrapped, {"bOverflow": wrapped != total})


def _divide(instance: str, inputs: dict[str, Value]) -> Returned:
    del instance
    over, by = _number(inputs, "fA"), _number(inputs, "fB")
    if not by or not math.isfinite(over):
        return Returned(False)
    return Returned(True, {"fQuotient": over / by, "fRest": math.fmod(over, by)})


def _echo(instance: str, inputs: dict[str, Value]) -> Returned:
    del instance
    text = str(inputs["sText"])
    return Returned(text, {"nLength": len(text)})


def _move(instance: str, inputs: dict[str, Value]) -> Returned:
    del instance
    start = inputs["stFrom"]
    x, y = (_number(start, "x"), _number(start, "y")) if isinstance(start, dict) else (0, 0)
    return Returned({"x": x + _number(inputs, "fX"), "y": y + _number(inputs, "fY")})


def _number(values: Mapping[str, Value], name: str) -> int | float:
    value = values[name]
    return value if isinstance(value, int | float) else 0


_METHODS = {
    "FB_Calculator#Add": _add,
    "FB_Calculator#Divide": _divide,
    "FB_Calculator#Echo": _echo,
    "FB_Calculator#Move": _move,
}
