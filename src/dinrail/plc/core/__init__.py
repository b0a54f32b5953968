"""The checked tree: what a program means, so explicit that three different readers can run it.

Every name is a Variable, every conversion a node, every operand has the type of its operation. `emit` turns it into
machine code; the tests' step interpreter walks it, and their second oracle writes it as C. So what a construct means is
decided once, in `check`, and nothing here needs a symbol table. Nodes: `expression`, `statement`, `program`.

Expressions yield scalars (types.model.held_as). What does not fit a register (texts, arrays, structures, instances) is
only ever named by a Location and copied by statements.

Order: operands from left to right; a Sequence's statements before its value. Copy and CopyText evaluate the source,
then the target. An InterfaceCall tests its receiver before its arguments. IndexAt evaluates its base, then its checks
(a node in both `checks` and `index` once; none of them without Options.check_bounds).
DerefAt is tested where it is named, also below AddressOf.
Integers are two's complement and wrap at their type's width. What is undefined in C is a fault here, or defined:
    DIVIDE, MODULO by zero         Fault.DIVIDE with Options.check_divide; else 0
    float / 0.0                    Fault.FLOAT_DIVIDE with Options.check_float_divide; else IEEE 754
    smallest / -1                  wraps; MODULO gives 0
    SHL, SHR by the width or more  0; a negative count is a large one, so 0
    float -> integer               to nearest, ties to even; NaN 0; saturated to signed 64 bits, then cut to the width;
                                   for ULINT and other unsigned types of 64 bits saturated to unsigned 64 bits
    Index outside                  Fault.BOUNDS with Options.check_bounds; else undefined
    address below 4096             Fault.NULL with Options.check_null; else the processor's own fault
"""
