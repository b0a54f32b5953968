"""The main job, start to finish, as a list of stages: from nothing to a guest on a passed-through GPU, and back.

Everything that touches the virtual PC's devices is done by the product's own commands, run inside as a user would; the
stages only look at the results. `make demo` shows them, the tests play the same list and look closer.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from dinrail.errors import DinrailError, HostError
from dinrail.lab.channel import Completed, Job
from dinrail.lab.devices import DeviceState, device_states
from dinrail.lab.guestimage import GREETING
from dinrail.lab.machine import Parts, VirtualPc, boot, prepare
from dinrail.lab.topology import STANDARD, Topology
from dinrail.lab.watch import firmware_logo, says, shows, wait_for_picture

GUEST = "hmi"
CONFIG, COMMAND = "dinrail.toml", "command.txt"
FIRMWARE_LIMIT_S = 240.0
SYSTEM_LIMIT_S = 420.0
COMMAND_LIMIT_S = 180.0
MONITOR_BEFORE, FIRMWARE_PICTURE, SYSTEM_PICTURE, MONITOR_AFTER = (
    "1-monitor-before.png",
    "2-guest-firmware.png",
    "3-guest-system.png",
    "4-monitor-after.png",
)


class Observer(Protocol):
    """Whoever watches: a progress display, or a test."""

    def begin(self, stage: Stage) -> None: ...

    def end(self, outcome: Outcome) -> None: ...

    def note(self, text: str) -> None: ...


@dataclass(slots=True)
class Play:
    """One run of the scenario: where its pictures go, the machine once it is on, and what was seen so far."""

    out: Path
    topology: Topology
    word: str
    note: Callable[[str], None]
    parts: Parts | None = None
    pc: VirtualPc | None = None
    seen: dict[str, Any] = field(default_factory=dict)
    jobs: dict[tuple[str, ...], Job] = field(default_factory=dict)
    transcript: list[Completed] = field(default_factory=list)

    @property
    def machine(self) -> VirtualPc:
        if self.pc is None:
            raise HostError("the virtual PC is not on", where="scenario", hint="the stages run in their order")
        return self.pc

    @property
    def gpu(self) -> str:
        return self.topology.address("gpu")

    def begin(self, *words: str) -> None:
        """Start a command that only reads; the stage that needs it waits for it. The machine has two processors."""
        self.jobs[words] = self.machine.start(["dinrail", *words], timeout_s=COMMAND_LIMIT_S)

    def dinrail(self, *words: str) -> Completed:
        """Run the product inside, or wait for what was begun. Raises HostError with its words when it fails."""
        if words not in self.jobs:
            self.begin(*words)
        done = self.jobs.pop(words).wait()
        self.transcript.append(done)
        if done.exit_code:
            raise HostError(
                f"`dinrail {shlex.join(words)}` exited with {done.exit_code}",
                where="virtual PC",
                details=tuple((done.stderr or done.stdout).splitlines()[-25:]),
            )
        return done

    def device_state(self) -> DeviceState:
        """What claiming may change and releasing has to restore: the GPU's driver, its override, and its ROM switch."""
        return device_states(self.machine, self.gpu)[self.gpu]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step. `act` returns the result in a few words. `is_download` times are told apart."""

    key: str
    title: str
    act: Callable[[Play], str]
    is_download: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a stage went."""

    stage: Stage
    seconds: float
    result: str
    ok: bool = True


def _parts(play: Play) -> str:
    play.parts = prepare(progress=play.note)
    return f"QEMU {play.parts.versions['qemu'].split()[0]}, kernel {play.parts.kernel.release}"


def _power_on(play: Play) -> str:
    play.pc = boot(play.topology, play.parts)
    return f"{play.topology.summary}"


def _inventory(play: Play) -> str:
    play.begin(*_LISTING)
    play.begin(*_doctoring(play))
    play.seen["found"] = play.device_state()
    functions = json.loads(play.dinrail(*_LISTING).stdout)
    gpu = next(f for f in functions if f["address"] == play.gpu)
    groups = {f["group"] for f in functions if f["group"] is not None}
    return f"{len(functions)} devices, {len(groups)} IOMMU groups; GPU {gpu['ids']} driver {gpu['driver']}"


def _doctor(play: Play) -> str:
    play.dinrail(*_doctoring(play))
    return "nothing stands in the way"


def _extract(play: Play) -> str:
    rom = play.out / "vbios.rom"
    rom.unlink(missing_ok=True)
    play.dinrail("vbios", "extract", play.gpu, "--output", str(_inside(rom)), "--keep", "--json")
    rom.write_bytes(play.machine.read_file(str(_inside(rom))))
    return f"{rom.stat().st_size} bytes -> {rom.name}"


def _check(play: Play) -> str:
    config = play.out / CONFIG
    config.write_text(guest_toml(play))
    play.machine.write_file(str(_inside(config)), config.read_bytes())
    play.begin(*_planning(play))
    play.dinrail("vbios", "check", str(_inside(play.out / "vbios.rom")), "--for", play.gpu, "--json")
    return "whole, and this card's own"


def _plan(play: Play) -> str:
    planned = play.dinrail(*_planning(play))
    (play.out / COMMAND).write_text(planned.stdout)
    return f"the command is in {COMMAND}"


def _before(play: Play) -> str:
    picture = play.machine.screendump("gpu", play.out / MONITOR_BEFORE)
    if shows(firmware_logo())(picture):
        raise HostError("the monitor shows the firmware's logo before the guest was started", where=MONITOR_BEFORE)
    return MONITOR_BEFORE


