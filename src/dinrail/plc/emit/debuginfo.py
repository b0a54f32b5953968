"""Line metadata: which function and which place each instruction came from.

Files are named by their source's index (`s3`), since a Program knows places and not paths: `debugmap` gives names.
LineTablesOnly keeps the line table and the chain of inlined calls, and nothing about variables.
"""

from __future__ import annotations

from dinrail.plc.source import NOWHERE, Place, column_of, line_of, source_index_of

_UNIT = (
    'distinct !DICompileUnit(language: DW_LANG_C11, file: !5, producer: "dinrail", '
    "isOptimized: true, runtimeVersion: 0, emissionKind: LineTablesOnly)"
)


class DebugInfo:
    """Collects one module's metadata; ids count up in the order of use, so that equal input gives equal text."""

    def __init__(self) -> None:
        self.lines = [
            '!0 = !{i32 2, !"Debug Info Version", i32 3}',
            '!1 = !{i32 7, !"Dwarf Version", i32 5}',
            '!2 = !{i32 8, !"PIC Level", i32 2}',
            '!3 = !{i32 7, !"frame-pointer", i32 2}',
            f"!4 = {_UNIT}",
            '!5 = !DIFile(filename: "dinrail", directory: "")',
            "!6 = !DISubroutineType(types: !7)",
            "!7 = !{}",
        ]
        self._files: dict[int, int] = {}

    def add(self, text: str) -> int:
        """A new node; its number."""
        self.lines.append(f"!{len(self.lines)} = {text}")
        return len(self.lines) - 1

    def file(self, source_index: int) -> int:
        if source_index not in self._files:
            self._files[source_index] = self.add(f'!DIFile(filename: "s{source_index}", directory: "")')
        return self._files[source_index]

    def function(self, name: str, at: Place) -> FunctionScope:
        """A function's scope. name: of the POU as users know it."""
        file = self.file(source_index_of(at))
        line = line_of(at)
        escaped = "".join(c if c.isascii() and (c.isalnum() or c in "._ ") else f"\\{ord(c) & 0xFF:02X}" for c in name)
        number = self.add(
            f'distinct !DISubprogram(name: "{escaped}", scope: !{file}, file: !{file}, line: {line}, type: !6, '
            f"scopeLine: {line}, spFlags: DISPFlagLocalToUnit | DISPFlagDefinition | DISPFlagOptimized, unit: !4)"
        )
        return FunctionScope(self, number, at)

    def tail(self) -> str:
        """The module's metadata as text."""
        named = "!llvm.module.flags = !{!0, !1, !2, !3}\n!llvm.dbg.cu = !{!4}\n"
        return named + "\n".join(self.lines) + "\n"


class FunctionScope:
    """Places inside one function, each written once."""

    def __init__(self, info: DebugInfo, number: int, at: Place) -> None:
        self.number = number
        self.at = at
        self._info = info
        self._places: dict[Place, str] = {}
        self._scopes: dict[int, int] = {source_index_of(at): number}

    def suffix(self, at: Place) -> str:
        """What an instruction of that place ends with."""
        found = self._places.get(at)
        if found is None:
            found = self._places[at] = self._make(at)
        return found

    def _make(self, at: Place) -> str:
        if at == NOWHERE:
            at = self.at
        source_index = source_index_of(at)
        scope = self._scopes.get(source_index)
        if scope is None:
            file = self._info.file(source_index)
            scope = self._info.add(f"!DILexicalBlockFile(scope: !{self.number}, file: !{file}, discriminator: 0)")
            self._scopes[source_index] = scope
        number = self._info.add(f"!DILocation(line: {line_of(at)}, column: {column_of(at)}, scope: !{scope})")
        return f", !dbg !{number}"
