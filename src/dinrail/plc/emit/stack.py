"""How deep a task's stack can get, before it ever runs.

Each function's own frame is read from its first instructions in the linked object (they allocate all of it: LLVM is
told not to move them further down). What a function may call is known from writing it: through a class or interface
everything that the table holds. A function that LLVM took into its caller has no frame of its own; its part is in the
caller's. So the sum along the deepest path never says too little.

Source: Intel SDM volume 2 (PUSH, SUB, LEA and AND of rsp), LLVM X86FrameLowering (inline stack probes).
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from dinrail.plc.emit.emission import GUARDED

LIBRARY_BYTES = 4096
"""For what is called in the C library at the end of a path (its maths needs less than 1 KiB), and for a fault."""

CALL_BYTES = 8
"""The return address."""

_STEPS = [
    (re.compile(rb"\x48\x89\xe5"), "nothing"),  # mov rbp, rsp
    (re.compile(rb"[\x50-\x57]|\x41[\x50-\x57]"), "push"),
    (re.compile(rb"\x48\x83\xec(.)", re.DOTALL), "subtract"),  # sub rsp, imm8
    (re.compile(rb"\x48\x81\xec(....)", re.DOTALL), "subtract"),  # sub rsp, imm32
    (re.compile(rb"\x48\xc7\x04\x24\x00\x00\x00\x00"), "nothing"),  # mov qword [rsp], 0: a probe of the next page
    (re.compile(rb"\x48\x83\xe4(.)", re.DOTALL), "align"),  # and rsp, imm8
    (re.compile(rb"\x49\x89\xe3\x49\x81\xeb(....)", re.DOTALL), "probes"),  # mov r11, rsp; sub r11, imm32
]
_LATER = re.compile(rb"\x48\x81\xec(....)", re.DOTALL)
_PROBE_LOOP = re.compile(rb"\x48\x81\xec....\x48\xc7\x04\x24\x00{4}\x4c\x39\xdc\x75.", re.DOTALL)


def frame_bytes(code: bytes) -> int:
    """What a function's first instructions take from the stack. code: the function's bytes."""
    at = total = 0
    while True:
        step = next(((kind, found) for pattern, kind in _STEPS if (found := pattern.match(code, at))), None)
        if step is None:
            return total + _later(code, at)
        kind, found = step
        at = found.end()
        if kind == "push":
            total += 8
        elif kind == "subtract":
            total += int.from_bytes(found.group(1), "little")
        elif kind == "align":
            total += (-int.from_bytes(found.group(1), "little", signed=True)) & 0xFF
        elif kind == "probes":
            total += int.from_bytes(found.group(1), "little")
            loop = _PROBE_LOOP.match(code, at)
            at = loop.end() if loop else at


def _later(code: bytes, at: int) -> int:
    """What is allocated further down, should LLVM ever do so: better too much than too little."""
    amounts = (int.from_bytes(found[1], "little") for found in _LATER.finditer(code, at))
    return sum(amount for amount in amounts if amount % 8 == 0 and amount < 1 << 24)


def frames_of(shared_object: bytes) -> dict[str, int]:
    """Each function's own frame by its symbol; copies that LLVM made (`F.specialized.1`) count for the function."""
    elf = ELFFile(io.BytesIO(shared_object))
    out: dict[str, int] = {}
    for name, code in _functions(elf):
        plain = name.split(".specialized.", maxsplit=1)[0]
        out[plain] = max(out.get(plain, 0), frame_bytes(code))
    return out


def _functions(elf: Any) -> list[tuple[str, bytes]]:
    out = []
    sections = dict(enumerate(elf.iter_sections()))
    bodies: dict[int, bytes] = {}
    for table in sections.values():
        if not isinstance(table, SymbolTableSection) or table.name != ".symtab":
            continue
        for symbol in table.iter_symbols():
            index = symbol["st_shndx"]
            if symbol["st_info"]["type"] != "STT_FUNC" or index not in sections:
                continue
            body = bodies.setdefault(index, sections[index].data())
            start = symbol["st_value"] - sections[index]["sh_addr"]
            out.append((symbol.name, body[start : start + symbol["st_size"]]))
    return out


def _frame(frames: Mapping[str, int], operand: str) -> int:
    """A function's frame by the operand that names it (`@"FB_Axis.Reset"`). 0: it is in its callers."""
    if operand.endswith(GUARDED):
        return frames.get("dinrail_guard", 0)
    name = re.sub(r"\\([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), operand.removeprefix("@").strip('"'))
    return frames.get(name.encode("latin-1", "replace").decode("utf-8", "replace"), 0)


def deepest(calls: Mapping[str, set[str]], frames: Mapping[str, int], start: str, recursion_limit: int) -> int:
    """Bytes of stack that `start` and what it calls may need. calls: symbol -> symbols that it may call."""
    groups = _groups(calls, start)
    cost: dict[str, int] = {}
    for group in groups:  # what is called comes first
        members = set(group)
        below = max((cost[each] for name in group for each in calls.get(name, ()) if each not in members), default=0)
        own = sum(_frame(frames, name) + CALL_BYTES for name in group)
        recursive = len(group) > 1 or group[0] in calls.get(group[0], ())
        total = below + own * (recursion_limit if recursive else 1)
        for name in group:
            cost[name] = total
    return cost[start] + LIBRARY_BYTES


def _groups(calls: Mapping[str, set[str]], start: str) -> list[list[str]]:
    """Functions that call each other in circles, each group behind those that it calls (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    open_: set[str] = set()
    out: list[list[str]] = []
    work: list[tuple[str, list[str]]] = [(start, sorted(calls.get(start, ())))]
    while work:
        name, rest = work[-1]
        if name not in index:
            index[name] = low[name] = len(index)
            stack.append(name)
            open_.add(name)
        if rest:
            callee = rest.pop()
            if callee not in index:
                work.append((callee, sorted(calls.get(callee, ()))))
            elif callee in open_:
                low[name] = min(low[name], index[callee])
            continue
        work.pop()
        if work:
            low[work[-1][0]] = min(low[work[-1][0]], low[name])
        if low[name] == index[name]:
            at = stack.index(name)
            out.append(stack[at:])
            open_ -= set(stack[at:])
            del stack[at:]
    return out
