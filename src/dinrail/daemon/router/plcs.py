"""The PLCs that a router serves: from descriptions, or from a device written in Python."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path

from dinrail.ads.contract import Device
from dinrail.ads.device.device import AdsDevice
from dinrail.ads.settings import Simulated
from dinrail.ads.simulate import default_plc, load
from dinrail.ams.address import Port
from dinrail.errors import BadRequest

_PYTHON = re.compile(r"(.+\.py):([A-Za-z_]\w*)")


def simulated_plcs(
    described: Iterable[Simulated], *, default: bool = False, python: Iterable[Simulated] = ()
) -> dict[int, Device]:
    """Devices by AMS port; `default`: our own PLC at 851, too. `python`: `FILE.py:CLASS`, from a command line only.

    Raises BadRequest for a description with faults, or a port given twice; HostError for a file that cannot be read.
    """
    plcs: dict[int, Device] = {Port.PLC.value: default_plc()} if default else {}
    for one in described:
        device = load(Path(one.file))
        _put(plcs, one.port or device.description.port, device, one.file)
    for one in python:
        _put(plcs, one.port or Port.PLC.value, python_device(one.file), one.file)
    return plcs


def is_python(text: str) -> bool:
    """Whether that names a class in a Python file."""
    return _PYTHON.fullmatch(text) is not None


def python_device(text: str) -> AdsDevice:
    """The device that a class `FILE.py:CLASS` makes without arguments. Runs the file. Raises BadRequest."""
    match = _PYTHON.fullmatch(text)
    path = Path(match[1]) if match else Path(text)
    spec = importlib.util.spec_from_file_location(path.stem, path) if match and path.is_file() else None
    if match is None or spec is None or spec.loader is None:
        raise BadRequest("there is no such Python file", where=text, hint="FILE.py:CLASS")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kind = getattr(module, match[2], None)
    if not (isinstance(kind, type) and issubclass(kind, AdsDevice)):
        raise BadRequest(f"{match[2]} is no AdsDevice", where=text, hint="class MyDevice(AdsDevice)")
    return kind()


def _put(plcs: dict[int, Device], port: int, device: Device, where: str) -> None:
    if port in plcs:
        raise BadRequest(f"two devices for AMS port {port}", where=where, hint="FILE@PORT gives one another port")
    plcs[port] = device
