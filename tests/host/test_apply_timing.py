"""Settings, interrupts and control groups, changed on a file tree that looks like a machine."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from dinrail.clock import ManualClock
from dinrail.errors import HostError
from dinrail.host.apply import irq
from dinrail.host.apply.tree import Tree
from dinrail.host.counters import read_counters, served
from dinrail.host.journal import open_journal
from dinrail.host.live import LiveHost
from dinrail.host.paths import Paths
from dinrail.host.port import TargetGone, Unchangeable
from dinrail.host.records import StepState
from dinrail.host.rehearsal import RehearsedHost
from dinrail.host.rights import probe_rights
from dinrail.machine.change import Change, ChangeKind, ChangePlan
from dinrail.machine.sources import Entry, Raw, SourceKind, Topic

GROUP = "/sys/fs/cgroup/dinrail"
CPUS = f"{GROUP}/cpuset.cpus"
DEFAULT = "/proc/irq/default_smp_affinity"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in {
        DEFAULT: "00000000,00000007\n",
        "/proc/irq/24/smp_affinity_list": "0-2\n",
        "/sys/fs/cgroup/cgroup.subtree_control": "memory pids\n",
        "/sys/devices/system/cpu/cpu2/cpufreq/scaling_governor": "powersave\n",
    }.items():
        file = tmp_path / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def change(kind: ChangeKind, target: str, want: str, before: str = "") -> Change:
    return Change(kind, target, before, want)


def test_a_mask_is_compared_as_a_list_and_written_as_a_mask(root: Path) -> None:
    """Plans hold lists of CPUs, the file a mask in its own spelling."""
    host, step = LiveHost(root), change(ChangeKind.SETTING, DEFAULT, "0-1")
    assert host.current(step) == "0-2"
    (root / DEFAULT[1:]).write_text("")  # a plain file keeps what a longer text leaves behind; the kernel's does not
    host.make(step)
    assert (root / DEFAULT[1:]).read_text() == "3\n"
    assert host.current(step) == "0-1"


@pytest.mark.parametrize("target", ["/proc/sys/kernel/core_pattern", "/etc/passwd", "/sys/fs/cgroup/cpuset.cpus"])
def test_a_file_that_is_none_of_ours_is_neither_read_nor_written(root: Path, target: str) -> None:
    """A plan, or a journal that somebody wrote into, reaches the listed files only."""
    (root / target[1:]).parent.mkdir(parents=True, exist_ok=True)
    (root / target[1:]).write_text("x")
    for act in (LiveHost(root).current, LiveHost(root).make):
        with pytest.raises(HostError, match="none of those"):
            act(change(ChangeKind.SETTING, target, "y"))
    assert (root / target[1:]).read_text() == "x"


@pytest.mark.parametrize(
    "step",
    [
        change(ChangeKind.CPUSET_GROUP, "/etc/dinrail", "there"),
        change(ChangeKind.CPUSET_GROUP, "/sys/fs/cgroup/system.slice", ""),
        change(ChangeKind.CPUSET_PARTITION, "/sys/fs/cgroup/user.slice", "isolated"),
        change(ChangeKind.CPUSET_CONTROL, "/sys/fs/cgroup/user.slice", "cpuset"),
        change(ChangeKind.CPUSET_TASKS, "/sys/fs/cgroup/cpuset/other", "moved"),
        change(ChangeKind.IRQ_AFFINITY, "../24", "0"),
    ],
    ids=lambda step: f"{step.kind} {step.target}",
)
def test_groups_and_interrupts_of_others_are_refused(root: Path, step: Change) -> None:
    """Only our own groups are made, changed and removed; an interrupt is named by its number."""
    with pytest.raises(HostError):
        LiveHost(root).make(step)
    assert not (root / "etc").exists()


def test_a_group_is_made_and_removed(root: Path) -> None:
    """A directory; with something in it, it cannot be removed, and the error names the cause."""
    host = LiveHost(root)
    there, gone = change(ChangeKind.CPUSET_GROUP, GROUP, "there"), change(ChangeKind.CPUSET_GROUP, GROUP, "", "there")
    assert host.current(there) == ""
    host.make(there)
    assert host.current(there) == "there"
    (root / GROUP[1:] / "x").mkdir()
    with pytest.raises(HostError, match="ENOTEMPTY"):
        host.make(gone)
    (root / GROUP[1:] / "x").rmdir()
    host.make(gone)
    assert host.current(there) == ""


def test_the_controller_is_known_by_its_word(root: Path) -> None:
    """`cpuset` among the words of subtree_control, and no other word."""
    step = change(ChangeKind.CPUSET_CONTROL, "/sys/fs/cgroup", "cpuset")
    assert LiveHost(root).current(step) == ""
    (root / "sys/fs/cgroup/cgroup.subtree_control").write_text("cpuset cpu\n")
    assert LiveHost(root).current(step) == "cpuset"


def test_a_partition_that_is_not_honoured_is_an_error_with_the_kernels_reason(root: Path) -> None:
    """Its first word counts for compare-and-set, its whole text for success."""
    partition = root / GROUP[1:] / "cpuset.cpus.partition"
    partition.parent.mkdir()
    step = change(ChangeKind.CPUSET_PARTITION, GROUP, "isolated", "member")
    # A plain file keeps the end of the old text: what stands there then is what a kernel would print.
    partition.write_text("xxxxxxxx invalid (Cpu list in cpuset.cpus is empty)\n")
    with pytest.raises(HostError, match=r"isolated invalid \(Cpu list in cpuset.cpus is empty\)"):
        LiveHost(root).make(step)
    assert LiveHost(root).current(step) == "isolated"


def test_a_file_that_is_gone_is_said_to_be(root: Path) -> None:
    """Interrupts and groups come and go."""
    for step in (change(ChangeKind.IRQ_AFFINITY, "99", "0"), change(ChangeKind.SETTING, CPUS, "2")):
        with pytest.raises(TargetGone):
            LiveHost(root).current(step)
        with pytest.raises(TargetGone):
            LiveHost(root).make(step)


class StubbornTree(Tree):
    """A tree whose interrupts answer as managed ones do."""

    def attempt(self, path: str, value: str) -> int:
        return errno.EIO if path.startswith("/proc/irq/") else super().attempt(path, value)


def test_a_managed_interrupt_cannot_be_moved_and_nothing_was_done(root: Path) -> None:
    """EIO is the kernel's answer for interrupts whose affinity it keeps to itself."""
    with pytest.raises(Unchangeable, match="stays where it is"):
        irq.make(StubbornTree(root), change(ChangeKind.IRQ_AFFINITY, "24", "0-1", "0-2"))


