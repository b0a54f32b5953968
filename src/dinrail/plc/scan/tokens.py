"""Text to tokens, in a few passes over whole lists: no object is made for a token.

One regular expression cuts the text into parts without a gap (blanks and comments are parts too), so that the parts'
lengths add up to their offsets. What a part is, a table says that learns each spelling once. Kinds are plain words:
an operator is its own kind, a keyword its upper-case text, the rest `name`, `literal`, `typed name`, `address`, `end`.

Source: IEC 61131-3:2013, 6.1 (tables 1 to 4: characters, identifiers, comments, pragmas) and 6.3 (literals).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, chain, compress, pairwise, repeat
from operator import add
from typing import Final, NamedTuple, cast

from dinrail.plc.scan.comments import flatten_comments
from dinrail.plc.source import MAX_COLUMN, Place, Report, Source, line_of, place

NAME: Final = "name"
LITERAL: Final = "literal"
TYPED_NAME: Final = "typed name"  # E_Color#Red
ADDRESS: Final = "address"  # %IX0.1
END: Final = "end"
FAULTY: Final = "faulty"  # told already
_BLANK: Final = ""
_REMARK: Final = None  # comments and pragmas: kept, but no tokens

KEYWORDS: Final = frozenset(
    re.findall(
        r"\w+",
        """IF THEN ELSIF ELSE END_IF CASE OF END_CASE FOR TO BY DO END_FOR WHILE END_WHILE REPEAT UNTIL END_REPEAT EXIT
        CONTINUE RETURN AND OR XOR NOT MOD AND_THEN OR_ELSE THIS SUPER __TRY __CATCH __FINALLY __ENDTRY VAR VAR_INPUT
        VAR_OUTPUT VAR_IN_OUT VAR_TEMP VAR_STAT VAR_INST VAR_GLOBAL VAR_EXTERNAL VAR_ACCESS VAR_CONFIG END_VAR PROGRAM
        END_PROGRAM FUNCTION END_FUNCTION FUNCTION_BLOCK END_FUNCTION_BLOCK METHOD END_METHOD PROPERTY END_PROPERTY
        END_GET END_SET ACTION END_ACTION INTERFACE END_INTERFACE TYPE END_TYPE STRUCT END_STRUCT UNION END_UNION""",
    )
)
"""Words that are never names. All others (SET, TEST, AT, GET, ...) are keywords only where one is expected."""
SPELLINGS: Final = {"FUNCTIONBLOCK": "FUNCTION_BLOCK", "END_FUNCTIONBLOCK": "END_FUNCTION_BLOCK"}
"""What old exports write, and what they mean."""
_OTHER_LANGUAGES: Final = {
    "==": ("=", "`=` compares, and `:=` assigns"),
    "!=": ("<>", "write <>"),
    "&&": ("AND", "write AND"),
    "||": ("OR", "write OR"),
    "!": ("NOT", "write NOT"),
    "%": ("MOD", "the remainder is MOD"),
}
_LETTERS: Final = "names are made of A to Z, digits and _"
_QUOTES: Final = {"'": "a quote inside a string is written $'", '"': 'a quote inside a string is written $"'}
_HINTS: Final = {
    "\xa0": "a no-break space, as text processors write it: replace it by a plain one",
    "{": "a pragma is closed by }",
    "\u2018": "strings stand in plain quotes: '...'",
    "\u2019": "strings stand in plain quotes: '...'",
    "\u201c": "strings stand in plain quotes: '...'",
    "\u201d": "strings stand in plain quotes: '...'",
    "#": "a literal's type stands before the #, as in INT#5, and its value right behind",
}
_COMMENT_MARKS: Final = frozenset(("(*", "*)", "/*"))

_PARTS: Final = re.compile(
    r"""[ \t\r\n\f\v\ufeff]+
    |[A-Za-z_]\w*(?:\#(?:
        (?i:(?<=\bD\#)|(?<=\bLD\#)|(?<=DT\#)|(?<=DATE\#)|(?<=TIME\#)|(?<=TOD\#)|(?<=DAY\#))
            [0-9]+(?:[-:][0-9]+)+(?:\.[0-9]+)?
        |[+-]?[0-9][0-9_]*\#\w*
        |[+-]?[0-9]\w*(?:\.[0-9]\w*)*(?:(?<=[0-9][eE])[+-][0-9]+)?
        |[+-]?\w+|'(?:[^'$\r\n]|\$[^\r\n])*'|"(?:[^"$\r\n]|\$[^\r\n])*")?)?
    |:=|[;.](?!\.)|[,()\[\]^](?!\*)
    |[0-9][0-9_]*(?:\#\w*|(?:\.[0-9][0-9_]*)?(?:[eE][+-]?[0-9]+)?\w*)
    |//[^\n]*
    |\(\*(?:[^*(]++|\*(?!\))|\((?!\*))*+\*\)
    |'(?:[^'$\r\n]|\$[^\r\n])*'?|"(?:[^"$\r\n]|\$[^\r\n])*"?
    |\{(?:[^{}'"]|'[^'\n]*'|"[^"\n]*")*+\}|\{[^{}]*+\}
    |\.\.|<=|>=|<>|=>|\*\*|==|!=|&&|\|\||\(\*|\*\)|/\*|[-+*/=<>:&(]
    |%[IQMXBWDLiqmxbwdl][XBWDLxbwdl]?(?:\*|[0-9]+(?:\.[0-9]+)*)
    |[^\W\d]\w*
    |.""",
    re.DOTALL | re.VERBOSE,
)
_STRING: Final = re.compile(r"""'(?:[^'$]|\$.)*'|"(?:[^"$]|\$.)*\"""")
_PLAIN: Final = frozenset(re.findall(r"\S+", ":= ; . , ( ) [ ] ^ + - * / = < > <= >= <> => .. ** :"))
_LOOK_AHEAD: Final = 3
_LEARN_CHARACTERS: Final = 48
_LEARN_SPELLINGS: Final = 100_000


class _Kinds(dict[str, str | None]):
    """Spelling to kind. Learns what is likely to come again, up to a bound."""

    def __missing__(self, text: str) -> str | None:
        kind = _kind_of(text)
        if len(text) <= _LEARN_CHARACTERS and len(self) < _LEARN_SPELLINGS and kind is not _REMARK:
            self[text] = kind
        return kind


def _kind_of(text: str) -> str | None:
    first = text[0]
    if first.isspace() or first == "\ufeff":
        return FAULTY if first > "\x7f" and first != "\ufeff" else _BLANK
    if first.isdecimal():
        return LITERAL
    if (len(text) > 2 and text.startswith(("//", "(*", "{"))) or text in ("//", "{}"):
        return _REMARK
    if first in "'\"":
        return LITERAL if _STRING.fullmatch(text) else FAULTY
    if first == "%" and len(text) > 1:
        return ADDRESS
    return _kind_of_word(text) if first == "_" or first.isalpha() else _kind_of_sign(text)


def _kind_of_word(text: str) -> str:
    if not text.isascii() and "'" not in text and '"' not in text:
        return FAULTY
    prefix, mark, rest = text.partition("#")
    if mark:
        starts_name = rest[:1].isalpha() or rest[:1] == "_"
        is_known = prefix.upper() in ("BOOL", "T", "TIME", "LT", "LTIME")
        return TYPED_NAME if starts_name and not is_known else LITERAL
    word = text.upper()
    if word in KEYWORDS:
        return word
    return SPELLINGS.get(word) or (LITERAL if word in ("TRUE", "FALSE") else NAME)


def _kind_of_sign(text: str) -> str:
    if text in _PLAIN:
        return text
    return "AND" if text == "&" else FAULTY


_KINDS: Final = _Kinds()
_kind: Final[Callable[[str], str | None]] = _KINDS.__getitem__


class Remark(NamedTuple):
    """A comment or pragma with its marks. end_line: the line that it ends in."""

    at: Place
    end_line: int
    text: str


@dataclass(slots=True)
class Tokens:
    """The tokens of one source, as parallel lists; the last three are `end`, so that looking ahead needs no bounds.

    remarks: comments and pragmas in their order. pragmas: each again, with the index of the token that it precedes.
    is_cut:   the end is missing, as a comment that is never closed swallowed it.
    """

    kinds: list[str]
    texts: list[str]
    places: list[Place]
    remarks: list[Remark]
    pragmas: list[tuple[int, Remark]]
    is_cut: bool = False


def scan(source: Source, report: Report) -> Tokens:
    """All tokens of a text. What is no token is reported, and left out or taken for what was meant."""
    text = source.text
    parts = _PARTS.findall(text)
    kinds = list(map(_kind, parts))
    finder = _Places(source)
    is_cut = False
    if FAULTY in kinds and not _COMMENT_MARKS.isdisjoint(parts):
        text, is_cut = flatten_comments(text, finder.at, report)
        parts = _PARTS.findall(text)
        kinds = list(map(_kind, parts))
    starts = list(accumulate(map(len, parts), initial=0))
    offsets = list(compress(starts, kinds))
    tokens = Tokens([kind for kind in kinds if kind], list(compress(parts, kinds)), finder.of_all(offsets), [], [])
    tokens.is_cut = is_cut
    _keep_remarks(tokens, finder, offsets, [(starts[at], parts[at]) for at in _remarks_in(kinds)])
    tokens.kinds += [END] * _LOOK_AHEAD
    tokens.texts += [""] * _LOOK_AHEAD
    tokens.places += [finder.at(len(text.rstrip()))] * _LOOK_AHEAD
    if FAULTY in tokens.kinds:
        _tell_faults(tokens, report)
    return tokens


def _remarks_in(kinds: list[str | None]) -> list[int]:
    """Indices of comments and pragmas. Few among many parts: `index` finds them faster than a loop."""
    found: list[int] = []
    at = -1
    try:
        while True:
            at = kinds.index(_REMARK, at + 1)
            found.append(at)
    except ValueError:
        return found


def _keep_remarks(tokens: Tokens, finder: _Places, offsets: list[int], remarks: list[tuple[int, str]]) -> None:
    places = finder.of_all([start for start, _ in remarks])
    for at, (start, text) in zip(places, remarks, strict=True):
        remark = Remark(at, line_of(at) + text.count("\n"), text)
        tokens.remarks.append(remark)
        if text[0] == "{":
            tokens.pragmas.append((bisect_left(offsets, start), remark))


def _tell_faults(tokens: Tokens, report: Report) -> None:
    """Reports faulty tokens; signs of other languages become ours, an unclosed string stays, the rest goes."""
    kept: list[int] = []
    for at, kind in enumerate(tokens.kinds):
        text = tokens.texts[at]
        if kind != FAULTY:
            kept.append(at)
        elif meant := _OTHER_LANGUAGES.get(text):
            report.error(tokens.places[at], "syntax", f"`{text}` is not Structured Text", meant[1])
            tokens.kinds[at] = meant[0]
            kept.append(at)
        elif text[0].isalpha():
            report.error(tokens.places[at], "syntax", f"the name `{text}` holds letters beyond A to Z", _LETTERS)
            tokens.kinds[at] = NAME
            kept.append(at)
        elif text[0] in "'\"":
            report.error(tokens.places[at], "syntax", "this string is not closed on its line", _QUOTES[text[0]])
            kept.append(at)
        else:
            report.error(tokens.places[at], "syntax", f"{_spell(text)} does not belong here", _HINTS.get(text, ""))
    index = {old: new for new, old in enumerate(kept)}
    last = len(tokens.kinds)
    tokens.pragmas[:] = [(next(index[i] for i in range(at, last) if i in index), text) for at, text in tokens.pragmas]
    tokens.kinds[:] = [tokens.kinds[at] for at in kept]
    tokens.texts[:] = [tokens.texts[at] for at in kept]
    tokens.places[:] = [tokens.places[at] for at in kept]


def _spell(text: str) -> str:
    return f"`{text}`" if text.isprintable() and not text.isspace() else f"the character U+{ord(text[0]):04X}"


class _Places:
    """Offsets in a text to places in its file."""

    def __init__(self, source: Source) -> None:
        self.starts = list(accumulate(map(len, source.text.split("\n")), lambda at, length: at + length + 1, initial=0))
        self.line_starts = self.starts[:-1]
        base = place(source.index, source.first_line, 1)
        self.shifts = [base + (line << 12) - start for line, start in enumerate(self.line_starts)]
        self.shifts[0] += source.first_column - 1
        self.source = source
        # A column that does not fit would run into the line's bits.
        longest = max(end - start for start, end in pairwise(self.starts)) + source.first_column
        self.is_narrow = longest <= MAX_COLUMN

    def of_all(self, offsets: list[int]) -> list[Place]:
        """The places of ascending offsets."""
        if not self.is_narrow:
            return [self.at(offset) for offset in offsets]
        firsts = list(map(bisect_left, repeat(offsets), self.starts))
        counts = [end - start for start, end in pairwise(firsts)]
        shifts = chain.from_iterable(map(repeat, self.shifts, counts))
        return cast(list[Place], list(map(add, offsets, shifts)))

    def at(self, offset: int) -> Place:
        line = bisect_left(self.line_starts, offset + 1) - 1
        column = offset - self.line_starts[line] + (self.source.first_column if line == 0 else 1)
        return place(self.source.index, self.source.first_line + line, column)
