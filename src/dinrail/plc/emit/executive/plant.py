"""The native I/O pair, by example: a plant that is simulated inside the image, without any driver process.

An image may export two functions, which the first task calls in RUN, before its body and behind it:

    u32 dinrail_read_inputs(ctx, inputs, outputs)      0, or the number of a fault that stops the task
    u32 dinrail_write_outputs(ctx, inputs, outputs)

inputs and outputs are the areas %I and %Q. Whatever lies behind them (a field bus's cyclic frame) must not block. This
pair is a first-order plant, a tank or an oven: the measured value (REAL, %ID0) follows the actuating value (REAL, %QD0)
with a time constant.
"""

from __future__ import annotations

import struct

from dinrail.control import context
from dinrail.plc.emit.executive.code import Code

_ATTRIBUTES = 'attributes #0 = { nounwind "frame-pointer"="all" }\n'
_NS_PER_S = 1e9


def plant_text(time_constant_s: float) -> str:
    """A module with the pair. Each cycle the value goes cycle time / time_constant_s of the way to what is put out."""
    return "\n\n".join((_read(time_constant_s).text(), _write().text(), _ATTRIBUTES))


def _double(value: float) -> str:
    """LLVM's exact spelling of a constant."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


def _read(time_constant_s: float) -> Code:
    code = Code("dinrail_read_inputs", "i32", *_PARAMETERS, exported=True)
    record, inputs, outputs = code.arguments
    cycle = code.put(f"uitofp i64 {code.load(record, context.CYCLE_NS).name} to double", "double")
    share = code.put(f"fdiv double {cycle.name}, {_double(time_constant_s * _NS_PER_S)}", "double")
    value, wanted = (code.put(f"load float, ptr {at.name}, align 4", "float") for at in (inputs, outputs))
    narrow = code.put(f"fptrunc double {share.name} to float", "float")
    apart = code.put(f"fsub float {wanted.name}, {value.name}", "float")
    step = code.put(f"fmul float {apart.name}, {narrow.name}", "float")
    now = code.put(f"fadd float {value.name}, {step.name}", "float")
    code.line(f"store float {now.name}, ptr {inputs.name}, align 4")
    code.give(0)
    return code


def _write() -> Code:
    """Nothing to do: the plant reads %Q itself, in the next cycle. A real bus sends its frame here."""
    code = Code("dinrail_write_outputs", "i32", *_PARAMETERS, exported=True)
    code.give(0)
    return code


_PARAMETERS = (("ctx", "ptr"), ("inputs", "ptr"), ("outputs", "ptr"))
