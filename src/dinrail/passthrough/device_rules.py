"""Rules about one function: may it leave the host, and will it arrive whole."""

from __future__ import annotations

import re

from dinrail.finding import Evidence, Severity, Verdict
from dinrail.machine.facts import CLASS_VGA, BarKind, Console
from dinrail.passthrough.case import VFIO, Case, describe
from dinrail.passthrough.reset import reset_along

_DRM_CARD = re.compile(r"card\d+")
_AMD = 0x1002
_SHADOW_HPA = 0xC0000
_HANG_ON_UNBIND = frozenset({"amdgpu", "nvidia", "nouveau", "i915", "xe"})
_FIRMWARE_OWNERS = frozenset({"BOOTFB", "efifb", "simplefb", "simpledrm", "simple-framebuffer", "vesafb"})


def _sysfs(case: Case, name: str) -> str:
    return f"/sys/bus/pci/devices/{case.function.address}/{name}"


def bridge(case: Case) -> Verdict | None:
    """Bridges of any kind: whole parts of the host hang on them."""
    if not case.function.is_bridge and case.function.ids.base_class != 0x06:
        return None
    return Verdict(
        "the function is a bridge: the host keeps bridges, guests get the devices behind them",
        (Evidence(_sysfs(case, "class"), f"{case.function.ids.class_code:#08x}"),),
        fix="name the device behind it",
    )


def silent(case: Case) -> Verdict | None:
    """Ones from the configuration space: nothing can be read or set there, least of all by a guest."""
    if case.function.answers:
        return None
    return Verdict(
        "the function does not answer: its configuration space reads as ones",
        (Evidence(_sysfs(case, "config"), "ff ff ff ff"),),
        fix="it is powered down, hung after a failed reset, or gone: a cold start of the machine brings it back",
    )


def claimed(case: Case) -> Verdict | None:
    """Nothing to do: the user may have claimed it an hour ago."""
    if case.function.driver != VFIO:
        return None
    return Verdict("the function is claimed already", (Evidence(_sysfs(case, "driver"), VFIO),))


def in_use(case: Case) -> Verdict | None:
    """Who has to let go, and whether that is known to end badly."""
    driver = case.function.driver
    if not driver or driver == VFIO:
        return None
    evidence = (Evidence(_sysfs(case, "driver"), driver),)
    if driver in _HANG_ON_UNBIND and case.function.is_display:
        return Verdict(
            f"the host uses the GPU with {driver}; that driver is known to hang when it has to let go",
            evidence,
            fix=f"stop what draws on it first; or let vfio-pci have it from the start: options vfio-pci"
            f" ids={case.function.ids.pair}, softdep {driver} pre: vfio-pci",
            severity=Severity.WARN,
        )
    return Verdict(f"the host uses the function with {driver}, which will be unbound", evidence)


def _console(case: Case) -> Console | None:
    consoles = case.facts.consoles
    if consoles is None:
        return None
    return next((display for display in consoles.displays if display.address == case.function.address), None)


def _elsewhere(case: Case) -> tuple[Evidence, ...]:
    """What shows the host's state when this GPU is gone: serial consoles, and displays that stay."""
    consoles = case.facts.consoles
    if consoles is None:
        return ()
    serial = [Evidence("/proc/consoles", name) for name in consoles.serial]
    displays = [
        display.evidence[0]
        for display in consoles.displays
        if display.address not in case.together and _is_seen(display)
    ]
    return (*serial, *displays)


def _is_seen(display: Console) -> bool:
    """A framebuffer is on it, or a monitor: a DRM card alone shows nobody anything."""
    monitor = any(evidence.text.startswith("connected: ") for evidence in display.evidence)
    return bool(display.evidence) and (monitor or any(not _DRM_CARD.fullmatch(owner) for owner in display.owners))


