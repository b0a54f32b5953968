"""Who would run this VBIOS? One verdict a consumer, by the rules in `consumer`, each with the bytes it rests on."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dinrail.errors import FormatError
from dinrail.finding import Backend, Evidence, Finding, Severity
from dinrail.machine.facts import PciIds
from dinrail.pci.bar import ROM_MIN_BYTES
from dinrail.pci.rom import RomImage
from dinrail.units import format_size
from dinrail.vbios.consumer import DEMANDS, Consumer, Demands, ImageRule, Subject
from dinrail.vbios.rom import Rom, kind_name, pair
from dinrail.vbios.signature import Signature, signature_of


class Outcome(enum.StrEnum):
    """READS: serves the bytes to its drivers. MAY_RUN: what decides cannot be seen in the ROM."""

    RUNS = "runs"
    READS = "reads"
    MAY_RUN = "may-run"
    IGNORES = "ignores"
    CANNOT = "cannot"


_BACKENDS = {
    Consumer.SEABIOS: (Backend.QEMU,),
    Consumer.EDK2: (Backend.QEMU,),
    Consumer.EDK2_SECURE_BOOT: (Backend.QEMU,),
    Consumer.BHYVE: (Backend.BHYVE,),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one consumer would do. `image` is the index of the image that it would run, None for none."""

    consumer: Consumer
    outcome: Outcome
    image: int | None
    sentence: str
    findings: tuple[Finding, ...] = ()

    @property
    def uses(self) -> bool:
        """The consumer would do something with the ROM."""
        return self.outcome in (Outcome.RUNS, Outcome.READS, Outcome.MAY_RUN)


def judge(rom: Rom, device: PciIds | None = None) -> tuple[Verdict, ...]:
    """One verdict for each consumer, in their order. `device` None asks for no particular device.

    Takes damaged ROMs too (see `survey_rom`): then only the whole images count.
    """
    return tuple(_linux(rom) if c is Consumer.LINUX else _firmware(rom, c, device) for c in Consumer)


def judge_whole(rom: Rom, fault: FormatError | None, verdicts: tuple[Verdict, ...]) -> tuple[Finding, ...]:
    """What is wrong with the ROM for everybody: damage, and that no firmware would run any of it."""
    found: list[Finding] = []
    if fault is not None:
        found.append(
            Finding(
                "vbios.damaged",
                rom.origin,
                Severity.BLOCK,
                f"the ROM is damaged behind {len(rom.images)} whole image(s)"
                + (f": {fault.hint}" if fault.hint else ""),
                evidence=(Evidence(rom.origin, _without_origin(fault)),),
                fix="read the ROM anew (`dinrail vbios extract`)",
                verify=f"dinrail vbios show {rom.origin}",
            )
        )
    firmware = [v for v in verdicts if v.consumer is not Consumer.LINUX]
    if not any(v.uses for v in firmware):
        seen = tuple(Evidence(v.consumer.full_name, v.sentence) for v in firmware)
        found.append(
            Finding("vbios.nobody", rom.origin, Severity.BLOCK, "no guest firmware would run this ROM", evidence=seen)
        )
    return tuple(found)


def _without_origin(fault: FormatError) -> str:
    text = str(fault)
    return text.removeprefix(f"{fault.where}: ") if fault.where else text


def _firmware(rom: Rom, consumer: Consumer, device: PciIds | None) -> Verdict:
    demands = DEMANDS[consumer]
    findings: list[Finding] = []
    sentence = ""
    for image in rom.images:
        subject = Subject(rom, image, device)
        broken = _first_broken(subject, demands)
        if broken is None and image.code_type is demands.code_type:
            return _would_run(rom, image, consumer, device, tuple(findings))
        if broken is not None:
            rule, seen = broken
            findings.append(_finding(consumer, rule, image, seen))
            sentence = f"{rule.message} (image {image.index})"
            if rule.ends_walk:
                break
    if findings:
        return Verdict(consumer, Outcome.IGNORES, None, sentence, tuple(findings))
    return _nothing_to_run(rom, consumer, demands)


