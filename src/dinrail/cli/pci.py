"""`dinrail pci`: the host's PCI functions, with what passthrough asks about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dinrail.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from dinrail.machine.facts import HostFacts, IommuGroup, PciFunction


def register(app: typer.Typer) -> None:
    app.command("pci")(pci)


def pci(
    context: typer.Context,
    devices: Annotated[
        list[str] | None, typer.Argument(metavar="[BDF]...", help="Show only these, in full: `01:00.0`.")
    ] = None,
    groups: Annotated[bool, typer.Option("--groups", help="Show IOMMU groups with their members.")] = False,
) -> None:
    """List PCI devices: ids, driver, IOMMU group, reset, ROM."""
    # Not `session.facts`: that loads the readers of all topics, and this command is timed against lspci.
    from dinrail.machine.inventory import read_inventory
    from dinrail.machine.sources import Topic

    session = Session.of(context)
    topics = [Topic.PCI, Topic.PCI_NAMES]
    if devices:
        topics.append(Topic.PCI_CONFIG)
    if groups:
        topics.append(Topic.IOMMU)
        facts = session.facts(*topics)
    else:
        facts = read_inventory(session.host().fetch(topics))
    chosen = _chosen(facts, devices) if devices else facts.functions
    if session.as_json:
        _print_json(facts, chosen, groups=groups, detail=bool(devices))
    elif groups:
        _print_groups(facts, chosen)
    elif devices:
        _print_details(facts, chosen)
    else:
        _print_table(chosen)


def _chosen(facts: HostFacts, devices: Sequence[str]) -> tuple[PciFunction, ...]:
    from dinrail.errors import BadRequest
    from dinrail.pci.address import PciAddress

    addresses = [PciAddress.parse(text) for text in devices]
    missing = [str(address) for address in addresses if facts.function(address) is None]
    if missing:
        raise BadRequest(f"no such device here: {' '.join(missing)}", hint="choose one that `dinrail pci` lists")
    return tuple(function for address in addresses if (function := facts.function(address)) is not None)


def _groups_of(facts: HostFacts, chosen: Sequence[PciFunction]) -> list[IommuGroup]:
    wanted = {function.group for function in chosen}
    return [group for group in facts.groups if group.number in wanted]


def _print_json(facts: HostFacts, chosen: Sequence[PciFunction], *, groups: bool, detail: bool) -> None:
    from dinrail.cli.output import print_json

    if groups:
        print_json(_groups_of(facts, chosen))
    else:
        print_json([_as_dict(function) | (_capabilities(function) if detail else {}) for function in chosen])


def _as_dict(function: PciFunction) -> dict[str, object]:
    """One function for programs: ids as lspci -n spells them, sizes and addresses as numbers."""
    return {
        "address": function.address,
        "class": f"{function.ids.class_code:06x}",
        "class_name": function.class_name,
        "ids": function.ids.pair,
        "vendor_name": function.vendor_name,
        "device_name": function.device_name,
        "subsystem": function.ids.subsystem_pair,
        "revision": function.ids.revision,
        "driver": function.driver,
        "driver_override": function.driver_override,
        "group": function.group,
        "parent": function.parent,
        "reset_methods": function.reset_methods,
        "boot_vga": function.boot_vga,
        "has_rom": function.has_rom,
        "rom_size_bytes": function.rom_size_bytes,
        "enabled": function.enabled,
        "numa_node": function.numa_node,
        "bars": function.bars,
    }


def _capabilities(function: PciFunction) -> dict[str, object]:
    from dinrail.layout import label
    from dinrail.pci.capability import survey

    found = survey(function.config)
    return {
        "config": function.config,
        "capabilities": [{"id": label(c.id), "offset": c.offset} for c in found.classic],
        "extended_capabilities": [{"id": label(c.id), "offset": c.offset} for c in found.extended],
        "capability_fault": str(found.fault) if found.fault else None,
    }


def _name(function: PciFunction) -> str:
    return " ".join(word for word in (function.vendor_name, function.device_name) if word)


def _rom(function: PciFunction) -> str:
    from dinrail.units import format_size

    size = function.rom_size_bytes
    return format_size(size) if size else ("yes" if function.has_rom else "-")


def _class(function: PciFunction) -> str:
    return function.class_name or f"class {function.ids.sub_class:04x}"


def _row(function: PciFunction) -> tuple[str, ...]:
    return (
        function.address.short + ("*" if function.boot_vga else ""),
        _class(function),
        function.ids.pair,
        _name(function),
        function.driver or "-",
        "-" if function.group is None else str(function.group),
        " ".join(function.reset_methods) or "-",
        _rom(function),
    )


def _print_table(chosen: Sequence[PciFunction]) -> None:
    from rich.table import Table
    from rich.text import Text

    from dinrail.cli.output import console

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("address", "class", "ids", "name", "driver", "group", "reset", "ROM"):
        table.add_column(
            heading,
            no_wrap=heading not in ("class", "name"),
            justify="right" if heading in ("group", "ROM") else "left",
        )
    for function in chosen:
        # Text, not str: names come from a file and may hold brackets, which rich reads as markup.
        table.add_row(*map(Text, _row(function)), style="bold" if function.is_display else None)
    out = console()
    out.print(table)
    if any(function.boot_vga for function in chosen):
        out.print("* the machine booted with this display", markup=False)


def _print_groups(facts: HostFacts, chosen: Sequence[PciFunction]) -> None:
    from dinrail.cli.output import console
    from dinrail.passthrough.case import describe

    out = console()
    groups = _groups_of(facts, chosen)
    if not groups:
        out.print("no IOMMU groups: `dinrail doctor` says why", markup=False)
    for group in groups:
        out.print(f"group {group.number}  {group.kind}".rstrip(), markup=False, style="bold")
        for member in group.members:
            function = facts.function(member)
            line = f"{describe(function)}  {_name(function)}" if function else str(member)
            out.print(f"  {line.rstrip()}", markup=False)
        for line in group.reserved:
            out.print(f"  reserved {line}", markup=False)


def _print_details(facts: HostFacts, chosen: Sequence[PciFunction]) -> None:
    from dinrail.cli.output import console

    out = console()
    for function in chosen:
        out.print(f"{function.address}  {_name(function) or function.ids.pair}", markup=False, style="bold")
        for name, text in _details(facts, function):
            out.print(f"  {name:<14}{text}", markup=False)
        _print_capabilities(out, function)


def _details(facts: HostFacts, function: PciFunction) -> list[tuple[str, str]]:
    from dinrail.passthrough.reset import MEANING
    from dinrail.units import format_size

    group = facts.group_of(function)
    others = " ".join(str(member) for member in group.members if member != function.address) if group else ""
    rows = [
        ("class", f"{_class(function)} ({function.ids.class_code:06x})"),
        ("ids", f"{function.ids.pair}, subsystem {function.ids.subsystem_pair}, revision {function.ids.revision:02x}"),
        ("driver", function.driver or "none"),
        ("IOMMU group", "none" if group is None else f"{group.number}" + (f", shared with {others}" if others else "")),
        ("behind", str(function.parent) if function.parent else "the root bus"),
        ("ROM", _rom(function)),
    ]
    if function.driver_override:
        rows.append(("override", function.driver_override))
    if function.boot_vga:
        rows.append(("boot VGA", "yes"))
    rows += [("reset", f"{method}: {MEANING.get(method, 'unknown')}") for method in function.reset_methods]
    if not function.reset_methods:
        rows.append(("reset", "none"))
    for bar in function.bars:
        marks = [mark for mark, held in (("64 bit", bar.is_64bit), ("prefetchable", bar.prefetchable)) if held]
        place = f"at {bar.hpa:#x}" if bar.hpa else "not placed"
        rows.append(
            (f"BAR {bar.index}", ", ".join([f"{bar.kind.value} {format_size(bar.size_bytes)} {place}", *marks]))
        )
    return rows


def _print_capabilities(out: Console, function: PciFunction) -> None:
    from dinrail.layout import label
    from dinrail.pci.capability import survey

    found = survey(function.config)
    places = [(c.id, c.offset) for c in found.classic] + [(c.id, c.offset) for c in found.extended]
    for kind, offset in places:
        out.print(f"  capability    {label(kind)} at {offset:#05x}", markup=False)
    if found.fault is not None:
        more = "; run as root to see the rest" if len(function.config) <= 64 else ""
        out.print(f"  capability    {found.fault}{more}", markup=False)
