"""Guests on a real vfio device: one wins, none is lost, and the device always comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lab_guest import config_for

from dinrail.lab.devices import device_states
from dinrail.lab.machine import Parts, VirtualPc

pytestmark = pytest.mark.lab

START_S = 240.0


def guests(pc: VirtualPc) -> dict[str, Any]:
    """What a later command finds, by name."""
    listed = json.loads(pc.run(["dinrail", "guest", "list", "--json"]).stdout)
    return {guest["name"]: guest for guest in listed}


def test_two_starts_at_once_one_wins_and_the_guest_outlives_it(pc: VirtualPc, lab_parts: Parts) -> None:
    """Of two starts of one guest one wins, one is refused; a later command finds the guest and stops it."""
    gpu = pc.topology.address("gpu")
    before = device_states(pc, gpu)
    config = config_for(pc, lab_parts)
    command = ["dinrail", "guest", "start", "--config", config, "hmi"]
    jobs = [pc.start(command, timeout_s=START_S) for _ in range(2)]
    done = sorted((job.wait() for job in jobs), key=lambda d: d.exit_code)
    assert [d.exit_code for d in done] == [0, 1], [d.stderr for d in done]
    assert "hmi" in done[1].stderr
    assert "Traceback" not in done[1].stderr
    assert guests(pc)["hmi"]["state"] == "running"
    assert device_states(pc, gpu)[gpu]["driver"] == "vfio-pci"

    refused = pc.run(["dinrail", "gpu", "release", gpu])
    assert refused.exit_code == 1
    assert "hmi" in refused.stderr, "the refusal names the guest that holds the device"

    other = pc.run(["dinrail", "guest", "start", "--config", config_for(pc, lab_parts, "other"), "other"])
    assert other.exit_code == 1
    assert "hmi" in other.stderr, "the second guest is told who has the device"

    stopped = pc.run(["dinrail", "guest", "stop", "hmi", "--timeout", "1 s"])
    assert stopped.exit_code == 0, stopped.stderr
    assert device_states(pc, gpu) == before


def test_two_guests_that_want_one_device_at_once(pc: VirtualPc, lab_parts: Parts) -> None:
    """Of two guests started together for one device one runs; the other is refused and leaves nothing behind."""
    gpu = pc.topology.address("gpu")
    before = device_states(pc, gpu)
    config = config_for(pc, lab_parts, "left", "right")
    jobs = {
        name: pc.start(["dinrail", "guest", "start", "--config", config, name], timeout_s=START_S)
        for name in ("left", "right")
    }
    done = {name: job.wait() for name, job in jobs.items()}
    assert sorted(d.exit_code for d in done.values()) == [0, 1], {n: d.stderr for n, d in done.items()}
    winner = next(name for name, d in done.items() if d.exit_code == 0)
    loser = next(name for name in done if name != winner)
    assert "Traceback" not in done[loser].stderr
    assert gpu in done[loser].stderr or winner in done[loser].stderr
    assert guests(pc)[winner]["state"] == "running"

    # The winner's hypervisor dies without a word; its exit is not lost, and stop gives the device back.
    pid = guests(pc)[winner]["pid"]
    pc.run(["kill", "-9", str(pid)])
    stopped = pc.run(["dinrail", "guest", "stop", winner])
    assert stopped.exit_code == 0, stopped.stderr
    exit_ = guests(pc)[winner]["exit"]
    assert exit_ is not None
    assert exit_["signal"] == 9
    assert device_states(pc, gpu) == before
