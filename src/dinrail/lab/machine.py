"""The virtual industrial PC while it runs.

    with boot(STANDARD) as pc:
        done = pc.run(["dinrail", "pci", "--json"])     # inside, over the outer file system
        pc.screendump("gpu", Path("monitor.png"))       # what the GPU's monitor shows
    # switched off

Inside it looks like the outer machine: same paths, same programs, same working directory, all writes going to memory.
The machine lives as long as this process holds its channel: a killed test leaves no emulator behind.
"""

from __future__ import annotations

import base64
import compileall
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import dinrail
from dinrail.errors import HostError
from dinrail.host.run import run
from dinrail.lab import agent
from dinrail.lab.channel import Channel, Completed, Job, OnOutput
from dinrail.lab.guestimage import GuestImage, guest_initramfs
from dinrail.lab.hardware import Wiring, qemu_argv
from dinrail.lab.image import Inside, initramfs
from dinrail.lab.kernel import unpacked_kernel
from dinrail.lab.monitor import Monitor
from dinrail.lab.near import make_disk
from dinrail.lab.parts import GUEST_KERNEL, Cache, Kernel, Progress, silent
from dinrail.lab.screen import Font, Picture
from dinrail.lab.topology import STANDARD, Topology
from dinrail.lab.vbios import vbios

QEMU = "qemu-system-x86_64"
BOOT_LIMIT_S = 120.0
_OFF_LIMIT_S = 15.0


@dataclass(frozen=True, slots=True)
class Parts:
    """All files that a machine is made of, ready in the cache. `boot_file` is the kernel, unpacked."""

    kernel: Kernel
    boot_file: Path
    guest: GuestImage
    versions: Mapping[str, str]


def prepare(cache: Cache | None = None, *, progress: Progress = silent) -> Parts:
    """Download and unpack what is missing. Needs no network once that was done. Raises HostError, CommandFailed."""
    cache = cache or Cache.default()
    kernel = cache.kernel(progress=progress)
    guest_kernel = cache.kernel(GUEST_KERNEL, progress=progress)
    archive = _kept(cache.root / "guest.cpio", guest_initramfs())
    boot_file = cache.root / f"vmlinux-{kernel.release}-{kernel.version}"
    if not boot_file.exists():
        progress("unpacking the kernel")
        _kept(boot_file, unpacked_kernel(kernel.vmlinuz.read_bytes()))
    versions = {part.package: part.version for part in cache.versions().values()}
    return Parts(kernel, boot_file, GuestImage(guest_kernel.vmlinuz, archive), {**versions, "qemu": _qemu_version()})


