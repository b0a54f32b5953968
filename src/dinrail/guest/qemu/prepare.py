"""The whole way from a definition to QEMU's command line, with everything that is to be said about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dinrail.finding import Finding, blocking
from dinrail.guest.definition import GuestDefinition
from dinrail.guest.placement import Placement
from dinrail.guest.plan import GuestFiles, GuestPlan, GuestRom, plan_guest
from dinrail.guest.qemu.features import features, judge
from dinrail.guest.qemu.place import place
from dinrail.guest.qemu.render import judge_render, render
from dinrail.guest.roms import ChosenRom
from dinrail.machine.change import ChangePlan
from dinrail.machine.facts import HostFacts
from dinrail.machine.sources import Topic
from dinrail.passthrough import rules
from dinrail.passthrough.claim import plan_claim

TOPICS = (*rules.TOPICS, Topic.FIRMWARE, Topic.HYPERVISOR)
"""What a guest's plan needs to know about its host."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """plan: its `findings` are all findings of all parts. claim: None for a guest that is given no device."""

    plan: GuestPlan
    placement: Placement
    argv: tuple[str, ...]
    claim: ChangePlan | None

    @property
    def blocked(self) -> tuple[Finding, ...]:
        return blocking(self.plan.findings)


def prepare(
    definition: GuestDefinition,
    facts: HostFacts,
    rom: ChosenRom,
    *,
    files: GuestFiles,
    waivers: frozenset[str] = frozenset(),
) -> Prepared:
    """Plan, placement and command line; nothing is read or touched."""
    wanted = rom.rom is not None or rom.to_extract
    staged = GuestRom(f"{files.run}/gpu.rom", rom.origin) if wanted else None
    plan = plan_guest(definition, facts, files=files, rom=staged, no_rom=rom.why_none)
    placement = place(plan)
    claim = plan_claim(facts, plan.addresses, waivers=waivers) if plan.devices else None
    findings = (
        *plan.findings,
        *rom.findings,
        *judge(features(facts.hypervisor), passes_devices=bool(plan.devices)),
        *placement.findings,
        *judge_render(plan),
        *(claim.findings if claim else ()),
    )
    plan = replace(plan, findings=tuple(dict.fromkeys(findings)))
    return Prepared(plan, placement, render(plan, placement), claim)
