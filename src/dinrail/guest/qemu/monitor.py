"""QMP, QEMU's machine protocol, through QEMU's own library: one short-lived, synchronous conversation.

QMP serves one client per socket. A guest has two: `supervisor.qmp` belongs to `dinrail up`, `command.qmp` to commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from qemu.qmp import ConnectError, ExecInterruptedError, ExecuteError, QMPClient, QMPError

from dinrail.errors import HostError
from dinrail.units import S_NS

T = TypeVar("T")


class MonitorError(HostError):
    """The guest's monitor did not answer, or refused a command."""


class Monitor:
    """An open conversation; made by `open_monitor`. Every call has a time limit and raises MonitorError."""

    def __init__(self, runner: asyncio.Runner, client: QMPClient, path: Path, timeout_ns: int) -> None:
        self._runner = runner
        self._client = client
        self._path = path
        self._timeout_ns = timeout_ns

    def execute(self, command: str, arguments: Mapping[str, object] | None = None) -> Any:
        """One QMP command; what it returns, as JSON types."""
        try:
            return self._within(self._client.execute(command, dict(arguments) if arguments else None))
        except ExecuteError as fault:
            raise MonitorError(
                f"QEMU refuses {command}: {fault}", where=str(self._path), why=f"class {fault.error_class}"
            ) from fault

    def status(self) -> str:
        """`running`, `paused`, `shutdown`, `internal-error`, ... (QMP RunState)."""
        return str(self.execute("query-status")["status"])

    def power_button(self) -> None:
        """Press it; the guest's operating system decides (ACPI)."""
        self.execute("system_powerdown")

    def quit(self) -> None:
        """End the hypervisor at once, in order: its answer may be cut off by its own end."""
        with contextlib.suppress(MonitorEnded):
            self.execute("quit")

    def screendump(self, target: Path) -> None:
        """The emulated display as PNG, written by QEMU itself."""
        self.execute("screendump", {"filename": str(target), "format": "png"})

    def close(self) -> None:
        with contextlib.suppress(MonitorError):
            self._within(self._client.disconnect())

    def _within(self, work: Coroutine[Any, Any, T]) -> T:
        return _run(self._runner, work, self._path, self._timeout_ns)


class MonitorEnded(MonitorError):
    """The other side went away in the middle."""


@contextmanager
def open_monitor(path: Path, *, timeout_ns: int = 10 * S_NS) -> Iterator[Monitor]:
    """Connect and negotiate. Raises MonitorError: nobody there, or another client is being served."""
    logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)  # it logs what it raises
    with asyncio.Runner() as runner:
        client = QMPClient("dinrail")
        _run(runner, client.connect(str(path)), path, timeout_ns)
        monitor = Monitor(runner, client, path, timeout_ns)
        try:
            yield monitor
        finally:
            monitor.close()


def _run(runner: asyncio.Runner, work: Coroutine[Any, Any, T], path: Path, timeout_ns: int) -> T:
    try:
        return runner.run(asyncio.wait_for(work, timeout_ns / S_NS))
    except TimeoutError as fault:
        raise MonitorError(
            f"no answer within {timeout_ns // S_NS} s",
            where=str(path),
            hint="another client may be connected, or the hypervisor hangs: dinrail guest status",
        ) from fault
    except ExecuteError:
        raise
    except ConnectError as fault:
        raise MonitorError("cannot be reached", where=str(path), why=str(fault.exc)) from fault
    except (ExecInterruptedError, EOFError) as fault:
        raise MonitorEnded("ended in the middle of a conversation", where=str(path)) from fault
    except (QMPError, OSError) as fault:
        raise MonitorError(f"the conversation failed: {fault}", where=str(path)) from fault
