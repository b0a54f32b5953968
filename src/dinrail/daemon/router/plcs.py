"""The PLCs that a router serves from descriptions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dinrail.ads.contract import Device
from dinrail.ads.settings import Simulated
from dinrail.ads.simulate import default_plc, load
from dinrail.ams.address import Port
from dinrail.errors import BadRequest


def simulated_plcs(described: Iterable[Simulated], *, default: bool = False) -> dict[int, Device]:
    """Devices by AMS port; `default`: our own PLC at 851, too.

    Raises BadRequest for a description with faults, or a port given twice; HostError for a file that cannot be read.
    """
    plcs: dict[int, Device] = {Port.PLC.value: default_plc()} if default else {}
    for one in described:
        if one.port in plcs:
            raise BadRequest(f"two devices for AMS port {one.port}", where=one.file, hint="give one another port")
        plcs[one.port] = load(Path(one.file))
    return plcs