class StubbornHost(RehearsedHost):
    """A machine on which interrupt 24 is managed."""

    def make(self, change: Change) -> None:
        if change.target == "24":
            raise Unchangeable("interrupt 24 stays where it is", where="24")
        super().make(change)


def test_what_cannot_be_changed_is_passed_over_and_not_taken_back(tmp_path: Path) -> None:
    """The plan goes on without that step; undo does not touch it."""
    files = {f"/proc/irq/{n}/smp_affinity_list": Entry(SourceKind.FILE, b"0-2\n") for n in (24, 25)}
    boot = {"/proc/sys/kernel/random/boot_id": Entry(SourceKind.FILE, b"a boot\n")}
    host = StubbornHost(Raw("linux", files | boot, frozenset({Topic.REALTIME, Topic.KERNEL})), label="x")
    steps = tuple(change(ChangeKind.IRQ_AFFINITY, str(n), "0-1", "0-2") for n in (24, 25))
    journal = open_journal(Paths(tmp_path, tmp_path), host, ManualClock())
    made = journal.carry_out(ChangePlan("move", steps), owner="x")
    assert made.states == (StepState.SKIPPED, StepState.DONE)
    assert journal.transactions() == (made,)
    assert [step.change.target for step in journal.undo().steps] == ["25"]


def test_the_probe_of_rights_says_what_failed() -> None:
    """Each right that is missing is named by its call; what is there is given back."""
    found = probe_rights()
    assert set(found) == {"fifo", "lock", "fault"}
    assert ("SCHED_FIFO" in str(found["fault"])) is not found["fifo"]
    assert ("mlockall" in str(found["fault"])) is not found["lock"]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_counters_of_a_core_are_those_of_its_column() -> None:
    """Names of numbered interrupts come with their number; lines without columns are no counters."""
    text = "     CPU0   CPU2\n 24:  5  7  PCI-MSI 1-edge  eth0 rx\nLOC:  10  20   Local timer interrupts\nERR:  0\n"
    assert served(text, 2) == {"24 eth0 rx": 7, "LOC": 20}
    assert served(text, 1) == {}


def test_the_counters_of_this_machine_grow() -> None:
    """Time passes and timers fire; a core that is not there is told."""
    before, after = read_counters(0), read_counters(0)
    assert after.at_ns > before.at_ns
    assert all(after.interrupts[name] >= count for name, count in before.interrupts.items())
    with pytest.raises(HostError, match="core 9999 is not online"):
        read_counters(9999)
