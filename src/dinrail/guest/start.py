"""Starting a guest: one function, whoever calls it (a command, or the supervisor when a command asked it).

    facts -> ROM -> verdict and identity -> everything that blocks, at once       nothing was touched so far
    -> leases -> ROM read from the card where none is kept -> claim -> staged files -> keeper -> running

Whatever fails on the way, what was taken is given back; a start that was killed leaves a `crashed` guest, which
`guest stop` (or the next start) gives back.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dinrail.errors import DinrailError, HostError
from dinrail.files import atomic_write, ensure_directory, os_refusal
from dinrail.finding import Severity
from dinrail.guest import keeper
from dinrail.guest.definition import GuestDefinition, RomSource
from dinrail.guest.lifecycle import ENDED, Event, State, after, require
from dinrail.guest.plan import GuestFiles, GuestPlan
from dinrail.guest.qemu.monitor import MonitorError, open_monitor
from dinrail.guest.qemu.prepare import TOPICS, Prepared, prepare
from dinrail.guest.qemu.render import COMMAND_SOCKET
from dinrail.guest.roms import ChosenRom, choose, judge_file, read_own
from dinrail.guest.rundir import Lock, Observed, RunDir, busy, observe, observe_all
from dinrail.guest.site import Site, owner_of
from dinrail.guest.stop import give_back, kill_hypervisor, settle_dead
from dinrail.host.claims import claim, require_privilege, take_all
from dinrail.host.lease import Lease
from dinrail.machine.facts import HostFacts, PciFunction
from dinrail.machine.read import read_facts
from dinrail.units import MS_NS, S_NS

START_TIMEOUT_NS = 120 * S_NS
"""Realizing a device resets it, and pinning memory takes a second for each 4 GiB; emulated hosts are slower still."""

_PAUSE_NS = 50 * MS_NS
_VARS_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What to start, and what its owner insists on (`--headless-ok`, `--rom-mismatch-ok`)."""

    definition: GuestDefinition
    waivers: frozenset[str] = frozenset()
    timeout_ns: int = START_TIMEOUT_NS


@dataclass(frozen=True, slots=True)
class Started:
    """The guest as it is now, and the plan by which it runs."""

    guest: Observed
    plan: GuestPlan


def start(request: StartRequest, site: Site) -> Started:
    """Start a guest and wait until its hypervisor says that it runs.

    Raises Refused with every finding that blocks, before anything is touched, or when the guest or a device is in use;
    HostError when the host or the hypervisor fails, after all that was taken has been given back.
    """
    run = site.run_dir(request.definition.name)
    lock = run.lock()
    if lock is None:
        raise busy(observe(run))
    try:
        return _start_locked(request, site, run, lock)
    finally:
        lock.close()


def _start_locked(request: StartRequest, site: Site, run: RunDir, lock: Lock) -> Started:
    if observe(run, locked=True).state in ENDED:
        give_back(run, site)
    require(run.name, observe(run, locked=True).state, State.DEFINED, to="start")
    _settle_others(request.definition, site, run.name)
    case = _Case(request, site, run, read_facts(site.port.fetch(TOPICS)))
    rom = case.choose_rom()
    prepared = case.prepare(rom)
    run.clear()
    run.say(after(run.name, State.DEFINED, Event.CLAIM))
    with ExitStack() as stack:
        held: list[Lease] = []
        with _all_or_nothing(run, site, held):
            if prepared.claim is not None:
                require_privilege(site.port, prepared.claim.purpose)
                owner = owner_of(run.name)
                held += stack.enter_context(take_all(site.leases, prepared.plan.addresses, owner=owner))
                rom = case.with_own_rom(rom)
                prepared = case.prepare(rom)
            _carry_out(prepared, rom, site, run, held)
            observed = _launch(site, run, [lock.fd, *(lease.fileno() for lease in held)], request.timeout_ns)
        if observed.keeper is not None:
            for lease in held:
                lease.hand_over(owner=owner_of(run.name), pid=observed.keeper.pid)
    run.say(after(run.name, State.STARTING, Event.UP))
    return Started(observe(run), prepared.plan)


@dataclass(frozen=True, slots=True)
class _Case:
    """One start's request and what it is laid against."""

    request: StartRequest
    site: Site
    run: RunDir
    facts: HostFacts

    @property
    def gpu_function(self) -> PciFunction | None:
        gpu = self.request.definition.gpu
        return self.facts.function(gpu.address) if gpu is not None else None

    def choose_rom(self) -> ChosenRom:
        """The ROM as far as it can be known before the device is touched. Raises HostError."""
        gpu = self.request.definition.gpu
        if gpu is None:
            return ChosenRom()
        return choose(gpu.rom, self.gpu_function, self.site.paths.roms, waivers=self.request.waivers)

    def with_own_rom(self, rom: ChosenRom) -> ChosenRom:
        """The same with the card's own ROM, where it is wanted, or needed to compare a file's version with.

        Reading it is an action, journaled and taken back at once; the device is not claimed yet. Raises Refused.
        """
        gpu, function = self.request.definition.gpu, self.gpu_function
        if gpu is None or function is None:
            return rom
        if rom.to_extract:
            return read_own(function, self.facts, self.site, self.run.name)
        if gpu.rom.source is RomSource.FILE and function.has_rom and _version_unknown(rom):
            own = read_own(function, self.facts, self.site, self.run.name)
            return judge_file(gpu.rom.path, function, own.rom, waivers=self.request.waivers)
        return rom

    def prepare(self, rom: ChosenRom) -> Prepared:
        """The plan. Raises Refused with everything that blocks it."""
        files = GuestFiles(run=str(self.run.path), state=str(self.site.paths.guest_state(self.run.name)))
        prepared = prepare(self.request.definition, self.facts, rom, files=files, waivers=self.request.waivers)
        if prepared.blocked:
            raise prepared.plan.refusal()
        return prepared


