"""May this request leave? Policy for what is forwarded; devices in this process ask their permits themselves.

A request is taken apart into its items (sum commands), each is judged alone, and one that is refused refuses all: the
whole request is answered 0x723 by the router, since half a sum command cannot be sent in another's name unnoticed.
What cannot be taken apart is answered 0x705: a device might read it otherwise than the rules did.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dinrail.ads.actions import action_of
from dinrail.ads.contract import Action, Permit
from dinrail.ads.router.learn import name_of
from dinrail.ads.router.names import MAX_NAME, Names
from dinrail.ams.frame import Command
from dinrail.ams.group import IndexGroup

if TYPE_CHECKING:
    from dinrail.ads.router.items import Item
    from dinrail.ams.address import AmsAddr

_VALUE_BY_HANDLE = IndexGroup.VALUE_BY_HANDLE.value
MAX_DEPTH = 64
_BY_NAME = frozenset(
    group.value
    for group in (
        IndexGroup.HANDLE_BY_NAME,
        IndexGroup.VALUE_BY_NAME,
        IndexGroup.INFO_BY_NAME,
        IndexGroup.SYMBOL_BY_NAME,
        IndexGroup.NOTIFY_BY_NAME,
    )
)
READ_ONLY = frozenset((Action.READ, Action.STATE, Action.BROWSE))
"""What a read-only route lets through."""


def allows(permit: Permit, items: Iterable[Item], target: AmsAddr, names: Names, *, read_only: bool = False) -> bool:
    """Whether every item may be done at `target`."""
    for item in items:
        action = action_of(item.command, item.group, target.port)
        if action is None or (read_only and action not in READ_ONLY):
            return False  # a sum command within a sum command is nothing that devices know
        known = names_of(item, target, names) if permit.by_symbol else ()
        if not permit.allows(action, item.group, item.offset, item.size_bytes, known):
            return False
    return True


def names_of(item: Item, target: AmsAddr, names: Names) -> tuple[str, ...]:
    """What an item touches, by name, as far as it is known: outermost first, the thing itself last."""
    if item.command == Command.DELETE_NOTIFICATION:
        return ()
    if item.group in _BY_NAME:
        return path_of(name_of(item.data))
    if item.group == _VALUE_BY_HANDLE:
        return path_of(names.of_handle(target, item.offset.to_bytes(4, "little")) or "")
    return names.at(target, item.group, item.offset, item.size_bytes)


def path_of(name: str) -> tuple[str, ...]:
    """A path and all that it lies within: `MAIN`, `MAIN.a`, `MAIN.a[1]`. What is pointed to lies within nothing.

    Nothing for a name that no device has: longer than 1024 characters, or more than 64 deep.
    """
    within = max(name.rfind("^"), 0)
    ends = [at for at in range(within + 1, len(name[:MAX_NAME])) if name[at] in ".[#"]
    if not name or len(name) > MAX_NAME or len(ends) > MAX_DEPTH:
        return ()
    return (*(name[:at] for at in ends), name)


def may_come_from_unidirectional(command: int) -> bool:
    """What the SDK lets in from a unidirectional route besides answers and notifications: ReadState requests.

    Its "Notification Requests" are the notifications themselves (command 8): a request that has no answer. A client
    behind such a route that could subscribe could read everything.
    """
    return command == Command.READ_STATE
