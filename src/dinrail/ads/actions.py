"""What a request amounts to: one table for devices, the router's gate and the policy.

The groups are those that every ADS server shares (TwinCAT SDK Ads.h). Port 10000 has groups of its own with other
meanings: there, what is no harmless question is the system service's deed.
"""

from __future__ import annotations

from functools import lru_cache

from dinrail.ads.contract import Action
from dinrail.ams.address import Port
from dinrail.ams.frame import Command
from dinrail.ams.group import IndexGroup

SUM_ITEM_COMMANDS: dict[int, Command] = {
    IndexGroup.SUM_READ: Command.READ,
    IndexGroup.SUM_WRITE: Command.WRITE,
    IndexGroup.SUM_READ_WRITE: Command.READ_WRITE,
    IndexGroup.SUM_READ_EX: Command.READ,
    IndexGroup.SUM_READ_EX_2: Command.READ,
    IndexGroup.SUM_ADD_NOTIFICATION: Command.ADD_NOTIFICATION,
    IndexGroup.SUM_DELETE_NOTIFICATION: Command.DELETE_NOTIFICATION,
}
"""Sum commands by index group (ReadWrite), and the command that each of their items is."""

_STATE_GROUPS = frozenset((IndexGroup.SYMBOL_VERSION, IndexGroup.NOTIFICATION_CHECK, IndexGroup.DEVICE_DATA))
_BROWSE_GROUPS = frozenset(
    (
        IndexGroup.SYMBOL_TABLE,
        IndexGroup.SYMBOL_NAME,
        IndexGroup.HANDLE_BY_NAME,
        IndexGroup.INFO_BY_NAME,
        IndexGroup.SYMBOL_BY_NAME,
        IndexGroup.SYMBOL_UPLOAD,
        IndexGroup.UPLOAD_INFO,
        IndexGroup.DATA_TYPE_UPLOAD,
        IndexGroup.UPLOAD_INFO_2,
        IndexGroup.NOTIFY_BY_NAME,
        IndexGroup.DATA_TYPE_BY_NAME,
        IndexGroup.ADDRESS_BY_HANDLE,
        IndexGroup.NOTIFICATION_DIAG,  # tells who else is there
    )
)
"""Names, handles, types and uploads: nothing of a value is seen."""
_DOWNLOAD_GROUPS = frozenset((IndexGroup.SYMBOL_DOWNLOAD, IndexGroup.SYMBOL_DOWNLOAD_2, IndexGroup.SYMBOL_DOWNLOAD_3))
_READING_GROUPS = frozenset((IndexGroup.SYMBOL_VALUE, IndexGroup.VALUE_BY_NAME))
"""ReadWrite only because the name travels in the request."""

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
    if command == Command.WRITE and group == IndexGroup.RELEASE_HANDLE:
        return Action.STATE
    if group in _STATE_GROUPS and command != Command.WRITE:
        return Action.STATE
    if group in _BROWSE_GROUPS and command != Command.WRITE:
        return Action.BROWSE
    if command in (Command.READ, Command.ADD_NOTIFICATION) or (
        command == Command.READ_WRITE and group in _READING_GROUPS
    ):
        return Action.READ
    return Action.CALL if command == Command.READ_WRITE and group == IndexGroup.VALUE_BY_HANDLE else Action.WRITE


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
