"""Does this VBIOS belong to this card? Ids, board, and version, each with the bytes that say so.

A foreign ROM can leave a card without a picture, or drive it with another board's voltages and memory timings; so a
mismatch stops everything until the user insists.
"""

from __future__ import annotations

from dinrail.finding import Evidence, Finding, Severity
from dinrail.machine.facts import PciIds
from dinrail.vbios.compare import Relation, compare
from dinrail.vbios.rom import Rom, pair
from dinrail.vbios.strings import read_text

WAIVER = "--rom-mismatch-ok"
_FIX = "use the card's own ROM: `dinrail vbios extract`"
_MAX_SHOWN = 8


def identity(rom: Rom, ids: PciIds, *, subject: str, own: Rom | None = None) -> tuple[Finding, ...]:
    """Findings on whose the ROM is. BLOCK for a mismatch that the user may waive, OK where it is the card's.

    subject: the device as messages name it. own: the card's own ROM where it could be read, to compare versions.
    Ids of the board (subsystem) count where both the card has some and the ROM names some.
    """
    return (_by_ids(rom, ids, subject), *_by_board(rom, ids, subject), *_by_own_rom(rom, own, subject))


def _by_ids(rom: Rom, ids: PciIds, subject: str) -> Finding:
    claiming = [image for image in rom.images if image.claims(ids.vendor_id, ids.device_id)]
    shown = ", ".join(pair(*claimed) for claimed in rom.device_ids[:_MAX_SHOWN])
    if len(rom.device_ids) > _MAX_SHOWN:
        shown += f" and {len(rom.device_ids) - _MAX_SHOWN} more"
    evidence = _id_evidence(rom, subject, ids)
    if not claiming:
        return Finding(
            "vbios.ids",
            subject,
            Severity.BLOCK,
            f"the ROM is for {shown or 'no device'}, the card is {ids.pair}",
            evidence=evidence,
            fix=_FIX,
            verify=f"dinrail vbios check {rom.origin} --device {ids.pair}",
            waiver=WAIVER,
        )
    if len(claiming) < len(rom.images):
        foreign = ", ".join(str(image.index) for image in rom.images if image not in claiming)
        message = f"the ROM is for {ids.pair}, but image {foreign} of it is not (it names {shown})"
        return Finding("vbios.ids", subject, Severity.WARN, message, evidence=evidence, fix=_FIX)
    return Finding("vbios.ids", subject, Severity.OK, f"the ROM is for {ids.pair}, as the card", evidence=evidence)


def _id_evidence(rom: Rom, subject: str, ids: PciIds) -> tuple[Evidence, ...]:
    pcirs = tuple(
        Evidence(f"{rom.origin} at {image.pcir_offset + 4:#x}", pair(image.vendor_id, image.pcir.device_id))
        for image in rom.images[:_MAX_SHOWN]
    )
    return (*pcirs, Evidence(subject, ids.pair))


def _by_board(rom: Rom, ids: PciIds, subject: str) -> tuple[Finding, ...]:
    text = read_text(rom)
    board = (ids.subsystem_vendor_id, ids.subsystem_id)
    if text is None or text.subsystem is None or not any(board):
        return ()
    named = pair(*text.subsystem)
    evidence = (Evidence(f"{rom.origin}, vendor's header", named), Evidence(subject, ids.subsystem_pair))
    if text.subsystem == board:
        message = f"the ROM is for the board {named}, as the card"
        return (Finding("vbios.board", subject, Severity.OK, message, evidence=evidence),)
    return (
        Finding(
            "vbios.board",
            subject,
            Severity.BLOCK,
            f"the ROM is for the board {named}, the card is {ids.subsystem_pair}",
            evidence=evidence,
            fix=_FIX,
            waiver=WAIVER,
        ),
    )


def _by_own_rom(rom: Rom, own: Rom | None, subject: str) -> tuple[Finding, ...]:
    if own is None:
        return ()
    found = compare(own, rom)
    evidence = (Evidence(own.origin, f"sha256 {own.sha256}"), Evidence(rom.origin, f"sha256 {rom.sha256}"))
    severity, message, waiver = _RELATIONS[found.relation]
    return (
        Finding(
            "vbios.version",
            subject,
            severity,
            f"{message}: {found.sentence}",
            evidence=evidence,
            fix=_FIX if severity in (Severity.BLOCK, Severity.WARN) else "",
            waiver=waiver,
        ),
    )


_RELATIONS = {
    Relation.SAME: (Severity.OK, "the ROM is the card's own", ""),
    Relation.SAME_IMAGES: (Severity.OK, "the ROM is the card's own", ""),
    Relation.PATCHED: (Severity.WARN, "the ROM is the card's own, patched", ""),
    # The copy of a boot GPU's ROM that Linux reads was changed while the machine started.
    Relation.SAME_VERSION: (Severity.NOTE, "the ROM is the card's version", ""),
    Relation.DIFFERENT: (Severity.WARN, "the ROM is not the card's own", ""),
    Relation.OTHER_VERSION: (Severity.BLOCK, "the ROM is another version than the card's own", WAIVER),
    Relation.OTHER_DEVICE: (Severity.BLOCK, "the ROM is another device's than the card's own", WAIVER),
}
