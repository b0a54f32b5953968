"""The tables that FB_Init, FB_Exit and FB_Reinit ask about their instance (control.context, CHANGES), in memory."""

from __future__ import annotations

import ctypes
import struct

from dinrail.control.change.instances import Instances
from dinrail.control.channel.layout import Space
from dinrail.control.context import COPIED
from dinrail.control.module import Module
from dinrail.control.native import Arena

_HEADER_BYTES, _ROW_BYTES = 24, 16


class Asked:
    """old, new: addresses of the two tables, for the code of the old module and of the new one."""

    def __init__(self, arena: Arena, before: Module, after: Module, instances: Instances) -> None:
        self._before = before
        self._after = after
        self._instances = instances
        self.old = _table(arena, before, instances.old)
        self.new = _table(arena, after, instances.new)

    def calls(self) -> dict[str, int]:
        """What a ChangeBlock says about FB_Exit and FB_Reinit: only what has something to do."""
        out: dict[str, int] = {}
        if self._instances.old and self._before.leave:
            out |= {"leave": self._before.leave, "leave_table": self.old}
        if self._after.reinitialise and any(kind == COPIED for _, kind in self._instances.new):
            out |= {"reinitialise": self._after.reinitialise, "reinitialise_table": self.new}
        return out


def _table(arena: Arena, module: Module, rows: list[tuple[int, int]]) -> int:
    base = module.bases[Space.DATA]
    data = struct.pack("<3Q", base, base + module.image.data_bytes, len(rows))
    data += b"".join(struct.pack("<2Q", base + offset, kind) for offset, kind in rows)
    at = arena.take(_HEADER_BYTES + _ROW_BYTES * len(rows))
    ctypes.memmove(at, data, len(data))
    return at
