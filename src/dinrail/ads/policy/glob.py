"""Symbol patterns: `*` for any text, `?` for one character, everything else for itself (`[` too: arrays have it).

Not fnmatch: there `MAIN.a[1]` would mean `MAIN.a1`. Not one regular expression: the names come from outside, and
`*a*a*b` would backtrack over them; the parts between stars are sought one after the other instead, which is linear.
"""

from __future__ import annotations

import re

INSIDE_MARKS = ".[^"
"""What stands between a symbol's name and that of something within it: member, element, what it points to."""


def fold(name: str) -> str:
    """The form in which names are compared. Wider than PLC names need, so that no other folding gets past a rule.

    By way of upper case: `ſ` and `ı` become the letters that a symbol table in capitals takes them for.
    """
    return name.upper().casefold()


class _Part:
    """Text between two stars."""

    __slots__ = ("_pattern", "size", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.size = len(text)
        # Single characters only: no repetition, so nothing to backtrack.
        escaped = "".join("." if char == "?" else re.escape(char) for char in text)
        self._pattern = re.compile(escaped, re.DOTALL) if "?" in text else None

    def stands_at(self, name: str, at: int) -> bool:
        return name.startswith(self.text, at) if self._pattern is None else self._pattern.match(name, at) is not None

    def find(self, name: str, start: int) -> int:
        """Where it first stands from `start` on, -1 for nowhere."""
        if self._pattern is None:
            return name.find(self.text, start)
        found = self._pattern.search(name, start)
        return found.start() if found else -1


class Glob:
    """One pattern, ready to be asked. Names are given folded (`fold`)."""

    __slots__ = ("_any", "_head", "_middle", "_stars", "_steps", "_tail", "_tokens", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        parts = [_Part(part) for part in fold(text).split("*")]
        self._head = parts[0]
        self._middle = tuple(part for part in parts[1:-1] if part.text)
        self._tail = parts[-1] if len(parts) > 1 else None
        self._tokens, self._stars = _machine(fold(text))
        self._any = sum(1 << i for i, fitting in enumerate(self._tokens) if fitting == "?")
        self._steps = {
            char: sum(1 << i for i, fitting in enumerate(self._tokens) if fitting in (char, "?"))
            for char in set(self._tokens)
        }

    def matches(self, name: str) -> bool:
        """Whether the whole name fits."""
        if self._tail is None:
            return len(name) == self._head.size and self._head.stands_at(name, 0)
        end = len(name) - self._tail.size
        at = self._head.size
        if at > end or not self._head.stands_at(name, 0) or not self._tail.stands_at(name, end):
            return False
        for part in self._middle:
            # The leftmost place is always the right one: it leaves most for the rest.
            found = part.find(name, at)
            if found < 0 or found + part.size > end:
                return False
            at = found + part.size
        return True

    def may_match_inside(self, name: str) -> bool:
        """Whether it fits any name that something within the symbol of this name could have.

        `MAIN.axis.pos` does for `MAIN` and `MAIN.axis`; `*.pos` does for every name.
        """
        states = 1
        for char in name:
            states = self._step(states, char)
            if not states:
                return False
        # Whatever state is still alive reaches the end with a fitting rest.
        return any(self._step(states, mark) for mark in INSIDE_MARKS)

    def _step(self, states: int, char: str) -> int:
        """The machine's states (bit i: i tokens are used up) after one more character."""
        fits = self._steps.get(char, self._any)
        return ((states & fits) << 1) | (states & self._stars)


def _machine(text: str) -> tuple[str, int]:
    """The pattern without its stars, and the stars as bits: bit i for one before token i."""
    tokens = ""
    stars = 0
    for char in text:
        if char == "*":
            stars |= 1 << len(tokens)
        else:
            tokens += char
    return tokens, stars
