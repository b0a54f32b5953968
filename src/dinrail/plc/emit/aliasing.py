"""What LLVM may take for granted about two accesses to the statics: the memory of different variables is different.

All statics are one block of memory, so without help each store to `a[i]` might have changed `i`. LLVM's type-based
alias analysis is used for this, though types have nothing to do with it (a POINTER or UNION may see any bytes as any
type):

    root
    ├── record: the task's record (control.context): no code of the application writes there
    ├── one leaf for each variable whose address nobody takes: only its name leads to it
    └── reached     whatever is reached by an address: POINTER, REFERENCE, VAR_IN_OUT, THIS
        └── one leaf for each variable whose address somebody takes

Two leaves never overlap; `reached` may overlap with its own leaves. Copies of bytes carry no mark (they touch two
places, and anything), unless they copy a constant.
"""

from __future__ import annotations

from dinrail.plc.emit.debuginfo import DebugInfo
from dinrail.plc.types.variable import Variable


class Aliasing:
    """Marks of one module. A leaf's parent is written last, when all that take addresses are known."""

    def __init__(self, info: DebugInfo) -> None:
        self._info = info
        self._root = info.add('!{!"dinrail memory"}')
        self._reached = info.add(f'!{{!"reached", !{self._root}, i64 0}}')
        self.reached = self._tag(self._reached)
        self.record = self._tag(info.add(f'!{{!"record", !{self._root}, i64 0}}'))
        self._leaves: dict[Variable, tuple[int, str]] = {}
        self._taken: set[Variable] = set()

    def _tag(self, node: int) -> str:
        return f", !tbaa !{self._info.add(f'!{{!{node}, !{node}, i64 0}}')}"

    def of(self, variable: Variable) -> str:
        """What an access by a static's own name ends with."""
        found = self._leaves.get(variable)
        if found is None:
            node = self._info.add("")
            found = self._leaves[variable] = (node, self._tag(node))
        return found[1]

    def take(self, variable: Variable) -> None:
        """Somebody takes the address of a static, or of a part of it."""
        self._taken.add(variable)

    def finish(self) -> None:
        """Writes the leaves."""
        for number, (variable, (node, _)) in enumerate(self._leaves.items()):
            parent = self._reached if variable in self._taken else self._root
            self._info.lines[node] = f'!{node} = !{{!"v{number}", !{parent}, i64 0}}'
