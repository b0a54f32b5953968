"""File names as clients write them, and all that is no name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.service.filenames import DIRECTORIES, MAX_DEPTH, SELECTORS, matches, resolve
from dinrail.ams.errors import AdsError, AdsFault

DENIED, SYNTAX, DATA = AdsError.ACCESS_DENIED, AdsError.SYNTAX, AdsError.INVALID_DATA

GOOD: list[tuple[bytes, int, tuple[str, ...]]] = [
    (b"a.txt", 1, ("generic", "a.txt")),
    (b"a.txt\0", 0, ("generic", "a.txt")),
    (b"Plc\\Port_851.app", 4, ("boot", "Plc", "Port_851.app")),
    (b"Plc/Port_851.app", 5, ("target", "Plc", "Port_851.app")),
    (b".\\a\\\\b//./c", 6, ("config", "a", "b", "c")),
    (b"", 4, ("boot",)),
    (b"x", 19, ("user9", "x")),
    (b"%TC_INSTALLPATH%\\test.txt", 1, ("twincat", "test.txt")),
    (b"%tc_installpath%/test.txt", 0, ("twincat", "test.txt")),
    (b"%TC_INSTALLPATH%\\Boot\\Plc\\a", 1, ("boot", "Plc", "a")),
    (b"%TC_BOOTPATH%\\a", 1, ("boot", "a")),
    (b"C:\\TwinCAT\\3.1\\Config\\Io\\x.xml", 1, ("config", "Io", "x.xml")),
    (b"/usr/local/etc/TwinCAT/3.1/Target/StaticRoutes.xml", 1, ("target", "StaticRoutes.xml")),
    (b"/etc/TwinCAT/3.1/Boot", 1, ("boot",)),
    (b"/etc/TwinCAT/3.1", 1, ("twincat",)),
    ("Grüße/ß".encode(), 1, ("generic", "Grüße", "ß")),
    ("Grüße".encode("cp1252"), 1, ("generic", "Grüße")),
    (b"u\xcc\x88", 1, ("generic", "ü")),
    (b"..a", 1, ("generic", "..a")),
    (b"a b", 1, ("generic", "a b")),
]

NASTY: list[tuple[bytes, int, int]] = [
    (b"..", 1, DENIED),
    (b"../x", 1, DENIED),
    (b"..\\x", 1, DENIED),
    (b"a/../../x", 1, DENIED),
    (b"a\\..\\..\\x", 4, DENIED),
    (b"a/..", 4, DENIED),
    (b"%TC_INSTALLPATH%\\..\\x", 1, DENIED),
    (b"%TC_INSTALLPATH%\\Boot\\..\\..\\x", 1, DENIED),
    (b"C:\\TwinCAT\\3.1\\..\\..\\Windows", 1, DENIED),
    (b"C:\\TwinCAT\\3.11\\x", 1, DENIED),
    (b"%TC_INSTALLPATH%x", 1, DENIED),
    (b"%PATH%\\x", 1, DENIED),
    (b"%TC_BOOTPATH%\\x", 4, DENIED),
    (b"/etc/passwd", 1, DENIED),
    (b"/etc/passwd", 4, DENIED),
    (b"\\etc\\passwd", 1, DENIED),
    (b"//etc/passwd", 1, DENIED),
    (b"/", 1, DENIED),
    (b"\\\\server\\share\\x", 1, DENIED),
    (b"\\\\?\\C:\\x", 1, DENIED),
    (b"C:\\Windows\\x", 1, DENIED),
    (b"C:x", 1, DENIED),
    (b"c:/x", 4, DENIED),
    (b"a:stream", 1, DENIED),
    (b"a|b", 1, DENIED),
    (b"a<b", 1, DENIED),
    (b"...", 1, DENIED),
    (b".. ", 1, DENIED),
    (b" ..", 1, DENIED),
    (b". .", 1, DENIED),
    ("a/\u2025/x".encode(), 1, DENIED),  # two dot leader
    ("\u2024\u2024/x".encode(), 1, DENIED),  # one dot leader, twice
    ("\uff0e\uff0e/x".encode(), 1, DENIED),  # full width dots
    ("a\uff0fb".encode(), 1, DENIED),  # full width solidus
    ("a\uff3cb".encode(), 1, DENIED),  # full width reverse solidus
    ("c\uff1ax".encode(), 1, DENIED),  # full width colon
    (b"..\0", 1, DENIED),
    (b".dinrail-1-0", 1, DENIED),
    (b".DINRAIL-x", 1, DENIED),
    ("a\u202eb".encode(), 1, SYNTAX),  # right-to-left override
    ("a\u200b".encode(), 1, SYNTAX),  # zero width space
    ("a\u2028b".encode(), 1, SYNTAX),  # line separator
    (b"a\nb", 1, SYNTAX),
    (b"a\x7fb", 1, SYNTAX),
    (b"a\x1b[2J", 1, SYNTAX),
    (b"\xc0\xae\xc0\xae", 1, 0),  # overlong dots are four letters of cp1252, and harmless
    (b"\xed\xa0\x80\x81", 1, SYNTAX),  # neither UTF-8 nor cp1252
    (b"a*", 1, SYNTAX),
    (b"a?", 1, SYNTAX),
    (b"a.", 1, SYNTAX),
    (b"a /b", 1, SYNTAX),
    (b" a", 1, SYNTAX),
    (b"a" * 256, 1, SYNTAX),
    ("ä".encode() * 128, 1, SYNTAX),
    (b"a/" * (MAX_DEPTH + 1), 1, SYNTAX),
    (b"a\0b", 1, DATA),
    (b"a\0\0", 1, DATA),
    (b"\0/../x", 1, DATA),
    (b"a" * 1025, 1, DATA),
    (b"x", 9, AdsError.INVALID_PARAMETER),
    (b"x", 20, AdsError.INVALID_PARAMETER),
    (b"x", 0xFFFF, AdsError.INVALID_PARAMETER),
]


@pytest.mark.parametrize(("name", "selector", "path"), GOOD)
def test_a_name_leads_into_the_directory_of_its_selector(name: bytes, selector: int, path: tuple[str, ...]) -> None:
    """Slashes and backslashes, known prefixes in any case, UTF-8 and cp1252: all end below one directory."""
    assert resolve(name, selector) == path


@pytest.mark.parametrize(("name", "selector", "code"), [nasty for nasty in NASTY if nasty[2]])
def test_what_leads_outside_or_is_no_name_is_refused(name: bytes, selector: int, code: int) -> None:
    """Ways up, absolute names, drives, streams, look-alikes of separators, and invisible characters are refused."""
    with pytest.raises(AdsFault) as refused:
        resolve(name, selector)
    assert refused.value.code == code


def test_overlong_dots_are_letters() -> None:
    """Bytes that a careless decoder would take for `..` are the letters that cp1252 has there."""
    assert resolve(b"\xc0\xae\xc0\xae", 1) == ("generic", "À®À®")


@given(st.binary(max_size=80) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_plain_names_or_a_fault(name: bytes) -> None:
    """Whatever the bytes are: every name of the path is one that no system would take for more than one name."""
    for selector in (0, 4):
        try:
            path = resolve(name, selector)
        except AdsFault:
            continue
        assert path[0] in DIRECTORIES
        for part in path[1:]:
            assert part not in ("", ".", "..")
            assert not set(part) & set('/\\:\0<>|"*?%')
            assert len(part.encode()) <= 255


def test_wildcards_stand_in_the_last_name_only() -> None:
    """A pattern is allowed where something is looked for, and only there."""
    assert resolve(b"a/*.x", 1, wildcards=True) == ("generic", "a", "*.x")
    with pytest.raises(AdsFault):
        resolve(b"*/x", 1, wildcards=True)


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("*", "a", True),
        ("*.*", "a", True),
        ("*.app", "Port_851.APP", True),
        ("*.app", "Port_851.apps", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a*b*c", "aXbYbZc", True),
        ("a*b*c", "aXcYb", False),
        ("", "a", False),
        ("**", "", True),
        ("?", "", False),
    ],
)
def test_patterns(pattern: str, name: str, fits: bool) -> None:
    """`*` is any run and `?` one character; case does not count, and `*.*` is everything."""
    assert matches(pattern, name) is fits


def test_a_pattern_full_of_stars_ends() -> None:
    """No pattern makes matching exponential."""
    assert not matches("*a" * 100 + "b", "a" * 255)


def test_every_selector_has_a_directory_of_its_own() -> None:
    """Only 0 and 1 share one: both say `generic`."""
    assert len(set(SELECTORS.values())) == len(SELECTORS) - 1
