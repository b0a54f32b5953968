"""This machine behind the host port."""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from dinrail.errors import CommandFailed, HostError
from dinrail.files import os_refusal, read_all
from dinrail.host import run
from dinrail.host.apply.table import APPLIERS
from dinrail.host.apply.tree import Tree
from dinrail.host.port import TargetGone
from dinrail.host.scan import scan
from dinrail.machine.change import Change
from dinrail.machine.sources import BY_SYSTEM, Entry, Raw, Source, SourceKind, Topic, for_release, wanted
from dinrail.pci.address import PciAddress
from dinrail.units import S_NS

_COMMAND_TIMEOUT_NS = 60 * S_NS
# Not imported: they bring ctypes, and only their processes need that.
_PROBES = {name: str(Path(__file__).with_name(file)) for name, file in (("kvm", "probe.py"), ("realtime", "rights.py"))}
_KVM_NODE = "/dev/kvm"
_PROBE_TIMEOUT_NS = 10 * S_NS
_MAX_ROM_BYTES = 32 << 20  # the ROM BAR's largest size is 16 MiB (PCI Local Bus Specification 3.0, 6.2.5.2)


class LiveHost:
    """The machine we run on, or a file tree that looks like one.

    root: a copy of another machine's /sys and /proc may be looked at in place. Commands and probes would answer for
    this machine, so under another root there are none.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._tree = Tree(root)
        self._system = os.uname().sysname.lower()

    @property
    def label(self) -> str:
        return "this machine" if self._tree.is_machine else str(self._tree.root)

    @property
    def is_live(self) -> bool:
        return True

    def fetch(self, topics: Iterable[Topic]) -> Raw:
        """See HostPort. Raises HostError on a system whose sources nobody has declared."""
        declared = BY_SYSTEM.get(self._system)
        if declared is None:
            raise HostError(f"nothing is known yet about where {self._system} keeps its facts", where=self.label)
        asked = frozenset(topics)
        sources = for_release(wanted(declared, asked), self._release())
        entries = scan("" if self._tree.is_machine else str(self._tree.root), sources)
        if self._tree.is_machine:
            _run_side_by_side([s for s in sources if s.kind in (SourceKind.COMMAND, SourceKind.PROBE)], entries)
        return Raw(self._system, entries, asked)

    def _release(self) -> str:
        return os.uname().release if self._tree.is_machine else self._tree.line("/proc/sys/kernel/osrelease")

    def current(self, change: Change) -> str:
        return APPLIERS[change.kind].current(self._tree, change)

    def make(self, change: Change) -> None:
        APPLIERS[change.kind].make(self._tree, change)

    def read_rom(self, address: PciAddress) -> bytes:
        path = f"/sys/bus/pci/devices/{address}/rom"
        try:
            fd = os.open(self._tree.path(path), os.O_RDONLY | os.O_CLOEXEC)
            try:
                data, more = read_all(fd, _MAX_ROM_BYTES)
            finally:
                os.close(fd)
        except FileNotFoundError as fault:
            raise TargetGone("the device offers no option ROM", where=path) from fault
        except OSError as fault:
            raise os_refusal(fault, "read the option ROM", path) from fault
        if more:
            raise HostError(f"the option ROM does not end within {_MAX_ROM_BYTES} bytes", where=path)
        return data


def _run_side_by_side(sources: Sequence[Source], entries: dict[str, Entry]) -> None:
    """All at once: they only read, and each of them is a process that mostly waits for its own start."""
    faults: list[HostError] = []

    def attend(source: Source) -> None:
        try:
            if source.kind is SourceKind.COMMAND:
                _run_source(source, entries)
            else:
                entries[f"probe:{source.pattern}"] = _probe(source)
        except HostError as fault:
            faults.append(fault)

    threads = [threading.Thread(target=attend, args=(source,)) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def _run_source(source: Source, entries: dict[str, Entry]) -> None:
    """A command that is not installed has no entry, as a file that does not exist has none."""
    if run.find_program(source.argv[0]) is None:
        return
    try:
        done = run.run(source.argv, timeout_ns=_COMMAND_TIMEOUT_NS, max_bytes=source.max_bytes, check=False)
    except run.TimedOut:
        entry = Entry(SourceKind.COMMAND, fault=errno.errorcode[errno.ETIMEDOUT])
    except CommandFailed:
        entry = Entry(SourceKind.COMMAND, fault=errno.errorcode[errno.ENOEXEC])
    else:
        entry = Entry(SourceKind.COMMAND, done.stdout, status=done.status, cut=done.cut)
    entries[f"command:{source.pattern}"] = entry


def _probe(source: Source) -> Entry:
    """One question to the kernel, asked by a child that may hang and be killed. No KVM node, no child for it."""
    if source.pattern == "kvm" and not Path(_KVM_NODE).exists():
        answer = {"node": False, "api_version": None, "ran": False, "fault": "open: ENOENT"}
        return Entry(SourceKind.PROBE, json.dumps(answer).encode())
    try:
        argv = (sys.executable, "-I", "-S", _PROBES[source.pattern])
        done = run.run(argv, timeout_ns=_PROBE_TIMEOUT_NS, max_bytes=source.max_bytes, check=False)
    except run.TimedOut:
        return Entry(SourceKind.PROBE, fault=errno.errorcode[errno.ETIMEDOUT])
    return Entry(SourceKind.PROBE, done.stdout, status=done.status)
