"""Error codes and their words."""

from __future__ import annotations

from dinrail.ams.errors import TEXTS, AdsError, AdsFault, describe


def test_every_code_that_we_name_has_words() -> None:
    """No named error is told as a bare number."""
    assert [error for error in AdsError if error not in TEXTS] == []


def test_an_error_is_told_in_words_and_number() -> None:
    """People read the words and search for the number; an unknown code is told as one."""
    assert describe(0x710) == "symbol not found (0x710)"
    assert describe(0x745) == "timeout elapsed at the client (0x745)"
    assert describe(0xBEEF) == "ADS error 0xbeef"


def test_the_list_is_whole() -> None:
    """Transport, router, device, client, real time and socket errors are all there."""
    assert set(range(0x1F)) <= set(TEXTS)
    assert set(range(0x500, 0x50E)) <= set(TEXTS)
    assert set(range(0x700, 0x730)) <= set(TEXTS)
    assert {*range(0x740, 0x749), *range(0x750, 0x756)} <= set(TEXTS)
    assert {*range(0x1000, 0x1011), *range(0x1017, 0x101B), 0x274C, 0x274D, 0x2751} <= set(TEXTS)


def test_a_fault_carries_its_code() -> None:
    """The code goes to programs as a number, and the words to people."""
    fault = AdsFault(0x70C, where="boot/x")
    assert str(fault) == "boot/x: not found (0x70c)"
    assert fault.as_dict()["code"] == 0x70C
    assert fault.exit_code == 3
