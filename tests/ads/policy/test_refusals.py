"""Refusals: each counted, each burst told once, every table bounded."""

from __future__ import annotations

from dataclasses import replace

from dinrail.ads.contract import Action, Origin, Via
from dinrail.ads.policy.refusals import BURST_NS, LONGEST_BURST_NS, MAX_BURSTS, MAX_RULES, Refusal, Refusals
from dinrail.ams.address import AmsAddr
from dinrail.units import S_NS

LAN = Origin(Via.LAN, "eth0", "192.168.0.7")
ONE = Refusal(LAN, AmsAddr(), AmsAddr(), "rule", Action.READ, 0x4020, 0, 4, "MAIN.x")


def test_a_burst_is_told_when_it_begins_and_when_it_is_over() -> None:
    """A thousand refusals are two lines; after a quiet time a new one is told again."""
    told: list[Refusal] = []
    log = Refusals(told.append)
    for second in range(10):
        log.tick(second * S_NS)
        for _ in range(100):
            log.add(ONE)
    assert told == [ONE]
    log.tick(9 * S_NS + BURST_NS)
    assert told[1:] == [replace(ONE, count=999, over=True)]
    assert str(told[1]).startswith("192.168.0.7 (0.0.0.0.0.0:0): 999 more refused by rule, first read of MAIN.x")
    log.add(ONE)
    assert told[2:] == [ONE]
    assert log.totals == {"rule": 1001}


def test_a_single_refusal_leaves_no_second_line() -> None:
    """A burst of one ends in silence, and its entry is gone."""
    told: list[Refusal] = []
    log = Refusals(told.append)
    log.add(ONE)
    log.tick(BURST_NS)
    assert (told, log.bursts) == ([ONE], 0)


def test_a_burst_without_end_is_told_now_and_then() -> None:
    """A source that never stops is in the log every five minutes, with what it did since."""
    told: list[Refusal] = []
    log = Refusals(told.append)
    for now_ns in range(0, 2 * LONGEST_BURST_NS + 1, S_NS):
        log.tick(now_ns)
        log.add(ONE)
    assert [(refusal.count, refusal.over) for refusal in told] == [(1, False), (299, True), (300, True)]


def test_the_ams_source_makes_no_burst_of_its_own() -> None:
    """A peer that writes another NetId into each frame is still one line."""
    told: list[Refusal] = []
    log = Refusals(told.append)
    for port in range(1000):
        log.add(replace(ONE, source=AmsAddr.of(bytes(6), port)))
    assert len(told) == 1


def test_tables_are_bounded_and_nothing_goes_uncounted() -> None:
    """Any number of addresses and rules fits: what has no room is counted together."""
    told: list[Refusal] = []
    log = Refusals(told.append)
    many = MAX_RULES + MAX_BURSTS
    for number in range(many):
        log.add(replace(ONE, origin=Origin(Via.LAN, "eth0", str(number)), rule=str(number)))
    assert log.bursts == MAX_BURSTS + 1
    assert len(told) == MAX_BURSTS + 1
    assert len(log.totals) == MAX_RULES + 1
    assert sum(log.totals.values()) == many


def test_a_name_from_outside_makes_no_line_of_its_own() -> None:
    """A client chooses the names that it asks of a device far away: no control character of it reaches a log."""
    forged = "MAIN.x\n2026-01-01 00:00:00 WARNING dinrail.ads: all is well \x1b[2J\u202e\x85"
    for one in (replace(ONE, name=forged), replace(ONE, name=forged, count=3, over=True)):
        assert str(one).isprintable()
        assert "MAIN.x\\n2026" in str(one)
    assert len(str(replace(ONE, name="n" * 1024))) < 400
    assert "MAIN.größe" in str(replace(ONE, name="MAIN.größe"))
