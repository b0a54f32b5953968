"""Methods called from outside: their frames, and whose code runs."""

from __future__ import annotations

import struct

from plc_run import checked, session_of

from dinrail.plc.core.program import Fault
from dinrail.plc.emit.rpc import stubs_of

TEXT = """
TYPE ST_Pair : STRUCT a : INT; b : LREAL; END_STRUCT END_TYPE
FUNCTION_BLOCK FB_Base
VAR n : DINT; z : INT; END_VAR
{attribute 'TcRpcEnable'}
METHOD Add : DINT
VAR_INPUT b : BOOL; x : INT; y : DINT; END_VAR
VAR_OUTPUT big : BOOL; END_VAR
n := n + 1;
IF b THEN Add := x + y; END_IF
big := Add > 1000;
END_METHOD
{attribute 'TcRpcEnable'}
METHOD Swap : ST_Pair
VAR_INPUT p : ST_Pair; s : STRING(7); END_VAR
VAR_OUTPUT t : STRING(7); END_VAR
Swap.a := LREAL_TO_INT(p.b);
Swap.b := p.a;
t := s;
END_METHOD
{attribute 'TcRpcEnable'}
METHOD Fail : BOOL
n := 10 / z;
Fail := TRUE;
END_METHOD
METHOD Private : INT
END_METHOD
END_FUNCTION_BLOCK
FUNCTION_BLOCK FB_Derived EXTENDS FB_Base
METHOD Add : DINT
VAR_INPUT b : BOOL; x : INT; y : DINT; END_VAR
VAR_OUTPUT big : BOOL; END_VAR
Add := -1;
END_METHOD
END_FUNCTION_BLOCK
PROGRAM MAIN
VAR base : FB_Base; derived : FB_Derived; END_VAR
base(); derived();
END_PROGRAM
"""


def test_each_method_says_how_many_bytes_go_in_and_come_out() -> None:
    """Inputs, and value and outputs, packed without gaps; methods without the attribute have no stub."""
    program, _ = checked(TEXT)
    found = {stub.method.name: (stub.input_bytes, stub.output_bytes) for stub in stubs_of(program)}
    assert found == {"FB_Base.Add": (7, 5), "FB_Base.Swap": (24, 24), "FB_Base.Fail": (0, 1)}


def test_inputs_are_taken_and_outputs_put_where_the_frame_says() -> None:
    """Scalars, structures and texts; a method changes its instance like any call."""
    session = session_of(TEXT)
    assert session.call(0, "MAIN.base", struct.pack("<?hi", True, -5, 70000))[1][:5] == struct.pack("<i?", 69995, True)
    assert session.call(0, "MAIN.base", struct.pack("<?hi", False, 1, 1))[1][:5] == bytes(5)
    assert session.read("MAIN.base.n") == 2
    pair = struct.pack("<h6xd", 7, 41.6) + b"hello\0\0\0"
    fault, out = session.call(1, "MAIN.base", pair)
    assert fault == 0
    a, b, text = struct.unpack_from("<h6xd8s", out)
    assert (a, b, text[:6]) == (42, 7.0, b"hello\0")


def test_a_stub_calls_what_the_instance_s_class_overrides() -> None:
    """One stub serves all classes below: the derived one runs its own method."""
    session = session_of(TEXT)
    fault, out = session.call(0, "MAIN.derived", struct.pack("<?hi", True, 1, 2))
    assert (fault, out[:4]) == (0, struct.pack("<i", -1))


def test_a_fault_in_a_method_is_the_call_s_and_the_task_goes_on() -> None:
    """The stub runs under the guard: its fault comes back as a number."""
    session = session_of(TEXT)
    assert session.call(2, "MAIN.base", b"")[0] == Fault.DIVIDE
    assert session.cycle() is None
