"""What a program finds about itself in `TwinCAT_SystemInfoVarList` before its first cycle: names, tasks.

Source: Beckhoff Information System, "Global data types" (PlcTaskSystemInfo, PlcAppSystemInfo).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dinrail.control.settings import TaskSettings
from dinrail.plc.core.program import Program
from dinrail.plc.types.model import ArrayType, StructType, TextType, Type, resolve

_LIST: Final = "TWINCAT_SYSTEMINFOVARLIST."
_APP_NAME: Final = "Port_851"
_ADS_PORT: Final = 851
_FIRST_TASK_PORT: Final = 350


def write_identity(program: Program, name: str, tasks: Sequence[TaskSettings]) -> None:
    """Puts it into the initial bytes of the list's variables, where the program has them."""
    for variable in program.statics:
        path = variable.path.upper()
        if path == f"{_LIST}_APPINFO":
            app: dict[str, int | str] = {"TASKCNT": len(tasks), "ADSPORT": _ADS_PORT}
            app |= {"APPNAME": _APP_NAME, "PROJECTNAME": name}
            variable.initial = _filled(variable.initial, variable.type, 0, app)
        elif path == f"{_LIST}_TASKINFO" and isinstance(kind := resolve(variable.type), ArrayType):
            for number, task in enumerate(tasks[: kind.count]):
                values: dict[str, int | str] = {
                    "CYCLETIME": task.cycle_ns // 100,
                    "PRIORITY": task.priority,
                    "ADSPORT": _FIRST_TASK_PORT + number,
                    "TASKNAME": task.name,
                }
                offset = number * kind.element.size_bytes
                variable.initial = _filled(variable.initial, variable.type, offset, values)


def _filled(data: bytes | None, whole: Type, offset: int, values: dict[str, int | str]) -> bytes:
    out = bytearray(data or bytes(whole.size_bytes))
    kind = resolve(whole)
    element = resolve(kind.element) if isinstance(kind, ArrayType) else kind
    if not isinstance(element, StructType):
        raise TypeError(element)
    for name, value in values.items():
        part = element.fields[name]
        at, size = offset + part.offset_bytes, part.type.size_bytes
        if isinstance(resolve(part.type), TextType):
            out[at : at + size] = str(value).encode()[: size - 1].ljust(size, b"\0")
        else:
            out[at : at + size] = int(value).to_bytes(size, "little")
    return bytes(out)
