"""`dinrail pci` and `dinrail explain`, on built hosts."""

from __future__ import annotations

import json
from dataclasses import dataclass

import typer
from build_host import AMD_DGPU, DGPU, DGPU_AUDIO, INTEL_IGPU, BuiltHost, Machine
from click.testing import Result
from typer.testing import CliRunner

from dinrail.cli import explain, pci
from dinrail.machine.facts import HostFacts
from dinrail.machine.read import read_facts
from dinrail.machine.sources import Topic


@dataclass
class BuiltSession:
    """A session on a built host."""

    built: BuiltHost
    as_json: bool = False

    def host(self) -> BuiltHost:
        return self.built

    def facts(self, *topics: Topic) -> HostFacts:
        return read_facts(self.built.fetch(topics))


def run(machine: Machine, *argv: str, as_json: bool = False) -> tuple[Result, BuiltHost]:
    app = typer.Typer()
    pci.register(app)
    explain.register(app)
    host = BuiltHost(machine)
    return CliRunner().invoke(app, list(argv), obj=BuiltSession(host, as_json)), host


def test_the_table_shows_every_function() -> None:
    """Address, ids, driver, group, reset and ROM stand in one line."""
    result, _ = run(AMD_DGPU, "pci")
    (line,) = [line for line in result.output.splitlines() if line.startswith("0b:00.0")]
    for word in ("1002:67df", "amdgpu", "16", "bus", "128 KiB"):
        assert word in line


def test_the_inventory_asks_for_nothing_but_devices_and_names() -> None:
    """Speed: neither ACPI tables nor consoles nor QEMU are looked at."""
    result, host = run(AMD_DGPU, "pci", as_json=True)
    assert host.asked == [frozenset({Topic.PCI, Topic.PCI_NAMES})]
    gpu = next(row for row in json.loads(result.output) if row["address"] == DGPU)
    assert (gpu["ids"], gpu["class"], gpu["driver"], gpu["group"]) == ("1002:67df", "030000", "amdgpu", 16)
    assert gpu["rom_size_bytes"] == 128 * 1024


def test_one_device_is_shown_in_full() -> None:
    """BARs with size and place, the group's other members, and what each reset method does."""
    result, _ = run(AMD_DGPU, "pci", "0b:00.0")
    assert "memory 256 MiB at 0xd0000000, 64 bit, prefetchable" in result.output
    assert f"16, shared with {DGPU_AUDIO}" in result.output
    assert "bus: secondary bus reset" in result.output


def test_groups_list_members_with_drivers() -> None:
    """Each group with its members and reserved memory."""
    result, _ = run(AMD_DGPU, "pci", "--groups")
    assert "group 16" in result.output
    assert "driver snd_hda_intel" in result.output
    result, _ = run(AMD_DGPU, "pci", "--groups", "0b:00.0", as_json=True)
    (group,) = json.loads(result.output)
    assert group["members"] == [DGPU, DGPU_AUDIO]


def test_a_device_that_is_not_there_is_a_wrong_request() -> None:
    """The message names it."""
    result, _ = run(INTEL_IGPU, "pci", "09:00.0")
    assert "0000:09:00.0" in str(result.exception)


def test_explain_reads_arguments_or_standard_input() -> None:
    """A message as words or a whole log."""
    result, _ = run(INTEL_IGPU, "explain", "group 1 is not viable")
    assert "group.shared" in result.output
    result, _ = run(INTEL_IGPU, "explain", "no", "iommu_group", "found", as_json=True)
    assert json.loads(result.output)[0]["known"]["rule"] == "group.none"


def test_an_unknown_message_is_refused() -> None:
    """Exit code 1, and what to give instead."""
    result, _ = run(INTEL_IGPU, "explain", "all is well")
    assert "no message in this text is known" in str(result.exception)
