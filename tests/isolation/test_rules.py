"""What stands between a machine and good cycles: the machines that the rules exist for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from build_timing import BOXES, CONTAINER, FREEBSD, FREEBSD_READY, GOOD, OLD, PLAIN, VIRTUAL, FreeBsdBox, LinuxBox

from dinrail.finding import Finding, Severity, blocking
from dinrail.isolation.case import Wish
from dinrail.isolation.rules import FREEBSD_RULES, RULES, judge, suggested_core
from dinrail.machine.read import read_facts

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/realtime.md"


def judged(box: LinuxBox | FreeBsdBox, *cores: int) -> dict[str, Finding]:
    return {finding.rule: finding for finding in judge(box.facts(), Wish(frozenset(cores)))}


def weight(box: LinuxBox | FreeBsdBox, rule: str, *cores: int) -> Severity | None:
    found = judged(box, *cores).get(rule)
    return found.severity if found is not None else None


def test_a_prepared_machine_has_nothing_to_mend() -> None:
    """Isolated by the boot, PREEMPT_RT, bare metal: good news, and no warning."""
    found = judged(GOOD, 3)
    assert found["cores.isolated"].severity is Severity.OK
    assert {f.severity for f in found.values()} <= {Severity.OK, Severity.NOTE}


def test_a_plain_debian_is_warned_and_not_stopped() -> None:
    """Everything that makes cycles bad warns; nothing makes them impossible."""
    found = judged(PLAIN, 3)
    warned = {rule for rule, f in found.items() if f.severity is Severity.WARN}
    assert warned == {
        *("cores.shared", "cores.sibling", "kernel.preempt", "irq.here", "irq.new", "power.governor"),
    }
    assert not blocking(tuple(found.values()))


def test_what_each_warning_quotes() -> None:
    """The evidence is what stands in the files; the fix names the core."""
    found = judged(PLAIN, 3)
    assert found["cores.sibling"].evidence[0].text == "3,7"
    assert "--core 3 --core 7" in found["cores.sibling"].fix
    assert "isolated partition" in found["cores.shared"].evidence[0].text
    assert found["irq.here"].evidence[0].text.startswith("0-7 (eth0-rx-0): 40000 served here")
    assert found["power.governor"].evidence[0].text == "schedutil"


def test_both_threads_of_a_core_are_one_wish() -> None:
    """With both threads wanted, nobody else is on the core."""
    assert weight(PLAIN, "cores.sibling", 3, 7) is None
    assert weight(PLAIN, "cores.sibling", 3) is Severity.WARN


@pytest.mark.parametrize(
    ("box", "cores", "rule"),
    [
        (PLAIN, {9}, "cores.offline"),
        (OLD, {0, 1, 2, 3}, "cores.all"),
        (replace(PLAIN, cpus=1, threads=1), {0}, "cores.single"),
        (replace(PLAIN, partitions=(("other", "2-3", "isolated"),)), {3}, "cores.taken"),
        (replace(OLD, v1_groups=(("docker", "0-3", False),)), {3}, "cores.taken"),
        (replace(PLAIN, partitions=(("dinrail", "2", "isolated"),)), {3}, "cores.group"),
        (CONTAINER, {3}, "rights.fifo"),
        (replace(PLAIN, cmdline="ro highres=off"), {3}, "timers.coarse"),
        (replace(PLAIN, kconfig=("# CONFIG_HIGH_RES_TIMERS is not set", "CONFIG_HZ=100")), {3}, "timers.coarse"),
        (replace(PLAIN, rt_runtime_us=0), {3}, "sched.throttled"),
    ],
)
def test_what_makes_cycles_impossible_blocks(box: LinuxBox, cores: set[int], rule: str) -> None:
    """Each with its evidence and its fix."""
    found = judged(box, *cores)[rule]
    assert found.severity is Severity.BLOCK
    assert found.evidence


def test_a_virtual_machine_says_what_cannot_be_mended_inside() -> None:
    """The hypervisor flag is the evidence; its clock is a note, not a fault."""
    found = judged(VIRTUAL, 1)
    assert found["machine.virtual"].evidence[0].text == "flags hold hypervisor"
    assert found["clock.source"].severity is Severity.NOTE
    assert weight(replace(VIRTUAL, clocksource="hpet"), "clock.source", 1) is Severity.WARN


def test_our_own_partition_is_good_news() -> None:
    """After `isolate` the core is out of the scheduler, and its own group is in nobody's way."""
    ours = replace(PLAIN, cpuset_enabled=True, partitions=(("dinrail", "3", "isolated"),))
    assert weight(ours, "cores.isolated", 3) is Severity.OK
    assert weight(ours, "cores.group", 3) is None
    assert weight(ours, "cores.shared", 3) is None
    first = replace(OLD, v1_groups=(("dinrail", "3", True), ("dinrail-rest", "0-2", False)))
    assert weight(first, "cores.isolated", 3) is Severity.OK
    assert weight(first, "cores.taken", 3) is None


def test_a_partition_that_the_kernel_does_not_honour_is_none() -> None:
    """`isolated invalid (reason)` isolates nothing."""
    ours = replace(PLAIN, partitions=(("dinrail", "3", "isolated invalid (Parent is not a partition root)"),))
    assert weight(ours, "cores.isolated", 3) is None
    assert "invalid" in judged(ours, 3)["cores.group"].evidence[0].text


