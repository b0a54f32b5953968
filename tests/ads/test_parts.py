"""Scalars are told from what has parts, by a device's own symbols."""

from __future__ import annotations

import pytest
from build_iec import INT, MODE, array, struct_of

from dinrail.ads.contract import Action, Origin, Via
from dinrail.ads.parts import parts_by_table
from dinrail.ads.policy.policy import Policy
from dinrail.ads.policy.presets import Preset, preset_rules
from dinrail.ads.policy.rule import Effect, Rule
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ams.address import AmsAddr, NetId
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import PointerType, StringType

OWN = NetId.parse("5.1.2.3.1.1")
PLC = AmsAddr.of(OWN, 851)
TABLE = SymbolTable(
    [
        Symbol("MAIN.x", INT, 0x4040, 0),
        Symbol("MAIN.mode", MODE, 0x4040, 2),
        Symbol("MAIN.text", StringType(20), 0x4040, 4),
        Symbol("MAIN.a", array(INT, (1, 3)), 0x4040, 100),
        Symbol("MAIN.axis", struct_of("ST_Axis", ("pos", INT), ("safety", INT)), 0x4040, 200),
        Symbol("MAIN.p", PointerType(INT), 0x4040, 300),
    ]
)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("main.x", False),
        ("MAIN.MODE", False),
        ("main.text", False),
        ("main.a", True),
        ("main.a[2]", False),
        ("main.axis", True),
        ("main.axis.pos", False),
        ("main.p", True),
        ("main.none", True),
        ("", True),
    ],
)
def test_what_has_parts(name: str, parts: bool) -> None:
    """Arrays, structures and pointers have; numbers, texts and enumerations have none; what is unknown may have any."""
    assert parts_by_table(lambda _target: TABLE)(PLC, name) is parts
    assert parts_by_table(lambda _target: None)(PLC, name)


def test_a_rule_against_members_spares_the_scalars() -> None:
    """`*.safety` refuses the structure and its member, and leaves everything else readable."""
    rules = (Rule("no safety", Effect.DENY, symbols=("*.safety",)), *preset_rules("lan", Preset.READ_ONLY))
    policy = Policy(rules, own=OWN, has_parts=parts_by_table(lambda _target: TABLE))
    permit = policy.permit(Origin(Via.LAN, "eth0", "192.168.0.7"), AmsAddr.of(NetId(), 1), PLC)

    def may_read(offset: int, size_bytes: int) -> bool:
        return permit.allows(Action.READ, 0x4040, offset, size_bytes, TABLE.containing(0x4040, offset, size_bytes))

    assert may_read(0, 2)
    assert may_read(200, 2)
    assert not may_read(202, 2)
    assert not may_read(200, 4)
    assert not may_read(0, 400)
