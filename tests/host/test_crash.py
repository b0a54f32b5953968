"""kill -9 at every point between two journal entries, then undo: the machine is as it was found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import crash_child
import pytest
from crash_child import GPU, PLAN, journal, machine

from dinrail.host.archive import write_archive
from dinrail.host.journal import open_journal
from dinrail.host.paths import Paths
from dinrail.host.records import StepState
from dinrail.host.rehearsal import RehearsedHost
from dinrail.host.replay import recorded_value
from dinrail.machine.sources import Entry, Raw, SourceKind, Topic

COUNT = 64
CHILD = Path(crash_child.__file__)
DEVICE = f"/sys/bus/pci/devices/{GPU}"
FOUND = Raw(
    "linux",
    {
        DEVICE: Entry(SourceKind.LINK, f"../../../devices/pci0000:00/{GPU}".encode()),
        f"{DEVICE}/driver": Entry(SourceKind.LINK, b"../../../bus/pci/drivers/bochs"),
        f"{DEVICE}/driver_override": Entry(SourceKind.FILE, b"(null)\n"),
        f"{DEVICE}/rom": Entry(SourceKind.EXISTS),
        "/proc/sys/kernel/random/boot_id": Entry(SourceKind.FILE, b"2d5bb0a4-7f4c-4c1e-9c0a-5a3c0f3f9d11\n"),
        "/proc/sys/kernel/osrelease": Entry(SourceKind.FILE, b"6.1.0\n"),
    },
    frozenset({Topic.PCI, Topic.KERNEL}),
)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write_archive(FOUND, tmp_path / "host.tar.gz", {})
    return tmp_path


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """COUNT machines; the claim and undo on the n-th were killed on entry to their n-th fsync, the last ones lived."""
    directory = tmp_path_factory.mktemp("killed")
    for number in range(1, COUNT + 1):
        write_archive(FOUND, directory / str(number) / "host.tar.gz", {})
    inject = f"inject=fsync:signal=SIGKILL:when={COUNT}"
    argv = ("strace", "-f", "-o", "/dev/null", "-e", "trace=fsync", "-e", inject, sys.executable, str(CHILD))
    done = subprocess.run((*argv, str(COUNT), str(directory)), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    survivors = [int(line) for line in done.stdout.split()]
    assert survivors, "the last children had fewer fsyncs than were counted, or the count here is too small"
    assert survivors == list(range(survivors[0], COUNT + 1))
    assert survivors[0] > 40, "the kills walked through the whole claim and its undo"
    return directory


def test_killed_at_every_fsync_the_machine_comes_back(killed: Path) -> None:
    """Killed at any fsync of a claim and of its undo, dinrail puts everything back when it is asked to undo."""
    states: set[str] = set()
    interrupted = 0
    for number in range(1, COUNT + 1):
        directory = killed / str(number)
        states.add("".join(recorded_value(machine(directory).raw.entries, change)[:1] for change in PLAN.changes))
        left = journal(directory).transactions()
        interrupted += any(not t.is_complete and StepState.INTENDED in t.states for t in left)
        report = journal(directory).undo()
        assert report.is_complete, report
        assert machine(directory).raw == FOUND, f"killed at fsync {number}"
        assert journal(directory).transactions() == ()
        assert journal(directory).undo().steps == ()
    assert len(states) >= 5, "the kills found the machine in every state between two steps"
    assert interrupted >= 5, "the kills left each step between intent and deed"


def test_torn_in_every_record_the_journal_still_knows_the_way_back(here: Path) -> None:
    """A journal file cut inside any record, as a power cut leaves it, leads back from where the machine then was."""
    stages: list[tuple[int, Raw]] = [(0, FOUND)]  # the journal's size when a change was made, and the machine after it
    log = here / "state/journal/000001.jsonl"
    stage = RehearsedHost(FOUND, label="x", on_change=lambda raw: stages.append((log.stat().st_size, raw)))
    open_journal(Paths(here / "state", here / "run"), stage).carry_out(PLAN, owner="torn")
    whole = log.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    for size in sorted(
        {0, *ends, *(end + step for end in [0, *ends[:-1]] for step in (1, 20)), *(e - 1 for e in ends)}
    ):
        log.write_bytes(whole[:size])
        write_archive([raw for at, raw in stages if at <= size][-1], here / "host.tar.gz", {})
        assert all(t.torn == (size not in ends) for t in journal(here).transactions())
        assert journal(here).undo().is_complete
        assert machine(here).raw == FOUND, f"cut at byte {size}"
