"""Cores are taken out of a real scheduler and given back, whatever dies on the way: the virtual PC with three CPUs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import isolation_lab
import pytest

from dinrail.lab.machine import VirtualPc

pytestmark = pytest.mark.lab

CORE = "2"
CGROUPS = "/sys/fs/cgroup"


def shell(pc: VirtualPc, script: str) -> str:
    done = pc.run(["sh", "-c", script])
    assert done.exit_code == 0, done.stderr
    return done.stdout.strip()


def helper(pc: VirtualPc, *words: str) -> list[dict[str, Any]]:
    done = pc.run([sys.executable, str(Path(isolation_lab.__file__)), *words], timeout_s=300)
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def second(booted: Callable[[str], VirtualPc]) -> Iterator[VirtualPc]:
    """The machine with cgroup version 2 mounted."""
    pc = booted("three-cores")
    shell(pc, f"mount -t cgroup2 none {CGROUPS}")
    yield pc
    shell(pc, f"umount {CGROUPS}")


@pytest.fixture
def first(booted: Callable[[str], VirtualPc]) -> Iterator[VirtualPc]:
    """The machine with version 1's cpusets mounted."""
    pc = booted("three-cores")
    shell(pc, f"mount -t tmpfs none {CGROUPS} && mkdir {CGROUPS}/cpuset")
    shell(pc, f"mount -t cgroup -o cpuset none {CGROUPS}/cpuset")
    yield pc
    shell(pc, f"umount {CGROUPS}/cpuset && umount {CGROUPS}")


def interrupts(pc: VirtualPc) -> dict[str, str]:
    """Where each interrupt may be served."""
    rows = shell(pc, "grep . /proc/irq/*/smp_affinity_list /proc/irq/default_smp_affinity").splitlines()
    return dict(row.split(":", 1) for row in rows)


def test_a_core_is_taken_out_and_given_back(second: VirtualPc) -> None:
    """An isolated partition by our own command; interrupts leave; nobody else gets the core; `release` restores all."""
    before = interrupts(second)
    done = second.run(["dinrail", "control", "isolate", "--core", CORE])
    assert done.exit_code == 0, done.stderr
    assert shell(second, f"cat {CGROUPS}/dinrail/cpuset.cpus.partition") == "isolated"
    assert shell(second, f"cat {CGROUPS}/cpuset.cpus.effective") == "0-1"
    after = interrupts(second)
    moved = [path for path, cpus in after.items() if cpus != before[path]]
    assert len(moved) > 10
    assert after["/proc/irq/default_smp_affinity"] == "3"
    stayed = [path.split("/")[3] for path, cpus in after.items() if path.endswith("list") and CORE in cpus.split(",")]
    assert all(f"irq-affinity {number} stays" in done.stdout for number in stayed)
    (row,) = helper(second, "inside", CORE)
    assert row == {"outside": [], "within": [int(CORE)]}
    judged = json.loads(second.run(["dinrail", "doctor", "--core", CORE, "--json"]).stdout)
    rules = {finding["rule"] for finding in judged["findings"]}
    assert "cores.isolated" in rules
    assert rules.isdisjoint({"cores.shared", "irq.new", "kernel.workqueues"})
    released = second.run(["dinrail", "control", "release"])
    assert released.exit_code == 0, released.stderr
    assert interrupts(second) == before
    assert not shell(second, f"ls -d {CGROUPS}/dinrail* || true")
    assert shell(second, f"cat {CGROUPS}/cgroup.subtree_control") == ""
    assert json.loads(second.run(["dinrail", "undo", "--list", "--json"]).stdout)["open"] == []


def test_killed_at_any_point_undo_restores_the_machine(second: VirtualPc) -> None:
    """kill -9 at every fsync of the journal: masks, interrupts, group and partition come back, each time."""
    head, *rounds = helper(second, "kill", CORE, "/run/kill-isolation")
    assert head["steps"] >= 8
    assert all(row["undone"] and row["restored"] for row in rounds), rounds
    assert [row["killed"] for row in rounds] == [True] * (len(rounds) - 1) + [False]
    assert len(rounds) > 2 * head["steps"]
    seen = {row["changed"] for row in rounds}
    assert seen >= set(range(max(seen) - 2)), f"the kills found the machine at every step: {seen}"


def test_a_partition_that_the_kernel_does_not_honour_is_taken_back(second: VirtualPc) -> None:
    """Somebody else took the core since the plan: every step is taken back, and the kernel's reason is quoted."""
    (row,) = helper(second, "refused", CORE, "/run/refused-isolation")
    assert row["refused"], row
    assert row["restored"], row
    assert "isolated invalid (Cpu list in cpuset.cpus not exclusive)" in row["why"], row
    assert any("taken back: cpuset-group" in line for line in row["details"]), row


def test_version_1_moves_everybody_else_and_back(first: VirtualPc) -> None:
    """Where there are only version 1's cpusets, all movable tasks go aside; `undo` brings them back."""
    before = interrupts(first)
    tasks = int(shell(first, f"wc -l < {CGROUPS}/cpuset/tasks"))
    done = first.run(["dinrail", "control", "isolate", "--core", CORE])
    assert done.exit_code == 0, done.stderr
    assert shell(first, f"cat {CGROUPS}/cpuset/dinrail/cpuset.cpus") == CORE
    assert shell(first, f"cat {CGROUPS}/cpuset/cpuset.sched_load_balance") == "0"
    assert shell(first, "cat /proc/self/cpuset") == "/dinrail-rest"
    assert shell(first, "nproc") == "2"
    undone = first.run(["dinrail", "undo"])
    assert undone.exit_code == 0, undone.stderr
    assert interrupts(first) == before
    assert not shell(first, f"ls -d {CGROUPS}/cpuset/dinrail* || true")
    assert abs(int(shell(first, f"wc -l < {CGROUPS}/cpuset/tasks")) - tasks) < 10
    assert shell(first, "nproc") == "3"