def _claim(play: Play) -> str:
    play.dinrail("gpu", "claim", play.gpu, "--json")
    return f"driver {play.device_state()['driver']}"


def _start(play: Play) -> str:
    play.dinrail("guest", "start", "--config", str(_inside(play.out / CONFIG)), GUEST, "--json")
    return "QEMU runs under its keeper"


# The commands that only read are begun one stage ahead: the machine has two processors.


_LISTING = ("pci", "--json")


def _doctoring(play: Play) -> tuple[str, ...]:
    return "doctor", play.gpu, "--json"


def _planning(play: Play) -> tuple[str, ...]:
    return "guest", "plan", "--config", str(_inside(play.out / CONFIG)), GUEST


def _firmware(play: Play) -> str:
    picture = play.out / FIRMWARE_PICTURE
    wait_for_picture(
        play.machine, "gpu", picture, shows(firmware_logo()), timeout_s=FIRMWARE_LIMIT_S, what="the firmware's logo"
    )
    return f"{picture.name}, {play.machine.age_s:.0f} s after power-on"


def _system(play: Play) -> str:
    picture = play.out / SYSTEM_PICTURE
    accept = says(play.machine.console_font(), GREETING, f"word {play.word}")
    wait_for_picture(
        play.machine, "gpu", picture, accept, timeout_s=SYSTEM_LIMIT_S, what="the guest's own console text"
    )
    return f"{picture.name}, {play.machine.age_s:.0f} s after power-on"


def _stop(play: Play) -> str:
    play.dinrail("guest", "stop", GUEST, "--timeout", "2 s", "--json")
    return "stopped; the claim stands until it is released"


def _release(play: Play) -> str:
    play.dinrail("gpu", "release", play.gpu, "--json")
    now, found = play.device_state(), play.seen["found"]
    if now != found:
        raise HostError(f"the GPU was found as {found} and is left as {now}", where=play.gpu)
    play.machine.screendump("gpu", play.out / MONITOR_AFTER)
    return f"driver {now['driver']}, all as found"


def _power_off(play: Play) -> str:
    play.machine.power_off()
    return "off"


STAGES: tuple[Stage, ...] = (
    Stage("parts", "Fetch and unpack the parts", _parts, is_download=True),
    Stage("power-on", "Power on the virtual industrial PC", _power_on),
    Stage("inventory", "Read devices and IOMMU groups", _inventory),
    Stage("doctor", "Judge the GPU for passthrough", _doctor),
    Stage("extract", "Extract the GPU's VBIOS", _extract),
    Stage("check", "Check the VBIOS against the card", _check),
    Stage("plan", "Plan the guest", _plan),
    Stage("before", "Look at the monitor", _before),
    Stage("claim", "Claim the GPU for vfio", _claim),
    Stage("start", "Start the guest with GPU and ROM", _start),
    Stage("firmware", "Wait for the guest's firmware", _firmware),
    Stage("system", "Wait for the guest's system", _system),
    Stage("stop", "Stop the guest", _stop),
    Stage("release", "Give the GPU back", _release),
    Stage("power-off", "Switch the virtual PC off", _power_off),
)
"""In their order; each relies on those before it."""


def guest_toml(play: Play, *, name: str = GUEST, rom: str = "auto") -> str:
    """The guest's configuration, as a user would write it."""
    if play.parts is None:
        raise HostError("the parts are not there yet", where="scenario")
    image = play.parts.guest
    return "\n".join(
        (
            f"[guest.{name}]",
            'os = "linux"',
            "cpus = 1",
            f'memory = "{image.memory_mib} MiB"',
            'firmware = "uefi"',
            f'gpu = {{ device = "{play.gpu}", rom = "{rom}" }}',
            "",
            f"[guest.{name}.boot]",
            f'kernel = "{image.kernel}"',
            f'initrd = "{image.initramfs}"',
            f'cmdline = "{image.command_line(play.word)}"',
            "",
        )
    )


def play_scenario(play: Play, observer: Observer, stages: tuple[Stage, ...] = STAGES) -> tuple[Outcome, ...]:
    """Run the stages in their order. A fault ends the play and is raised; the machine is switched off in any case."""
    outcomes: list[Outcome] = []
    try:
        for stage in stages:
            observer.begin(stage)
            started = time.monotonic()
            try:
                result = stage.act(play)
            except DinrailError as fault:
                observer.end(Outcome(stage, time.monotonic() - started, str(fault), ok=False))
                raise
            outcomes.append(Outcome(stage, time.monotonic() - started, result))
            observer.end(outcomes[-1])
    finally:
        if play.pc is not None:
            play.pc.power_off()
        write_transcript(play)
    return tuple(outcomes)


def write_transcript(play: Play) -> None:
    """What was typed inside and what came back, for readers and bug reports."""
    parts = [
        f"$ {shlex.join(done.argv)}\n{done.stdout}{done.stderr}[exit {done.exit_code}]\n" for done in play.transcript
    ]
    (play.out / "transcript.txt").write_text("\n".join(parts))


def new_play(out: Path, note: Callable[[str], None], *, topology: Topology = STANDARD) -> Play:
    """A play whose pictures go to `out`. The word makes this run's guest tell itself from any other's."""
    out.mkdir(parents=True, exist_ok=True)
    return Play(out.resolve(), topology, f"{time.time_ns() % 10**8:08d}", note)


def _inside(path: Path) -> Path:
    """Where a file of `out` lies in the virtual PC: in memory, so that nothing is written through to the outer disk."""
    return Path("/run/demo") / path.name
