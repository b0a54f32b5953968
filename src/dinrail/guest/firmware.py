"""Which firmware image a guest runs, chosen by the images' own descriptors (QEMU docs/interop/firmware.json)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from dinrail.finding import Evidence, Finding, Severity
from dinrail.guest.definition import Firmware, FirmwareKind
from dinrail.machine.facts import GuestFirmware

ARCHITECTURE = "x86_64"
MACHINE = "pc-q35-0.0"
"""A machine name that a descriptor's pattern (`pc-q35-*`) has to match."""

# A guest with a passed GPU runs its option ROM, which is not signed for the guest's own keys; and SMM is a risk and a
# cost that only Secure Boot needs.
UNWANTED = frozenset({"secure-boot", "enrolled-keys", "requires-smm", "amd-sev-es", "amd-sev-snp", "intel-tdx"})


@dataclass(frozen=True, slots=True)
class PlannedFirmware:
    """UEFI in flash. `vars_template` is copied once to `vars_path`, the guest's own; both empty where there is none."""

    code_path: str
    vars_template: str
    vars_path: str
    description: str


def choose_firmware(
    wanted: Firmware, known: tuple[GuestFirmware, ...] | None, vars_path: str
) -> tuple[PlannedFirmware | None, tuple[Finding, ...]]:
    """The firmware and what is to be said about it. None: the hypervisor's built-in BIOS, or a blocking finding."""
    if wanted.kind is FirmwareKind.BIOS:
        return None, ()
    if wanted.kind is FirmwareKind.FILE:
        return PlannedFirmware(wanted.path, "", "", "named in the configuration"), ()
    candidates = [firmware for firmware in known or () if not _objections(firmware)]
    if not candidates:
        return None, (_none_found(known),)
    best = min(candidates, key=lambda firmware: firmware.descriptor.rsplit("/", 1)[-1])
    chosen = PlannedFirmware(best.code_path, best.vars_template_path, vars_path, best.description)
    seen = (Evidence(best.descriptor, best.description),)
    return chosen, (Finding("guest.firmware", best.code_path, Severity.OK, "is the guest's firmware", seen),)


def _objections(firmware: GuestFirmware) -> tuple[str, ...]:
    """Why this image does not do; empty when it does."""
    said: list[str] = []
    if firmware.interface != "uefi":
        said.append(f"interface {firmware.interface}")
    if ARCHITECTURE not in firmware.architectures:
        said.append(f"for {', '.join(firmware.architectures) or 'no architecture'}")
    if not _matches(firmware.machines):
        said.append("not for q35")
    if not firmware.code_path or not firmware.vars_template_path:
        said.append("no flash image with a variable store")
    said += sorted(UNWANTED & firmware.features)
    return tuple(said)


def _matches(patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(MACHINE, pattern) for pattern in patterns)


def _none_found(known: tuple[GuestFirmware, ...] | None) -> Finding:
    seen = tuple(Evidence(firmware.descriptor, ", ".join(_objections(firmware))) for firmware in known or ())
    return Finding(
        rule="guest.firmware.missing",
        subject="firmware",
        severity=Severity.BLOCK,
        message="no UEFI firmware for a q35 guest without Secure Boot was found",
        evidence=seen or (Evidence("/usr/share/qemu/firmware", "no descriptor"),),
        fix='install one (Debian: ovmf), name an image, or say firmware = "bios"',
        verify="ls /usr/share/qemu/firmware",
    )
