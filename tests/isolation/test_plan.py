"""From facts and a wish to steps, and back: on every machine the whole way is rehearsed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from build_timing import CONTAINER, FREEBSD, FREEBSD_READY, GOOD, OLD, PLAIN, VIRTUAL, LinuxBox

from dinrail.errors import HostError, Refused
from dinrail.host import claims
from dinrail.host.journal import open_journal
from dinrail.host.lease import Core, Leases
from dinrail.host.paths import Paths
from dinrail.host.rehearsal import RehearsedHost
from dinrail.isolation.case import Wish
from dinrail.isolation.freebsd_plan import commands, start_command
from dinrail.isolation.plan import plan_isolation
from dinrail.machine.change import Change, ChangeKind, ChangePlan
from dinrail.machine.setting import CPUS


def planned(box: LinuxBox, *cores: int, **wish: bool) -> ChangePlan:
    return plan_isolation(box.facts(), Wish(frozenset(cores), **wish))


def kinds(plan: ChangePlan) -> list[ChangeKind]:
    return [change.kind for change in plan.changes]


def find(plan: ChangePlan, target: str) -> Change:
    return next(change for change in plan.changes if change.target == target)


def test_version_2_makes_a_partition_last() -> None:
    """Controller, group, cores, partition: in this order, after everything that the partition would change."""
    plan = planned(PLAIN, 3, 7)
    assert kinds(plan)[-4:] == [
        ChangeKind.CPUSET_CONTROL,
        ChangeKind.CPUSET_GROUP,
        ChangeKind.SETTING,
        ChangeKind.CPUSET_PARTITION,
    ]
    assert (plan.changes[-2].before, plan.changes[-2].want) == ("", "3,7")
    assert (plan.changes[-1].before, plan.changes[-1].want) == ("member", "isolated")
    assert not plan.blocked


def test_a_controller_that_is_on_already_stays_somebody_elses() -> None:
    """systemd switched it on: not ours to switch off."""
    assert ChangeKind.CPUSET_CONTROL not in kinds(planned(replace(PLAIN, cpuset_enabled=True), 3))


def test_version_1_moves_everybody_else() -> None:
    """Two groups with cores and memory nodes, then the tasks, then the load balancing."""
    plan = planned(OLD, 3)
    root = "/sys/fs/cgroup/cpuset"
    assert find(plan, f"{root}/dinrail/cpuset.cpus").want == "3"
    assert find(plan, f"{root}/dinrail-rest/cpuset.cpus").want == "0-2"
    order = [change.target for change in plan.changes]
    assert order.index(f"{root}/dinrail-rest") < order.index(f"{root}/dinrail/cpuset.cpu_exclusive")
    assert (plan.changes[-2].target, plan.changes[-2].want) == (f"{root}/cpuset.sched_load_balance", "0")


@pytest.mark.parametrize("box", [GOOD, CONTAINER, replace(PLAIN, cgroups=0)])
def test_where_nothing_can_be_taken_out_no_group_is_made(box: LinuxBox) -> None:
    """Isolated by the boot, a container, no controller: no step about cpusets."""
    assert not [kind for kind in kinds(planned(box, 3)) if kind.value.startswith("cpuset")]


def test_what_is_as_wanted_needs_no_step() -> None:
    """A prepared machine is left alone, whole."""
    assert planned(GOOD, 3).changes == ()
    ours = replace(PLAIN, partitions=(("dinrail", "3,7", "isolated"),), governor="", irqs=(), workqueue="0-2,4-6")
    assert planned(replace(ours, default_affinity="0-2,4-6"), 3, 7).changes == ()


def test_interrupts_move_to_the_rest() -> None:
    """Each keeps what it has without the wanted cores; one that would have nowhere to go gets all the others."""
    plan = planned(OLD, 3)
    assert (find(plan, "125").before, find(plan, "125").want) == ("0-3", "0-2")
    assert (find(plan, "130").before, find(plan, "130").want) == ("3", "0-2")
    assert find(plan, "/proc/irq/default_smp_affinity").want == "0-2"
    assert ChangeKind.IRQ_AFFINITY not in kinds(planned(OLD, 3, interrupts=False))


def test_the_limit_on_real_time_tasks_stays_unless_asked() -> None:
    """A runaway at the highest priority would else own the core for good."""
    assert not [c for c in planned(PLAIN, 3).changes if "sched_rt" in c.target]
    assert find(planned(PLAIN, 3, unthrottled=True), "/proc/sys/kernel/sched_rt_runtime_us").want == "-1"


def test_governors_are_those_that_the_driver_offers() -> None:
    """No step where `performance` cannot be chosen."""
    path = f"{CPUS}/cpu3/cpufreq/scaling_governor"
    assert find(planned(PLAIN, 3), path).want == "performance"
    assert not [c for c in planned(replace(PLAIN, governors="powersave"), 3).changes if c.target == path]
    assert not [c for c in planned(PLAIN, 3, governor=False).changes if c.target == path]


def test_all_conflicts_are_told_at_once() -> None:
    """A plan that is blocked for two reasons names both, and nothing is touched."""
    box = replace(CONTAINER, partitions=(("other", "3", "isolated"),))
    rules = {finding.rule for finding in planned(box, 3, 9).blocked}
    assert rules == {"cores.offline", "cores.taken", "rights.fifo"}


@pytest.mark.parametrize("box", [PLAIN, OLD, GOOD, replace(PLAIN, cpuset_enabled=True), replace(PLAIN, cgroups=0)])
def test_every_plan_can_be_carried_out_and_taken_back(box: LinuxBox, tmp_path: Path) -> None:
    """On a machine in memory that refuses what the kernel refuses, through the real journal."""
    plan = planned(box, 3, unthrottled=True)
    raw = box.raw()
    host = RehearsedHost(raw, label="a rehearsal")
    journal = open_journal(Paths(tmp_path, tmp_path), host)
    made = journal.carry_out(plan, owner="x")
    assert [change for change in plan.changes if host.current(change) != change.want] == []
    assert journal.undo().is_complete
    assert host.raw.entries.keys() == raw.entries.keys()
    kept = [change for change in plan.changes if "/dinrail" not in change.target]
    assert [change for change in kept if host.current(change) != change.before] == []
    touched = {change.target for change in plan.changes} | {
        f"/proc/irq/{change.target}/smp_affinity_list" for change in plan.changes
    }
    others = {path: entry for path, entry in raw.entries.items() if path not in touched}
    assert others.items() <= host.raw.entries.items()
    assert not made.is_open or made.is_complete


def test_cores_are_leased_for_the_deed_and_for_its_undo(tmp_path: Path) -> None:
    """While the control holds a core, nobody isolates or releases it."""
    paths = Paths(tmp_path / "state", tmp_path / "run")
    host = RehearsedHost(PLAIN.raw(), label="x")
    journal, leases = open_journal(paths, host), Leases(paths.leases)
    plan = planned(PLAIN, 3, 7)
    with leases.take(Core(3), owner="control"), pytest.raises(Refused, match="the core is in use by control"):
        claims.claim(host, journal, leases, plan, owner="isolate")
    made = claims.claim(host, journal, leases, plan, owner="isolate")
    assert claims.isolations(journal) == (made,)
    with leases.take(Core(7), owner="control"):
        with pytest.raises(Refused, match="core-7"):
            claims.undo(journal, leases, made.id, owner="undo")
        report, busy = claims.undo(journal, leases, None, owner="undo")
        assert report.steps == ()
        assert "in use by control" in busy[0]
    report, busy = claims.undo(journal, leases, None, owner="undo")
    assert (report.is_complete, busy) == (True, ())


def test_what_the_kernel_refuses_is_taken_back_whole(tmp_path: Path) -> None:
    """A partition that is not honoured undoes every step before it, and the error says why."""
    host = RehearsedHost(PLAIN.raw(), label="x")
    found = dict(host.raw.entries)
    plan = planned(PLAIN, 3)
    emptied = tuple(replace(c, want="") if c.target.endswith("dinrail/cpuset.cpus") else c for c in plan.changes)
    steps = tuple(c for c in emptied if not (c.before == c.want == ""))
    journal = open_journal(Paths(tmp_path, tmp_path), host)
    with pytest.raises(HostError, match="would not honour the partition"):
        journal.carry_out(replace(plan, changes=steps), owner="x")
    assert journal.transactions() == ()
    assert host.raw.entries.keys() == found.keys()


def test_a_freebsd_gets_its_commands() -> None:
    """Sysctls first, then the interrupts that have a number, the default set last; each with its way back."""
    host = FREEBSD.facts().freebsd_realtime
    assert host is not None
    found = [(" ".join(c.argv), " ".join(c.undo)) for c in commands(host, Wish(frozenset({3})))]
    assert found == [
        ("sysctl kern.timecounter.alloweddeviation=0", "sysctl kern.timecounter.alloweddeviation=5"),
        ("sysctl hw.acpi.cpu.cx_lowest=C1", "sysctl hw.acpi.cpu.cx_lowest=C3"),
        ("cpuset -l 0-2 -x 16", "cpuset -l 0-3 -x 16"),
        ("cpuset -l 0-2 -x 264", "cpuset -l 0-3 -x 264"),
        ("cpuset -l 0-2 -s 1", "cpuset -l 0-3 -s 1"),
    ]
    started = start_command(Wish(frozenset({3})), ("control",))
    assert " ".join(started) == "cpuset -l 3 rtprio 0 control"


def test_a_prepared_freebsd_keeps_what_it_has() -> None:
    """Only interrupts are moved again: where they are served cannot be asked for all at once."""
    host = FREEBSD_READY.facts().freebsd_realtime
    assert host is not None
    assert all(c.argv[:1] == ("cpuset",) and "-x" in c.argv for c in commands(host, Wish(frozenset({3}))))


def test_two_virtual_cpus_can_be_split() -> None:
    """One for each: the plan is the same, and a finding says what it is worth there."""
    plan = planned(VIRTUAL, 1)
    assert not plan.blocked
    assert ChangeKind.CPUSET_PARTITION in kinds(plan)
    assert "machine.virtual" in {finding.rule for finding in plan.findings}