def _first_broken(subject: Subject, demands: Demands) -> tuple[ImageRule, Evidence] | None:
    rules = demands.rules if subject.image.code_type is demands.code_type else ()
    for rule in (demands.walk_rule, *rules):
        if rule is not None and (seen := rule.broken(subject)) is not None:
            return rule, seen
    return None


def _finding(consumer: Consumer, rule: ImageRule, image: RomImage, seen: Evidence) -> Finding:
    return Finding(
        rule=f"vbios.{consumer.value}.{rule.name}",
        subject=f"image {image.index}",
        severity=Severity.WARN,
        message=f"{consumer.full_name} {rule.message}",
        evidence=(seen,),
        fix=rule.fix,
        backends=_BACKENDS[consumer],
    )


def _nothing_to_run(rom: Rom, consumer: Consumer, demands: Demands) -> Verdict:
    if rom.images:
        kinds = ", ".join(kind_name(image) for image in rom.images)
        sentence = f"looks for {demands.wants}; there is only {kinds}"
        at = rom.images[0].pcir_offset + 0x14
        evidence = Evidence(f"{rom.origin} at {at:#x}", f"code types: {kinds}")
    else:
        sentence = "finds no image"
        evidence = Evidence(f"{rom.origin} at 0x0", rom.data[:16].hex(" ") or "no bytes")
    finding = Finding(
        rule=f"vbios.{consumer.value}.no-image",
        subject=rom.origin,
        severity=Severity.NOTE,
        message=f"{consumer.full_name} {sentence}",
        evidence=(evidence,),
        backends=_BACKENDS[consumer],
    )
    return Verdict(consumer, Outcome.IGNORES if rom.images else Outcome.CANNOT, None, sentence, (finding,))


def _would_run(
    rom: Rom, image: RomImage, consumer: Consumer, device: PciIds | None, findings: tuple[Finding, ...]
) -> Verdict:
    what = f"runs image {image.index} ({kind_name(image)})"
    outcome = Outcome.RUNS
    if consumer is Consumer.SEABIOS and device is None:
        what += f", on a device {pair(image.vendor_id, image.pcir.device_id)}"
    elif consumer is Consumer.BHYVE:
        what += f", in a ROM window of {format_size(bhyve_window(len(rom.data)))}"
    elif consumer is Consumer.EDK2_SECURE_BOOT:
        outcome = Outcome.MAY_RUN
        signed = signature_of(rom.data, image) is Signature.PRESENT
        what += ", if the firmware trusts its signer" if signed else ", if the driver that is packed in it is signed"
    return Verdict(consumer, outcome, image.index, what, findings)


def bhyve_window(file_bytes: int) -> int:
    """Bytes of the ROM window that bhyve makes for a file (pci_emul_alloc_rom): a power of two, and a file that is
    one already gets twice its size."""
    return max(ROM_MIN_BYTES, 1 << file_bytes.bit_length())


def _linux(rom: Rom) -> Verdict:
    if not rom.images:
        evidence = Evidence(f"{rom.origin} at 0x0", rom.data[:16].hex(" ") or "no bytes")
        sentence = "finds no ROM signature and serves an empty file"
        finding = Finding("vbios.linux.no-image", rom.origin, Severity.NOTE, f"Linux {sentence}", evidence=(evidence,))
        return Verdict(Consumer.LINUX, Outcome.CANNOT, None, sentence, (finding,))
    size_bytes = rom.images[-1].end
    sentence = f"serves {size_bytes} bytes to its drivers"
    if rom.trailing_bytes:
        sentence += f", not the {rom.trailing_bytes} behind the last image"
    return Verdict(Consumer.LINUX, Outcome.READS, None, sentence)
