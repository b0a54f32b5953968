"""Timing facts from a host's bytes."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from build_timing import BOXES, CONTAINER, FREEBSD, GOOD, OLD, PLAIN, Irq, LinuxBox
from hypothesis import given, settings
from hypothesis import strategies as st

from dinrail.errors import FormatError
from dinrail.host.live import LiveHost
from dinrail.machine.cpulist import parse_list
from dinrail.machine.read import read_facts
from dinrail.machine.realtime import RealTime
from dinrail.machine.setting import Spelling, canonical, is_our_group, spelled, spelling_of
from dinrail.machine.sources import FREEBSD as FREEBSD_SOURCES
from dinrail.machine.sources import Entry, Raw, SourceKind, Topic


def realtime(box: LinuxBox) -> RealTime:
    found = box.facts().realtime
    assert found is not None
    return found


def with_file(box: LinuxBox, path: str, text: str) -> RealTime:
    raw = box.raw()
    found = read_facts(replace(raw, entries={**raw.entries, path: Entry(SourceKind.FILE, text.encode())})).realtime
    assert found is not None
    return found


def test_cores_their_threads_and_their_settings_are_read() -> None:
    """Online CPUs, siblings, governor, sleep states and who is isolated."""
    host = realtime(PLAIN)
    assert host.online == set(range(8))
    assert host.smt_active
    assert host.cpu(3).siblings == {3, 7}
    assert (host.cpu(3).governor, host.cpu(3).governors) == ("schedutil", ("performance", "schedutil"))
    assert [(state.name, state.latency_us) for state in host.cpu(3).idle] == [("POLL", 0), ("C1", 2), ("C10", 890)]
    assert realtime(GOOD).isolated == realtime(GOOD).nohz_full == {3}


def test_no_cpu_in_nohz_full_is_said_with_a_word() -> None:
    """The kernel prints (null) where no mask was given."""
    assert realtime(PLAIN).nohz_full == frozenset()


@pytest.mark.parametrize(
    ("version", "flavour", "is_rt"),
    [
        ("#1 SMP PREEMPT_RT Debian 6.1.1", "PREEMPT_RT", True),
        ("#1 SMP PREEMPT RT Fri", "PREEMPT_RT", True),
        ("#1 SMP PREEMPT_DYNAMIC @0", "PREEMPT_DYNAMIC", False),
        ("#1 SMP PREEMPT Debian", "PREEMPT", False),
        ("#1 SMP Debian 5.10", "", False),
    ],
)
def test_the_kernels_flavour_is_told_from_its_version(version: str, flavour: str, is_rt: bool) -> None:
    """PREEMPT_RT was `PREEMPT RT` before 5.4; /sys/kernel/realtime came with the patch set only."""
    host = realtime(replace(PLAIN, version=version))
    assert (host.preemption, host.preempt_rt) == (flavour, is_rt)


def test_interrupts_have_names_places_and_counts() -> None:
    """The columns of /proc/interrupts are the CPUs that its first line names, in their order."""
    host = realtime(OLD)
    found = next(i for i in host.interrupts if i.number == 125)
    assert (found.name, found.cpus, found.counts) == ("eth0-rx-0", {0, 1, 2, 3}, {0: 10, 1: 20, 2: 30, 3: 40_000})
    offline = with_file(OLD, "/proc/interrupts", "   CPU0  CPU3\n 125:  7  9  IR-PCI-MSI 1-edge  eth0 rx 0\n")
    found = next(i for i in offline.interrupts if i.number == 125)
    assert (found.name, found.counts) == ("eth0 rx 0", {0: 7, 3: 9})


def test_an_interrupt_without_a_name_is_read() -> None:
    """The controller and its input are no name."""
    box = replace(PLAIN, cpus=2, threads=1, irqs=(Irq(9, "", "0-1", (1, 2)),))
    assert realtime(box).interrupts[0].name == ""


@pytest.mark.parametrize(("box", "version", "is_host"), [(PLAIN, 2, True), (OLD, 1, True), (CONTAINER, 2, False)])
def test_the_cpuset_hierarchy_is_found(box: LinuxBox, version: int, is_host: bool) -> None:
    """Version 2, version 1, and a container's root, which is somebody's child."""
    assert (realtime(box).cpuset.version, realtime(box).cpuset.is_host) == (version, is_host)


def test_without_the_controller_there_is_no_hierarchy() -> None:
    """Version 2 without cpuset (the v1 hierarchy has it, or nobody) is not taken for one with it."""
    raw = PLAIN.raw()
    entries = {**raw.entries, "/sys/fs/cgroup/cgroup.controllers": Entry(SourceKind.FILE, b"hugetlb\n")}
    found = read_facts(replace(raw, entries=entries)).realtime
    assert found is not None
    assert found.cpuset.version == 0


def test_groups_of_both_versions_are_read() -> None:
    """Name, CPUs, partition state with its reason, and cpu_exclusive."""
    (group,) = realtime(replace(PLAIN, partitions=(("rt", "2-3", "isolated invalid (x)"),))).cpuset.groups
    assert (group.path, group.cpus, group.partition) == ("/sys/fs/cgroup/rt", {2, 3}, "isolated invalid (x)")
    (group,) = realtime(replace(OLD, v1_groups=(("rt", "3", True),))).cpuset.groups
    assert (group.cpus, group.exclusive, group.partition) == ({3}, True, "")


def test_what_nobody_tried_is_unknown() -> None:
    """Without the probe a permission is None, not refused."""
    assert realtime(replace(PLAIN, fifo=None)).permission.fifo is None
    assert realtime(CONTAINER).permission.fifo is False


def test_freebsds_commands_are_read() -> None:
    """sysctl by name, cpuset's mask, vmstat's totals, swap devices and rights."""
    host = FREEBSD.facts().freebsd_realtime
    assert host is not None
    assert host.number("kern.timecounter.alloweddeviation") == 5
    assert host.sysctls["kern.timecounter.hardware"] == "TSC-low"
    assert host.default_set == {0, 1, 2, 3}
    assert host.interrupts == {"irq16: xhci0": 5123, "irq264: igb0:rxq0": 88123, "cpu0:timer": 99}
    assert (host.swap, host.privileged) == (("/dev/ada0p3",), True)
    plain_user = replace(FREEBSD, user=1001).facts().freebsd_realtime
    assert plain_user is not None
    assert plain_user.privileged is False
    allowed = replace(FREEBSD, user=1001, mac_priority=True).facts().freebsd_realtime
    assert allowed is not None
    assert (allowed.privileged, allowed.root) == (True, False)


def test_freebsds_sources_only_read() -> None:
    """No command among them sets anything: no `=` in an argument, no cpuset but -g."""
    for source in FREEBSD_SOURCES:
        assert not any("=" in word for word in source.argv)
        assert source.argv[0] != "cpuset" or "-g" in source.argv


def test_this_machine_is_read_as_its_kernel_says() -> None:
    """Online CPUs are those of os.sched_getaffinity's kernel, and every interrupt has a directory in /proc/irq."""
    host = read_facts(LiveHost().fetch([Topic.REALTIME])).realtime
    assert host is not None
    assert host.online == parse_list(Path("/sys/devices/system/cpu/online").read_text())
    assert len(host.online) == os.sysconf("SC_NPROCESSORS_ONLN")
    listed = {int(path.name) for path in Path("/proc/irq").iterdir() if path.name.isdecimal()}
    assert {interrupt.number for interrupt in host.interrupts} >= listed


