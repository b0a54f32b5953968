"""Pragmas: attributes are kept for what follows them, conditions choose tokens, messages are told; {info}, {text} and
{region} are left to editors.

Source: Beckhoff Information System, "Conditional pragmas", "Message pragmas" and "Attribute pragmas" (TwinCAT 3
PLC); IEC 61131-3:2013, 6.1.6 (table 4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dinrail.plc.parse.declaration import Pragma
from dinrail.plc.scan.tokens import Remark, Tokens
from dinrail.plc.source import Place, Report

_ATTRIBUTE: Final = re.compile(
    r"""\{\s*attribute\s+(?:'([^']*)'|([\w.\-]+))\s*(?::=\s*(?:'([^']*)'|"([^"]*)"|([^\s}]+)))?\s*;?\s*\}""",
    re.IGNORECASE | re.DOTALL,
)
_DIRECTIVE: Final = re.compile(r"\{\s*(IF|ELSIF|ELSE|END_IF|DEFINE|UNDEFINE)\b(.*)\}", re.IGNORECASE | re.DOTALL)
_DEFINE: Final = re.compile(r"\s*(\w+)(?:\s+(?:'([^']*)'|(\S+)))?\s*", re.DOTALL)
_MESSAGE: Final = re.compile(r"\{\s*(warning|error)\s+'([^']*)'\s*\}", re.IGNORECASE | re.DOTALL)
_WORDS: Final = re.compile(
    r"""\s*(?:(?P<sign>[()])|(?P<operator>(?i:AND|OR|NOT))\b
    |(?i:defined)\s*\(\s*(?P<name>\w+)\s*\)
    |(?i:hasconstantvalue|hasvalue)\s*\(\s*(?P<key>\w+)\s*,\s*(?:'(?P<quoted>[^']*)'|(?P<bare>[^\s),]+))\s*\)
    |(?P<other>\w+)\s*(?P<asked>\([^)]*\))?)""",
    re.VERBOSE,
)
_MAX_WORDS: Final = 100


class _BadConditionError(Exception):
    """A condition that cannot be decided; the text says why."""


@dataclass(slots=True)
class _Choice:
    """One {IF}: at: where it stands. active: its tokens count now. done: a branch was taken. outer: what is around."""

    at: Place
    active: bool
    done: bool
    outer: bool


class _Conditions:
    """Decides the conditional pragmas of one source in their order."""

    def __init__(self, defines: Mapping[str, str], report: Report) -> None:
        self.defines = {name.upper(): value for name, value in defines.items()}
        self.report = report
        self.stack: list[_Choice] = []

    @property
    def is_active(self) -> bool:
        return not self.stack or self.stack[-1].active

    def take(self, remark: Remark, word: str, rest: str) -> None:
        """One directive."""
        if word == "IF":
            outer = self.is_active
            holds = outer and self._holds(remark, rest)
            self.stack.append(_Choice(remark.at, holds, holds, outer))
        elif word in ("DEFINE", "UNDEFINE"):
            self._define(remark, word, rest)
        elif not self.stack:
            self.report.error(remark.at, "pragma", f"{{{word}}} without its {{IF}}")
        elif word == "END_IF":
            self.stack.pop()
        else:
            top = self.stack[-1]
            top.active = top.outer and not top.done and (word == "ELSE" or self._holds(remark, rest))
            top.done = top.done or top.active

    def _define(self, remark: Remark, word: str, rest: str) -> None:
        match = _DEFINE.fullmatch(rest)
        if not match:
            self.report.error(remark.at, "pragma", f"{{{word}}} needs a name", f"as in {{{word.lower()} SIMULATION}}")
        elif self.is_active and word == "DEFINE":
            self.defines[match[1].upper()] = match[2] or match[3] or ""
        elif self.is_active:
            self.defines.pop(match[1].upper(), None)

    def _holds(self, remark: Remark, text: str) -> bool:
        try:
            return _Condition(text, self.defines).value()
        except _BadConditionError as bad:
            self.report.error(remark.at, "pragma", str(bad), "defined (NAME) and hasvalue (NAME, 'x') can be asked")
            return False


