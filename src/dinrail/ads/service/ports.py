"""The small ports: 1 (router), 30 (licences), 110 and 130 (event loggers).

They answer what common tools ask, and nothing that is not so: there are no licences, no PCI devices to be seen from
here, and no events.
"""

from __future__ import annotations

from dataclasses import dataclass

from dinrail.ads.contract import Action
from dinrail.ads.service.access import Access, Service, ServiceDevice, always, by_offset
from dinrail.ams.errors import AdsError, AdsFault

HARDWARE_GROUP = 5
SEARCH_PCI = 3
PCI_QUERY_BYTES = 8
PCI_ANSWER_BYTES = 4 + 64 * 60
"""u32 how many, and 64 places for what was found."""
LICENSE_GROUP = 0x0101_0004
LICENSE_LIST_GROUP = 0x0101_0006
LICENSE_NAME_GROUP = 0x0101_000C
LICENSE_ORDER_GROUP = 0x0101_000D
LICENSE_BYTES = 48
GUID_BYTES = 16


@dataclass(frozen=True, slots=True)
class LicenseIds:
    """What a licence server says of its machine.

    system:   its GUID, in Windows' byte order.
    platform: performance class (90: any PC of up to four cores).
    volume:   number of a volume licence, 0: none.
    """

    system: bytes = bytes(GUID_BYTES)
    platform: int = 90
    volume: int = 0


def router_device(version: tuple[int, int, int]) -> ServiceDevice:
    """Port 1. A search for PCI devices finds none: we do not look at the machine's hardware for clients."""

    def search(access: Access) -> bytes:
        if access.offset != SEARCH_PCI:
            raise AdsFault(AdsError.INVALID_OFFSET)
        if len(access.data) != PCI_QUERY_BYTES:
            raise AdsFault(AdsError.INVALID_SIZE)
        return bytes(PCI_ANSWER_BYTES)

    return ServiceDevice("TwinCAT Router", {HARDWARE_GROUP: Service(search, always(Action.READ))}, version)


def license_device(ids: LicenseIds, version: tuple[int, int, int]) -> ServiceDevice:
    """Port 30: the machine's ids, and an empty list of licences."""
    machine = {
        1: lambda: ids.system,
        2: lambda: ids.platform.to_bytes(2, "little"),
        5: lambda: ids.volume.to_bytes(4, "little"),
    }

    def listed(access: Access) -> bytes:
        # A client first reads four bytes, the count, and then so many entries of 48.
        return bytes(4) if access.size_bytes < LICENSE_BYTES else b""

    def no_text(access: Access) -> bytes:
        if len(access.data) != GUID_BYTES:
            raise AdsFault(AdsError.INVALID_SIZE)
        return b"\0"

    return ServiceDevice(
        "TwinCAT License",
        {
            LICENSE_GROUP: by_offset(machine, Action.READ),
            LICENSE_LIST_GROUP: Service(listed, always(Action.READ)),
            LICENSE_NAME_GROUP: Service(no_text, always(Action.READ)),
            LICENSE_ORDER_GROUP: Service(no_text, always(Action.READ)),
        },
        version,
    )


def event_device(version: tuple[int, int, int]) -> ServiceDevice:
    """Ports 110 and 130: they are there, and have no events. What asks for some is told 0x701."""
    return ServiceDevice("TwinCAT Events", {}, version)
