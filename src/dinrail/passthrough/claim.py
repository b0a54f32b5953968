"""From facts to the steps that hand functions over to vfio-pci.

Per function, in this order, so that undo (which walks backwards) is legal at every point:

    driver           X  -> none        backwards: X is bound again, when no override stands in its way any more
    driver_override  "" -> vfio-pci    backwards: taken off while no driver is bound
    driver           "" -> vfio-pci    backwards: vfio-pci lets go

driver_override was taken, not vfio-pci's `ids=`: two equal cards, and the audio functions that share an id, stay apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dinrail.machine.change import Change, ChangeKind, ChangePlan
from dinrail.machine.facts import HostFacts, PciFunction
from dinrail.passthrough.case import VFIO
from dinrail.passthrough.rules import judge
from dinrail.pci.address import PciAddress


def plan_claim(
    facts: HostFacts, addresses: Sequence[PciAddress], *, waivers: frozenset[str] = frozenset()
) -> ChangePlan:
    """The plan to hand these functions to one guest, with all findings. Needs the facts of `rules.TOPICS`.

    A blocked plan still shows its steps; whoever carries plans out looks at `blocked` first. Functions that vfio-pci
    holds already need no step.
    """
    wanted = tuple(dict.fromkeys(addresses))
    functions = [found for address in wanted if (found := facts.function(address)) is not None]
    steps = [step for function in functions for step in _steps(function)]
    if steps and not (facts.kernel is not None and facts.kernel.vfio_pci):
        steps.insert(0, Change(ChangeKind.MODULE, VFIO, "", "loaded", why="the driver that hands devices to guests"))
    return ChangePlan(
        purpose=f"claim {' '.join(map(str, wanted))}",
        changes=tuple(steps),
        findings=judge(facts, wanted, waivers=waivers),
    )


def _steps(function: PciFunction) -> Iterator[Change]:
    if function.driver == VFIO:
        return
    target = str(function.address)
    override = function.driver_override or ""
    if function.driver:
        yield Change(ChangeKind.DRIVER, target, function.driver, "", why="the host lets go of the device")
    if override != VFIO:
        yield Change(ChangeKind.DRIVER_OVERRIDE, target, override, VFIO, why="no other driver may take it")
    yield Change(ChangeKind.DRIVER, target, "", VFIO, why="vfio-pci hands the device to a guest")
