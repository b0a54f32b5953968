"""Which action a request is."""

from __future__ import annotations

import pytest

from dinrail.ads.actions import SUM_ITEM_COMMANDS, action_of
from dinrail.ads.contract import Action
from dinrail.ams.frame import Command

PLC = (
    (Command.READ_DEVICE_INFO, 0, Action.STATE),
    (Command.READ_STATE, 0, Action.STATE),
    (Command.WRITE_CONTROL, 0, Action.CONTROL),
    (Command.READ, 0x4020, Action.READ),
    (Command.WRITE, 0x4020, Action.WRITE),
    (Command.ADD_NOTIFICATION, 0x4020, Action.READ),
    (Command.ADD_NOTIFICATION, 0xF005, Action.READ),
    (Command.ADD_NOTIFICATION, 0xF008, Action.STATE),
    (Command.ADD_NOTIFICATION, 0xF100, Action.STATE),
    (Command.DELETE_NOTIFICATION, 0, Action.STATE),
    (Command.READ_WRITE, 0xF003, Action.BROWSE),
    (Command.READ_WRITE, 0xF004, Action.READ),
    (Command.WRITE, 0xF004, Action.WRITE),
    (Command.READ, 0xF005, Action.READ),
    (Command.WRITE, 0xF005, Action.WRITE),
    (Command.READ_WRITE, 0xF005, Action.CALL),
    (Command.WRITE, 0xF006, Action.STATE),
    (Command.READ_WRITE, 0xF007, Action.BROWSE),
    (Command.READ, 0xF008, Action.STATE),
    (Command.WRITE, 0xF008, Action.WRITE),
    (Command.READ_WRITE, 0xF009, Action.BROWSE),
    (Command.READ, 0xF00B, Action.BROWSE),
    (Command.READ, 0xF00F, Action.BROWSE),
    (Command.WRITE, 0xF00B, Action.WRITE),
    (Command.READ_WRITE, 0xF011, Action.BROWSE),
    (Command.WRITE, 0xF00A, Action.ADMIN),
    (Command.WRITE, 0xF01C, Action.ADMIN),
    (Command.WRITE, 0xF040, Action.WRITE),
    (Command.READ_WRITE, 0xF060, Action.WRITE),
    (Command.READ, 0xF100, Action.STATE),
    (Command.WRITE, 0xF100, Action.WRITE),
    (Command.READ, 0xF090, Action.STATE),
    (Command.READ, 0xF091, Action.BROWSE),
    (Command.READ_WRITE, 0x1234, Action.WRITE),
    (Command.NOTIFICATION, 0, Action.ADMIN),
    (Command.INVALID, 0, Action.ADMIN),
    (77, 0, Action.ADMIN),
)
SYSTEM_SERVICE = (
    (Command.READ, 240, Action.STATE),
    (Command.READ, 700, Action.STATE),
    (Command.READ, 803, Action.BROWSE),
    (Command.READ, 200, Action.ADMIN),
    (Command.READ_WRITE, 120, Action.ADMIN),
    (Command.READ_WRITE, 122, Action.ADMIN),
    (Command.WRITE, 801, Action.ADMIN),
    (Command.WRITE, 500, Action.ADMIN),
    (Command.READ_STATE, 0, Action.STATE),
    (Command.WRITE_CONTROL, 0, Action.CONTROL),
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
        assert action_of(Command.READ_WRITE, group) is None
        assert action_of(Command.READ, group) is Action.READ
        assert action_of(command, 0x4020) is not None
