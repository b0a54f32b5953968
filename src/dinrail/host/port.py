"""The host port: the one door to a machine, with two complete implementations.

`host.live.LiveHost` is this machine. `host.recorded.RecordedHost` is an archive that `dinrail collect` made on some
machine: it answers the same questions from the same bytes, and refuses every change. Both are product code; every
command that reads takes either (`--host FILE`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from dinrail.errors import HostError
from dinrail.machine.change import Change
from dinrail.machine.sources import Raw, Topic
from dinrail.pci.address import PciAddress


class TargetGone(HostError):
    """What a change is about does not exist (any more): a device was pulled out, a file is not offered."""


class InUse(HostError):
    """The system would not take a thing back because others use it now: a driver module with devices."""


class Unchangeable(HostError):
    """The system says that this one thing cannot be changed at all, and nothing was: an interrupt that it manages."""


class HostPort(Protocol):
    """What a host can do for us.

    Reading never changes the machine. Changing is reached through `host.journal` only: `current` and `make` know
    nothing of journals, they are the two primitives that write-ahead and undo are built from.
    """

    @property
    def label(self) -> str:
        """How messages name this host: `this machine`, or the archive's path."""

    @property
    def is_live(self) -> bool:
        """False where changes are impossible in principle."""

    def fetch(self, topics: Iterable[Topic]) -> Raw:
        """The bytes of all sources of these topics."""

    def current(self, change: Change) -> str:
        """The value that stands at the change's target now. Raises TargetGone; HostError when it cannot be read."""

    def make(self, change: Change) -> None:
        """Put `want` where `before` stands, and read it back.

        Raises HostError when the system refuses or the value read back is another; InUse, TargetGone, Unchangeable.
        Waits with a time limit: drivers are known to hang on unbind.
        """

    def read_rom(self, address: PciAddress) -> bytes:
        """The expansion ROM's bytes; the ROM must have been enabled (a ROM_ENABLE change). Raises HostError."""
