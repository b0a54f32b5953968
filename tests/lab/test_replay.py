"""A collected archive answers anywhere as its machine did."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dinrail.lab.machine import VirtualPc

pytestmark = pytest.mark.lab


def test_an_archive_replays_on_any_machine(pc: VirtualPc, tmp_path: Path) -> None:
    """doctor, pci and gpu plan print outside, from the archive, what they print inside."""
    gpu = pc.topology.address("gpu")
    collected = pc.run(["dinrail", "collect", "-o", "/run/lab.tar.gz"])
    assert collected.exit_code == 0, collected.stderr
    archive = tmp_path / "lab.tar.gz"
    archive.write_bytes(pc.read_file("/run/lab.tar.gz"))
    for words in (["doctor"], ["pci"], ["gpu", "plan", gpu], ["pci", "--json"], ["doctor", "--json"]):
        inside = pc.run(["dinrail", *words])
        argv = [sys.executable, "-m", "dinrail", "--host", str(archive), *words]
        outside = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert outside.stdout == inside.stdout, words
        assert outside.returncode == inside.exit_code, words
        assert inside.stdout.strip(), words


def test_the_inventory_inside_is_lspci_s(pc: VirtualPc) -> None:
    """Addresses, ids and drivers of a machine with bridges and groups are those that lspci tells."""
    listed = {f["address"]: f for f in json.loads(pc.run(["dinrail", "pci", "--json"]).stdout)}
    oracle: dict[str, dict[str, str]] = {}
    for block in pc.run(["lspci", "-vmmknD"]).stdout.strip().split("\n\n"):
        rows = dict(line.split(":\t", 1) for line in block.splitlines() if ":\t" in line)
        oracle[rows["Slot"]] = rows
    assert listed.keys() == oracle.keys()
    for address, rows in oracle.items():
        ours = listed[address]
        assert ours["ids"] == f"{rows['Vendor']}:{rows['Device']}"
        assert ours["driver"] == rows.get("Driver")
        assert (str(ours["group"]) if ours["group"] is not None else None) == rows.get("IOMMUGroup")
