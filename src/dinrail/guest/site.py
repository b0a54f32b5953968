"""What starting and stopping guests works on: one host, its journal and its leases."""

from __future__ import annotations

from dataclasses import dataclass

from dinrail.clock import Clock
from dinrail.errors import Refused
from dinrail.guest.rundir import RunDir
from dinrail.host.journal import Journal, open_journal
from dinrail.host.lease import Leases
from dinrail.host.paths import Paths
from dinrail.host.port import HostPort


@dataclass(frozen=True, slots=True)
class Site:
    """Made once at the edge and passed down."""

    port: HostPort
    paths: Paths
    clock: Clock
    journal: Journal
    leases: Leases

    @classmethod
    def of(cls, port: HostPort, paths: Paths, clock: Clock) -> Site:
        """The services of a live host. Raises Refused for a recorded one: nothing can run there."""
        if not port.is_live:
            raise Refused(
                "guests run on machines, and this is an archive",
                where=port.label,
                hint="`dinrail guest plan` works with it",
            )
        return cls(port, paths, clock, open_journal(paths, port, clock), Leases(paths.leases, clock))

    def run_dir(self, name: str) -> RunDir:
        return RunDir(self.paths.guest_run(name))


def owner_of(name: str) -> str:
    """How a guest's claims are signed in the journal and in leases."""
    return f"guest:{name}"
