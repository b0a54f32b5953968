"""`dinrail doctor`, on built hosts."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
import typer
from build_host import (
    AMD_DGPU,
    DGPU,
    DGPU_AUDIO,
    INTEL_IGPU,
    INTGPU_OFF,
    IOMMU_OFF,
    NO_IOMMU,
    ONLY_CONSOLE,
    BuiltHost,
    Machine,
)
from click.testing import Result
from typer.testing import CliRunner

from dinrail.cli import doctor
from dinrail.machine.facts import HostFacts
from dinrail.machine.read import read_facts
from dinrail.machine.sources import Topic


@dataclass
class BuiltSession:
    """A session on a built host."""

    built: BuiltHost
    as_json: bool = False

    def facts(self, *topics: Topic) -> HostFacts:
        return read_facts(self.built.fetch(topics))


def run(machine: Machine, *argv: str, as_json: bool = False) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    doctor.register(app)
    return CliRunner().invoke(app, ["doctor", *argv], obj=BuiltSession(BuiltHost(machine), as_json))


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (NO_IOMMU, ["iommu.no-table", "neither DMAR nor IVRS"]),
        (IOMMU_OFF, ["iommu.disabled", "intel_iommu=off", "DMAR"]),
        (INTGPU_OFF, ["group.none", "INTGPU_OFF"]),
        (ONLY_CONSOLE, ["console.only", "--headless-ok"]),
    ],
)
def test_what_blocks_is_shown_with_its_evidence_and_exit_code_1(machine: Machine, words: list[str]) -> None:
    """Rule, evidence and fix stand in the text, and a script sees the code."""
    result = run(machine)
    assert result.exit_code == 1
    for word in (*words, "fix: ", "passthrough is blocked"):
        assert word in result.output


def test_a_card_is_judged_with_its_other_functions() -> None:
    """By default a GPU and the audio function of its group are one card, and pass together."""
    result = run(AMD_DGPU)
    assert result.exit_code == 0
    assert f"{DGPU} with {DGPU_AUDIO}" in result.output


def test_a_named_device_is_judged_alone() -> None:
    """What the user names is what would be handed over."""
    assert run(AMD_DGPU, DGPU).exit_code == 1
    assert run(AMD_DGPU, DGPU, DGPU_AUDIO).exit_code == 0


def test_json_holds_the_findings_whole() -> None:
    """Severity, rule, evidence and fix as fields."""
    result = run(NO_IOMMU, as_json=True)
    answer = json.loads(result.output)
    assert answer["blocked"] is True
    blocked = [finding["rule"] for finding in answer["findings"] if finding["severity"] == "block"]
    assert blocked == ["iommu.no-table"]
    assert answer["findings"][0]["evidence"]


def test_a_host_without_display_is_judged_as_a_host() -> None:
    """No display device: the host's own findings, and how to name a device."""
    machine = INTEL_IGPU.without("0000:00:02.0")
    result = run(machine)
    assert result.exit_code == 0
    assert "no display device here" in result.output
    assert "iommu.on" in result.output
