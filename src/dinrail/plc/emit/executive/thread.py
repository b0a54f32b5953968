"""The loop around the cycles: an absolute sleep, a phase that is kept, and statistics.

A wake-up that is late by whole cycles skips them: they are counted and never made up for, and the next one is on the
grid again.
"""

from __future__ import annotations

from collections.abc import Iterator

from dinrail.control.blocks import TaskBlock
from dinrail.control.channel.layout import HISTOGRAM_BINS, TaskRecord
from dinrail.plc.core.program import Fault
from dinrail.plc.emit.executive.code import Code
from dinrail.plc.emit.executive.fields import Fields
from dinrail.plc.emit.executive.words import CLOCK_MONOTONIC, CLOCK_REALTIME, now

_LONGEST_SLEEP_NS = 50_000_000
"""A task with a long cycle still looks so often whether it is to end."""
_SHOWN = (
    *("cycle_count", "run_count", "first_cycle_ns", "overruns", "missed_cycles", "exceeded", "dropped", "outdated"),
    *("change_waits", "latency_min_ns", "latency_max_ns", "latency_sum_ns", "execution_min_ns", "execution_max_ns"),
    "execution_sum_ns",
)


def functions() -> Iterator[Code]:
    """In the order of their text."""
    yield _note("latency")
    yield _note("execution")
    yield _note_exceeded()
    yield _show()
    yield _wait()
    yield _thread()
    yield _step()


def _note(name: str) -> Code:
    code = Code(f"note_{name}", "void", ("task", "ptr"), ("ns", "i64"))
    task = Fields(code, code.arguments[0], TaskBlock)
    taken = code.arguments[1]
    task.set(f"{name}_min_ns", task.get(f"{name}_min_ns").smaller(taken))
    task.set(f"{name}_max_ns", task.get(f"{name}_max_ns").larger(taken))
    task.add(f"{name}_sum_ns", taken)
    Fields(code, task.pointer("record"), TaskRecord).set(f"{name}_last_ns", taken)
    bin_at = task.pointer(f"{name}_histogram") + (taken // 1000).smaller(HISTOGRAM_BINS) * 4
    code.store(code.load(bin_at, 0, "i32") + 1, bin_at)
    return code


def _note_exceeded() -> Code:
    """A cycle that took longer than its time; too many in a row are a fault, where the project says so."""
    code = Code("note_exceeded", "void", ("task", "ptr"), ("ns", "i64"))
    task = Fields(code, code.arguments[0], TaskBlock)
    with code.when(code.arguments[1].above(task.get("cycle_ns")).equals(0)):
        task.set("exceeded_in_a_row", 0)
        code.give()
    task.add("exceeded")
    row, most = task.add("exceeded_in_a_row"), task.get("watchdog_cycles")
    with code.when(task.get("overrun_stops").differs(0) & most.differs(0) & row.below(most).equals(0)):
        code.call("stop_with", "void", task.address, code.constant(Fault.WATCHDOG, "i32"))
    return code


def _show() -> Code:
    code = Code("show_statistics", "void", ("task", "ptr"))
    task = Fields(code, code.arguments[0], TaskBlock)
    record = Fields(code, task.pointer("record"), TaskRecord)
    for name in _SHOWN:
        record.set(name, task.get(name))
    return code


def _wait() -> Code:
    """Sleep until `next_ns`, or until the task is to leave; what the clock says then."""
    code = Code("wait_for_cycle", "i64", ("task", "ptr"))
    task = Fields(code, code.arguments[0], TaskBlock)
    time = code.variable(0)
    with code.repeat() as loop:
        time.set(now(code, CLOCK_MONOTONIC))
        late = time.get().below(task.get("next_ns")).equals(0)
        loop.leave_if(late | task.get("leave", "acquire").differs(0))
        until = (time.get() + _LONGEST_SLEEP_NS).smaller(task.get("next_ns"))
        code.call("sleep_until", "void", until)
    code.give(time.get())
    return code


def _thread() -> Code:
    code = Code("dinrail_thread", "ptr", ("task", "ptr"), exported=True)
    address = code.arguments[0]
    task = Fields(code, address, TaskBlock)
    code.call("dinrail_signal_stack", "void", address, code.constant(1, "i32"))
    task.set("next_ns", task.get("start_ns"))
    task.set("alive", 1, "release")
    with code.repeat() as loop:
        began = code.call("wait_for_cycle", "i64", address)
        loop.leave_if(task.get("leave", "acquire").differs(0))
        cycle_ns, due = task.get("cycle_ns"), task.get("next_ns")
        late = began - due
        code.call("note_latency", "void", address, late)
        missed = late // cycle_ns
        with code.when(missed.differs(0)):
            task.add("overruns")
            task.add("missed_cycles", missed)
        task.set("next_ns", due + (missed + 1) * cycle_ns)
        code.call("cycle", "void", address, began, now(code, CLOCK_REALTIME))
        took = now(code, CLOCK_MONOTONIC) - began
        code.call("note_execution", "void", address, took)
        code.call("note_exceeded", "void", address, took)
        code.call("show_statistics", "void", address)
    task.set("alive", 0, "release")
    code.give(code.null())
    return code


def _step() -> Code:
    code = Code("dinrail_step", "void", ("task", "ptr"), ("now", "i64"), ("wall", "i64"), exported=True)
    address = code.arguments[0]
    began = now(code, CLOCK_MONOTONIC)
    code.call("cycle", "void", *code.arguments)
    took = now(code, CLOCK_MONOTONIC) - began
    code.call("note_execution", "void", address, took)
    code.call("show_statistics", "void", address)
    return code