@pytest.mark.parametrize(
    ("path", "spelling"),
    [
        ("/proc/sys/kernel/sched_rt_runtime_us", Spelling.TEXT),
        ("/proc/irq/default_smp_affinity", Spelling.MASK),
        ("/sys/fs/cgroup/dinrail/cpuset.cpus", Spelling.LIST),
        ("/sys/fs/cgroup/cpuset/cpuset.sched_load_balance", Spelling.TEXT),
        ("/proc/sys/kernel/core_pattern", None),
        ("/sys/fs/cgroup/system.slice/cpuset.cpus", None),
        ("/sys/fs/cgroup/dinrail/../x/cpuset.cpus", None),
        ("/sys/fs/cgroup/cpuset.cpus", None),
    ],
)
def test_only_the_listed_files_are_settings(path: str, spelling: Spelling | None) -> None:
    """A file that isolation does not change has no spelling, so that a plan or a journal cannot reach it."""
    assert spelling_of(path) is spelling


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("/sys/fs/cgroup/dinrail", True),
        ("/dev/cpuset/dinrail-rest", True),
        ("/sys/fs/cgroup", False),
        ("/sys/fs/cgroup/cpuset", False),
        ("/sys/fs/cgroup/dinrail/x", False),
        ("/etc", False),
    ],
)
def test_only_our_groups_are_ours(path: str, ours: bool) -> None:
    """What dinrail may make and remove."""
    assert is_our_group(path) is ours


@pytest.mark.parametrize(
    ("spelling", "text", "value", "written"),
    [
        (Spelling.MASK, "00000000,00000007\n", "0-2", "7\n"),
        (Spelling.LIST, "2,3\n", "2-3", "2-3\n"),
        (Spelling.LIST, "\n", "", "\n"),
        (Spelling.TEXT, "performance\n", "performance", "performance\n"),
    ],
)
def test_a_setting_is_compared_by_its_meaning(spelling: Spelling, text: str, value: str, written: str) -> None:
    """Masks and lists are one canonical list, whatever the file prints; an empty cpuset is a lone newline."""
    assert canonical(spelling, text) == value
    assert spelled(spelling, value) == written


@settings(max_examples=60)
@given(st.data())
def test_any_bytes_give_facts_or_one_error(data: st.DataObject) -> None:
    """A damaged or hostile entry gives facts all the same, or the declared error."""
    box = data.draw(st.sampled_from([*BOXES.values(), FREEBSD]))
    raw = box.raw()
    key = data.draw(st.sampled_from(sorted(raw.entries)))
    damage = data.draw(st.binary(max_size=80) | st.text(max_size=40).map(str.encode) | st.just(b"0-8191\n" * 20))
    damaged = Raw(raw.system, {**raw.entries, key: replace(raw.entries[key], data=damage)}, raw.topics)
    with contextlib.suppress(FormatError):
        read_facts(damaged)
