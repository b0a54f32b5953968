"""What a fault is called, and what to do about it. Numbers: plc.core.program.Fault."""

from __future__ import annotations

from dinrail.control.context import FaultRecord

_TEXTS = {
    0x10: ("watchdog", "the task took longer than its watchdog allows"),
    0x11: ("runaway", "a loop did not end within the task's watchdog time"),
    0x12: ("stack", "the task's stack ran out"),
    0x13: ("user", "the program stopped itself"),
    0x14: ("recursion", "functions called themselves too deeply"),
    0x50: ("illegal-instruction", "the processor met an instruction that it does not know"),
    0x51: ("access", "an address that is nobody's was touched"),
    0x52: ("privileged", "an instruction needed rights that no program has"),
    0x55: ("bounds", "an index is outside its array"),
    0x57: ("null", "a pointer or reference that points nowhere was used"),
    0x102: ("divide", "an integer was divided by zero"),
    0x151: ("float", "a floating-point operation failed"),
    0x152: ("float-divide", "a floating-point number was divided by zero"),
}
WATCHDOG = 0x10
_BOUNDS, _ACCESS, _NULL = 0x55, 0x51, 0x57


def fault_name(code: int) -> str:
    """Its short name; the number for one that we do not know."""
    return _TEXTS[code][0] if code in _TEXTS else f"{code:#x}"


def fault_sentence(code: int, values: tuple[int, int, int]) -> str:
    """What happened, with the numbers that belong to it."""
    text = _TEXTS[code][1] if code in _TEXTS else f"fault {code:#x}"
    if code == _BOUNDS:
        return f"{text}: index {values[0]}, bounds {values[1]}..{values[2]}"
    if code in (_ACCESS, _NULL):
        return f"{text}: {values[0] & 0xFFFFFFFFFFFFFFFF:#x}"
    return text


def fault_lines(task: str, fault: FaultRecord, path: list[str]) -> list[str]:
    """A fault for people: the task, what happened, then the call path, innermost first."""
    head = f"{task}: {fault_name(fault.code)}: {fault_sentence(fault.code, fault.values)}"
    return [head, *(f"  {'at' if number == 0 else 'called from'} {line}" for number, line in enumerate(path))]
