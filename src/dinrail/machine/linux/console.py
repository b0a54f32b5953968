"""Who shows the host's picture, and whether there is another way to see the host.

A framebuffer belongs to a GPU in one of three ways, and each is looked at:
its driver made it (fbN/device is the GPU), the firmware did (`BOOTFB`, `efifb`, `simplefb` inside a BAR in
/proc/iomem), or nothing names an owner but there is only one VGA device that the firmware booted with.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from dinrail.finding import Evidence
from dinrail.machine.facts import Console, ConsoleFacts, PciFunction
from dinrail.machine.linux.text import address_in, number
from dinrail.machine.sources import Raw
from dinrail.pci.address import PciAddress

IOMEM = "/proc/iomem"
FRAMEBUFFERS = "/proc/fb"
CONSOLES = "/proc/consoles"
GRAPHICS = "/sys/class/graphics"
VTCONSOLES = "/sys/class/vtconsole"
DRM = "/sys/class/drm"

_IOMEM_LINE = re.compile(r"\s*([0-9a-f]{1,16})-([0-9a-f]{1,16}) : (.{1,80})")
_FB_LINE = re.compile(r"(\d{1,3}) (.{1,80})")
_CONSOLE_LINE = re.compile(r"(\S{1,32})\s+(\S{3})\s+\(([^)]{0,16})\)")
_FIRMWARE_RANGES = ("BOOTFB", "efifb", "simplefb", "simpledrm", "simple-framebuffer", "vesafb", "efi-framebuffer")
_SERIAL = re.compile(r"(?:ttyS|ttyUSB|ttyAMA|ttyO|ttymxc|hvc|ttySC|ttyGS)\d{1,3}")


_TextFramebuffers = tuple[frozenset[int], Evidence] | None


@dataclass(slots=True)
class _Holder:
    """What was found on one display function so far."""

    owners: list[str] = field(default_factory=list)
    is_text: bool = False
    evidence: list[Evidence] = field(default_factory=list)

    def add(self, owner: str, source: str, text: str, *, is_text: bool = False) -> None:
        if owner not in self.owners:
            self.owners.append(owner)
        self.is_text = self.is_text or is_text
        self.evidence.append(Evidence(source, text))


def read_consoles(raw: Raw, functions: Sequence[PciFunction]) -> ConsoleFacts:
    """Facts of Topic.CONSOLE: an entry for each display function that something holds."""
    displays = [function for function in functions if function.is_display]
    holders = {function.address: _Holder() for function in displays}
    text_fb = _text_framebuffers(raw, displays)
    _firmware_framebuffers(raw, displays, holders, text_fb)
    _driver_framebuffers(raw, holders, text_fb)
    _orphan_framebuffers(raw, displays, holders, text_fb)
    _vga_text(raw, displays, holders)
    _drm(raw, holders)
    return ConsoleFacts(
        displays=tuple(
            Console(address, tuple(holder.owners), holder.is_text, tuple(holder.evidence))
            for address, holder in holders.items()
            if holder.owners
        ),
        serial=_serial(raw),
    )


def _framebuffers(raw: Raw) -> dict[int, str]:
    found = (_FB_LINE.fullmatch(line.strip()) for line in raw.text(FRAMEBUFFERS).splitlines())
    return {int(match[1]): match[2] for match in found if match}


def _bound(raw: Raw) -> list[tuple[str, str]]:
    """(vtconN, its name) of the bound virtual-terminal back ends."""
    return [
        (name, raw.text(f"{VTCONSOLES}/{name}/name"))
        for name in raw.children(VTCONSOLES)
        if raw.text(f"{VTCONSOLES}/{name}/bind") == "1"
    ]


def _text_framebuffers(raw: Raw, displays: list[PciFunction]) -> _TextFramebuffers:
    """The framebuffers that the text console may be on, where the framebuffer back end is bound.

    That is the lowest one, or (kernels with CONFIG_FRAMEBUFFER_CONSOLE_DETECT_PRIMARY) the boot VGA device's. Which of
    the two cannot be read without changing something, so both count: the console is given up by mistake only once.
    """
    numbers = _framebuffers(raw)
    bound = next(((name, kind) for name, kind in _bound(raw) if "frame buffer device" in kind), None)
    if bound is None or not numbers:
        return None
    boot = {function.address for function in displays if function.boot_vga}
    primary = {index for index in numbers if address_in(raw.text(f"{GRAPHICS}/fb{index}/device")) in boot}
    return frozenset({min(numbers)} | primary), Evidence(f"{VTCONSOLES}/{bound[0]}", f"{bound[1]}, bind 1")


def _driver_framebuffers(raw: Raw, holders: dict[PciAddress, _Holder], text_fb: _TextFramebuffers) -> None:
    for index, name in _framebuffers(raw).items():
        link = raw.text(f"{GRAPHICS}/fb{index}/device")
        owner = address_in(link)
        if owner is None or owner not in holders:
            continue
        _add_framebuffer(holders[owner], index, name, Evidence(f"{GRAPHICS}/fb{index}/device", link), text_fb)


def _add_framebuffer(holder: _Holder, index: int, name: str, found: Evidence, text_fb: _TextFramebuffers) -> None:
    is_text = text_fb is not None and index in text_fb[0]
    holder.add(name, found.source, found.text)
    holder.add(name, FRAMEBUFFERS, f"{index} {name}", is_text=is_text)
    if is_text and text_fb is not None:
        holder.evidence.append(text_fb[1])


def _firmware_framebuffers(
    raw: Raw, displays: list[PciFunction], holders: dict[PciAddress, _Holder], text_fb: _TextFramebuffers
) -> None:
    """Ranges that the firmware's framebuffer holds inside a BAR. Ordinary users see only zeros."""
    numbers = _framebuffers(raw)
    for line in raw.text(IOMEM).splitlines():
        match = _IOMEM_LINE.fullmatch(line)
        if match is None or match[3] not in _FIRMWARE_RANGES:
            continue
        start, end = int(match[1], 16), int(match[2], 16)
        for function in displays:
            if not any(bar.hpa and bar.hpa <= start <= end < bar.hpa + bar.size_bytes for bar in function.bars):
                continue
            # A framebuffer without a PCI device behind it is this one.
            platform = [index for index in numbers if address_in(raw.text(f"{GRAPHICS}/fb{index}/device")) is None]
            is_text = text_fb is not None and bool(text_fb[0].intersection(platform))
            holder = holders[function.address]
            holder.add(match[3], IOMEM, line.strip(), is_text=is_text)
            for index in platform:
                _add_framebuffer(holder, index, numbers[index], Evidence(FRAMEBUFFERS, "no PCI device"), text_fb)


