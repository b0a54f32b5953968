"""How machine code of an application is called, and what its shared object exports.

Every compiled function is `result f(ptr ctx, [ptr self], parameters...)`: ctx is the task's record
(control.context), self the instance of a method or body. A parameter by value is its scalar (BOOL as i1), one by
address a pointer. A function without a scalar result returns nothing.

Exported data
    dinrail_data        the statics, Program.data_bytes, aligned to 4096, holding the constant image at load
    dinrail_inputs, dinrail_outputs, dinrail_markers      the areas %I, %Q, %M, zero at load, aligned to 4096
    dinrail_contexts    one control.context record for each task, in the tasks' order
    dinrail_log         the ring that texts of ADSLOGSTR and its like go to (control.context says its layout)

Exported code
    u32 dinrail_initialise(ctx)     what the constant image cannot do; once, before the first cycle
    u32 dinrail_exit(ctx)           FB_Exit of all instances, behind the last cycle; there is none without one
    u32 dinrail_reinitialise(ctx)   FB_Reinit, behind an online change's copying; likewise
    u32 dinrail_task_<n>(ctx)       the programs of task n (from 0), in order: one cycle
        all under a handler of their own: 0, or the number of the fault that ended it (the rest is in ctx)

For the executive
    u64 dinrail_guard(ctx, body, self, frame)
        u32 body(ctx, self, frame) under a handler: the fault that ended it (0: none) in the lower half of the result,
        what body returned in the upper half
    noreturn dinrail_trap(ctx, u32 code, u64 pc, u64 sp, u64 frame, u64 address)
        a processor's trap becomes a fault: called in the signal handler with what ucontext says (rip, rsp, rbp) and
        siginfo's address; the handler must run with SA_NODEFER on an alternate stack

    dinrail_take_<n>(), dinrail_give_<n>()
        before task n's body, and behind one that did not fault: what tasks hand over to each other (emit.handover)
    dinrail_seed()
        while no task runs: all of them see the data as they are; behind whatever else than the code writes them all
        (the three entries above have done it). These are there only when something is handed over

When they are needed
    dinrail_heap        address u64, size u64: the arena of __NEW (emit.heap), set by the loader before the
                        initialisation, zeros at first; it outlives the shared object
    dinrail_rpc, dinrail_rpc_count      stubs of methods that are called from outside (emit.rpc)
"""

from __future__ import annotations

from dinrail.plc.types.variable import Area

DATA = "dinrail_data"
INPUTS = "dinrail_inputs"
OUTPUTS = "dinrail_outputs"
MARKERS = "dinrail_markers"
AREAS = {Area.INPUT: INPUTS, Area.OUTPUT: OUTPUTS, Area.MARKER: MARKERS}
CONTEXTS = "dinrail_contexts"
LOG = "dinrail_log"
HEAP = "dinrail_heap"
INITIALISE = "dinrail_initialise"
EXIT = "dinrail_exit"
REINITIALISE = "dinrail_reinitialise"
GUARD = "dinrail_guard"
TRAP = "dinrail_trap"
SEED = "dinrail_seed"

PAGE_BYTES = 4096


def task_symbol(index: int) -> str:
    """The exported function that runs one cycle of the task at that position (from 0)."""
    return f"dinrail_task_{index}"


def take_symbol(index: int) -> str:
    """Before that task's body: it sees what others have handed over meanwhile."""
    return f"dinrail_take_{index}"


def give_symbol(index: int) -> str:
    """Behind it: others see what it has written."""
    return f"dinrail_give_{index}"
