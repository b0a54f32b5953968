"""What the main thread looks after: tasks that do not come back, faults, the log, signs of life.

A cycle that outlasts its task's watchdog is dealt with in three stages: its loops are told to end (Fault.RUNAWAY); then
the outputs are put to their safe values; then the task counts as lost, and the control is in EXCEPTION.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass

from dinrail.control import context
from dinrail.control.channel.create import write_fault
from dinrail.control.channel.layout import FRAME_CAPACITY, ChannelHeader, State, TaskRecord, offset_of
from dinrail.control.channel.layout import FaultRecord as ShownFault
from dinrail.control.context import FaultRecord
from dinrail.control.control import Control
from dinrail.control.debugmap import DebugMap, describe
from dinrail.control.faults import WATCHDOG, fault_lines
from dinrail.layout import layout_of

_LEAST_STAGE_NS = 20_000_000
_STACK_EVERY_NS = 2_000_000_000
_TEXT_BYTES = dict(layout_of(ShownFault).fields)["text"].size_bytes
_U64 = 0xFFFFFFFFFFFFFFFF
_HEARTBEAT = offset_of(ChannelHeader, "heartbeat_ns")


@dataclass(slots=True)
class _Seen:
    """Of one task: the cycle that is too long, how far it has come, and whether its fault was told."""

    busy_ns: int = 0
    stage: int = 0
    told: bool = False


class Watch:
    """Call `look` every few milliseconds. `lines` collects what people should read (the process' log)."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._seen = [_Seen() for _ in control.settings]
        self._log_address = 0
        self._log_next = 0
        self._logged = 0
        self._stack_looked_ns = 0
        self.lines: list[str] = []

    def look(self) -> None:
        """One round."""
        now_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        self._control.memory.set_u64(_HEARTBEAT, now_ns)
        for index in range(len(self._seen)):
            self._look_at(index, now_ns)
        self._copy_log()
        if now_ns - self._stack_looked_ns > _STACK_EVERY_NS:
            self._stack_looked_ns = now_ns
            self._look_at_stacks()

    def renew(self) -> None:
        """After a reset: faults may come again."""
        self._seen = [_Seen() for _ in self._seen]
        if self._control.initial_fault is not None:
            self._tell(0, self._control.initial_fault)

    def _look_at(self, index: int, now_ns: int) -> None:
        control, seen = self._control, self._seen[index]
        block = control.tasks.blocks[index]
        if block.get("state") == State.EXCEPTION and not seen.told:
            self._tell(index, control.tasks.fault(index, control.module))
        busy_ns, settings = block.get("busy_ns"), control.settings[index]
        if busy_ns == 0 or settings.watchdog_cycles == 0:
            seen.stage = 0
            return
        if busy_ns != seen.busy_ns:
            seen.busy_ns, seen.stage = busy_ns, 0
        limit_ns = settings.watchdog_cycles * settings.cycle_ns
        over_ns = now_ns - busy_ns - limit_ns
        step_ns = max(limit_ns, _LEAST_STAGE_NS)
        if over_ns > 0 and seen.stage < 1 + over_ns // step_ns:
            seen.stage += 1
            self._stage(index, seen.stage)

    def _stage(self, index: int, stage: int) -> None:
        control, name = self._control, self._control.settings[index].name
        if stage == 1:
            self.lines.append(f"{name}: a cycle outlasts its watchdog; its loops are told to end")
            control.tasks.abort(index, control.module)
        elif stage == 2:
            self.lines.append(f"{name}: it does not come back; its outputs are put to their safe values")
            control.make_safe(index)
        elif stage == 3 and not self._seen[index].told:
            control.tasks.blocks[index].set("fail", WATCHDOG)
            self._tell(index, FaultRecord(WATCHDOG, 0, (0, 0, 0), ()))
            record = control.plan.tasks[index].record
            control.memory.set_u32(record + offset_of(TaskRecord, "state"), State.EXCEPTION)
            control.memory.set_u32(record + offset_of(TaskRecord, "fault"), WATCHDOG)

    def _tell(self, index: int, fault: FaultRecord) -> None:
        """Into the channel, and into the log; the control is in EXCEPTION from now on."""
        control = self._control
        self._seen[index].told = True
        base = control.module.load_address
        path = describe(DebugMap(control.image.debug_map), fault.frames, fault.place, base)
        lines = fault_lines(control.settings[index].name, fault, path)
        self.lines += lines
        text = "\n".join(lines).encode()[:_TEXT_BYTES]
        frames = [((frame - base) & _U64).to_bytes(8, "little") for frame in fault.frames[:FRAME_CAPACITY]]
        block = control.tasks.blocks[index]
        write_fault(
            control.memory,
            control.plan.tasks[index].fault,
            ShownFault(
                sequence=0,
                count=0,
                code=fault.code,
                place=fault.place,
                value_0=fault.values[0] & _U64,
                value_1=fault.values[1] & _U64,
                value_2=fault.values[2] & _U64,
                wall_ns=time.time_ns(),
                cycle_count=block.get("cycle_count"),
                frame_count=len(frames),
                text_bytes=len(text),
                address=fault.values[0] & _U64 if fault.place == 0 else 0,
                frames=b"".join(frames).ljust(8 * FRAME_CAPACITY, b"\0"),
                text=text.ljust(_TEXT_BYTES, b"\0"),
            ),
        )
        control.memory.set_u32(offset_of(ChannelHeader, "exception_task"), index)
        control.set_state(State.EXCEPTION)

    def _copy_log(self) -> None:
        """What the code has logged since the last look, into the channel. Entries that were overtaken are lost.

        The channel's numbers go on when another module's log begins anew.
        """
        control, at = self._control, self._control.module.log
        if not at:
            return
        if at != self._log_address:
            self._log_address, self._log_next = at, 0
        begun = ctypes.c_uint64.from_address(at).value
        for number in range(max(self._log_next, begun - context.LOG_ENTRIES), begun):
            entry = ctypes.string_at(at + context.log_place(number), context.LOG_ENTRY_BYTES)
            if int.from_bytes(entry[:8], "little") != number + 1:
                break
            target = control.plan.log + context.log_place(self._logged)
            control.memory.set_u64(target, 0)
            control.memory.write(target + 8, entry[8:])
            self._logged += 1
            control.memory.set_u64(target, self._logged)
            control.memory.set_u64(control.plan.log, self._logged)
            self._log_next = number + 1

    def _look_at_stacks(self) -> None:
        control = self._control
        for index, planned in enumerate(control.plan.tasks):
            used = control.threads.stack_used_bytes(index)
            control.memory.set_u64(planned.record + offset_of(TaskRecord, "stack_used_bytes"), used)
