"""Statements with statements inside: IF, CASE, FOR, WHILE, REPEAT, __TRY."""

from __future__ import annotations

from typing import Final

from dinrail.plc.parse.cursor import SyntaxFault, TooDeepError
from dinrail.plc.parse.expression import Expr
from dinrail.plc.parse.read_statement import BLOCK_ENDS, OUTSIDE, StatementReader
from dinrail.plc.parse.statement import Case, CaseBranch, For, If, Range, Repeat, Stmt, Try, While
from dinrail.plc.scan.tokens import END, LITERAL, NAME, TYPED_NAME
from dinrail.plc.source import Place, line_of

_ENDS: Final = {"IF": "END_IF", "CASE": "END_CASE", "FOR": "END_FOR", "WHILE": "END_WHILE", "REPEAT": "END_REPEAT"}
_IF: Final = frozenset(("ELSIF", "ELSE", "END_IF"))
_CASE: Final = frozenset(("ELSE", "END_CASE"))
_REPEAT: Final = frozenset(("UNTIL", "END_REPEAT"))
_TRY: Final = frozenset(("__CATCH", "__FINALLY", "__ENDTRY"))
_STARTS: Final = frozenset(("IF", "CASE", "FOR", "WHILE", "REPEAT", "EXIT", "RETURN", "CONTINUE"))


