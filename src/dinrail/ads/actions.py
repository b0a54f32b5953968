"""What a request amounts to: one table for devices, the router's gate and the policy.

The groups are those that every ADS server shares (TwinCAT SDK Ads.h). Port 10000 has groups of its own with other
meanings: there, what is no harmless question is the system service's deed.
"""

from __future__ import annotations

from functools import lru_cache

from dinrail.ads.contract import Action
from dinrail.ams.address import Port
from dinrail.ams.frame import Command

SUM_ITEM_COMMANDS: dict[int, Command] = {
    0xF080: Command.READ,
    0xF081: Command.WRITE,
    0xF082: Command.READ_WRITE,
    0xF083: Command.READ,
    0xF084: Command.READ,
    0xF085: Command.ADD_NOTIFICATION,
    0xF086: Command.DELETE_NOTIFICATION,
}
"""Sum commands by index group (ReadWrite), and the command that each of their items is."""

_STATE_GROUPS = frozenset((0xF006, 0xF008, 0xF090, 0xF091, 0xF100))
"""State, symbol version, giving a handle back, notification diagnosis."""
_BROWSE_GROUPS = frozenset(
    (0xF000, 0xF001, 0xF003, 0xF007, 0xF009, 0xF00B, 0xF00C, 0xF00E, 0xF00F, 0xF010, 0xF011, 0xF012)
)
"""Names, handles, types and uploads: nothing of a value is seen."""
_DOWNLOAD_GROUPS = frozenset((0xF00A, 0xF00D, 0xF01C))
_READING_GROUPS = frozenset((0xF002, 0xF004))
"""ReadWrite only because the name travels in the request."""
_VALUE_BY_HANDLE = 0xF005

_SERVICE_STATE_GROUPS = frozenset((141, 142, 160, 240, 400, 700, 701, 702))
"""Port 10000, reading: discovery, product version, state, time, target info, host name and adapters."""
_SERVICE_BROWSE = frozenset((803,))
"""Port 10000, reading: the routes."""


@lru_cache(maxsize=4096)
def action_of(command: int, group: int, port: int = Port.PLC) -> Action | None:
    """What `command` on `group` of a device at `port` is. None: a sum command; ask for each of its items.

    An unknown command is ADMIN, so that nobody may do it by chance; an unknown ReadWrite counts as writing. A ReadWrite
    on 0xF005 is CALL. Deleting a notification and releasing a handle give back one's own, which is STATE.
    """
    if command == Command.READ_WRITE and group in SUM_ITEM_COMMANDS:
        return None
    fixed = _BY_COMMAND.get(command, Action.ADMIN)
    if fixed is not None:
        return fixed
    if port == Port.SYSTEM_SERVICE:
        return _service_action(command, group)
    if group in _DOWNLOAD_GROUPS:
        return Action.ADMIN
    if group in _STATE_GROUPS and (command != Command.WRITE or group == 0xF006):
        return Action.STATE
    if group in _BROWSE_GROUPS and command != Command.WRITE:
        return Action.BROWSE
    if command in (Command.READ, Command.ADD_NOTIFICATION) or (
        command == Command.READ_WRITE and group in _READING_GROUPS
    ):
        return Action.READ
    return Action.CALL if command == Command.READ_WRITE and group == _VALUE_BY_HANDLE else Action.WRITE


def _service_action(command: int, group: int) -> Action:
    if command in (Command.READ, Command.ADD_NOTIFICATION):
        if group in _SERVICE_STATE_GROUPS or group in _STATE_GROUPS:
            return Action.STATE
        if group in _SERVICE_BROWSE:
            return Action.BROWSE
    return Action.ADMIN


_BY_COMMAND: dict[int, Action | None] = {
    Command.READ_DEVICE_INFO: Action.STATE,
    Command.READ: None,
    Command.WRITE: None,
    Command.READ_STATE: Action.STATE,
    Command.WRITE_CONTROL: Action.CONTROL,
    Command.ADD_NOTIFICATION: None,
    Command.DELETE_NOTIFICATION: Action.STATE,
    Command.READ_WRITE: None,
}
"""None: the group decides."""
