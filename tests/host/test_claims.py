"""Claims, releases and ROM reading: the journal's deeds under the devices' leases."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from build_host import AMD_DGPU, DGPU, DGPU_AUDIO, NO_IOMMU
from build_host import IGPU as NO_IOMMU_GPU

from dinrail.clock import ManualClock
from dinrail.errors import HostError, Refused
from dinrail.files import atomic_write, read_file
from dinrail.host import claims
from dinrail.host.journal import Journal, open_journal
from dinrail.host.lease import Leases
from dinrail.host.live import LiveHost
from dinrail.host.paths import Paths
from dinrail.host.records import Outcome
from dinrail.host.rehearsal import RehearsedHost
from dinrail.host.rom import extract
from dinrail.host.store import RomStore, load, note_path
from dinrail.machine.change import Change, ChangeKind, ChangePlan
from dinrail.machine.facts import PciFunction
from dinrail.passthrough.claim import plan_claim
from dinrail.pci.address import PciAddress

GPU, AUDIO = PciAddress.parse(DGPU), PciAddress.parse(DGPU_AUDIO)
PLAN = plan_claim(AMD_DGPU.facts(), (GPU, AUDIO))
ROM = b"\x55\xaa" + bytes(510)


class Room:
    """A host with its journal and leases."""

    def __init__(self, directory: Path) -> None:
        self.paths = Paths(directory, directory)
        self.host = RehearsedHost(AMD_DGPU.raw(), label="a rehearsal", roms={GPU: ROM})
        self.journal = open_journal(self.paths, self.host, ManualClock())
        self.leases = Leases(self.paths.leases, ManualClock())

    def claim(self) -> None:
        claims.claim(self.host, self.journal, self.leases, PLAN, owner="gpu claim")

    def driver(self, address: PciAddress) -> str:
        return self.host.current(Change(ChangeKind.DRIVER, str(address), "", ""))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def function(address: str = DGPU, **changed: object) -> PciFunction:
    found = AMD_DGPU.facts().function(PciAddress.parse(address))
    assert found is not None
    return replace(found, **changed)  # type: ignore[arg-type]  # named fields


def test_a_claim_is_released_whole(room: Room) -> None:
    """Releasing one function of a claim gives all of it back, and the leases are free before and after."""
    room.claim()
    assert (room.driver(GPU), room.driver(AUDIO), room.leases.holder(GPU)) == ("vfio-pci", "vfio-pci", None)
    assert claims.release(room.journal, room.leases, [AUDIO], owner="gpu release").is_complete
    assert (room.driver(GPU), room.driver(AUDIO)) == ("amdgpu", "snd_hda_intel")


def test_a_device_that_a_guest_holds_is_neither_claimed_nor_released(room: Room) -> None:
    """While a guest holds one function of a card, nothing of the card is changed."""
    with room.leases.take(AUDIO, owner="guest hmi"), pytest.raises(Refused, match="guest hmi"):
        room.claim()
    assert room.journal.transactions() == ()
    room.claim()
    with room.leases.take(AUDIO, owner="guest hmi"):
        with pytest.raises(Refused, match="guest hmi"):
            claims.release(room.journal, room.leases, [GPU], owner="x")
        assert room.leases.holder(GPU) is None
    assert room.driver(GPU) == "vfio-pci"


def test_a_guests_own_leases_are_passed_along(room: Room) -> None:
    """Who holds the leases already, claims and releases with them, and keeps them."""
    with claims.take_all(room.leases, [GPU, AUDIO], owner="guest hmi") as held:
        claims.claim(room.host, room.journal, room.leases, PLAN, owner="guest hmi", held=held)
        claims.release(room.journal, room.leases, [GPU], owner="guest hmi", held=held)
        assert room.leases.holder(GPU) is not None


def test_releasing_what_was_not_claimed_is_refused(room: Room) -> None:
    """A device that dinrail did not change is not given back to anybody."""
    with pytest.raises(Refused, match="nothing here"):
        claims.release(room.journal, room.leases, [GPU], owner="x")


def test_a_blocked_claim_takes_no_lease(room: Room) -> None:
    """A plan that the rules forbid is refused before anything is touched."""
    blocked = plan_claim(NO_IOMMU.facts(), [PciAddress.parse(NO_IOMMU_GPU)])
    with pytest.raises(Refused):
        claims.claim(room.host, room.journal, room.leases, blocked, owner="x")
    assert not room.paths.leases.exists()


def test_undo_passes_over_what_guests_use(room: Room) -> None:
    """Undoing everything leaves the claims of running guests, and says which; asked for by number it refuses."""
    room.claim()
    other = Change(ChangeKind.DRIVER_OVERRIDE, "0000:0c:00.0", "", "vfio-pci")
    room.journal.carry_out(ChangePlan("another", (other,)), owner="x")
    with room.leases.take(GPU, owner="guest hmi"):
        with pytest.raises(Refused):
            claims.undo(room.journal, room.leases, 1, owner="undo")
        report, busy = claims.undo(room.journal, room.leases, None, owner="undo")
        assert [step.change for step in report.steps] == [other]
        assert len(busy) == 1
        assert busy[0].startswith("1 (claim")
    report, busy = claims.undo(room.journal, room.leases, None, owner="undo")
    assert (report.is_complete, busy, room.driver(GPU)) == (True, (), "amdgpu")


def test_only_root_changes_this_machine(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a live machine an ordinary user is told that root is needed, and why, before anything is touched."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(HostError, match="needs root") as raised:
        claims.claim(LiveHost(), room.journal, room.leases, PLAN, owner="x")
    assert "/sys" in (raised.value.why or "")


def test_a_rehearsal_goes_there_and_back(tmp_path: Path) -> None:
    """A claim is rehearsed with its undo, on bytes alone; an order of steps that a kernel refuses fails in it."""
    scratch = Paths(tmp_path, tmp_path)
    report = claims.rehearse(AMD_DGPU.raw(), PLAN, scratch, label="x")
    assert {step.outcome for step in report.steps} == {Outcome.PUT_BACK}
    wrong = ChangePlan("wrong", tuple(c for c in PLAN.changes if c.kind is ChangeKind.DRIVER))
    with pytest.raises(HostError):
        claims.rehearse(AMD_DGPU.raw(), wrong, scratch, label="x")


def test_a_rom_is_read_and_switched_off_again(room: Room) -> None:
    """Reading a ROM switches it on for that time only, journaled, and leaves nothing open."""
    assert extract(room.host, room.journal, function()) == ROM
    assert room.host.current(Change(ChangeKind.ROM_ENABLE, DGPU, "", "")) == "0"
    assert room.journal.transactions() == ()
    assert [t.purpose for t in room.journal.transactions(open_only=False)] == [f"read the option ROM of {DGPU}"]


def test_a_rom_that_somebody_switched_on_stays_on(room: Room) -> None:
    """A ROM that was on is read as it is, and not switched off."""
    switch = Change(ChangeKind.ROM_ENABLE, DGPU, "0", "1")
    room.host.make(switch)
    assert extract(room.host, room.journal, function()) == ROM
    assert room.host.current(switch) == "1"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"enabled": False}, "not enabled"),
        ({"driver": "vfio-pci"}, "to sleep"),
        ({}, "55 AA"),
    ],
)
def test_a_rom_that_cannot_be_read_says_why(tmp_path: Path, changed: dict[str, object], why: str) -> None:
    """A failed read leaves the ROM off, and tells the likely cause and other routes."""
    room = Room(tmp_path)
    room.host = RehearsedHost(AMD_DGPU.raw(), label="x")
    journal: Journal = open_journal(room.paths, room.host)
    with pytest.raises(HostError) as raised:
        extract(room.host, journal, function(**changed))
    assert why in (raised.value.why or "")
    assert "other routes" in (raised.value.hint or "")
    assert room.host.current(Change(ChangeKind.ROM_ENABLE, DGPU, "", "")) == "0"
    assert journal.transactions() == ()


def test_an_empty_rom_is_an_error(room: Room, tmp_path: Path) -> None:
    """No bytes are no ROM."""
    host = RehearsedHost(AMD_DGPU.raw(), label="x", roms={GPU: b""})
    with pytest.raises(HostError, match="empty"):
        extract(host, open_journal(room.paths, host), function())


def test_a_device_without_a_rom_is_not_touched(room: Room) -> None:
    """A device that offers no ROM is refused without a change."""
    with pytest.raises(HostError, match="offers no option ROM"):
        extract(room.host, room.journal, function(DGPU_AUDIO))
    assert room.journal.transactions(open_only=False) == ()


def test_a_kept_rom_is_found_by_its_card(tmp_path: Path) -> None:
    """A ROM is kept under its card's ids with its note beside it, and found again for that kind of card only."""
    store, ids = RomStore(tmp_path / "roms"), function().ids
    assert store.kept_for(ids) == ()
    kept = store.keep(ids, ROM, '{"method": "sysfs"}')
    assert kept.path.name.startswith("1002-67df-1043-8694-")
    assert store.kept_for(ids) == (kept,)
    assert store.kept_for(function(DGPU_AUDIO).ids) == ()
    assert (kept.read(), load(kept.path).note) == (ROM, '{"method": "sysfs"}')
    note_path(kept.path).unlink()
    assert load(kept.path).note == ""
    with pytest.raises(HostError, match="no such ROM"):
        load(tmp_path / "nothing.rom")


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """Writing a file leaves the new bytes and no rest; a file that is too large is not read."""
    path = tmp_path / "deep/down/file"
    for data in (b"one", b"three"):
        atomic_write(path, data)
        assert read_file(path, max_bytes=5) == data
    assert [p.name for p in path.parent.iterdir()] == ["file"]
    with pytest.raises(HostError, match="more than 4 bytes"):
        read_file(path, max_bytes=4)
    with pytest.raises(HostError, match="cannot make the directory"):
        atomic_write(path / "below-a-file", b"")


