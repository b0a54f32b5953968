"""Which action a request is."""

from __future__ import annotations

import pytest

from dinrail.ads.actions import SUM_ITEM_COMMANDS, action_of
from dinrail.ads.contract import Action
from dinrail.ams.frame import Command as C

PLC = (
    (C.READ_DEVICE_INFO, 0, Action.STATE),
    (C.READ_STATE, 0, Action.STATE),
    (C.WRITE_CONTROL, 0, Action.CONTROL),
    (C.READ, 0x4020, Action.READ),
    (C.WRITE, 0x4020, Action.WRITE),
    (C.ADD_NOTIFICATION, 0x4020, Action.READ),
    (C.ADD_NOTIFICATION, 0xF005, Action.READ),
    (C.ADD_NOTIFICATION, 0xF008, Action.STATE),
    (C.ADD_NOTIFICATION, 0xF100, Action.STATE),
    (C.DELETE_NOTIFICATION, 0, Action.STATE),
    (C.READ_WRITE, 0xF003, Action.BROWSE),
    (C.READ_WRITE, 0xF004, Action.READ),
    (C.WRITE, 0xF004, Action.WRITE),
    (C.READ, 0xF005, Action.READ),
    (C.WRITE, 0xF005, Action.WRITE),
    (C.READ_WRITE, 0xF005, Action.CALL),
    (C.WRITE, 0xF006, Action.STATE),
    (C.READ_WRITE, 0xF007, Action.BROWSE),
    (C.READ, 0xF008, Action.STATE),
    (C.WRITE, 0xF008, Action.WRITE),
    (C.READ_WRITE, 0xF009, Action.BROWSE),
    (C.READ, 0xF00B, Action.BROWSE),
    (C.READ, 0xF00F, Action.BROWSE),
    (C.WRITE, 0xF00B, Action.WRITE),
    (C.READ_WRITE, 0xF011, Action.BROWSE),
    (C.WRITE, 0xF00A, Action.ADMIN),
    (C.WRITE, 0xF01C, Action.ADMIN),
    (C.WRITE, 0xF040, Action.WRITE),
    (C.READ_WRITE, 0xF060, Action.WRITE),
    (C.READ, 0xF100, Action.STATE),
    (C.WRITE, 0xF100, Action.WRITE),
    (C.READ_WRITE, 0x1234, Action.WRITE),
    (C.NOTIFICATION, 0, Action.ADMIN),
    (C.INVALID, 0, Action.ADMIN),
    (77, 0, Action.ADMIN),
)
SYSTEM_SERVICE = (
    (C.READ, 240, Action.STATE),
    (C.READ, 700, Action.STATE),
    (C.READ, 803, Action.BROWSE),
    (C.READ, 200, Action.ADMIN),
    (C.READ_WRITE, 120, Action.ADMIN),
    (C.READ_WRITE, 122, Action.ADMIN),
    (C.WRITE, 801, Action.ADMIN),
    (C.WRITE, 500, Action.ADMIN),
    (C.READ_STATE, 0, Action.STATE),
    (C.WRITE_CONTROL, 0, Action.CONTROL),
)


@pytest.mark.parametrize(("command", "group", "action"), PLC)
def test_every_command_and_group_of_a_plc_is_an_action(command: int, group: int, action: Action) -> None:
    """What only tells is STATE or BROWSE, what shows a value READ, what changes one WRITE, and the unknown ADMIN."""
    assert action_of(command, group) is action


@pytest.mark.parametrize(("command", "group", "action"), SYSTEM_SERVICE)
def test_the_system_service_has_a_meaning_of_its_own(command: int, group: int, action: Action) -> None:
    """On port 10000 all but harmless questions is ADMIN."""
    assert action_of(command, group, 10000) is action


def test_a_sum_command_is_no_action_but_its_items_are() -> None:
    """A sum's items are asked about one by one; the same groups by other commands are none."""
    for group, command in SUM_ITEM_COMMANDS.items():
        assert action_of(C.READ_WRITE, group) is None
        assert action_of(C.READ, group) is Action.READ
        assert action_of(command, 0x4020) is not None
