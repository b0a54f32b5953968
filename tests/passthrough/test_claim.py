"""The plan that hands functions over."""

from __future__ import annotations

from build_host import AMD_DGPU, DGPU, DGPU_AUDIO, IGPU, INTEL_IGPU, NO_IOMMU, Machine

from dinrail.machine.change import ChangeKind, ChangePlan
from dinrail.passthrough.claim import plan_claim
from dinrail.pci.address import PciAddress


def plan(machine: Machine, *addresses: str) -> ChangePlan:
    return plan_claim(machine.facts(), [PciAddress.parse(address) for address in addresses])


def steps(found: ChangePlan) -> list[tuple[str, str, str, str]]:
    return [(change.kind.value, change.target, change.before, change.want) for change in found.changes]


def test_a_bound_function_is_let_go_then_marked_then_taken() -> None:
    """Backwards each step is legal: vfio-pci lets go, the override goes, the old driver comes back."""
    assert steps(plan(INTEL_IGPU, IGPU)) == [
        ("module", "vfio-pci", "", "loaded"),
        ("driver", IGPU, "i915", ""),
        ("driver-override", IGPU, "", "vfio-pci"),
        ("driver", IGPU, "", "vfio-pci"),
    ]


def test_several_functions_are_taken_one_after_the_other() -> None:
    """A whole group in the order asked for; the module that is loaded already needs no step."""
    found = plan(AMD_DGPU, DGPU, DGPU_AUDIO, DGPU)
    assert [target for _, target, _, _ in steps(found)] == [DGPU] * 3 + [DGPU_AUDIO] * 3
    assert found.purpose == f"claim {DGPU} {DGPU_AUDIO}"
    assert found.blocked == ()


def test_what_vfio_holds_already_needs_no_step() -> None:
    """An empty plan, not even the module."""
    assert plan(INTEL_IGPU.changed(IGPU, driver="vfio-pci"), IGPU).changes == ()


def test_a_foreign_override_is_put_back_on_undo() -> None:
    """`before` holds what stood there."""
    found = plan(INTEL_IGPU.changed(IGPU, driver=None, driver_override="pci-stub"), IGPU)
    assert ("driver-override", IGPU, "pci-stub", "vfio-pci") in steps(found)
    assert [change.kind for change in found.changes].count(ChangeKind.DRIVER) == 1


def test_an_override_that_stands_already_is_left_alone() -> None:
    """Only the driver is missing."""
    found = plan(AMD_DGPU.changed(DGPU, driver=None, driver_override="vfio-pci"), DGPU, DGPU_AUDIO)
    assert steps(found)[0] == ("driver", DGPU, "", "vfio-pci")


def test_a_blocked_plan_still_shows_its_steps() -> None:
    """Whoever carries it out looks at `blocked` first."""
    found = plan(NO_IOMMU, IGPU)
    assert [finding.rule for finding in found.blocked] == ["iommu.no-table"]
    assert found.changes


def test_each_step_starts_where_the_one_before_ended() -> None:
    """Per target and kind, `before` of a step is `want` of the last: undo can walk back through all of them."""
    standing: dict[tuple[str, str], str] = {}
    for change in plan(AMD_DGPU, DGPU, DGPU_AUDIO).changes:
        key = (change.kind.value, change.target)
        assert standing.get(key, change.before) == change.before
        standing[key] = change.want