CHANGER = """
import sys
from pathlib import Path
from dinrail.host.journal import open_journal
from dinrail.host.live import LiveHost
from dinrail.host.paths import Paths
from dinrail.machine.change import Change, ChangeKind, ChangePlan
root = Path(sys.argv[1])
change = Change(ChangeKind.DRIVER_OVERRIDE, "0000:01:00.0", "", "vfio-pci")
open_journal(Paths(root, root), LiveHost(root)).carry_out(ChangePlan("x", (change,)), owner="x")
"""


def test_a_killed_dinrail_whose_driver_still_works_is_waited_for(tmp_path: Path) -> None:
    """The child that makes a change holds the journal: after kill -9 of its parent, undo waits for the child's end."""
    device = tmp_path / "sys/bus/pci/devices/0000:01:00.0"
    kernel = tmp_path / "proc/sys/kernel/random"
    for directory in (device, kernel):
        directory.mkdir(parents=True)
    (kernel / "boot_id").write_text("a boot\n")
    (kernel.parent / "osrelease").write_text("6.1.0\n")
    override = device / "driver_override"
    os.mkfifo(override)  # reads as empty, and hangs whoever writes until somebody reads, as a driver may
    with subprocess.Popen((sys.executable, "-c", CHANGER, str(tmp_path))) as parent:
        wait_until(lambda: bool(writers_of(override)))
        parent.send_signal(signal.SIGKILL)
    with pytest.raises(Refused, match=f"another dinrail \\(pid {parent.pid}\\)"):
        open_journal(Paths(tmp_path, tmp_path), LiveHost(tmp_path), ManualClock()).undo()
    reader = os.open(override, os.O_RDONLY | os.O_NONBLOCK)  # the driver lets go
    wait_until(lambda: not writers_of(override))
    os.close(reader)
    override.unlink()
    override.write_text("vfio-pci\n")
    report = open_journal(Paths(tmp_path, tmp_path), LiveHost(tmp_path)).preview()
    assert [step.outcome for step in report.steps] == [Outcome.PUT_BACK]


def writers_of(path: Path) -> list[Path]:
    """Processes that were started to write `path`."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = process.read_bytes().split(b"\0")
            found += [process] if os.fsencode(path) in words else []
    return found


def wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)
