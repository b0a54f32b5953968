"""The control cycles on while the rest of the machine is in trouble: its own core, in the virtual PC."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import control_app
import control_lab
import cores_lab
import pytest

from dinrail.control.channel.layout import State
from dinrail.control.settings import TaskSettings
from dinrail.lab.machine import VirtualPc

pytestmark = pytest.mark.lab

CORE = 2
SECONDS = "4"
TASK = TaskSettings(name="Lab", cycle_ns=20_000_000, priority=19, core=CORE, programs=("MAIN0",))
IMAGE = "/run/lab.image"
CGROUPS = "/sys/fs/cgroup"


@pytest.fixture(scope="module")
def pc(booted: Callable[[str], VirtualPc]) -> Iterator[VirtualPc]:
    """The machine with three CPUs and version 2's control groups, and an image to run."""
    pc = booted("three-cores")
    assert pc.run(["mount", "-t", "cgroup2", "none", CGROUPS]).exit_code == 0
    pc.write_file(IMAGE, control_app.build((TASK,)))
    yield pc
    pc.run(["umount", CGROUPS])


@pytest.fixture(scope="module")
def isolated(pc: VirtualPc) -> Iterator[VirtualPc]:
    """The same with CPU 2 for the control alone."""
    done = pc.run(["dinrail", "control", "isolate", "--core", str(CORE)])
    assert done.exit_code == 0, done.stderr
    yield pc
    done = pc.run(["dinrail", "control", "release"])
    assert done.exit_code == 0, done.stderr


def test_a_control_takes_the_cores_of_its_document_and_gives_them_back(pc: VirtualPc) -> None:
    """The control runs in a partition of its own, holds its core's lease while it lives, and leaves nothing behind."""
    up = pc.run([sys.executable, str(Path(cores_lab.__file__)), "up", IMAGE, str(CORE)])
    assert up.exit_code == 0, up.stderr
    told = json.loads(up.stdout)
    assert told["notes"] == []
    assert pc.read_file(f"{CGROUPS}/dinrail/cpuset.cpus.partition").strip() == b"isolated"
    assert pc.read_file(f"{CGROUPS}/dinrail/cgroup.procs").split() == [str(told["pid"]).encode()]
    refused = pc.run(["dinrail", "undo"])
    assert refused.exit_code == 1
    assert f"the core is in use by control (pid {told['pid']})" in refused.stdout
    down = pc.run([sys.executable, str(Path(cores_lab.__file__)), "down"])
    assert down.exit_code == 0, down.stderr
    assert pc.run(["ls", "-d", f"{CGROUPS}/dinrail"]).exit_code != 0
    assert json.loads(pc.run(["dinrail", "undo", "--list", "--json"]).stdout)["open"] == []


def cycled(pc: VirtualPc, trouble: str, *, alone: bool) -> dict[str, Any]:
    """What a control saw during that trouble."""
    words = ["--cgroup", f"{CGROUPS}/dinrail"] if alone else []
    argv = [sys.executable, str(Path(control_lab.__file__)), IMAGE, trouble, SECONDS, "--core", str(CORE), *words]
    done = pc.run(argv, timeout_s=200)
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def kept(found: dict[str, Any]) -> bool:
    """Nearly every cycle came. (The emulator's own host takes some.)"""
    return bool(found["cycles"] >= found["expected"] * 0.8 and found["runs"] >= found["expected"] * 0.8)


def quiet(pc: VirtualPc, trouble: str, *, alone: bool) -> dict[str, Any]:
    """The best of three tries: the emulator's host may take a whole try away, and trouble that stops the control would
    stop it in each."""
    for _ in range(2):
        found = cycled(pc, trouble, alone=alone)
        if kept(found):
            return found
    return cycled(pc, trouble, alone=alone)


def test_without_isolation_programs_of_higher_priority_stop_the_control(pc: VirtualPc) -> None:
    """The negative control: on a core that everybody may use, most cycles are missed while others compute."""
    assert kept(quiet(pc, "none", alone=False)), "alone on the machine it cycles"
    found = cycled(pc, "cpu", alone=False)
    assert found["cycles"] < found["expected"] * 0.5, found


@pytest.mark.parametrize("trouble", ["cpu", "memory", "disk", "clock"])
def test_the_control_cycles_on(isolated: VirtualPc, trouble: str) -> None:
    """CPUs and memory are hogged, its disk is full, the wall clock is stepped by months: the counter goes on."""
    found = quiet(isolated, trouble, alone=True)
    assert kept(found), found
    assert found["state"] == State.RUN
    proof = found["proof"]
    assert {
        "cpu": proof.get("programs") == 3,
        "memory": 0 < proof.get("left_bytes", 0) < 2 * control_lab.MARGIN_BYTES,
        "disk": "space" in proof.get("refused", ""),
        "clock": proof.get("stepped_s", 0) > 3600,
    }[trouble], proof
