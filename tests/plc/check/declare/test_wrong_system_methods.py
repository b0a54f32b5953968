"""Methods that the system calls: FB_Exit, FB_Reinit, call_after_init."""

from __future__ import annotations

import pytest
from plc_wrong import accepted, assert_said

BLOCK = """
{{attribute 'call_after_init'}}
FUNCTION_BLOCK FB_A
VAR n : INT; END_VAR
    {method}
    END_METHOD
END_FUNCTION_BLOCK
PROGRAM MAIN
VAR fb : FB_A; END_VAR
    fb();
END_PROGRAM
"""
EXIT = "//     ^ fb-exit-signature: FB_Exit gives BOOL and has one input, the system's"
WRONG = [
    f"METHOD FB_Exit : BOOL\n{EXIT}",
    f"METHOD FB_Exit\n{EXIT}\n    VAR_INPUT bInCopyCode : BOOL; END_VAR",
    f"METHOD FB_Exit : BOOL\n{EXIT}\n    VAR_INPUT bInCopyCode : INT; END_VAR",
    f"METHOD FB_Exit : BOOL\n{EXIT}\n    VAR_INPUT bInCopyCode : BOOL; more : INT; END_VAR",
    "METHOD FB_Reinit\n//     ^ fb-reinit-signature: FB_Reinit gives BOOL and has no parameters",
    (
        "METHOD FB_Reinit : BOOL\n//     ^ fb-reinit-signature: FB_Reinit gives BOOL and has no parameters\n"
        "    VAR_INPUT n : INT; END_VAR"
    ),
    (
        "{attribute 'call_after_init'}\nMETHOD Begin\n"
        "//     ^ call-after-init: Begin is called by the system (call_after_init): it can have no parameters\n"
        "    VAR_INPUT n : INT; END_VAR"
    ),
]


@pytest.mark.parametrize("method", WRONG)
def test_what_the_system_calls_has_the_systems_parameters(method: str) -> None:
    """Nobody could give it others."""
    assert_said(BLOCK.format(method=method).replace("    METHOD", "METHOD"))


def test_the_right_signatures_are_accepted() -> None:
    """As TwinCAT's editor writes them."""
    for method in (
        "METHOD FB_Exit : BOOL VAR_INPUT bInCopyCode : BOOL; END_VAR",
        "METHOD FB_Reinit : BOOL",
        "{attribute 'call_after_init'} METHOD Begin : BOOL",
    ):
        accepted(BLOCK.format(method=method + "\n    n := 1;"))
