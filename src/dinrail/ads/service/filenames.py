"""File names as ADS clients write them -> a path below our own root, or a refusal.

    FOPEN IO bits 16-31   directory of the store      also written as
    0, 1 generic          generic                     anything without a prefix below
    2 boot project        bootprj                     %TC_BOOTPRJPATH%
    3 boot data           bootdata
    4 boot path           boot                        %TC_BOOTPATH%, %TC_INSTALLPATH%\\Boot, C:\\TwinCAT\\3.1\\Boot, ...
    5 target path         target                      %TC_TARGETPATH%, ...\\Target
    6 config path         config                      %TC_CONFIGPATH%, ...\\Config
    7 TC3 path            twincat                     %TC_INSTALLPATH%, C:\\TwinCAT\\3.1, /etc/TwinCAT/3.1, ...
    8 repository          repository
    11-19 user            user1 ... user9

A path is a tuple of names, the directory's first. Prefixes are matched as text: nothing is looked up anywhere. What
remains must be relative; `..`, drives, and characters that some program would take for a separator are refused, not
repaired. Names are UTF-8 in NFC; bytes that are no UTF-8 are read as cp1252, as Windows clients send them.

Source: Beckhoff Information System, Tc2_System "E_OpenPath"; ads.md 2.8.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from dinrail.ads.service.access import text_of
from dinrail.ams.errors import AdsError, AdsFault

MAX_PATH_BYTES = 1024
MAX_NAME_BYTES = 255
MAX_DEPTH = 32
OWN_PREFIX = ".dinrail-"
"""Names of the store's own temporary files begin so; clients neither see nor name them."""

GENERIC = 1
BOOT = 4
SELECTORS: dict[int, str] = {
    0: "generic",
    GENERIC: "generic",
    2: "bootprj",
    3: "bootdata",
    BOOT: "boot",
    5: "target",
    6: "config",
    7: "twincat",
    8: "repository",
    **{number: f"user{number - 10}" for number in range(11, 20)},
}
DIRECTORIES = tuple(dict.fromkeys(SELECTORS.values()))

PREFIXES: dict[str, str] = {
    "%tc_installpath%": "twincat",
    "%tc_bootpath%": "boot",
    "%tc_bootprjpath%": "bootprj",
    "%tc_targetpath%": "target",
    "%tc_configpath%": "config",
    "c:/twincat/3.1": "twincat",
    "/usr/local/etc/twincat/3.1": "twincat",
    "/etc/twincat/3.1": "twincat",
    "/twincat/3.1": "twincat",
}
"""Lower case, with slashes. Longer ones are tried first."""
_INSIDE_TWINCAT = ("boot", "target", "config")
_FORBIDDEN = frozenset('<>:"|%\\/')
_WILDCARDS = frozenset("*?")
_MAX_CODE_POINT_WITHOUT_NAME = 0x1F

Path = tuple[str, ...]


def resolve(name: bytes, selector: int, prefixes: Mapping[str, str] = PREFIXES, *, wildcards: bool = False) -> Path:
    """The path that a client means. With `wildcards` its last name may hold `*` and `?`.

    Raises AdsFault: 0x723 for what leads outside, 0x70D for what is no name, 0x70B for an unknown selector.
    """
    directory = SELECTORS.get(selector)
    if directory is None:
        raise AdsFault(AdsError.INVALID_PARAMETER, f"there is no path selector {selector}")
    text = decode_name(text_of(name, max_bytes=MAX_PATH_BYTES)).replace("\\", "/")
    if directory == "generic":
        directory, text = _without_prefix(text, prefixes)
    if text.startswith("/"):
        raise _outside(text, "an absolute path")
    names = [part for part in text.split("/") if part not in ("", ".")]
    if directory == "twincat" and names and names[0].lower() in _INSIDE_TWINCAT:
        directory = names.pop(0).lower()
    if len(names) > MAX_DEPTH:
        raise AdsFault(AdsError.SYNTAX, f"more than {MAX_DEPTH} directories deep")
    for at, part in enumerate(names):
        check_name(part, wildcards=wildcards and at == len(names) - 1)
    return (directory, *names)


def decode_name(name: bytes) -> str:
    """UTF-8 in NFC, or cp1252 where it is none. Raises AdsFault 0x70D."""
    for encoding in ("utf-8", "cp1252"):
        try:
            return unicodedata.normalize("NFC", name.decode(encoding))
        except UnicodeDecodeError:
            continue
    raise AdsFault(AdsError.SYNTAX, "the name is neither UTF-8 nor cp1252")


def check_name(name: str, *, wildcards: bool = False) -> None:
    """Raises AdsFault unless this is one plain name of a file or directory on any system."""
    plain = unicodedata.normalize("NFKC", name)
    if plain.strip(" .") == "" or plain in (".", ".."):
        raise _outside(name, "a way up")
    seen = frozenset(plain) | frozenset(name)
    if seen & _FORBIDDEN:
        raise _outside(name, "a separator, a drive or a stream")
    if any(_is_invisible(char) for char in seen):
        raise AdsFault(AdsError.SYNTAX, "the name holds a character that is not to be seen")
    if seen & _WILDCARDS and not wildcards:
        raise AdsFault(AdsError.SYNTAX, "wildcards are for finding only")
    # Windows drops them, so the same name would mean two files.
    if name[-1] in " ." or name[0] == " ":
        raise AdsFault(AdsError.SYNTAX, "the name begins with a blank, or ends with a blank or dot")
    if name.lower().startswith(OWN_PREFIX):
        raise AdsFault(AdsError.ACCESS_DENIED, "the name is one of the store's own")
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        raise AdsFault(AdsError.SYNTAX, f"the name has more than {MAX_NAME_BYTES} bytes")


def matches(pattern: str, name: str) -> bool:
    """Whether a name fits `*` (any run) and `?` (one character); case does not count, `*.*` is everything.

    Takes len(pattern) * len(name) steps at most, whatever the pattern is.
    """
    if pattern == "*.*":
        return True
    pattern, name = pattern.casefold(), name.casefold()
    at = star = mark = 0
    behind_star = -1
    while at < len(name):
        if star < len(pattern) and pattern[star] == "*":
            star += 1
            behind_star, mark = star, at
        elif star < len(pattern) and pattern[star] in ("?", name[at]):
            star, at = star + 1, at + 1
        elif behind_star >= 0:
            mark += 1
            star, at = behind_star, mark
        else:
            return False
    return pattern[star:].strip("*") == ""


def _without_prefix(text: str, prefixes: Mapping[str, str]) -> tuple[str, str]:
    lower = text.lower()
    for prefix in sorted(prefixes, key=len, reverse=True):
        rest = lower.removeprefix(prefix)
        # `lower` may differ in length from `text`, but the prefixes are ASCII: their length is the same in both.
        if len(rest) < len(lower) and (not rest or rest[0] == "/") and text[: len(prefix)].isascii():
            return prefixes[prefix], text[len(prefix) :].lstrip("/")
    return "generic", text


def _is_invisible(char: str) -> bool:
    return ord(char) <= _MAX_CODE_POINT_WITHOUT_NAME or unicodedata.category(char) in (
        "Cc",
        "Cf",
        "Cs",
        "Co",
        "Zl",
        "Zp",
    )


def _outside(name: str, why: str) -> AdsFault:
    return AdsFault(
        AdsError.ACCESS_DENIED, f"{name!r} holds {why}", hint="names are relative to the selected directory"
    )
