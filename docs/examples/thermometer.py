"""A device written in Python, served by a router of its own: `python thermometer.py 127.0.0.1`

It is a thermometer at AMS port 851. Clients read `MAIN.fCelsius` by name, write `MAIN.fAlarm`, subscribe to both, call
`MAIN.fbSensor#Calibrate`, and ask for 0x1000:0 by index group. Only dinrail is needed; TwinCAT is not.
"""

from __future__ import annotations

import logging
import math
import struct
import sys

from dinrail.ads.contract import Device
from dinrail.ads.device.access import Access, Later
from dinrail.ads.device.gather import Point
from dinrail.ads.settings import AdsSettings, Door, Listen
from dinrail.ads.simulate.device import SimulatedDevice
from dinrail.ads.simulate.document import from_toml
from dinrail.daemon.router.place import Place
from dinrail.daemon.router.process import RouterProcess
from dinrail.daemon.router.serve import serve_until_ended
from dinrail.iec.value import Value
from dinrail.system_clock import SystemClock

SENSOR_GROUP = 0x1000
SYMBOLS = """
[device]
name = "Thermometer"
cycle_ms = 10

[types.FB_Sensor]
members = { fOffset = "LREAL" }
[types.FB_Sensor.methods.Calibrate]
inputs = { fReal = "LREAL" }
returns = "BOOL"

[symbols]
"MAIN.fCelsius" = { type = "LREAL", comment = "of the sensor" }
"MAIN.fAlarm" = { type = "LREAL", value = 80.0 }
"MAIN.bAlarm" = "BOOL"
"MAIN.fbSensor" = "FB_Sensor"
"""


class Thermometer(SimulatedDevice):
    """Symbols come from a description, values from Python in each task cycle."""

    def __init__(self) -> None:
        super().__init__(from_toml(SYMBOLS, where="thermometer", read_text=no_files))
        self.on_call("FB_Sensor#Calibrate", self.calibrate)
        self.measured = 0.0

    def cycle(self, wall_ns: int) -> None:
        """Every 10 ms while the device is in RUN: measure, compare."""
        super().cycle(wall_ns)
        self.measured = 20.0 + 5.0 * math.sin(self.elapsed_ns / 1e9)
        celsius = self.measured + self.lreal("MAIN.fbSensor.fOffset")
        self.put("MAIN.fCelsius", struct.pack("<d", celsius))
        self.put("MAIN.bAlarm", struct.pack("<?", celsius > self.lreal("MAIN.fAlarm")))

    def calibrate(self, instance: str, inputs: dict[str, Value]) -> bool:
        """The method: what is measured now is `fReal`."""
        real = inputs["fReal"]
        if not isinstance(real, float):
            return False
        self.put(f"{instance}.fOffset", struct.pack("<d", real - self.measured))
        return True

    def read(self, access: Access) -> bytes | Later:
        """A group of our own, for clients without names. Everything else is the base class's."""
        if access.group == SENSOR_GROUP and access.offset == 0:
            return struct.pack("<f", self.measured)
        return super().read(access)

    def prepared(self, access: Access) -> Point | None:
        """Nothing is prepared for our own group: `read` is asked each time."""
        return None if access.group == SENSOR_GROUP else super().prepared(access)

    def put(self, path: str, data: bytes) -> None:
        """Write a variable's bytes."""
        self.spot(self.table.find(path)).write(data)

    def lreal(self, path: str) -> float:
        """An LREAL's value."""
        (value,) = struct.unpack("<d", self.spot(self.table.find(path)).read())
        return float(value)


def no_files(name: str) -> str:
    """Our description names no files."""
    raise FileNotFoundError(name)


def main(address: str) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    logging.basicConfig(level=logging.INFO)
    devices: dict[int, Device] = {851: Thermometer()}
    settings = AdsSettings(listen=(Listen(Door.PLAIN, address),))
    router = RouterProcess(settings, Place(), SystemClock(), devices)

    def say() -> None:
        sys.stdout.write(f"{router.net_id} at {address}, AMS port 851\n")
        sys.stdout.flush()

    serve_until_ended(router, say)


if __name__ == "__main__":
    main(*sys.argv[1:2] or ["127.0.0.1"])
