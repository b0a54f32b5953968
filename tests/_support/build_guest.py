"""Guests and hosts for them, built from named fields; and a hypervisor that is just a process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from build_host import ALL_TOPICS, Machine
from build_rom import legacy

from dinrail.config.document import parse
from dinrail.guest import keeper
from dinrail.guest.definition import GuestDefinition
from dinrail.guest.plan import GuestFiles
from dinrail.guest.rundir import RunDir
from dinrail.guest.site import Site
from dinrail.host.journal import open_journal
from dinrail.host.lease import Leases
from dinrail.host.paths import Paths
from dinrail.host.rehearsal import RehearsedHost
from dinrail.machine.facts import GuestFirmware, HostFacts, Hypervisor
from dinrail.machine.sources import Entry, Raw, SourceKind
from dinrail.pci.address import PciAddress
from dinrail.pci.rom_build import build
from dinrail.system_clock import SystemClock

FILES = GuestFiles(run="/run/dinrail/guests/hmi", state="/var/lib/dinrail/guests/hmi")

QEMU = Hypervisor("7.2.22", frozenset({"host", "romfile", "rombar", "addr"}), frozenset({"q35", "pc"}))

_QEMU_SAYS = {
    "command:qemu-version": "QEMU emulator version 7.2.22\n",
    "command:qemu-vfio-pci": "vfio-pci options:\n  host=<str>\n  romfile=<str>\n  rombar=<uint32>\n",
    "command:qemu-machines": "Supported machines are:\nq35                  Standard PC (Q35 + ICH9, 2009)\n",
}


def ovmf(descriptor: str, *features: str, machines: tuple[str, ...] = ("pc-q35-*",)) -> GuestFirmware:
    """A firmware image as Debian describes its own."""
    stem = "/usr/share/OVMF/OVMF_{}_4M.fd"
    return GuestFirmware(
        descriptor=f"/usr/share/qemu/firmware/{descriptor}",
        interface="uefi",
        code_path=stem.format("CODE"),
        vars_template_path=stem.format("VARS"),
        machines=machines,
        architectures=("x86_64",),
        features=frozenset(features),
        description="UEFI firmware for x86_64",
    )


SECURE = ovmf("40-edk2-x86_64-secure-enrolled.json", "secure-boot", "enrolled-keys", "requires-smm")
PLAIN = ovmf("60-edk2-x86_64.json", "acpi-s3")


def facts_of(machine: Machine, *, cpus: int = 4) -> HostFacts:
    """The machine's facts with a QEMU and Debian's firmware on it."""
    facts = machine.facts()
    assert facts.cpus is not None
    return replace(facts, cpus=replace(facts.cpus, count=cpus), firmware=(SECURE, PLAIN), hypervisor=QEMU)


def guest(toml: str, *, name: str = "hmi") -> GuestDefinition:
    """A definition from the body of its table."""
    return parse(f"[guest.{name}]\n{toml}".encode(), Path("/etc/dinrail/dinrail.toml")).guest(name)


def raw_of(machine: Machine) -> Raw:
    """The machine's bytes with a QEMU on it."""
    raw = machine.raw(ALL_TOPICS)
    says = {key: Entry(SourceKind.COMMAND, text.encode()) for key, text in _QEMU_SAYS.items()}
    return Raw(raw.system, {**raw.entries, **says}, raw.topics)


def rehearsed_site(machine: Machine, directory: Path, roms: dict[PciAddress, bytes] | None = None) -> Site:
    """A host in memory, with a real journal and real leases in `directory`."""
    port = RehearsedHost(raw_of(machine), label="a rehearsed machine", roms=roms)
    paths = Paths(state=directory / "state", run=directory / "run")
    clock = SystemClock()
    return Site(port, paths, clock, open_journal(paths, port, clock), Leases(paths.leases, clock))


def entries_of(site: Site) -> dict[str, object]:
    """All that stands on the rehearsed machine now; links by their last name, as the kernel's depth varies."""
    assert isinstance(site.port, RehearsedHost)
    entries = site.port.raw.entries
    return {path: e.line.rsplit("/", 1)[-1] if e.kind is SourceKind.LINK else e for path, e in entries.items()}


def rom_for(vendor_id: int, device_id: int) -> bytes:
    """A whole legacy VBIOS of a device."""
    return build(legacy(vendor_id=vendor_id, device_id=device_id, code=b"\xcb" * 600))


def run_keeper(run: Path, argv: list[str], fds: tuple[int, ...] = ()) -> None:
    """Start a command under the real keeper, as `guest start` does; returns when the keeper stands on its own."""
    run.mkdir(parents=True, exist_ok=True)
    (run / "argv.json").write_text(json.dumps(argv))
    words = [sys.executable, "-I", "-S", str(Path(keeper.__file__)), str(run), *map(str, fds)]
    subprocess.run(words, pass_fds=fds, check=True, timeout=20)


def wait_for(what: Callable[[], Any], *, seconds: float = 10.0) -> Any:
    """The first true value of `what`; fails when it takes too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def pid_of(run: Path) -> int:
    """The hypervisor's pid, as soon as the keeper has written it."""
    found = wait_for(lambda: RunDir(run).read("pid.json"))
    return int(found["pid"])


def exit_of(run: Path) -> dict[str, Any]:
    """How it ended, as soon as the keeper has written it."""
    return dict(wait_for(lambda: RunDir(run).read("exit.json")))
