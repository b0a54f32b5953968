"""Passwords: a few tries, then waiting; many addresses gain nothing; tables are bounded."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from dinrail.ads.admission import (
    BUCKET_TRIES,
    FIRST_WAIT_NS,
    FORGET_NS,
    FREE_TRIES,
    LONGEST_WAIT_NS,
    MAX_ADDRESSES,
    REFILL_NS,
    Admission,
    Attempts,
    Gate,
    neighbourhood,
)
from dinrail.ads.contract import Origin, Via
from dinrail.errors import HostError
from dinrail.units import S_NS


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_ns = 1000 * S_NS

    def __call__(self) -> int:
        return self.now_ns


class Passwords:
    """Counts how often it was asked. One user, one password; `broken` cannot say."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken = False

    async def __call__(self, user: str, password: str) -> bool:
        self.asked += 1
        if self.broken:
            raise HostError("no PAM here")
        return (user, password) == ("eng", "right")


def at(address: str) -> Origin:
    return Origin(Via.LAN, "eth0", address)


def test_right_is_let_in_and_wrong_is_not() -> None:
    """Each outcome is told and counted."""
    gate = Gate(Passwords(), Clock())
    assert asyncio.run(gate.admit(at("10.0.0.1"), "eng", "right")) is Admission.YES
    assert asyncio.run(gate.admit(at("10.0.0.1"), "eng", "wrong")) is Admission.WRONG
    assert gate.counts == {"yes": 1, "wrong": 1, "wait": 0, "broken": 0}


def test_nobody_is_let_in_without_credentials_to_check() -> None:
    """A gate without a check is shut."""
    gate = Gate(None, Clock())
    assert not gate.is_open
    assert asyncio.run(gate.admit(at("10.0.0.1"), "eng", "right")) is Admission.WRONG


def test_each_wrong_try_doubles_the_wait() -> None:
    """Three are free; then 2 s, 4 s, 8 s ... up to a quarter of an hour, and even the right password has to wait."""
    clock, passwords = Clock(), Passwords()
    gate = Gate(passwords, clock)
    for _ in range(FREE_TRIES):
        assert asyncio.run(gate.admit(at("10.0.0.1"), "eng", "no")) is Admission.WRONG
    wait_ns = FIRST_WAIT_NS
    for _ in range(14):
        asked = passwords.asked
        clock.now_ns += wait_ns - 1
        assert asyncio.run(gate.admit(at("10.0.0.1"), "eng", "right")) is Admission.WAIT
        assert passwords.asked == asked
        clock.now_ns += 1
        assert asyncio.run(gate.admit(at("10.0.0.1"), "eng", "no")) is Admission.WRONG
        wait_ns = min(2 * wait_ns, LONGEST_WAIT_NS)
    assert wait_ns == LONGEST_WAIT_NS
    clock.now_ns += LONGEST_WAIT_NS
    assert asyncio.run(gate.admit(at("10.0.0.1"), "eng", "right")) is Admission.YES
    assert asyncio.run(gate.admit(at("10.0.0.1"), "eng", "no")) is Admission.WRONG  # and starts anew


def test_a_locked_address_does_not_lock_another() -> None:
    """The engineer beside the guesser gets in."""
    clock = Clock()
    gate = Gate(Passwords(), clock)
    for _ in range(FREE_TRIES + 1):
        asyncio.run(gate.admit(at("10.0.0.1"), "eng", "no"))
    assert asyncio.run(gate.admit(at("10.0.0.1"), "eng", "right")) is Admission.WAIT
    assert asyncio.run(gate.admit(at("10.0.0.2"), "eng", "right")) is Admission.YES


def test_many_addresses_share_one_bucket() -> None:
    """A thousand forged addresses get twenty tries, and one more every two seconds."""
    clock, passwords = Clock(), Passwords()
    gate = Gate(passwords, clock)
    for number in range(1000):
        asyncio.run(gate.admit(at(f"10.0.{number // 250}.{number % 250}"), "eng", "no"))
    assert passwords.asked == BUCKET_TRIES
    clock.now_ns += 5 * REFILL_NS
    for number in range(1000):
        asyncio.run(gate.admit(at(f"10.1.{number // 250}.{number % 250}"), "eng", "no"))
    assert passwords.asked == BUCKET_TRIES + 5


def test_right_passwords_use_nothing_up() -> None:
    """A hundred routes with the right password are no attack."""
    gate = Gate(Passwords(), Clock())
    for _ in range(100):
        assert asyncio.run(gate.admit(at("10.0.0.1"), "eng", "right")) is Admission.YES


def test_tries_at_the_same_time_count_before_they_are_judged() -> None:
    """Sending many before the first answer gains nothing."""
    passwords = Passwords()
    gate = Gate(passwords, Clock())

    async def all_at_once() -> list[Admission]:
        return await asyncio.gather(*(gate.admit(at("10.0.0.1"), "eng", "no") for _ in range(50)))

    outcomes = asyncio.run(all_at_once())
    assert outcomes.count(Admission.WRONG) == passwords.asked == FREE_TRIES
    assert outcomes.count(Admission.WAIT) == 50 - FREE_TRIES


def test_what_cannot_be_checked_is_nobody_s_fault() -> None:
    """A broken check refuses, and locks nobody out."""
    passwords = Passwords()
    passwords.broken = True
    gate = Gate(passwords, Clock())
    for _ in range(FREE_TRIES + 2):
        assert asyncio.run(gate.admit(at("10.0.0.1"), "eng", "right")) is Admission.BROKEN
    passwords.broken = False
    assert asyncio.run(gate.admit(at("10.0.0.1"), "eng", "right")) is Admission.YES


def test_a_wrong_try_is_forgotten_after_an_hour() -> None:
    """Three slips a day never lock anybody out."""
    clock = Clock()
    gate = Gate(Passwords(), clock)
    for _ in range(5):
        for _ in range(FREE_TRIES):
            assert asyncio.run(gate.admit(at("10.0.0.1"), "eng", "no")) is Admission.WRONG
        clock.now_ns += FORGET_NS


def test_a_v6_host_s_many_addresses_are_one() -> None:
    """A /64 counts once; a mapped address is the v4 one that it is; what is no address is one place, too."""
    assert neighbourhood("fd00::1") == neighbourhood("fd00::2:3:4:5") != neighbourhood("fd00:0:0:1::1")
    assert neighbourhood("::ffff:10.0.0.1") == neighbourhood("10.0.0.1") == "10.0.0.1"
    assert neighbourhood("") == neighbourhood("nonsense") == ""


def test_the_table_of_addresses_is_bounded() -> None:
    """Ten times as many addresses leave it as long as it may be."""
    attempts = Attempts()
    for number in range(10 * MAX_ADDRESSES):
        attempts.begin(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", number * REFILL_NS)
        assert len(attempts) <= MAX_ADDRESSES


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=20))
def test_no_text_makes_the_gate_raise(user: str, password: str, address: str) -> None:
    """Any user, password and address give an outcome."""
    assert asyncio.run(Gate(Passwords(), Clock()).admit(at(address), user, password)) in Admission


def test_empty_and_endless_secrets_are_wrong_without_being_checked() -> None:
    """No hash is spent on them."""
    passwords = Passwords()
    gate = Gate(passwords, Clock())
    for user, password in (("", "x"), ("x", ""), ("eng", "x" * 5000)):
        assert asyncio.run(gate.admit(at("10.0.0.1"), user, password)) is Admission.WRONG
    assert passwords.asked == 0