class _Condition:
    """One condition: OR binds weaker than AND, and NOT binds strongest."""

    def __init__(self, text: str, defines: Mapping[str, str]) -> None:
        self.defines = defines
        self.words: list[re.Match[str]] = []
        at, text = 0, text.rstrip()
        while at < len(text):
            word = _WORDS.match(text, at)
            if not word or len(self.words) > _MAX_WORDS:
                raise _BadConditionError(f"the condition `{text.strip()[:60]}` cannot be read")
            self.words.append(word)
            at = word.end()
        self.at = 0

    def value(self) -> bool:
        holds = self._either()
        if self.at < len(self.words):
            raise _BadConditionError(f"`{self.words[self.at][0].strip()}` does not belong into this condition")
        return holds

    def _is(self, group: str, text: str) -> bool:
        found = self.at < len(self.words) and (self.words[self.at][group] or "").upper() == text
        self.at += found
        return found

    def _either(self) -> bool:
        holds = self._both()
        while self._is("operator", "OR"):
            holds = self._both() or holds
        return holds

    def _both(self) -> bool:
        holds = self._single()
        while self._is("operator", "AND"):
            holds = self._single() and holds
        return holds

    def _single(self) -> bool:
        inverted = False
        while self._is("operator", "NOT"):
            inverted = not inverted
        if self._is("sign", "("):
            holds = self._either()
            if not self._is("sign", ")"):
                raise _BadConditionError("this condition has more ( than )")
            return holds != inverted
        if self.at == len(self.words):
            raise _BadConditionError("this condition ends too early")
        word = self.words[self.at]
        self.at += 1
        if word["name"]:
            return (word["name"].upper() in self.defines) != inverted
        if word["key"]:
            return (self.defines.get(word["key"].upper()) == (word["quoted"] or word["bare"] or "")) != inverted
        raise _BadConditionError(f"`{word[0].strip()}` cannot be asked here")


def apply_pragmas(tokens: Tokens, report: Report, defines: Mapping[str, str]) -> dict[int, tuple[Pragma, ...]]:
    """Takes out the tokens whose condition does not hold; returns the attributes before each token that has some."""
    if not tokens.pragmas:
        return {}
    conditions = _Conditions(defines, report)
    attributes: dict[int, list[Pragma]] = {}
    kept: list[tuple[int, int]] = []
    start, removed = 0, 0
    for index, remark in tokens.pragmas:
        if directive := _DIRECTIVE.fullmatch(remark.text):
            if conditions.is_active:
                kept.append((start, index))
            else:
                removed += index - start
            start = index
            conditions.take(remark, directive[1].upper(), directive[2])
        elif (match := _ATTRIBUTE.fullmatch(remark.text)) and conditions.is_active:
            pragma = Pragma((match[1] or match[2] or "").strip(), match[3] or match[4] or match[5] or "")
            attributes.setdefault(index - removed, []).append(pragma)
        elif (match := _MESSAGE.fullmatch(remark.text)) and conditions.is_active:
            tell = report.warning if match[1].lower() == "warning" else report.error
            tell(remark.at, "message", match[2])
    for choice in conditions.stack:
        report.error(choice.at, "pragma", "this {IF} has no {END_IF}")
    kept.append((start, len(tokens.kinds)))
    if removed:
        _keep(tokens, kept)
    return {index: tuple(pragmas) for index, pragmas in attributes.items()}


def _keep(tokens: Tokens, kept: list[tuple[int, int]]) -> None:
    tokens.kinds[:] = [kind for first, last in kept for kind in tokens.kinds[first:last]]
    tokens.texts[:] = [text for first, last in kept for text in tokens.texts[first:last]]
    tokens.places[:] = [place for first, last in kept for place in tokens.places[first:last]]
