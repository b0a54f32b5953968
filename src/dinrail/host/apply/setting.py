"""Small files of /proc and /sys that hold one value: see `machine.setting` for which, and how each is spelled."""

from __future__ import annotations

from dinrail.errors import HostError
from dinrail.host.apply.tree import Tree, unexpected
from dinrail.machine.change import Change
from dinrail.machine.setting import Spelling, canonical, spelled, spelling_of


def current(tree: Tree, change: Change) -> str:
    """The value in its canonical form. Raises TargetGone, HostError."""
    return canonical(_spelling(change), tree.line(change.target))


def make(tree: Tree, change: Change) -> None:
    """Write and read back. Raises TargetGone, HostError."""
    spelling = _spelling(change)
    tree.require(change.target, "the file")
    tree.put(change.target, spelled(spelling, change.want), doing=f"set {change.want or 'nothing'}")
    found = current(tree, change)
    if found != change.want:
        raise unexpected("the value", change.target, change.want, found)


def _spelling(change: Change) -> Spelling:
    spelling = spelling_of(change.target)
    if spelling is None:
        raise HostError("this file is none of those that dinrail changes", where=change.target)
    return spelling
