"""Which option ROM the guest's GPU gets, and whether it may have it.

`auto`: a ROM kept for this very card (its provenance matches), else read from the card, checked and kept. A file of the
user's has to be whole and the card's own; `--rom-mismatch-ok` waives the second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from dinrail.errors import FormatError, HostError
from dinrail.files import read_file
from dinrail.finding import Evidence, Finding, Severity
from dinrail.guest.definition import RomChoice, RomSource
from dinrail.guest.site import Site, owner_of
from dinrail.host.rom import extract
from dinrail.host.store import MAX_ROM_BYTES, RomStore
from dinrail.machine.facts import HostFacts, PciFunction
from dinrail.vbios.identity import identity
from dinrail.vbios.provenance import describes, from_json, matches, provenance, to_json
from dinrail.vbios.rom import Rom, read_rom, survey_rom
from dinrail.vbios.verdict import judge, judge_whole

METHOD = "sysfs-rom"


@dataclass(frozen=True, slots=True)
class ChosenRom:
    """rom: None where there is none to give. origin: for people. why_none: the cause, where one was wanted.

    to_extract: the card's own ROM has to be read first, which is an action.
    """

    rom: Rom | None = None
    origin: str = ""
    findings: tuple[Finding, ...] = ()
    why_none: str = ""
    to_extract: bool = False


def choose(choice: RomChoice, function: PciFunction | None, roms: Path, *, waivers: frozenset[str]) -> ChosenRom:
    """All that can be said without touching the device. Raises HostError when a named file cannot be read."""
    if choice.source is RomSource.NONE or function is None:
        return ChosenRom()
    own = kept(function, roms)
    if choice.source is RomSource.FILE:
        return judge_file(choice.path, function, own, waivers=waivers)
    if own is not None:
        return ChosenRom(own, f"the card's own ROM, kept as {own.origin}", _ids(own, function))
    if not function.has_rom:
        return ChosenRom(why_none="the device offers no option ROM, and none is kept for it")
    return ChosenRom(origin="the card's own ROM, to be read at the start", to_extract=True)


def judge_file(path: str, function: PciFunction, own: Rom | None, *, waivers: frozenset[str]) -> ChosenRom:
    """A file of the user's, against the card and (where it is known) the card's own ROM. Raises HostError."""
    rom, fault = survey_rom(read_file(Path(path), max_bytes=MAX_ROM_BYTES), origin=path)
    subject = function.address.short
    findings = (
        *judge_whole(rom, fault, judge(rom)),  # of whatever device: whose it is, is identity's question
        *identity(rom, function.ids, subject=subject, own=own),
    )
    # A damaged ROM, or one for nobody, is told by that alone where it names no device at all.
    told = tuple(f for f in findings if rom.images or f.rule != "vbios.ids")
    return ChosenRom(rom, path, tuple(_waived(finding, waivers) for finding in told))


def kept(function: PciFunction, roms: Path) -> Rom | None:
    """The whole ROM that was once read from this very card, None where none is kept."""
    for candidate in RomStore(roms).kept_for(function.ids):
        try:
            note = from_json(candidate.note.encode(), where=str(candidate.path))
            rom = read_rom(candidate.read(), origin=str(candidate.path))
        except FormatError:
            continue  # a store is not a proof: what cannot be believed is not used
        if matches(note, function) and describes(note, rom):
            return rom
    return None


def read_own(function: PciFunction, facts: HostFacts, site: Site, guest: str) -> ChosenRom:
    """Read the card's own ROM, check and keep it. The caller holds the device's lease. Faults are told, not raised.

    Raises Refused when another dinrail changes the machine.
    """
    subject = function.address.short
    try:
        data = extract(site.port, site.journal, function, owner=owner_of(guest))
    except HostError as refusal:
        return ChosenRom(why_none="; ".join((refusal.what, *((refusal.why,) if refusal.why else ()))))
    rom, damage = survey_rom(data, origin=f"{subject} (read now)")
    problems = judge_whole(rom, damage, judge(rom))
    if problems:
        return ChosenRom(why_none="; ".join(finding.message for finding in problems))
    kernel = facts.kernel.release if facts.kernel else ""
    note = provenance(rom, function, method=METHOD, kernel=kernel, wall_ns=site.clock.wall_ns())
    stored = RomStore(site.paths.roms).keep(function.ids, data, to_json(note).decode())
    return ChosenRom(rom, f"the card's own ROM, kept as {stored.path}", _ids(rom, function))


def _ids(rom: Rom, function: PciFunction) -> tuple[Finding, ...]:
    """A card's own ROM is its own, whatever ids stand in it (Intel's and many boards' name others): never blocking."""
    subject = function.address.short
    return tuple(
        replace(finding, severity=Severity.NOTE, waiver="") if finding.severity is Severity.BLOCK else finding
        for finding in identity(rom, function.ids, subject=subject)
    )


def _waived(finding: Finding, waivers: frozenset[str]) -> Finding:
    """The same finding as a warning, where the user insists."""
    if finding.severity is not Severity.BLOCK or finding.waiver not in waivers:
        return finding
    insisted = Evidence("insisted", finding.waiver)
    return replace(finding, severity=Severity.WARN, waiver="", evidence=(*finding.evidence, insisted))
