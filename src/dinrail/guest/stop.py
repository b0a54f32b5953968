"""Ending a guest, and giving back what its start took; also for a guest that ended by itself."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence

from dinrail.errors import DinrailError, HostError
from dinrail.guest.lifecycle import ALIVE, ENDED, Event, State, after, require
from dinrail.guest.qemu.monitor import MonitorError, open_monitor
from dinrail.guest.qemu.render import COMMAND_SOCKET
from dinrail.guest.rundir import Observed, Process, RunDir, busy, observe
from dinrail.guest.site import Site, owner_of
from dinrail.host.claims import devices_of, take_all
from dinrail.host.lease import Lease
from dinrail.host.undo import UndoReport
from dinrail.units import MS_NS, S_NS

_PAUSE_NS = 50 * MS_NS
_QUIT_NS = 10 * S_NS
_KILL_NS = 60 * S_NS
"""A killed hypervisor first gives its pinned memory and devices back; a slow device reset is part of that."""


def stop(name: str, site: Site, *, timeout_ns: int = 60 * S_NS) -> Observed:
    """Press the guest's power button, wait, then end the hypervisor; then give everything back.

    For a guest that has ended already only the last. Raises Refused where nothing of that name runs or is held, and
    HostError where something could not be given back.
    """
    run = site.run_dir(name)
    observed = _require_something(observe(run))
    if observed.state in ALIVE:
        run.say(after(name, observed.state, Event.STOP))
        with contextlib.suppress(MonitorError), open_monitor(run.file(COMMAND_SOCKET), timeout_ns=_QUIT_NS) as monitor:
            monitor.power_button()
            if not wait_for_end(run, site, timeout_ns):
                monitor.quit()
        if not wait_for_end(run, site, _PAUSE_NS):  # it does not listen: QEMU takes SIGTERM as `quit`
            _signal(observe(run).hypervisor, signal.SIGTERM)
        if not wait_for_end(run, site, _QUIT_NS):
            kill_hypervisor(run, site)
    return settle(run, site)


def kill(name: str, site: Site) -> Observed:
    """Pull the plug: SIGKILL to the hypervisor; then give everything back. Raises as `stop` does."""
    run = site.run_dir(name)
    observed = _require_something(observe(run))
    if observed.state in ALIVE:
        run.say(after(name, observed.state, Event.STOP))
        kill_hypervisor(run, site)
    return settle(run, site)


def kill_hypervisor(run: RunDir, site: Site) -> None:
    """SIGKILL, to that very process and no later one with its pid. Raises HostError when it does not end."""
    _signal(observe(run).hypervisor, signal.SIGKILL)
    if not wait_for_end(run, site, _KILL_NS):
        raise HostError(
            f"the hypervisor does not end {_KILL_NS // S_NS} s after SIGKILL",
            where=f"guest {run.name}",
            why="a process that waits for the kernel cannot be killed: usually a device that does not reset",
            hint="look at /proc/PID/stack and dmesg; a reboot frees the device",
        )


def settle(run: RunDir, site: Site) -> Observed:
    """Give back what an ended guest held. Raises Refused while it is alive; HostError."""
    deadline_ns = site.clock.monotonic_ns() + _QUIT_NS
    while (lock := run.lock()) is None:  # the keeper writes its last file
        if site.clock.monotonic_ns() > deadline_ns:
            raise busy(observe(run))
        site.clock.sleep_ns(_PAUSE_NS)
    try:
        require(run.name, observe(run, locked=True).state, State.DEFINED, *ENDED, to="give back its devices")
        give_back(run, site)
        return observe(run)
    finally:
        lock.close()


def give_back(run: RunDir, site: Site, *, held: Sequence[Lease] = ()) -> None:
    """Under the guest's lock: undo the claims that are signed by this guest. Devices claimed by others stay claimed.

    Raises HostError when something could not be taken back: the guest then stays `stopped` or `crashed`, and this can
    be tried again.
    """
    owner = owner_of(run.name)
    ours = tuple(t for t in site.journal.transactions() if t.owner == owner)
    report = UndoReport()
    if ours:
        devices = devices_of(change for transaction in ours for change in transaction.changes)
        with take_all(site.leases, devices, owner=owner, held=held):
            report = site.journal.undo_these(t.id for t in ours)
    if not report.is_complete:
        raise HostError(
            "not everything could be given back",
            where=f"guest {run.name}",
            hint=f"mend the cause, then: dinrail guest stop {run.name}",
            details=tuple(str(step) for step in report.failed),
        )
    run.say(State.DEFINED)


def settle_dead(name: str, site: Site) -> DinrailError | None:
    """`settle` for a guest that ended by itself, for those who look after several: a fault is told, not raised."""
    run = site.run_dir(name)
    try:
        if observe(run).state in ENDED:
            settle(run, site)
    except DinrailError as fault:
        return fault
    return None


def wait_for_end(run: RunDir, site: Site, timeout_ns: int) -> bool:
    """Until the hypervisor is gone and its exit is written down; False when that takes too long."""
    deadline_ns = site.clock.monotonic_ns() + timeout_ns
    while not _has_ended(observe(run)):
        if site.clock.monotonic_ns() >= deadline_ns:
            return False
        site.clock.sleep_ns(_PAUSE_NS)
    return True


def _has_ended(observed: Observed) -> bool:
    alive = any(process is not None and process.is_alive for process in (observed.hypervisor, observed.keeper))
    return not alive


def _signal(process: Process | None, number: signal.Signals) -> None:
    """By pidfd: between looking and signalling, the pid cannot become somebody else's."""
    if process is None:
        return
    with contextlib.suppress(ProcessLookupError):
        fd = os.pidfd_open(process.pid)
        try:
            if process.is_alive:
                signal.pidfd_send_signal(fd, number)
        finally:
            os.close(fd)


def _require_something(observed: Observed) -> Observed:
    require(observed.name, observed.state, State.STARTING, State.RUNNING, State.STOPPING, *ENDED, to="stop")
    return observed
