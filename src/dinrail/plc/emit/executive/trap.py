"""A processor's trap (SIGSEGV, SIGBUS, SIGFPE, SIGILL) in a task's code is that task's fault, and nobody else's.

The handler runs on the task's signal stack, so it also works when the stack is what ran out; by that stack it knows
whose trap it is. A channel that another process cut off (SIGBUS in the mapping) is replaced by memory of our own, page
by page: the control goes on, unseen. All other traps go where they went before.
"""

from __future__ import annotations

from collections.abc import Iterator

from dinrail.control import context
from dinrail.control.blocks import Common, ModuleBlock, TaskBlock
from dinrail.control.channel.layout import PAGE_BYTES
from dinrail.plc.core.program import Fault
from dinrail.plc.emit.executive.code import Code, Value
from dinrail.plc.emit.executive.fields import Fields

_SIGILL, _SIGBUS, _SIGFPE, _SIGSEGV = 4, 7, 8, 11
_SIGNALS = (_SIGILL, _SIGBUS, _SIGFPE, _SIGSEGV)
_ACTION_BYTES, _ACTION_FLAGS = 152, 136
_FLAGS = 0x4 | 0x08000000 | 0x40000000
"""SA_SIGINFO, SA_ONSTACK, SA_NODEFER."""
_SI_CODE, _SI_ADDRESS, _SI_KERNEL = 8, 16, 128
_REGISTER_RBP, _REGISTER_RSP, _REGISTER_RIP = 120, 160, 168
"""In glibc's ucontext_t on x86-64."""
_SS_DISABLE = 2
_PROT_READ_WRITE, _MAP_PRIVATE_FIXED_ANONYMOUS = 3, 0x32
_NEAR_STACK_BYTES = 64 << 10
"""A trap so near the stack pointer, where the stack may have ended, is the stack's end (its bounds may be unknown)."""
_MOST_NESTED = 3
_MOST_WORDS = 512
"""Of the stack: as far up as the C library's own frames may reach."""

GLOBALS = f"""\
@dinrail_common = internal global ptr null
@dinrail_actions = internal global [{len(_SIGNALS) * _ACTION_BYTES} x i8] zeroinitializer, align 16"""


def functions() -> Iterator[Code]:
    """In the order of their text."""
    yield _replace_page()
    yield _fault_of()
    yield _task_of()
    yield _own_code()
    yield _pass_on()
    yield _signal()
    yield _signal_stack()
    yield _attach()
    yield _detach()


def _replace_page() -> Code:
    """1: the address was in the channel, and there is memory now."""
    code = Code("replace_page", "i1", ("common", "ptr"), ("address", "i64"))
    common = Fields(code, code.arguments[0], Common)
    address = code.arguments[1]
    outside = address.below(common.get("channel_low")) | address.below(common.get("channel_high")).equals(0)
    with code.when(outside):
        code.give(0)
    page = address & -PAGE_BYTES
    got = code.call(
        *("mmap", "ptr", page.to("ptr"), code.constant(PAGE_BYTES), code.constant(_PROT_READ_WRITE, "i32")),
        *(code.constant(_MAP_PRIVATE_FIXED_ANONYMOUS, "i32"), code.constant(-1, "i32"), code.constant(0)),
    )
    common.set("lost", 1)
    code.give(got.to("i64").equals(page))
    return code


def _fault_of() -> Code:
    code = Code(
        *("fault_of", "i32"),
        *(("task", "ptr"), ("signal", "i32"), ("code", "i32"), ("address", "i64"), ("stack", "i64")),
    )
    task = Fields(code, code.arguments[0], TaskBlock)
    _, signal, si_code, address, stack = code.arguments
    with code.when(signal.equals(_SIGFPE)):
        code.give(Fault.DIVIDE)
    with code.when(signal.equals(_SIGILL)):
        code.give(Fault.ILLEGAL_INSTRUCTION)
    with code.when(signal.equals(_SIGBUS) | si_code.equals(_SI_KERNEL)):
        code.give(Fault.ACCESS)
    with code.when(address.below(PAGE_BYTES)):
        code.give(Fault.NULL)
    low = task.get("stack_low")
    in_guard = address.below(low) & address.below(task.get("stack_guard")).equals(0)
    near = (stack - address + _NEAR_STACK_BYTES).below(2 * _NEAR_STACK_BYTES)
    ran_out = near & (low.equals(0) | stack.below(low + PAGE_BYTES))
    with code.when(in_guard | ran_out):
        code.give(Fault.STACK)
    code.give(Fault.ACCESS)
    return code


