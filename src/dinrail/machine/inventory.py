"""The PCI part of a host's facts alone: what `dinrail pci` needs, without loading the other readers.

Apart from `read` because it is timed against lspci, and a parser that is not imported costs nothing.
"""

from __future__ import annotations

from dataclasses import replace

from dinrail.errors import FormatError
from dinrail.machine.facts import HostFacts, PciFunction
from dinrail.machine.linux.pci import groups_by_link, read_functions
from dinrail.machine.sources import Raw
from dinrail.pci.names import PciNames

NAME_FILES = ("/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids")


def read_inventory(raw: Raw) -> HostFacts:
    """Functions (named where pci.ids was fetched) and groups; all other parts None. Raises FormatError."""
    if raw.system != "linux":
        raise FormatError(
            f"a host of system {raw.system!r} cannot be read",
            structure="host facts",
            field="system",
            hint="only Linux hosts are read so far",
        )
    functions = named(raw, read_functions(raw))
    return HostFacts(
        system=raw.system,
        functions=functions,
        groups=groups_by_link(functions),
        iommu=None,
        kernel=None,
        cpus=None,
        consoles=None,
        firmware=None,
        hypervisor=None,
    )


def named(raw: Raw, functions: tuple[PciFunction, ...]) -> tuple[PciFunction, ...]:
    """The functions with the names that pci.ids has for them."""
    data = next((e.data for e in map(raw.get, NAME_FILES) if e is not None and not e.fault and e.data), b"")
    if not data:
        return functions
    names = PciNames(data)
    return tuple(_named(function, names) for function in functions)


def _named(function: PciFunction, names: PciNames) -> PciFunction:
    ids = function.ids
    return replace(
        function,
        vendor_name=names.vendor(ids.vendor_id) or "",
        device_name=names.device(ids.vendor_id, ids.device_id) or "",
        class_name=names.class_name(ids.class_code) or "",
    )
