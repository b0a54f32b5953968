"""Slots on a q35 machine. Addresses are stable: adding a disk moves no card, adding a card moves no disk.

    00.0        host bridge
    01.0        emulated display
    03.0-0a.0   disks            (0..7)
    0b.0-0f.0   network cards    (0..4)
    10.0-1e.0   root ports, one for each passed card (0..14), all functions of a card behind the same
    1f.x        ICH9: LPC, SATA, SMBus

Guests that keep a driver by its place (Windows) find their hardware again. A passed card sits behind a root port of
its own because it is PCI Express: on the root bus it would be an integrated endpoint, without the link that its driver
asks.
"""

from __future__ import annotations

from dinrail.finding import Evidence, Finding, Severity
from dinrail.guest.definition import Display
from dinrail.guest.placement import PlacedBar, Placement, Region, Slot
from dinrail.guest.plan import GuestPlan, PlannedDevice
from dinrail.machine.facts import BarKind
from dinrail.units import GIB, format_size

_DISPLAY_DEVICE = 0x01
_DISKS = range(0x03, 0x0B)
_NICS = range(0x0B, 0x10)
_PORTS = range(0x10, 0x1F)

# OVMF's window for 64-bit BARs when it does not know better (edk2 OvmfPkg/PlatformPei MemDetect.c).
_DEFAULT_WINDOW_BYTES = 32 * GIB


def place(plan: GuestPlan) -> Placement:
    """Every device of the plan at its guest address; what does not fit is a finding."""
    slots: list[Slot] = []
    findings: list[Finding] = []
    if plan.display is Display.EMULATED:
        slots.append(Slot("display", "", 0, _DISPLAY_DEVICE))
    for kind, count, room in (("disk", len(plan.disks), _DISKS), ("nic", len(plan.nics), _NICS)):
        slots += [Slot(f"{kind}{index}", "", 0, device) for index, device in zip(range(count), room, strict=False)]
        if count > len(room):
            findings.append(_too_many(plan, kind, count, len(room)))
    cards = _cards(plan.devices)
    for number, (card, device) in enumerate(zip(cards, _PORTS, strict=False)):
        slots += _behind_port(number, device, card)
    if len(cards) > len(_PORTS):
        findings.append(_too_many(plan, "card", len(cards), len(_PORTS)))
    bars = _bars(plan.devices)
    return Placement(tuple(slots), _windows(bars), bars, _primary(plan), tuple(findings))


def _cards(devices: tuple[PlannedDevice, ...]) -> list[list[PlannedDevice]]:
    """Functions of one physical card together, cards in the order in which the plan names them."""
    cards: list[list[PlannedDevice]] = []
    for device in devices:
        home = next((card for card in cards if card[0].address.same_slot(device.address)), None)
        if home is None:
            cards.append([device])
        else:
            home.append(device)
    return cards


def _behind_port(number: int, port_device: int, card: list[PlannedDevice]) -> list[Slot]:
    """The card as it is on the host, function for function; closed up where its function 0 stays there.

    A guest looks for further functions only behind a function 0.
    """
    card = sorted(card, key=lambda device: device.address)
    keep = card[0].address.function == 0
    return [
        Slot(
            occupant=str(device.address),
            port=f"port{number}",
            port_device=port_device,
            device=0,
            function=device.address.function if keep else index,
            multifunction=len(card) > 1 and index == 0,
        )
        for index, device in enumerate(card)
    ]


def _primary(plan: GuestPlan) -> str:
    if plan.display is Display.EMULATED:
        return "display"
    return next((str(device.address) for device in plan.devices if device.role == "gpu"), "")


def _bars(devices: tuple[PlannedDevice, ...]) -> tuple[PlacedBar, ...]:
    bars = (
        PlacedBar(device.address, bar.index, bar.size_bytes, bar.is_64bit)
        for device in devices
        for bar in (device.function.bars if device.function else ())
        if bar.kind is BarKind.MEMORY
    )
    return tuple(sorted(bars, key=lambda bar: (-bar.size_bytes, bar.address, bar.index)))


def _windows(bars: tuple[PlacedBar, ...]) -> tuple[Region, ...]:
    """A larger 64-bit window where the default one cannot hold the BARs, each on a multiple of its size."""
    total = sum(bar.size_bytes for bar in bars if bar.is_64bit)
    if total * 2 <= _DEFAULT_WINDOW_BYTES:
        return ()
    return (Region("mmio64", 1 << (2 * total - 1).bit_length()),)


def _too_many(plan: GuestPlan, kind: str, count: int, room: int) -> Finding:
    return Finding(
        rule="qemu.slots",
        subject=plan.name,
        severity=Severity.BLOCK,
        message=f"has {count} {kind}s, and there is room for {room}",
        evidence=(Evidence("guest slots", f"{room} for {kind}s, {format_size(plan.memory_bytes)} guest {plan.name}"),),
    )
