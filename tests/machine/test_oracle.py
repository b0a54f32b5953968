"""This machine, read by us and by lspci."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dinrail.host.live import LiveHost
from dinrail.machine.inventory import read_inventory
from dinrail.machine.read import read_facts
from dinrail.machine.sources import Topic

needs_lspci = pytest.mark.skipif(
    shutil.which("lspci") is None or not Path("/sys/bus/pci/devices").is_dir(), reason="needs lspci and a PCI bus"
)


def lspci(*options: str) -> str:
    done = subprocess.run(["lspci", *options], check=True, capture_output=True, text=True)
    return done.stdout


@needs_lspci
def test_addresses_classes_and_ids_are_lspcis() -> None:
    """Every function, with class, ids and revision, as `lspci -Dn` prints it."""
    ours = []
    for function in read_inventory(LiveHost().fetch([Topic.PCI])).functions:
        ids = function.ids
        revision = f" (rev {ids.revision:02x})" if ids.revision else ""
        ours.append(f"{function.address} {ids.sub_class:04x}: {ids.pair}{revision}")
    theirs = [re.sub(r" \(prog-if.*?\)", "", line) for line in lspci("-Dn").splitlines() if line]
    assert ours == theirs


@needs_lspci
def test_names_and_drivers_are_lspcis() -> None:
    """Vendor, device and class names, and the bound driver, as `lspci -Dvmmk` prints them."""
    functions = {str(f.address): f for f in read_facts(LiveHost().fetch([Topic.PCI, Topic.PCI_NAMES])).functions}
    records = [
        dict(line.split(":\t", 1) for line in block.splitlines())
        for block in lspci("-Dvmmk").strip().split("\n\n")
        if block
    ]
    assert len(records) == len(functions)
    for record in records:
        ours = functions[record["Slot"]]
        assert ours.driver == record.get("Driver")
        for name, theirs in ((ours.vendor_name, record["Vendor"]), (ours.device_name, record["Device"])):
            assert name == theirs or (name == "" and re.match(r"(Vendor|Device) [0-9a-f]{4}", theirs))
        assert record["Class"].startswith(ours.class_name)
