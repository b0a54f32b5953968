"""Where the parser stands in the tokens, and how it complains."""

from __future__ import annotations

from typing import Final

from dinrail.plc.parse.declaration import Pragma
from dinrail.plc.scan.tokens import ADDRESS, END, FAULTY, LITERAL, NAME, TYPED_NAME, Tokens
from dinrail.plc.source import Place, Report, line_of

MAX_NESTING: Final = 64
"""Brackets, calls, signs and blocks inside each other. More is no program, and would exhaust the recursion."""
MAX_HEIGHT: Final = 200
"""Operators behind each other in one expression: bounds the depth of the tree that all later passes walk."""

SOFT: Final = frozenset(("METHOD", "PROPERTY", "ACTION", "INTERFACE", "TYPE", "PROGRAM", "UNION", "STRUCT"))
"""Keywords that are taken for names where only a name can stand."""


class SyntaxFault(Exception):
    """One fault in the text. Whoever can go on behind it catches it and reports it."""

    def __init__(self, at: Place, text: str, hint: str = "", *, is_told: bool = False) -> None:
        super().__init__(text)
        self.at = at
        self.text = text
        self.hint = hint
        self.is_told = is_told


class TooDeepError(SyntaxFault):
    """Nested too deep: everything up to the next declaration is given up."""


class Cursor:
    """Tokens, a position in them, and where messages go.

    attributes: of the token that they stand before, by its index.
    """

    __slots__ = ("at", "attributes", "depth", "kinds", "places", "report", "texts", "tokens")

    def __init__(self, tokens: Tokens, report: Report, attributes: dict[int, tuple[Pragma, ...]]) -> None:
        self.tokens = tokens
        self.kinds = tokens.kinds
        self.texts = tokens.texts
        self.places = tokens.places
        self.attributes = attributes
        self.report = report
        self.at = 0
        self.depth = 0

    def fault(self, text: str, hint: str = "") -> SyntaxFault:
        """A fault at the current token; none is told where a scanner's message stands already."""
        is_told = self.kinds[self.at] == FAULTY or (self.kinds[self.at] == END and self.tokens.is_cut)
        return SyntaxFault(self.places[self.at], text, hint, is_told=is_told)

    def unexpected(self, wanted: str = "", hint: str = "") -> SyntaxFault:
        """The current token, where `wanted` should stand."""
        here = self.describe(self.at)
        return self.fault(f"{wanted} is missing before {here}" if wanted else f"{here} does not belong here", hint)

    def tell(self, fault: SyntaxFault) -> None:
        if not fault.is_told:
            self.report.error(fault.at, "syntax", fault.text, fault.hint)

    def describe(self, at: int) -> str:
        """A token as a message names it."""
        kind, text = self.kinds[at], self.texts[at]
        if kind == END:
            return "the end of the text"
        if kind == LITERAL and text[0] in "'\"":
            return "a string"
        return f"`{text if len(text) <= 40 else text[:37] + '...'}`"

    def expect(self, kind: str, hint: str = "") -> None:
        """Steps over a token of that kind. Raises SyntaxFault where another stands."""
        if self.kinds[self.at] != kind:
            raise self.unexpected(f"`{kind}`", hint)
        self.at += 1

    def accept(self, kind: str) -> bool:
        """Steps over a token of that kind, if one stands here."""
        if self.kinds[self.at] == kind:
            self.at += 1
            return True
        return False

    def word(self) -> str:
        """The current token in upper case if it is a name, else empty."""
        return self.texts[self.at].upper() if self.kinds[self.at] == NAME else ""

    def name(self, what: str = "a name") -> tuple[Place, str]:
        """Steps over a name. Raises SyntaxFault where none stands."""
        at = self.at
        kind = self.kinds[at]
        if kind != NAME and kind not in SOFT:
            if self.is_word(at) and not self.starts_line(at + 1) and not kind.startswith("END_"):
                raise self.no_name()
            raise self.unexpected(what)
        self.at = at + 1
        return self.places[at], self.texts[at]

    def no_name(self) -> SyntaxFault:
        """The current token is a keyword in place of a name."""
        return self.fault(f"{self.describe(self.at)} is a keyword, and no name", "choose another name")

    def is_word(self, at: int) -> bool:
        """Whether a token is spelled in letters: a name or keyword."""
        text = self.texts[at]
        return self.kinds[at] not in (LITERAL, TYPED_NAME, ADDRESS) and (text[:1].isalpha() or text[:1] == "_")

    def starts_line(self, at: int) -> bool:
        return at == 0 or line_of(self.places[at]) != line_of(self.places[at - 1])

    def behind_previous(self) -> Place:
        """The place right behind the token before the current one."""
        at = max(self.at - 1, 0)
        return Place(self.places[at] + len(self.texts[at]))

    def deeper(self) -> None:
        """Counts one level of nesting. Raises TooDeepError; who catches it sets `depth` back."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            text = f"this is nested more than {MAX_NESTING} deep"
            raise TooDeepError(self.places[self.at], text, "split it, with a variable or a function for the inner part")
