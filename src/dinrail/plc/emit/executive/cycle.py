"""One cycle: commands, inputs, the body under its handler, outputs, and what the outside sees.

In every state it is the same cycle; the body runs in RUN only. So commands are applied and data published in STOP,
CONFIG and EXCEPTION, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from dinrail.control import context
from dinrail.control.blocks import ModuleBlock, TaskBlock
from dinrail.control.channel.layout import State, TaskRecord
from dinrail.plc.emit.executive.code import Code, Value
from dinrail.plc.emit.executive.fields import Fields


def functions() -> Iterator[Code]:
    """In the order of their text."""
    yield _stop_with()
    yield _follow()
    yield _hook()
    yield _body()
    yield _hand_over()
    yield _cycle()


def _stop_with() -> Code:
    code = Code("stop_with", "void", ("task", "ptr"), ("fault", "i32"))
    task = Fields(code, code.arguments[0], TaskBlock)
    task.set("fault", code.arguments[1])
    task.set("state", State.EXCEPTION)
    return code


def _follow() -> Code:
    """The state that the main thread wants. A task in EXCEPTION stays there: only a reset makes it new."""
    code = Code("follow", "void", ("task", "ptr"))
    task = Fields(code, code.arguments[0], TaskBlock)
    state, wanted, fail = task.get("state"), task.get("wanted", "acquire"), task.get("fail", "acquire")
    with code.when(state.equals(State.EXCEPTION)):
        code.give()
    with code.when(fail.differs(0)):
        code.call("stop_with", "void", task.address, fail)
        code.give()
    with code.when(wanted.differs(state)):
        task.set("state", wanted)
        task.set("first_run", 1)
    return code


def _hook() -> Code:
    """A native function of the image, if there is one: under a handler, since it may be anybody's code."""
    code = Code("call_hook", "void", ("task", "ptr"), ("module", "ptr"), ("hook", "ptr"))
    task = Fields(code, code.arguments[0], TaskBlock)
    module = Fields(code, code.arguments[1], ModuleBlock)
    with code.when(code.arguments[2].equals_null() | task.get("state").differs(State.RUN)):
        code.give()
    inputs, outputs = module.pointer("base_input"), module.pointer("base_output")
    result = code.call(module.pointer("guard"), "i64", module.pointer("context"), code.arguments[2], inputs, outputs)
    with code.when(result.to("i32").differs(0)):
        code.call("stop_with", "void", task.address, result.to("i32"))
    return code


def _body() -> Code:
    code = Code("run_body", "void", ("task", "ptr"), ("module", "ptr"))
    task = Fields(code, code.arguments[0], TaskBlock)
    module = Fields(code, code.arguments[1], ModuleBlock)
    code.call("call_hook", "void", *code.arguments, module.pointer("read_inputs"))
    code.call("hold_forces", "void", *code.arguments)
    with code.when(task.get("state").equals(State.RUN)):
        fault = code.call(module.pointer("body"), "i32", module.pointer("context"))
        with code.when(fault.differs(0)):
            code.call("stop_with", "void", task.address, fault)
        with code.when(fault.equals(0)):
            task.add("run_count")
            task.set("first_run", 0)
    code.call("hold_forces", "void", *code.arguments)
    code.call("call_hook", "void", *code.arguments, module.pointer("write_outputs"))
    return code


def _hand_over() -> Code:
    """To or from other tasks. What a fault has left half done stays with the task."""
    code = Code("hand_over", "void", ("task", "ptr"), ("act", "ptr"))
    task = Fields(code, code.arguments[0], TaskBlock)
    act = code.arguments[1]
    with code.when(act.equals_null().equals(0) & task.get("state").differs(State.EXCEPTION)):
        code.call(act, "void")
    return code


def _prepare(code: Code, task: Fields, module: Fields, now: Value, wall: Value) -> None:
    """What the code may ask about this cycle."""
    record = module.pointer("context")
    code.store(0, record, context.ABORT, "i32")
    code.store(now, record, context.TASK_TIME_NS)
    code.store(wall, record, context.WALL_TIME_NS)
    code.store(task.get("run_count"), record, context.CYCLE_COUNT)
    code.store(task.get("first_run").to("i8"), record, context.FIRST_CYCLE)
    with code.when(task.get("first_cycle_ns").equals(0)):
        task.set("first_cycle_ns", now)


def _cycle() -> Code:
    code = Code("cycle", "void", ("task", "ptr"), ("now", "i64"), ("wall", "i64"))
    address, now, wall = code.arguments
    task = Fields(code, address, TaskBlock)
    code.call("enter_cycle", "void", address)
    module = Fields(code, task.pointer("module", "acquire"), ModuleBlock)
    task.add("cycle_count")
    code.call("follow", "void", address)
    _prepare(code, task, module, now, wall)
    task.set("busy_ns", now, "release")
    code.call("hand_over", "void", address, module.pointer("take"))
    code.call("drain", "void", address, module.address)
    code.call("take_inputs", "void", address, module.address)
    with code.when(task.get("state").equals(State.RUN)):
        code.call("run_body", "void", address, module.address)
    code.call("hand_over", "void", address, module.pointer("give"))
    code.call("give_outputs", "void", address, module.address, wall)
    code.call("show_forces", "void", address)
    code.call("publish", "void", address, module.address, now, wall)
    record = Fields(code, task.pointer("record"), TaskRecord)
    record.set("applied", task.get("tail"), "release")
    record.set("state", task.get("state"))
    record.set("fault", task.get("fault"))
    record.set("heartbeat_ns", now)
    task.set("in_trap", 0)
    task.set("busy_ns", 0, "release")
    task.set("in_cycle", 0, "release")
    return code
