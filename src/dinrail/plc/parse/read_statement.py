"""Tokens to statements. A fault costs its own statement; what follows is read on.

Source: IEC 61131-3:2013, 7.3.3 (table 72); TwinCAT 3's JMP, `__TRY`, and assignments.
"""

from __future__ import annotations

from typing import Final

from dinrail.plc.parse.cursor import SOFT, SyntaxFault, TooDeepError
from dinrail.plc.parse.expression import Assigning, Assignment, Expr, Name
from dinrail.plc.parse.read_expression import ExpressionReader
from dinrail.plc.parse.statement import (
    Continue,
    Exit,
    ExprStmt,
    If,
    Jump,
    Label,
    Return,
    Stmt,
)
from dinrail.plc.scan.tokens import ADDRESS, END, LITERAL, NAME, TYPED_NAME
from dinrail.plc.source import Place, line_of

BLOCK_ENDS: Final = frozenset(("END_IF", "END_CASE", "END_FOR", "END_WHILE", "END_REPEAT", "__ENDTRY"))
_MIDDLES: Final = frozenset(("THEN", "ELSE", "ELSIF", "OF", "DO", "TO", "BY", "UNTIL", "__CATCH", "__FINALLY"))
MEMBER_STARTS: Final = frozenset(("METHOD", "PROPERTY", "ACTION"))
GLOBAL_STARTS: Final = frozenset(("VAR_GLOBAL", "VAR_CONFIG"))
UNIT_STARTS: Final = frozenset(("PROGRAM", "FUNCTION", "FUNCTION_BLOCK", "INTERFACE", "TYPE")) | GLOBAL_STARTS
VAR_STARTS: Final = frozenset(
    ("VAR", "VAR_INPUT", "VAR_OUTPUT", "VAR_IN_OUT", "VAR_TEMP", "VAR_STAT", "VAR_INST", "VAR_EXTERNAL")
)
UNIT_ENDS: Final = frozenset(
    f"END_{name}" for name in (*UNIT_STARTS - GLOBAL_STARTS, *MEMBER_STARTS, "GET", "SET", "VAR", "STRUCT", "UNION")
)
OUTSIDE: Final = frozenset((END, *MEMBER_STARTS, *UNIT_STARTS, *VAR_STARTS, *UNIT_ENDS))
"""What no statement can begin with, and no statement's end is looked for behind."""
_CLOSERS: Final = OUTSIDE | BLOCK_ENDS | _MIDDLES
_STARTERS: Final = frozenset(("IF", "CASE", "FOR", "WHILE", "REPEAT", "EXIT", "CONTINUE", "RETURN", "__TRY"))
_LABEL_STARTS: Final = frozenset((LITERAL, TYPED_NAME, "-", "+", NAME))
_LABEL_ENDS: Final = frozenset((";", ":=", "(", END)) | _CLOSERS | _STARTERS
_IS_LABEL: Final = frozenset((":", ",", ".."))
_NO_LABEL: Final = frozenset((":=", "("))
_SIMPLE: Final = frozenset((NAME, "THIS", "SUPER"))
_WRONG_ENDS: Final = {name.replace("_", ""): name for name in BLOCK_ENDS} | {
    "ELSEIF": "ELSIF",
    "ELIF": "ELSIF",
    "END_UNTIL": "END_REPEAT",
    "BREAK": "EXIT",
}