class VirtualPc:
    """One running machine. Methods raise HostError when it is gone. Made by `boot`."""

    def __init__(
        self, topology: Topology, process: subprocess.Popen[bytes], channel: Channel, monitor: Monitor, home: Path
    ) -> None:
        self.topology = topology
        self.home = home
        self.powered_on = time.monotonic()
        self._process = process
        self._channel = channel
        self._monitor = monitor
        self._font: Font | None = None
        self._off = False

    def __enter__(self) -> VirtualPc:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.power_off()

    @property
    def age_s(self) -> float:
        """Seconds since power-on."""
        return time.monotonic() - self.powered_on

    def start(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 120.0,
    ) -> Job:
        """Begin a command and come back at once; several may run together. `env` adds to the environment."""
        return self._channel.start(
            argv, cwd=cwd or str(Path.cwd()), env={**_environment(), **(env or {})}, timeout_s=timeout_s
        )

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 120.0,
        on_output: OnOutput | None = None,
    ) -> Completed:
        """Run a command to its end. Killed after `timeout_s`; the result says so."""
        return self.start(argv, cwd=cwd, env=env, timeout_s=timeout_s).wait(on_output)

    def interact(self, argv: Sequence[str]) -> int:
        """Run a command on the serial port, for a machine booted with `serial="stdio"`. Returns its exit status."""
        job = self._channel.start(argv, cwd=str(Path.cwd()), env=_environment(), timeout_s=7 * 86400, tty="/dev/ttyS0")
        return job.wait().exit_code

    def read_file(self, path: str) -> bytes:
        """A file of the virtual PC; /proc and /sys too."""
        return self._channel.ask("read", path=path)

    def write_file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Put a file into the virtual PC, with the directories it needs. Below / it lands in memory."""
        self._channel.ask("write", path=path, data=base64.b64encode(data).decode(), mode=mode)

    def screendump(self, display: str, path: Path) -> Picture:
        """Save what the monitor on that display shows as PNG, and return it. `display` is a device id."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self.monitor("screendump", filename=str(path.resolve()), device=display, format="png")
        return Picture.load(path)

    def monitor(self, command: str, **arguments: object) -> Any:
        """One command of QEMU's monitor."""
        return self._monitor.execute(command, **arguments)

    def console_font(self) -> Font:
        """The font of Linux's console, asked of the kernel inside; the guest's kernel has the same."""
        if self._font is None:
            self._font = Font.from_table(self._channel.ask("font"))
        return self._font

    def power_off(self) -> None:
        """Switch the machine off; by force where it does not obey. May be called again."""
        if self._off:
            return
        self._off = True
        self._channel.close()
        try:
            self._process.wait(_OFF_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with contextlib.suppress(HostError):
            self._monitor.close()
        shutil.rmtree(self.home, ignore_errors=True)


def boot(
    topology: Topology = STANDARD,
    parts: Parts | None = None,
    *,
    serial: str | None = None,
    options: tuple[str, ...] = (),
    rom: bytes | None = None,
) -> VirtualPc:
    """Switch on a virtual PC and wait for its agent.

    serial:  where its serial port goes, in QEMU's words; by default a file that errors quote from.
    options: further words for its kernel.
    rom:     another VBIOS for its GPU than the right one.
    Raises HostError with the end of the serial log when it does not come up.
    """
    parts = parts or prepare()
    # Byte code is made here and not inside: compiling is what emulation is worst at.
    compileall.compile_dir(Path(dinrail.__file__).parent, quiet=2)
    home = Path(tempfile.mkdtemp(prefix="dinrail-lab-"))
    log = home / "serial.log"
    ends = [socket.socketpair() for _ in range(2)]
    wiring = Wiring(
        qemu=(QEMU,),
        kernel=parts.boot_file,
        initramfs=home / "initramfs.cpio",
        vbios=home / "vbios.rom",
        near=home / "near.img",
        monitor_fd=ends[0][1].fileno(),
        agent_fd=ends[1][1].fileno(),
        serial=serial or f"file:{log}",
        extra_options=options,
    )
    wiring.initramfs.write_bytes(initramfs(_inside(parts.kernel)))
    make_disk(wiring.near, home / "near")
    wiring.vbios.write_bytes(rom or vbios(_gpu_model(topology)))
    process = _start(qemu_argv(topology, wiring), home / "qemu.log", ends)
    channel = Channel(ends[1][0], lambda: _diagnosis(home))
    try:
        pc = VirtualPc(topology, process, channel, Monitor(ends[0][0]), home)
        channel.ready(BOOT_LIMIT_S)
    except HostError as error:
        process.kill()
        process.wait()
        channel.close()
        said = tuple(_diagnosis(home).splitlines()[-12:])
        shutil.rmtree(home, ignore_errors=True)
        raise HostError("the virtual PC did not come up", where=QEMU, details=said) from error
    return pc


def _start(
    argv: tuple[str, ...], log: Path, ends: list[tuple[socket.socket, socket.socket]]
) -> subprocess.Popen[bytes]:
    """QEMU in a session of its own, so that Ctrl-C reaches us first; it inherits the far ends and nothing else."""
    far = [pair[1] for pair in ends]
    try:
        with log.open("wb") as output:
            return subprocess.Popen(argv, pass_fds=[s.fileno() for s in far], stderr=output, start_new_session=True)
    except OSError as error:
        raise HostError("cannot be started", where=argv[0], hint="install qemu-system-x86") from error
    finally:
        for sock in far:
            sock.close()


def _kept(path: Path, data: bytes) -> Path:
    """Write a file of the cache so that another run never sees half of it."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_bytes(data)
    return fresh.replace(path)


def _inside(kernel: Kernel) -> Inside:
    """The agent runs under this very interpreter, isolated from the environment and from site-packages."""
    interpreter = (os.path.realpath(sys.executable), "-I", "-S", "-u")
    return Inside(kernel.tree, kernel.release, (*interpreter, agent.__file__))


def _environment() -> dict[str, str]:
    """What a command inside sees: this environment's programs first, nothing of the caller's desktop."""
    here = Path(sys.executable).parent
    return {
        "PATH": f"{here}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "TERM": os.environ.get("TERM", "dumb"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _gpu_model(topology: Topology) -> str:
    return next(f.model for port in topology.ports for f in port.functions if f.vbios)


def _diagnosis(home: Path) -> str:
    """What QEMU and the machine said last."""
    texts = [(home / name).read_text(errors="replace") for name in ("qemu.log", "serial.log") if (home / name).exists()]
    return "\n".join(text.strip() for text in texts if text.strip())


def _qemu_version() -> str:
    return run((QEMU, "--version")).stdout.decode().split("version ", 1)[-1].split("\n", 1)[0]
