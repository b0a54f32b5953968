"""Online change: another image's data and code take over between two cycles, while no task is in one.

A task that finds a change pending tries at its cycle's begin. It takes the lock, and looks whether any task is in a
cycle: then it lets go and tries again next time. A task that finds the lock taken waits, a few microseconds at a time
(it sleeps, since who holds the lock may need its core): so long as the copying takes, and no longer.
"""

from __future__ import annotations

from collections.abc import Iterator

from dinrail.control import context
from dinrail.control.blocks import ChangeBlock, Common, ModuleBlock, OperationBlock, RangeBlock, TaskBlock
from dinrail.layout import layout_of
from dinrail.plc.emit.executive.code import Code
from dinrail.plc.emit.executive.fields import Fields
from dinrail.plc.emit.executive.words import CLOCK_MONOTONIC, now

_OPERATION_BYTES = layout_of(OperationBlock).size_bytes
_RANGE_BYTES = layout_of(RangeBlock).size_bytes
_WAIT_NS = 10_000


def functions() -> Iterator[Code]:
    """In the order of their text."""
    yield _translate()
    yield _operate()
    yield _ask()
    yield _same_time()
    yield _perform()
    yield _anyone_in_a_cycle()
    yield _try()
    yield _enter()


def _translate() -> Code:
    """What an address of the old image is in the new one: binary search in the ranges."""
    code = Code("translate", "i64", ("change", "ptr"), ("address", "i64"))
    change = Fields(code, code.arguments[0], ChangeBlock)
    address = code.arguments[1]
    low, high = code.variable(0), code.variable(change.get("range_count"))
    with code.repeat() as loop:
        loop.leave_if(low.get().equals(high.get()))
        middle = (low.get() + high.get()) >> 1
        item = Fields(code, change.pointer("ranges") + middle * _RANGE_BYTES, RangeBlock)
        is_below = address.below(item.get("old_low"))
        with code.when(is_below):
            high.set(middle)
        with code.when(is_below.equals(0)):
            with code.when(address.below(item.get("old_high"))):
                moved = address - item.get("old_low") + item.get("new_low")
                code.give(code.choose(item.get("new_low").equals(0), 0, moved))
            low.set(middle + 1)
    code.give(address)
    return code


def _operate() -> Code:
    code = Code("operate", "void", ("change", "ptr"), ("operation", "ptr"))
    operation = Fields(code, code.arguments[1], OperationBlock)
    source, target, size = operation.pointer("source"), operation.pointer("target"), operation.get("size_bytes")
    with code.when(operation.get("kind").equals(0)):
        code.copy(target, source, size)
        code.give()
    with code.count(size >> 3) as index:
        address = code.load(source + index * 8)
        code.store(code.call("translate", "i64", code.arguments[0], address), target + index * 8)
    return code


def _ask() -> Code:
    """FB_Exit or FB_Reinit of those instances that the table names, in the task that makes the change."""
    code = Code("ask", "void", ("task", "ptr"), ("function", "ptr"), ("table", "i64"))
    with code.when(code.arguments[1].equals_null()):
        code.give()
    task = Fields(code, code.arguments[0], TaskBlock)
    record = Fields(code, task.pointer("module"), ModuleBlock).pointer("context")
    code.store(code.arguments[2], record, context.CHANGES)
    fault = code.call(code.arguments[1], "i32", record)
    code.store(0, record, context.CHANGES)
    task.set("in_trap", 0)
    with code.when(fault.differs(0)):
        code.call("stop_with", "void", task.address, fault)
    return code


def _same_time() -> Code:
    """The new module's record has the time of the old one's cycle until its own first one."""
    code = Code("same_time", "void", ("old", "ptr"), ("new", "ptr"))
    for offset in (context.TASK_TIME_NS, context.WALL_TIME_NS, context.CYCLE_COUNT):
        code.store(code.load(code.arguments[0], offset), code.arguments[1], offset)
    return code


def _perform() -> Code:
    code = Code("perform", "void", ("common", "ptr"), ("change", "ptr"), ("own", "ptr"))
    common = Fields(code, code.arguments[0], Common)
    change = Fields(code, code.arguments[1], ChangeBlock)
    own = Fields(code, code.arguments[2], TaskBlock)
    began = now(code, CLOCK_MONOTONIC)
    before = Fields(code, own.pointer("module"), ModuleBlock).pointer("context")
    code.call("ask", "void", own.address, change.pointer("leave"), change.get("leave_table"))
    with code.count(change.get("operation_count")) as index:
        code.call("operate", "void", change.address, change.pointer("operations") + index * _OPERATION_BYTES)
    with code.count(common.get("task_count").to("i64")) as index:
        task = Fields(code, code.load(common.pointer("tasks") + index * 8, 0, "ptr"), TaskBlock)
        module = code.load(change.pointer("modules") + index * 8, 0, "ptr")
        task.set("layout", Fields(code, module, ModuleBlock).get("layout"))
        code.store(module.to("i64"), task.at("module"), order="release")
    code.call("same_time", "void", before, Fields(code, own.pointer("module"), ModuleBlock).pointer("context"))
    with code.when(change.pointer("seed").equals_null().equals(0)):
        code.call(change.pointer("seed"), "void")
    code.call("ask", "void", own.address, change.pointer("reinitialise"), change.get("reinitialise_table"))
    change.set("took_ns", now(code, CLOCK_MONOTONIC) - began)
    common.set("pending", 0, "release")
    change.set("done", 1, "release")
    return code


def _anyone_in_a_cycle() -> Code:
    code = Code("anyone_in_a_cycle", "i1", ("common", "ptr"))
    common = Fields(code, code.arguments[0], Common)
    with code.count(common.get("task_count").to("i64")) as index:
        task = Fields(code, code.load(common.pointer("tasks") + index * 8, 0, "ptr"), TaskBlock)
        with code.when(task.get("in_cycle", "seq_cst").differs(0)):
            code.give(1)
    code.give(0)
    return code


def _try() -> Code:
    code = Code("try_change", "void", ("common", "ptr"), ("own", "ptr"))
    common = Fields(code, code.arguments[0], Common)
    pending = common.get("pending", "acquire")
    with code.when(pending.equals(0)):
        code.give()
    both = code.put(f"cmpxchg ptr {common.at('lock').name}, i32 0, i32 1 seq_cst seq_cst", "{ i32, i1 }")
    taken = code.put(f"extractvalue {{ i32, i1 }} {both.name}, 1", "i1")
    with code.when(taken.equals(0)):
        code.give()
    wanted = common.get("withdrawn", "seq_cst").equals(0) & common.get("pending", "acquire").equals(pending)
    with code.when(wanted & code.call("anyone_in_a_cycle", "i1", common.address).equals(0)):
        code.call("perform", "void", common.address, pending.to("ptr"), code.arguments[1])
    common.set("lock", 0, "release")
    return code


def _enter() -> Code:
    """Say that the task is in its cycle; not while a change is being made."""
    code = Code("enter_cycle", "void", ("task", "ptr"))
    task = Fields(code, code.arguments[0], TaskBlock)
    common = Fields(code, task.pointer("common"), Common)
    code.call("try_change", "void", common.address, task.address)
    waited = code.variable(0)
    with code.repeat() as loop:
        code.put(f"atomicrmw xchg ptr {task.at('in_cycle').name}, i32 1 seq_cst", "i32")
        loop.leave_if(common.get("lock", "seq_cst").equals(0))
        task.set("in_cycle", 0, "release")
        waited.set(1)
        code.call("sleep_for", "void", code.constant(_WAIT_NS))
    task.set("change_waits", task.get("change_waits") + waited.get())
    return code
