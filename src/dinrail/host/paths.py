"""Where dinrail keeps things on a host, in two directories that can be moved by the environment.

| directory      | variable      | holds                                              | survives a reboot |
|----------------|---------------|----------------------------------------------------|-------------------|
| /var/lib/dinrail | DINRAIL_STATE | journal, kept ROMs, guests' variable stores       | yes               |
| /run/dinrail     | DINRAIL_RUN   | leases, running guests, the supervisor's socket   | no                |
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paths:
    """Made at the edge (a command, a daemon) and passed down; nothing below reads the environment."""

    state: Path
    run: Path

    @classmethod
    def default(cls) -> Paths:
        return cls(
            state=Path(os.environ.get("DINRAIL_STATE", "/var/lib/dinrail")),
            run=Path(os.environ.get("DINRAIL_RUN", "/run/dinrail")),
        )

    @property
    def journal(self) -> Path:
        return self.state / "journal"

    @property
    def roms(self) -> Path:
        return self.state / "roms"

    @property
    def leases(self) -> Path:
        return self.run / "leases"

    @property
    def guests(self) -> Path:
        return self.run / "guests"

    @property
    def socket(self) -> Path:
        return self.run / "supervisor.sock"

    def guest_state(self, name: str) -> Path:
        """What belongs to one guest and survives it: the firmware's variables."""
        return self.state / "guests" / name

    def guest_run(self, name: str) -> Path:
        """What belongs to one running guest: plan, pid, sockets, exit status."""
        return self.guests / name