def _orphan_framebuffers(
    raw: Raw, displays: list[PciFunction], holders: dict[PciAddress, _Holder], text_fb: _TextFramebuffers
) -> None:
    """A firmware framebuffer that no address places: it is on the VGA device that the machine booted with."""
    boot = [function for function in displays if function.boot_vga]
    placed = {owner for holder in holders.values() for owner in holder.owners}
    if len(boot) != 1:
        return
    for index, name in _framebuffers(raw).items():
        link = raw.text(f"{GRAPHICS}/fb{index}/device")
        if address_in(link) is None and name not in placed:
            found = Evidence(f"{boot[0].address}/boot_vga", "1, and the framebuffer names no PCI device")
            _add_framebuffer(holders[boot[0].address], index, name, found, text_fb)


def _vga_text(raw: Raw, displays: list[PciFunction], holders: dict[PciAddress, _Holder]) -> None:
    """VGA text mode: no framebuffer at all, the boot VGA device shows characters."""
    boot = [function for function in displays if function.boot_vga]
    for name, kind in _bound(raw):
        if "VGA" in kind and len(boot) == 1:
            holders[boot[0].address].add(name, f"{VTCONSOLES}/{name}", f"{kind}, bind 1", is_text=True)


def _drm(raw: Raw, holders: dict[PciAddress, _Holder]) -> None:
    """DRM cards and their connected monitors: somebody may be drawing there, be it no console."""
    for name in raw.children(DRM):
        link = raw.text(f"{DRM}/{name}/device")
        owner = address_in(link)
        if "-" in name or not name.startswith("card") or owner not in holders or number(name[4:]) is None:
            continue
        monitors = [
            port
            for port in raw.children(DRM)
            if port.startswith(f"{name}-") and raw.text(f"{DRM}/{port}/status") == "connected"
        ]
        told = f"connected: {' '.join(monitors)}" if monitors else "no monitor connected"
        holders[owner].add(name, f"{DRM}/{name}", told)


def _serial(raw: Raw) -> tuple[str, ...]:
    """Enabled consoles that write to a line instead of a picture (`ttyS0 -W- (EC p a) 4:64`)."""
    found = (_CONSOLE_LINE.match(line) for line in raw.text(CONSOLES).splitlines())
    return tuple(
        match[1] for match in found if match and "W" in match[2] and "E" in match[3] and _SERIAL.match(match[1])
    )
