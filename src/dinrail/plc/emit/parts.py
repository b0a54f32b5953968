"""A large module as several, which LLVM compiles at the same time.

Each part has some of the functions, and all that they may use: constants, tables and helpers as copies of its own,
small functions of other parts to take into theirs, and declarations of everything else. The first part has, besides,
what must be there once: data, areas, contexts, the heap, and what the shared object exports. What the parts share is
`hidden`: known to the linker and to nobody behind it. How many parts there are depends on the text alone, never on
this machine, so that equal input gives equal bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from dinrail.plc.core.options import Options
from dinrail.plc.emit.module import Module

PART_LINES = 50_000
"""Of LLVM's language (about 12 000 of Structured Text): at most so many to a part, as far as MOST_PARTS allows."""
MOST_PARTS = 8
MOST_LEVEL = 2
SMALL_LINES = 16
"""A function of at most so many lines is given to every part, whose functions may take it in."""

_HEAD = re.compile(r'define internal ([^@]*@"[^"]*"\(.*\)) #')
_ONCE = re.compile(r"^(@\S+) = (internal |)global (.*?) zeroinitializer(.*)$", re.MULTILINE)
_INTERNAL_DATA = re.compile(r"^(@\S+) = internal global ", re.MULTILINE)
_ALIAS = re.compile(r"^@\S+ = alias .*$", re.MULTILINE)
_EXPORTED = re.compile(r"^define protected ([^\n]*?) #\d+ \{\n.*?^\}", re.MULTILINE | re.DOTALL)


def parts_of(module: Module, options: Options, *, part_lines: int = PART_LINES) -> list[str]:
    """The texts, one for a module that is not large, or of which LLVM is to make all that it can (`optimise` 3).

    Linked together they are the module.
    """
    if options.optimise > MOST_LEVEL:
        return [module.text]
    lines = [text.count("\n") + 1 for text in module.functions]
    count = min(-(-(sum(lines) + module.common.count("\n")) // part_lines), MOST_PARTS)
    if count < 2:
        return [module.text]
    heads = [_declared(text) for text in module.functions]
    bounds = _bounds(lines, count)
    return [_part(module, number, bounds[number], lines, heads) for number in range(count)]


def _bounds(lines: Sequence[int], count: int) -> list[range]:
    """Functions in their order, with about as many lines in each part."""
    share = sum(lines) / count
    starts, passed = [0], 0
    for index, size in enumerate(lines):
        if passed >= share * len(starts) and len(starts) < count:
            starts.append(index)
        passed += size
    starts += [len(lines)] * (count + 1 - len(starts))
    return [range(low, high) for low, high in pairwise(starts)]


def _part(module: Module, number: int, own: range, lines: Sequence[int], heads: Sequence[str]) -> str:
    functions = []
    for index, text in enumerate(module.functions):
        if index in own:
            functions.append(text.replace("define internal", "define hidden", 1))
        elif lines[index] <= SMALL_LINES:
            functions.append(text.replace("define internal", "define available_externally hidden", 1))
        else:
            functions.append(f"declare hidden {heads[index]} nounwind")
    if number == 0:
        once = [_INTERNAL_DATA.sub(r"\1 = hidden global ", text) for text in (module.own, *module.helpers)]
        exported = module.exported
    else:
        once = [*module.outside, *(_elsewhere(text) for text in module.helpers)]
        exported = ""
    return "\n".join((*once, module.common, *functions, exported, module.tail))


def _declared(text: str) -> str:
    """What names a function to other parts, from its first line."""
    found = _HEAD.match(text)
    if found is None:
        raise ValueError(f"no head of a function: {text[:80]}")
    return found[1]


def _elsewhere(helper: str) -> str:
    """A helper in another part than the first: its code again, its data and what it exports by name only."""
    text = _EXPORTED.sub(r"declare protected \1", helper)
    text = _ONCE.sub(
        lambda found: f"{found[1]} = external {'hidden ' if found[2] else ''}global {found[3]}{found[4]}", text
    )
    return _ALIAS.sub("", text)