class StatementReader(ExpressionReader):
    """Reads statements. open: what each open block waits for, the innermost last; opened: its keyword and place."""

    __slots__ = ("open", "opened")

    open: list[frozenset[str]]
    opened: list[tuple[str, Place]]

    def statements(self, *, has_labels: bool = False) -> list[Stmt]:
        """Statements up to a keyword that ends a block, or (has_labels) the next label of a CASE."""
        out: list[Stmt] = []
        kinds = self.kinds
        while True:
            start = self.at
            kind = kinds[start]
            try:
                if has_labels and kind in _LABEL_STARTS and self._is_label(start):
                    return out
                if kind in _SIMPLE:
                    self._simple(start, out)
                elif kind == ";":
                    self.at = start + 1
                elif kind not in _CLOSERS:
                    self._other(kind, out)
                elif self._ends_here(kind):
                    return out
            except TooDeepError:
                raise
            except SyntaxFault as fault:
                self.tell(fault)
                self.depth = len(self.open)
                self.skip_statement(start)

    def _simple(self, start: int, out: list[Stmt]) -> None:
        """An assignment or a call; what begins with a name."""
        kinds = self.kinds
        node = self.operand()
        at = self.at
        if kinds[at] == ":=":
            self.at = at + 1
            value = self.whole_expression()
            if kinds[self.at] != ";":
                value = self.assigned(value)
            node = Assignment(self.places[at], node, Assigning.VALUE, value)
        elif kinds[at] != ";" or node.__class__ is Name:
            self._other_simple(node, start, out)
            return
        out.append(ExprStmt(self.places[start], node))
        if kinds[self.at] == ";":
            self.at += 1
        else:
            self.missing_semicolon()

    def _other_simple(self, node: Expr, start: int, out: list[Stmt]) -> None:
        """What begins with a name and is neither a call nor a plain assignment."""
        kind, place = self.kinds[self.at], self.places[start]
        word = node.text.upper() if isinstance(node, Name) else ""
        if word and kind == ":":
            self.at += 1
            out.append(Label(place, self.texts[start]))
            return
        if word == "JMP" and kind == NAME:
            self.at += 1
            out.append(Jump(place, self.texts[self.at - 1]))
            self.end_statement()
            return
        if self._is_misspelt(word, start):
            return
        stated = self.assigned(node)
        if stated is node and kind == "=":
            self.report.error(self.places[self.at], "syntax", "`=` compares and changes nothing", "write := to assign")
            at = self.at
            self.at += 1
            stated = Assignment(self.places[at], node, Assigning.VALUE, self.whole_expression())
        out.append(ExprStmt(place, stated))
        self.end_statement()

    def _is_misspelt(self, word: str, start: int) -> bool:
        """Whether a keyword was meant (`ENDIF`, `ELSEIF`, `END IF`): then it stands there now, and is reported."""
        following = self.kinds[start + 1]
        meant = _WRONG_ENDS.get(word, "")
        if word == "END" and f"END_{following}" in BLOCK_ENDS:
            meant = f"END_{following}"
            self.kinds[start + 1] = ";"
        elif following in (":=", "=", ",") or not meant:
            return False
        written = f"END {following}" if word == "END" else word
        self.report.error(self.places[start], "syntax", f"`{written}` is no keyword", f"write {meant}")
        self.kinds[start] = meant
        self.at = start
        return True

    def _return_if(self, place: Place) -> Stmt:
        """`RETURN(condition)`: TwinCAT leaves where the condition holds. Stands at the bracket."""
        return If(place, [(self.whole_expression(), [Return(place)])], [])

    def _other(self, kind: str, out: list[Stmt]) -> None:
        """A statement that begins with a keyword, or no statement at all."""
        at, place = self.at, self.places[self.at]
        if kind in ("EXIT", "CONTINUE", "RETURN"):
            self.at += 1
            if kind == "RETURN" and self.kinds[self.at] == "(":
                out.append(self._return_if(place))
                self.end_statement()
                return
            if kind == "RETURN" and self.kinds[self.at] not in (";", END) and not self.starts_line(self.at):
                hint = "assign the result to the function's own name, then RETURN;"
                raise SyntaxFault(self.places[self.at], "RETURN takes no value", hint)
            out.append(Exit(place) if kind == "EXIT" else Continue(place) if kind == "CONTINUE" else Return(place))
            self.end_statement()
        elif kind in _STARTERS:
            if self.kinds[at + 1] == ":=":
                raise self.no_name()
            if (block := self.block(kind)) is not None:
                out.append(block)
        elif kind in (LITERAL, TYPED_NAME, ADDRESS, "(", "."):
            node = self.operand()
            if kind in (ADDRESS, ".") or self.kinds[self.at] == ":=":
                out.append(ExprStmt(place, self.assigned(node)))
                self.end_statement()
            else:
                self.at = at
                raise self.fault(f"a statement does not begin with {self.describe(at)}")
        elif kind in SOFT:
            self.kinds[at] = NAME
        else:
            raise self.unexpected()

    def block(self, kind: str) -> Stmt | None:
        """A statement with statements inside. None: its head was wrong, and told."""
        raise NotImplementedError

    def end_statement(self) -> None:
        """The semicolon."""
        if self.kinds[self.at] == ";":
            self.at += 1
        else:
            self.missing_semicolon()

    def missing_semicolon(self) -> None:
        """Tells that it is missing if the next token begins something new; raises SyntaxFault if it goes on oddly."""
        kind = self.kinds[self.at]
        if self.starts_line(self.at) or kind in _CLOSERS or kind in _STARTERS:
            if kind != END or not self.tokens.is_cut:
                self.report.error(self.behind_previous(), "syntax", "`;` is missing at the end of this statement")
            return
        hint = ""
        if kind == "=>":
            hint = "an output is taken inside a call's brackets"
        elif kind in (NAME, LITERAL, "("):
            hint = "an operator, or the `;` of the statement before it, is missing"
        raise self.unexpected(hint=hint)

    def skip_statement(self, start: int) -> None:
        """Goes on behind the next semicolon, or before what surely begins or ends something; never stays at `start`."""
        kinds = self.kinds
        while True:
            kind = kinds[self.at]
            if kind == ";":
                self.at += 1
                return
            if kind in _CLOSERS and kind not in MEMBER_STARTS and kind not in _MIDDLES and kind != "VAR":
                return
            if self.at > start and self.starts_line(self.at) and (kind in _CLOSERS or self._begins(self.at)):
                return
            self.at += 1

    def _begins(self, at: int) -> bool:
        kind, following = self.kinds[at], self.kinds[at + 1]
        return kind in _STARTERS or (kind == NAME and following in (":=", "(", "."))

    def _ends_here(self, kind: str) -> bool:
        """Whether this keyword ends the innermost block or one around it; if none, it is told and skipped."""
        if kind in MEMBER_STARTS and self.kinds[self.at + 1] != NAME:
            self.kinds[self.at] = NAME
            return False
        if kind in OUTSIDE or any(kind in wanted for wanted in self.open):
            return True
        here = self.describe(self.at)
        if kind in BLOCK_ENDS and self.opened and self.opened[-1][0] != "REPEAT":
            opener, place = self.opened[-1]
            wanted = next(name for name in self.open[-1] if name in BLOCK_ENDS)
            text = f"{here} does not end the {opener} of line {line_of(place)}"
            self.report.error(self.places[self.at], "syntax", text, f"write {wanted}")
            self.kinds[self.at] = wanted
            return True
        text = f"{here} without its {_OPENERS.get(kind, 'beginning')}"
        self.report.error(self.places[self.at], "syntax", text)
        self.at += 1
        if kind in BLOCK_ENDS or kind == "ELSE":
            self.accept(";")
        else:
            self.skip_statement(self.at - 1)
        return False

    def _is_label(self, at: int) -> bool:
        """Whether a label of a CASE stands here: something without `;`, `:=` and calls, then `:`."""
        kinds = self.kinds
        if kinds[at] == NAME:
            following = kinds[at + 1]
            if following in _NO_LABEL:
                return False
            if following in _IS_LABEL:
                return True
        depth = 0
        while kinds[at] not in _LABEL_ENDS:
            kind = kinds[at]
            if kind in _IS_LABEL and depth == 0:
                return True
            # A comma between the indices of an assignment's target separates no labels.
            depth += (kind == "[") - (kind == "]")
            at += 1
        return False


_OPENERS: Final = {
    "END_IF": "IF",
    "ELSE": "IF",
    "ELSIF": "IF",
    "THEN": "IF",
    "END_CASE": "CASE",
    "END_FOR": "FOR",
    "END_WHILE": "WHILE",
    "END_REPEAT": "REPEAT",
    "UNTIL": "REPEAT",
    "__CATCH": "__TRY",
    "__FINALLY": "__TRY",
    "__ENDTRY": "__TRY",
}
