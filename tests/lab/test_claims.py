"""Claim and release leave the machine as found, whatever dies on the way."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import crash_lab
import pytest

from dinrail.lab.devices import device_states
from dinrail.lab.machine import VirtualPc

pytestmark = pytest.mark.lab

KILLS = 13
"""A claim makes 11 fsyncs today; the last rounds must come through alive, or the test says that there are more."""


def test_claim_and_release_leave_the_device_as_found(pc: VirtualPc) -> None:
    """Driver, driver_override and the ROM switch are equal before the claim and after the release."""
    gpu = pc.topology.address("gpu")
    before = device_states(pc, gpu)
    assert before[gpu]["driver"] == "bochs-drm"
    assert pc.run(["dinrail", "gpu", "claim", gpu]).exit_code == 0
    claimed = device_states(pc, gpu)[gpu]
    assert (claimed["driver"], claimed["override"]) == ("vfio-pci", "vfio-pci")
    assert pc.run(["dinrail", "gpu", "release", gpu]).exit_code == 0
    assert device_states(pc, gpu) == before


def test_reading_the_rom_leaves_it_switched_off(pc: VirtualPc) -> None:
    """After vbios extract the ROM attribute answers as before, and the bytes are the card's."""
    gpu = pc.topology.address("gpu")
    before = device_states(pc, gpu)
    done = pc.run(["dinrail", "vbios", "extract", gpu, "--output", "/run/card.rom", "--force", "--json"])
    assert done.exit_code == 0, done.stderr
    assert device_states(pc, gpu) == before
    from dinrail.lab.vbios import vbios

    assert pc.read_file("/run/card.rom") == vbios()
    note = json.loads(pc.read_file("/run/card.rom.json"))
    assert gpu in json.dumps(note)


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_killed_between_any_two_journal_entries_undo_brings_the_real_device_back(pc: VirtualPc, call: str) -> None:
    """kill -9 before and after each journal record of a real claim: undo restores driver, override and ROM switch."""
    gpu = pc.topology.address("gpu")
    before = device_states(pc, gpu)
    argv = [sys.executable, str(Path(crash_lab.__file__)), call, str(KILLS), gpu, f"/run/crash-{call}"]
    done = pc.run(argv, timeout_s=500)
    assert done.exit_code == 0, done.stderr
    rounds = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["number"] for r in rounds] == list(range(1, KILLS))
    assert all(r["undone"] for r in rounds), rounds
    assert rounds[0]["killed"]
    assert not rounds[-1]["killed"], "the last round had fewer fsyncs than were counted: every one of them was a kill"
    seen = {(r["driver"], r["override"]) for r in rounds}
    assert seen >= {("bochs-drm", ""), ("", ""), ("", "vfio-pci"), ("vfio-pci", "vfio-pci")}, seen
    assert all((r["driver_after"], r["override_after"]) == ("bochs-drm", "") for r in rounds)
    assert device_states(pc, gpu) == before


def test_a_killed_command_is_undone_by_a_command(pc: VirtualPc) -> None:
    """`gpu claim` killed between two journal entries, then `undo`: as found, and nothing is left open."""
    gpu = pc.topology.address("gpu")
    before = device_states(pc, gpu)
    inject = ["strace", "-f", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:signal=SIGKILL:when=5"]
    killed = pc.run([*inject, "dinrail", "gpu", "claim", gpu])
    assert killed.exit_code != 0
    listed = json.loads(pc.run(["dinrail", "undo", "--list", "--json"]).stdout)
    assert gpu in json.dumps(listed)
    undone = pc.run(["dinrail", "undo"])
    assert undone.exit_code == 0, undone.stderr
    assert device_states(pc, gpu) == before


def test_what_somebody_else_changed_is_left_alone_and_named(pc: VirtualPc) -> None:
    """Undo is compare-and-set: an override that somebody else wrote since stays, and undo says so."""
    nic = pc.topology.address("nic")
    before = device_states(pc, nic)
    assert pc.run(["dinrail", "gpu", "claim", nic]).exit_code == 0
    override = f"/sys/bus/pci/devices/{nic}/driver_override"
    pc.run(["sh", "-c", f"echo pci-stub > {override}"])
    done = pc.run(["dinrail", "undo"])
    assert "pci-stub" in done.stdout + done.stderr
    assert pc.read_file(override).strip() == b"pci-stub"
    # Put it back by hand, as the user is told to.
    pc.run(["sh", "-c", f"echo > {override}; echo {nic} > /sys/bus/pci/drivers_probe"])
    pc.run(["dinrail", "undo"])
    assert device_states(pc, nic) == before