def only_console(case: Case) -> Verdict | None:
    """Nobody would see the host any more, and nobody could type `dinrail undo`."""
    here = _console(case)
    if here is None or not here.is_text_console or _elsewhere(case):
        return None
    return Verdict(
        "the GPU shows the host's only console: without it nobody sees the host any more",
        (*here.evidence, Evidence("/proc/consoles", "no serial console")),
        fix="give the host a serial console (console=ttyS0,115200 on the kernel's command line) or a second GPU; or"
        " make sure that you reach it by network, and insist",
        verify="cat /proc/consoles",
    )


def shared_console(case: Case) -> Verdict | None:
    """The picture goes dark, but there is another way to see the host."""
    here = _console(case)
    others = _elsewhere(case)
    if here is None or not here.is_text_console or not others:
        return None
    names = ", ".join(f"{other.source}: {other.text}" for other in others)
    return Verdict(
        f"the GPU shows the host's console, which goes dark; the host is still seen by {names}", here.evidence
    )


def firmware_picture(case: Case) -> Verdict | None:
    """vfio-pci pushes the firmware's framebuffer aside for VGA controllers only (vfio_pci_vga_init)."""
    here = _console(case)
    held = [owner for owner in here.owners if owner in _FIRMWARE_OWNERS] if here else []
    if here is None or not held or case.function.ids.sub_class == CLASS_VGA:
        return None
    return Verdict(
        f"{', '.join(held)} lies in the GPU's memory, and vfio-pci does not push it aside for a display controller that"
        " is no VGA device: expect `BAR 0: can't reserve`",
        here.evidence,
        fix="let the GPU's own driver take it first, and unbind that; or boot with another GPU as the primary one",
    )


def boot_vga(case: Case) -> Verdict | None:
    """Linux reads a shadow in place of the boot device's own ROM (IORESOURCE_ROM_SHADOW)."""
    function = case.function
    if not function.boot_vga:
        return None
    shadow = any(bar.kind is BarKind.ROM and bar.hpa == _SHADOW_HPA for bar in function.bars)
    evidence = [Evidence(_sysfs(case, "boot_vga"), "1")]
    if shadow:
        evidence.append(Evidence(_sysfs(case, "resource"), "the ROM is the shadow at 0xc0000"))
    return Verdict(
        "the machine booted with this GPU: its ROM as read from the host may be the copy at C0000, shortened and"
        " changed by the boot",
        tuple(evidence),
        fix="read the ROM while another GPU is the primary one, or compare it with a known one: dinrail vbios check",
        severity=Severity.WARN if shadow else None,
    )


def no_rom(case: Case) -> Verdict | None:
    """Integrated GPUs mostly have none of their own."""
    function = case.function
    if function.has_rom or not function.is_display:
        return None
    return Verdict(
        "the GPU offers no option ROM: the guest's firmware shows no picture unless it is given a file",
        (Evidence(_sysfs(case, "rom"), "not there"),),
        fix="rom = FILE in the guest's section; integrated GPUs keep theirs in the machine's firmware",
    )


def no_reset(case: Case) -> Verdict | None:
    """vfio resets between guests; without that the last guest's state stays."""
    function = case.function
    if function.reset_methods or function.is_bridge:
        return None
    return Verdict(
        "the function cannot be reset: it enters the guest in the state that the host left it in, and a second start of"
        " the guest may fail",
        (Evidence(_sysfs(case, "reset_method"), "empty"),),
        fix="the vendor-reset module adds a method for AMD GPUs before RDNA 2; else restart the machine between guests"
        if function.ids.vendor_id == _AMD and function.is_display
        else "where a second start fails, restart the machine between guests",
        verify=f"cat {_sysfs(case, 'reset_method')}",
    )


def bus_reset(case: Case) -> Verdict | None:
    """vfio resets a bus only if it owns all that is on it."""
    along = [other for other in reset_along(case.facts, case.function) if other.address not in case.together]
    held = [other for other in along if other.driver and other.driver != VFIO]
    if not held:
        return None
    return Verdict(
        f"only a bus reset is possible, and it would reset {'; '.join(describe(other) for other in held)}: vfio will"
        " not reset at all",
        (Evidence(_sysfs(case, "reset_method"), " ".join(case.function.reset_methods)),),
        fix="hand those over too, or move the card to a port of its own",
    )
