"""What LLVM wrote about its code (DWARF 5) to the debug map that `control.debugmap` reads.

Lines come from the line table, the chain of inlined calls from the entries of the functions, the functions' ends from
the symbol table. Rows of line 0 (code of nobody's) are left out: an address there belongs to the row before.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

from elftools.dwarf.ranges import RangeEntry
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from dinrail.control.debugmap import FunctionRange, Inlined, Line, write_map
from dinrail.plc.emit.scalar import PREFIX
from dinrail.plc.source import Source

_PART = re.compile(r"\.part\d+$")


def debug_map(shared_object: bytes, sources: Sequence[Source]) -> bytes:
    """The map of a linked object with its tables. sources: by their index, for the files' names."""
    elf = ELFFile(io.BytesIO(shared_object))
    files = {source.index: source.name for source in sources}
    functions = sorted(_functions(elf), key=lambda each: each.low)
    if not elf.has_dwarf_info():
        return write_map(functions, [], [], files)
    dwarf = elf.get_dwarf_info()
    lines: list[Line] = []
    inlined: list[Inlined] = []
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        if program is not None:
            numbers = _file_numbers(program)
            lines += _lines(program, numbers)
            inlined += _inlined(dwarf, unit, numbers)
    lines.sort(key=lambda each: each.address)
    return write_map(functions, lines, inlined, files)


def _functions(elf: Any) -> Iterator[FunctionRange]:
    for section in elf.iter_sections():
        if isinstance(section, SymbolTableSection) and section.name == ".symtab":
            for symbol in section.iter_symbols():
                if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_size"]:
                    low = symbol["st_value"]
                    is_own = symbol.name.startswith(PREFIX)
                    name = _PART.sub("", symbol.name.removeprefix(PREFIX)) if is_own else ""
                    yield FunctionRange(low, low + symbol["st_size"], name)


def _file_numbers(program: Any) -> list[int]:
    """Source's index of each file of the line table; -1: no source's."""
    names = [entry["name"].decode() for entry in program["file_entry"]]
    if program["version"] < 5:
        names.insert(0, "")
    return [int(name[1:]) if re.fullmatch(r"s\d+", name) else -1 for name in names]


def _lines(program: Any, numbers: list[int]) -> Iterator[Line]:
    before = (-1, -1)
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        if state.end_sequence:
            before = (-1, -1)
            continue
        here = (numbers[state.file], state.line)
        if state.line and here[0] >= 0 and here != before:
            yield Line(state.address, *here)
            before = here


def _inlined(dwarf: Any, unit: Any, numbers: list[int]) -> Iterator[Inlined]:
    waiting = [(unit.get_top_DIE(), 0)]
    names: dict[int, str] = {}
    while waiting:
        entry, depth = waiting.pop()
        inside = depth
        if entry.tag == "DW_TAG_inlined_subroutine":
            attributes = entry.attributes
            inside = depth + 1
            origin = attributes["DW_AT_abstract_origin"].value + unit.cu_offset
            if origin not in names:
                die = dwarf.get_DIE_from_refaddr(origin, unit)
                names[origin] = _PART.sub("", die.attributes["DW_AT_name"].value.decode())
            file, line = numbers[attributes["DW_AT_call_file"].value], attributes["DW_AT_call_line"].value
            for low, high in _ranges(dwarf, unit, entry):
                yield Inlined(low, high, depth, names[origin], file, line)
        waiting += [(child, inside) for child in entry.iter_children()]


def _ranges(dwarf: Any, unit: Any, entry: Any) -> Iterator[tuple[int, int]]:
    attributes = entry.attributes
    if "DW_AT_ranges" in attributes:
        table = dwarf.range_lists()
        offset = attributes["DW_AT_ranges"].value
        base = 0
        top = unit.get_top_DIE().attributes.get("DW_AT_low_pc")
        if top is not None:
            base = top.value
        for each in table.get_range_list_at_offset(offset, unit):
            if isinstance(each, RangeEntry):
                shift = 0 if each.is_absolute else base
                yield each.begin_offset + shift, each.end_offset + shift
            else:
                base = each.base_address
    elif "DW_AT_low_pc" in attributes:
        low = attributes["DW_AT_low_pc"].value
        high = attributes["DW_AT_high_pc"]
        yield low, high.value if high.form == "DW_FORM_addr" else low + high.value