def _task_of() -> Code:
    """The task on whose signal stack we stand; null: nobody's."""
    code = Code("task_of", "ptr", ("common", "ptr"), ("here", "i64"))
    common = Fields(code, code.arguments[0], Common)
    with code.count(common.get("task_count").to("i64")) as index:
        task = Fields(code, code.load(common.pointer("tasks") + index * 8, 0, "ptr"), TaskBlock)
        inside = code.arguments[1] - task.get("signal_stack")
        with code.when(inside.below(task.get("signal_stack_bytes"))):
            code.give(task.address)
    code.give(code.null())
    return code


def _own_code() -> Code:
    """The address that a trap is told by: its own, or when it was in the C library, that of our call.

    The library's functions keep no frame that one could walk; but the address that they return to is on the stack.
    """
    code = Code("own_code", "i64", ("module", "ptr"), ("counter", "i64"), ("stack", "i64"), ("high", "i64"))
    module = Fields(code, code.arguments[0], ModuleBlock)
    _, counter, stack, high = code.arguments
    low, size = module.get("code_low"), module.get("code_high") - module.get("code_low")
    with code.when((counter - low).below(size)):
        code.give(counter)
    first = stack & -8
    words = (high - first) >> 3
    with code.when(high.below(first)):
        code.give(counter)
    with code.count(words.smaller(code.constant(_MOST_WORDS))) as index:
        word = code.load(first.to("ptr") + index * 8)
        with code.when((word - low).below(size)):
            code.give(word - 1)
    code.give(counter)
    return code


def _pass_on() -> Code:
    """As if we were not there: the instruction is run again under the action of before."""
    code = Code("pass_on", "void", ("signal", "i32"))
    for number, signal in enumerate(_SIGNALS):
        with code.when(code.arguments[0].equals(signal)):
            code.call("sigaction", "i32", code.arguments[0], _old(code, number), code.null())
    return code


def _old(code: Code, number: int) -> Value:
    return Value(code, "@dinrail_actions", "ptr") + number * _ACTION_BYTES


def _signal() -> Code:
    code = Code("dinrail_signal", "void", ("signal", "i32"), ("info", "ptr"), ("context", "ptr"))
    signal, info, machine = code.arguments
    common = code.load(Value(code, "@dinrail_common", "ptr"), 0, "ptr")
    address = code.load(info, _SI_ADDRESS)
    with code.when(signal.equals(_SIGBUS)), code.when(code.call("replace_page", "i1", common, address)):
        code.give()
    here = code.buffer(16)
    found = code.call("task_of", "ptr", common, here.to("i64"))
    with code.when(found.equals_null()):
        code.call("pass_on", "void", signal)
        code.give()
    task = Fields(code, found, TaskBlock)
    module = Fields(code, task.pointer("module"), ModuleBlock)
    record = module.pointer("context")
    nested = task.add("in_trap")
    with code.when(code.load(record, context.HANDLER).equals(0) | nested.above(_MOST_NESTED)):
        code.call("pass_on", "void", signal)
        code.give()
    frame = code.choose(nested.above(1), 0, code.load(machine, _REGISTER_RBP))
    stack = code.load(machine, _REGISTER_RSP)
    number = code.call("fault_of", "i32", found, signal, code.load(info, _SI_CODE, "i32"), address, stack)
    counter = code.load(machine, _REGISTER_RIP)
    with code.when(nested.equals(1)):
        own = code.call("own_code", "i64", module.address, counter, stack, code.load(record, context.STACK_HIGH))
        code.call(module.pointer("trap"), "void", record, number, own, stack, frame, address)
    code.call(module.pointer("trap"), "void", record, number, counter, stack, frame, address)
    return code


def _signal_stack() -> Code:
    code = Code("dinrail_signal_stack", "void", ("task", "ptr"), ("on", "i32"), exported=True)
    task = Fields(code, code.arguments[0], TaskBlock)
    stack = code.buffer(24)
    code.store(task.get("signal_stack"), stack)
    code.store(code.choose(code.arguments[1].equals(0), code.constant(_SS_DISABLE, "i32"), 0), stack, 8)
    code.store(task.get("signal_stack_bytes"), stack, 16)
    code.call("sigaltstack", "i32", stack, code.null())
    return code


def _attach() -> Code:
    code = Code("dinrail_attach", "void", ("common", "ptr"), exported=True)
    code.store(code.arguments[0], Value(code, "@dinrail_common", "ptr"))
    action = code.buffer(_ACTION_BYTES)
    code.clear(action, _ACTION_BYTES)
    code.store(Value(code, "@dinrail_signal", "ptr"), action)
    code.store(_FLAGS, action, _ACTION_FLAGS, "i32")
    for number, signal in enumerate(_SIGNALS):
        code.call("sigaction", "i32", code.constant(signal, "i32"), action, _old(code, number))
    return code


def _detach() -> Code:
    code = Code("dinrail_detach", "void", exported=True)
    for number, signal in enumerate(_SIGNALS):
        code.call("sigaction", "i32", code.constant(signal, "i32"), _old(code, number), code.null())
    return code
