"""The executive: what runs a task's cycles, written once as LLVM's language and linked into every image.

    code      functions, values, branches: a thin way to write them
    fields    records of memory by their fields' names
    commands  drains the command ring
    forces    holds forced bits, and shows them
    exchange  takes inputs from drivers and gives them outputs
    publish   what readers outside see
    words     the clocks
    change    another image between two cycles
    cycle     one cycle, start to end
    thread    the loop around it, and its statistics
    trap      a processor's trap becomes the task's fault

It knows no application: all addresses come from `control.blocks`, which the control process fills. Exports:

    ptr  dinrail_thread(task)             a thread's function: cycles until the task is to leave
    void dinrail_step(task, now, wall)    one cycle on somebody else's clock, in the caller's thread
    void dinrail_signal_stack(task, on)   where this thread's traps are dealt with; on 0: as before
    void dinrail_attach(common)           from now on traps are dealt with
    void dinrail_detach()                 as before `dinrail_attach`
"""

from __future__ import annotations

from dinrail.plc.emit.executive import change, commands, cycle, exchange, forces, publish, thread, trap, words

EXPORTS = ("dinrail_thread", "dinrail_step", "dinrail_signal_stack", "dinrail_attach", "dinrail_detach")

_DECLARATIONS = """\
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1 immarg)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1 immarg)
declare i32 @clock_gettime(i32, ptr) #0
declare i32 @clock_nanosleep(i32, i32, ptr, ptr) #0
declare i32 @sigaltstack(ptr, ptr) #0
declare i32 @sigaction(i32, ptr, ptr) #0
declare ptr @mmap(ptr, i64, i32, i32, i32, i64) #0
"""
_ATTRIBUTES = 'attributes #0 = { nounwind "frame-pointer"="all" "probe-stack"="inline-asm" }\n'


def module_text() -> str:
    """The whole module. Equal at every call."""
    parts = (words, commands, forces, exchange, publish, change, cycle, thread, trap)
    functions = [code.text() for part in parts for code in part.functions()]
    return "\n\n".join((_DECLARATIONS, trap.GLOBALS, *functions, _ATTRIBUTES))