def test_a_container_is_sent_to_its_host() -> None:
    """It can make no partition, whatever its files look like."""
    found = judged(CONTAINER, 3)
    assert found["cores.container"].severity is Severity.WARN
    assert "isolcpus" in found["cores.shared"].fix


def test_deep_sleep_counts_where_nothing_forbids_it() -> None:
    """With /dev/cpu_dma_latency the control forbids it itself; idle=poll settles it."""
    assert weight(PLAIN, "power.idle", 3) is Severity.NOTE
    assert weight(replace(PLAIN, dma_latency=False), "power.idle", 3) is Severity.WARN
    assert weight(replace(PLAIN, cmdline="ro idle=poll"), "power.idle", 3) is None
    assert weight(replace(PLAIN, idle=(("POLL", 0), ("C1", 2))), "power.idle", 3) is None


def test_irqbalance_and_power_daemons_are_named() -> None:
    """They would put back what isolation moved."""
    assert weight(OLD, "irq.balance", 3) is Severity.WARN
    found = judged(replace(PLAIN, daemons=("thermald", "tuned")), 3)["power.daemon"]
    assert "tuned" in found.message


def test_interrupts_that_never_came_are_a_note() -> None:
    """An interrupt that may come, and never did, weighs less than one that does."""
    quiet = replace(GOOD, irqs=(replace(GOOD.irqs[0], cpus="0-3"),))
    assert weight(quiet, "irq.here", 3) is Severity.NOTE
    assert weight(PLAIN, "irq.here", 3) is Severity.WARN


def test_without_a_core_the_host_alone_is_judged() -> None:
    """No rule about a core speaks when none is wanted."""
    assert not [rule for rule in judged(PLAIN) if rule.startswith(("cores.", "irq.", "power.g", "power.i"))]


@pytest.mark.parametrize(
    ("box", "core"), [(GOOD, 3), (PLAIN, 7), (VIRTUAL, 1), (replace(PLAIN, cpus=1, threads=1), None)]
)
def test_the_suggested_core(box: LinuxBox, core: int | None) -> None:
    """One that is isolated already, else the highest, never CPU 0."""
    assert suggested_core(box.facts()) == core


def test_a_freebsd_as_installed_is_warned() -> None:
    """Sleeps may be 5 % late, deep idle states, and everybody in the default set."""
    found = judged(FREEBSD, 3)
    assert "50 us of a cycle of 1 ms" in found["timers.deviation"].message
    assert found["cores.shared"].fix.startswith("cpuset -l 0-2 -s 1")
    assert weight(FREEBSD, "power.idle", 3) is Severity.WARN


def test_a_freebsd_that_is_prepared_is_not() -> None:
    """As TwinCAT/BSD does it."""
    assert judged(FREEBSD_READY, 3) == {}


@pytest.mark.parametrize(
    ("box", "rule", "severity"),
    [
        (replace(FREEBSD_READY, user=1001), "rights.fifo", Severity.BLOCK),
        (replace(FREEBSD_READY, sysctls=FREEBSD_READY.sysctls | {"hw.ncpu": "2"}), "cores.offline", Severity.BLOCK),
        (
            replace(FREEBSD_READY, sysctls=FREEBSD_READY.sysctls | {"kern.timecounter.hardware": "HPET"}),
            "clock.source",
            Severity.WARN,
        ),
        (
            replace(FREEBSD_READY, sysctls=FREEBSD_READY.sysctls | {"kern.smp.threads_per_core": "2"}),
            "cores.sibling",
            Severity.WARN,
        ),
        (
            replace(FREEBSD_READY, sysctls=FREEBSD_READY.sysctls | {"kern.eventtimer.periodic": "1"}),
            "timers.coarse",
            Severity.WARN,
        ),
        (
            replace(FREEBSD_READY, sysctls=FREEBSD_READY.sysctls | {"kern.vm_guest": "kvm"}),
            "machine.virtual",
            Severity.WARN,
        ),
    ],
)
def test_each_freebsd_rule_finds_its_machine(box: FreeBsdBox, rule: str, severity: Severity) -> None:
    """One thing changed on a prepared machine, one finding."""
    assert {r: f.severity for r, f in judged(box, 3).items()} == {rule: severity}


def test_facts_that_were_not_read_promise_nothing() -> None:
    """An archive without the topic blocks."""
    raw = PLAIN.raw()
    (found,) = judge(read_facts(replace(raw, topics=frozenset())), Wish(frozenset({3})))
    assert (found.rule, found.severity) == ("facts.missing", Severity.BLOCK)


def test_findings_that_weigh_say_what_to_do_and_how_to_check() -> None:
    """Every BLOCK and WARN of every machine has a fix; those with a command to check name it."""
    for box in (*BOXES.values(), FREEBSD):
        for finding in judge(box.facts(), Wish(frozenset({1}))):
            if finding.severity in (Severity.BLOCK, Severity.WARN):
                assert finding.fix, finding.rule
                assert finding.verify, finding.rule


def test_every_rule_is_explained_in_the_document() -> None:
    """docs/realtime.md has a row for each id, and no other."""
    rows = {
        line.split("`")[1]
        for line in DOCUMENT.read_text().splitlines()
        if line.startswith("| `") and "." in line.split("`")[1]
    }
    ids = {rule.id for rule in (*RULES, *FREEBSD_RULES)} | {"facts.missing"}
    assert rows == ids
