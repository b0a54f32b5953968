"""What one run of the program knows: which host it asks, and how it answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import typer

    from dinrail.host.port import HostPort
    from dinrail.machine.facts import HostFacts
    from dinrail.machine.sources import Topic


@dataclass(frozen=True, slots=True)
class Session:
    """host_file: an archive to ask instead of this machine. as_json: answer for programs."""

    host_file: Path | None
    as_json: bool

    @classmethod
    def of(cls, context: typer.Context) -> Session:
        return cast(Session, context.obj)

    def host(self) -> HostPort:
        """The host that this run asks. Raises BadRequest for a missing archive, FormatError for a broken one."""
        if self.host_file is not None:
            from dinrail.host.recorded import RecordedHost

            return RecordedHost.open(self.host_file)
        from dinrail.host.live import LiveHost

        return LiveHost()

    def require_this_machine(self) -> None:
        """For commands about what runs here: an archive runs nothing. Raises BadRequest."""
        if self.host_file is not None:
            from dinrail.errors import BadRequest

            raise BadRequest(
                "this is about what runs on this machine, and an archive runs nothing",
                where=f"--host {self.host_file}",
                hint="leave --host out",
            )

    def facts(self, *topics: Topic) -> HostFacts:
        """The host's facts of these topics."""
        from dinrail.machine.read import read_facts

        return read_facts(self.host().fetch(topics))
