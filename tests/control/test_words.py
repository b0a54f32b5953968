"""What two rooms that may not know each other say alike."""

from __future__ import annotations

import pytest

from dinrail.ams.state import AdsState
from dinrail.control.channel.layout import State
from dinrail.control.faults import fault_name, fault_sentence
from dinrail.control.threads import fifo_priority, stack_bytes
from dinrail.plc.core.program import Fault
from dinrail.plc.emit.executive import EXPORTS, module_text
from dinrail.plc.emit.machine import parse


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault])
def test_every_fault_has_a_name_and_a_sentence(fault: Fault) -> None:
    """The control's table and the compiler's numbers agree."""
    assert fault_name(fault) == fault.name.lower().replace("_", "-")
    assert not fault_sentence(fault, (0, 0, 0)).startswith("fault 0x")


def test_a_fault_that_is_not_known_is_told_by_its_number() -> None:
    """Somebody's own code faults with any number."""
    assert fault_name(0x777) == "0x777"
    assert fault_sentence(0x777, (1, 2, 3)) == "fault 0x777"


def test_states_are_those_of_ads() -> None:
    """A state's number is the ADS state's of the same name."""
    assert {state.name: int(state) for state in State} == {state.name: int(AdsState[state.name]) for state in State}


def test_priorities_keep_their_order() -> None:
    """TwinCAT's 1 is the highest; all are SCHED_FIFO's, below the kernel's own."""
    mapped = [fifo_priority(priority) for priority in range(1, 100)]
    assert mapped == sorted(mapped, reverse=True)
    assert (mapped[0], mapped[-1]) == (98, 1)
    assert len(set(mapped[:98])) == 98


def test_a_known_stack_gets_a_margin() -> None:
    """A thread's stack is deeper than its code needs, also where nobody knows what it needs."""
    assert stack_bytes(100_000) > 100_000
    assert stack_bytes(0) >= 1 << 20


def test_the_executive_is_the_same_each_time_and_verifies() -> None:
    """Equal text at every call, which LLVM accepts, with its exports and no other visible function."""
    text = module_text()
    assert text == module_text()
    functions = [function for function in parse(text).functions if not function.is_declaration]
    visible = {function.name for function in functions if function.linkage.name == "external"}
    assert visible == set(EXPORTS)