class BlockReader(StatementReader):
    """Reads statements that hold others."""

    __slots__ = ()

    def block(self, kind: str) -> Stmt | None:
        place = self.places[self.at]
        self.deeper()
        self.at += 1
        match kind:
            case "IF":
                made = self._if(place)
            case "CASE":
                made = self._case(place)
            case "FOR":
                made = self._for(place)
            case "WHILE":
                made = self._while(place)
            case "REPEAT":
                made = self._repeat(place)
            case _:
                made = self._try(place)
        self.depth -= 1
        return made

    def inner(self, keyword: str, place: Place, wanted: frozenset[str], *, has_labels: bool = False) -> list[Stmt]:
        """The statements of a block that waits for `wanted`."""
        self.open.append(wanted)
        self.opened.append((keyword, place))
        out = self.statements(has_labels=has_labels)
        self.open.pop()
        self.opened.pop()
        return out

    def close(self, keyword: str, place: Place, end: str, hint: str = "") -> None:
        """Steps over the keyword that ends a block and its semicolon, or tells that it is missing."""
        if self.kinds[self.at] == end:
            self.at += 1
            if self.kinds[self.at] == ";":
                self.at += 1
        elif self.kinds[self.at] != END or not self.tokens.is_cut:
            text = f"{end} is missing before {self.describe(self.at)}: the {keyword} of line {line_of(place)} is open"
            self.report.error(self.places[self.at], "syntax", text, hint)

    def _head(self, keyword: str, closing: str) -> Expr | None:
        """An expression and the keyword behind it. None: it was wrong, and told."""
        start = self.at
        try:
            node = self.whole_expression()
            if self.kinds[self.at] == ":=":
                raise self.fault("`:=` assigns, and a value is wanted here", "write = to compare")
            if self.kinds[self.at] == closing:
                self.at += 1
                return node
            if not (self.starts_line(self.at) or self.kinds[self.at] in (";", END)):
                raise self.unexpected(f"{closing} or an operator")
            text = f"{closing} is missing at the end of this {keyword}"
            self.report.error(self.behind_previous(), "syntax", text)
            self.accept(";")
        except TooDeepError:
            raise
        except SyntaxFault as fault:
            self.tell(fault)
            self.depth = len(self.open) + 1
            self._skip_head(closing, start)
            return None
        return node

    def _skip_head(self, closing: str, start: int) -> None:
        """To behind the keyword that ends the head, if it comes before anything else that begins or ends."""
        while True:
            kind = self.kinds[self.at]
            if kind in (closing, ";"):
                self.at += 1
                return
            if kind in BLOCK_ENDS or kind in OUTSIDE:
                return
            if self.at > start and self.starts_line(self.at) and (kind in _STARTS or self.kinds[self.at + 1] == ":="):
                return
            self.at += 1

    def _if(self, place: Place) -> Stmt | None:
        branches: list[tuple[Expr, list[Stmt]]] = []
        condition = self._head("IF", "THEN")
        is_whole = True
        while True:
            body = self.inner("IF", place, _IF)
            if condition is not None:
                branches.append((condition, body))
            else:
                is_whole = False
            if not self.accept("ELSIF"):
                break
            condition = self._head("ELSIF", "THEN")
        otherwise: list[Stmt] = []
        hint = ""
        if self.accept("ELSE"):
            if self.kinds[self.at] == "IF" and not self.starts_line(self.at):
                hint = "ELSE IF opens a second IF with an END_IF of its own; ELSIF does not"
            otherwise = self.inner("IF", place, frozenset(("END_IF",)))
            while self.kinds[self.at] in ("ELSE", "ELSIF") and not self._is_wanted():
                self._late_branch(place)
        self.close("IF", place, "END_IF", hint)
        return If(place, branches, otherwise) if is_whole else None

    def _is_wanted(self) -> bool:
        return any(self.kinds[self.at] in wanted for wanted in self.open)

    def _late_branch(self, place: Place) -> None:
        text = f"{self.describe(self.at)} stands behind the ELSE of the IF of line {line_of(place)}"
        self.report.error(self.places[self.at], "syntax", text, "ELSE comes last, and once")
        self.at += 1
        if self.kinds[self.at - 1] == "ELSIF":
            self._head("ELSIF", "THEN")
        self.inner("IF", place, _IF)

    def _case(self, place: Place) -> Stmt | None:
        selector = self._head("CASE", "OF")
        branches: list[CaseBranch] = []
        otherwise: list[Stmt] = []
        while self.kinds[self.at] not in _CASE and not self._is_outside_case():
            start = self.at
            try:
                branches.append(self._branch(place))
            except TooDeepError:
                raise
            except SyntaxFault as fault:
                self.tell(fault)
                self.depth = len(self.open) + 1
                self.skip_statement(start)
                self.inner("CASE", place, _CASE, has_labels=True)
        has_else = self.accept("ELSE")
        if has_else:
            otherwise = self.inner("CASE", place, frozenset(("END_CASE",)))
        self.close("CASE", place, "END_CASE")
        return None if selector is None else Case(place, selector, branches, otherwise, has_else)

    def _is_outside_case(self) -> bool:
        kind = self.kinds[self.at]
        return kind in OUTSIDE or (kind in BLOCK_ENDS) or any(kind in wanted for wanted in self.open)

    def _branch(self, place: Place) -> CaseBranch:
        at = self.places[self.at]
        if self.kinds[self.at] not in (LITERAL, TYPED_NAME, NAME, "-", "+", "("):
            raise self.unexpected("a label of the CASE")
        labels = [self._label()]
        while self.accept(","):
            labels.append(self._label())
        if self.kinds[self.at] != ":":
            hint = (
                "a label ends with `:`" if self.kinds[self.at] != ":=" else "statements of a CASE stand behind a label"
            )
            raise self.unexpected("`:`", hint)
        self.at += 1
        return CaseBranch(at, labels, self.inner("CASE", place, _CASE, has_labels=True))

    def _label(self) -> Expr | Range:
        low = self.whole_expression()
        at = self.at
        if not self.accept(".."):
            return low
        return Range(self.places[at], low, self.whole_expression())

    def _for(self, place: Place) -> Stmt | None:
        start, step = self.at, None
        head: tuple[Expr, Expr] | None = None
        try:
            variable = self.operand()
            if self.kinds[self.at] == "=":
                raise self.fault("`=` compares, and FOR assigns", "write := behind the variable of a FOR")
            self.expect(":=")
            first = self.whole_expression()
            if self.kinds[self.at] != "TO":
                raise self.unexpected("TO")
            self.at += 1
            head = (variable, first)
        except TooDeepError:
            raise
        except SyntaxFault as fault:
            self.tell(fault)
            self.depth = len(self.open) + 1
            self._skip_head("DO", start)
        end = self._for_end() if head else None
        if head and end and self.kinds[self.at - 1] == "BY":
            step = self._head("FOR", "DO")
            end = end if step else None
        body = self.inner("FOR", place, frozenset(("END_FOR",)))
        self.close("FOR", place, "END_FOR")
        return For(place, head[0], head[1], end, step, body) if head and end else None

    def _for_end(self) -> Expr | None:
        """The last value, and DO or BY behind it."""
        at = self.at
        while self.kinds[at] not in ("BY", "DO", ";", END) and not (at > self.at and self.kinds[at] in OUTSIDE):
            at += 1
        return self._head("FOR", "BY" if self.kinds[at] == "BY" else "DO")

    def _while(self, place: Place) -> Stmt | None:
        condition = self._head("WHILE", "DO")
        body = self.inner("WHILE", place, frozenset(("END_WHILE",)))
        self.close("WHILE", place, "END_WHILE")
        return None if condition is None else While(place, condition, body)

    def _repeat(self, place: Place) -> Stmt | None:
        body = self.inner("REPEAT", place, _REPEAT)
        if self.kinds[self.at] != "UNTIL":
            text = f"UNTIL is missing before {self.describe(self.at)}: the REPEAT of line {line_of(place)} is open"
            self.report.error(self.places[self.at], "syntax", text)
            if self.accept("END_REPEAT"):
                self.accept(";")
            return None
        self.at += 1
        until = self.whole_expression()
        self.accept(";")
        self.close("REPEAT", place, "END_REPEAT")
        return Repeat(place, body, until)

    def _try(self, place: Place) -> Stmt | None:
        body = self.inner("__TRY", place, _TRY)
        code: Expr | None = None
        catch: list[Stmt] = []
        finally_: list[Stmt] = []
        if self.accept("__CATCH"):
            if self.accept("("):
                code = None if self.kinds[self.at] == ")" else self.operand()
                self.expect(")")
            catch = self.inner("__TRY", place, _TRY - {"__CATCH"})
        if self.accept("__FINALLY"):
            finally_ = self.inner("__TRY", place, frozenset(("__ENDTRY",)))
        self.close("__TRY", place, "__ENDTRY")
        return Try(place, body, code, catch, finally_)