def _version_unknown(rom: ChosenRom) -> bool:
    return all(f.rule != "vbios.version" for f in rom.findings) and any(f.severity is Severity.OK for f in rom.findings)


def _settle_others(definition: GuestDefinition, site: Site, name: str) -> None:
    """Give back what guests that ended by themselves still hold of our devices. A fault shows later, as a conflict."""
    wanted = {device.address for device in definition.passed}
    for other in observe_all(site.paths.guests):
        if other.name != name and other.state in ENDED and wanted & set(other.devices):
            settle_dead(other.name, site)


def _carry_out(prepared: Prepared, rom: ChosenRom, site: Site, run: RunDir, held: Sequence[Lease]) -> None:
    """Claim the devices and put the guest's files where its command line says."""
    plan = prepared.plan
    addresses = [str(address) for address in plan.addresses]
    run.write("plan.json", {"devices": addresses, "argv": prepared.argv, "os": plan.os, "uuid": plan.uuid})
    if prepared.claim is not None:
        claim(site.port, site.journal, site.leases, prepared.claim, owner=owner_of(run.name), held=held)
    if rom.rom is not None:
        atomic_write(run.file("gpu.rom"), rom.rom.data, mode=0o600)
    firmware = plan.firmware
    if firmware is not None and firmware.vars_path:
        _copy_once(Path(firmware.vars_template), Path(firmware.vars_path))
    run.write("argv.json", prepared.argv)


def _copy_once(template: Path, target: Path) -> None:
    """The guest's own variable store, made at its first start and kept for ever: boot entries and keys are in it."""
    if target.exists():
        return
    try:
        ensure_directory(target.parent, 0o700)
        with template.open("rb") as file:
            atomic_write(target, file.read(_VARS_BYTES), mode=0o600)
    except OSError as fault:
        raise os_refusal(fault, "copy the firmware's variable store", template) from fault


def _launch(site: Site, run: RunDir, fds: list[int], timeout_ns: int) -> Observed:
    """Start the keeper, which starts the hypervisor; wait until that answers. Raises HostError with its last words.

    Not through `host.run`: the keeper has to inherit the leases, and to outlive us.
    """
    run.say(after(run.name, State.CLAIMING, Event.CLAIMED))
    words = [sys.executable, "-I", "-S", str(Path(keeper.__file__)), str(run.path), *map(str, fds)]
    null = subprocess.DEVNULL
    try:
        subprocess.run(words, pass_fds=fds, stdin=null, stdout=null, stderr=null, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as fault:
        raise HostError("the keeper could not be started", where=f"guest {run.name}", why=str(fault)) from fault
    deadline_ns = site.clock.monotonic_ns() + timeout_ns
    while True:
        observed = observe(run)
        if observed.exit is not None:
            raise _died(run, observed)
        if observed.hypervisor is not None and _answers(run):
            return observed
        if site.clock.monotonic_ns() > deadline_ns:
            raise HostError(
                f"the hypervisor does not answer after {timeout_ns // S_NS} s",
                where=f"guest {run.name}",
                details=run.log_tail(),
                hint=f"the whole log: {run.file('qemu.log')}",
            )
        site.clock.sleep_ns(_PAUSE_NS)


def _answers(run: RunDir) -> bool:
    """It runs, or did and has come to an end already (`shutdown`, `guest-panicked`): all but still being set up."""
    socket = run.file(COMMAND_SOCKET)
    if not socket.exists():
        return False
    try:
        with open_monitor(socket) as monitor:
            return monitor.status() not in ("prelaunch", "inmigrate")
    except MonitorError:
        return False


def _died(run: RunDir, observed: Observed) -> HostError:
    return HostError(
        f"the hypervisor ended while it was started: {observed.exit}",
        where=f"guest {run.name}",
        details=run.log_tail(),
        hint="`dinrail explain` knows many of these messages",
    )


@contextmanager
def _all_or_nothing(run: RunDir, site: Site, held: Sequence[Lease]) -> Iterator[None]:
    """However the block is left, by an interrupt too: nothing stays claimed for a guest that does not run."""
    done = False
    try:
        yield
        done = True
    finally:
        if not done:
            _take_back(run, site, held, sys.exception())


def _take_back(run: RunDir, site: Site, held: Sequence[Lease], fault: BaseException | None) -> None:
    """Give back what a failed start took. What cannot be is added to the fault that is on its way."""
    try:
        kill_hypervisor(run, site)
        give_back(run, site, held=held)
    except DinrailError as second:
        if not isinstance(fault, DinrailError):
            raise
        fault.details = (*fault.details, *second.lines())
