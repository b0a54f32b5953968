"""A driver's process: one device, for as long as it is wanted, whatever becomes of the control or of the device.

    <folder>/<name>.json     its settings (DeviceSettings), read once
    <folder>/<name>.lock     locked while the process lives: there is one driver of a device
    <folder>/<name>.status   JSON: pid, and how it fares; written anew when that changes

SIGTERM ends it; the device has its safe values then. A control that was started anew is found again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from dinrail.control.channel.exchange import DriverEnd
from dinrail.errors import BadRequest, DinrailError, FormatError, HostError
from dinrail.fieldbus.drive import Drive, Health, wait
from dinrail.fieldbus.modbus import ModbusDevice
from dinrail.fieldbus.record import settings_of
from dinrail.fieldbus.settings import DeviceSettings
from dinrail.files import atomic_write, read_file, try_lock
from dinrail.units import S_NS

MAX_SETTINGS_BYTES = 1 << 20
_LOOK_NS = 250_000_000


def main(argv: Sequence[str]) -> int:
    """Runs until SIGTERM. Exit status as everywhere; errors go to stderr."""
    parser = argparse.ArgumentParser(prog="python -m dinrail.fieldbus", description="Drives one device.")
    parser.add_argument("folder", type=Path, help="where its settings are, and its status goes")
    parser.add_argument("name", help="the device")
    parser.add_argument("--channel", type=Path, required=True)
    words = parser.parse_args(argv)
    try:
        settings = settings_of(read_file(words.folder / f"{words.name}.json", max_bytes=MAX_SETTINGS_BYTES))
        lock = take_lock(words.folder, words.name)
        try:
            asyncio.run(_Process(settings, words.channel, words.folder / f"{words.name}.status").run())
        finally:
            os.close(lock)
    except DinrailError as fault:
        sys.stderr.write("\n".join(fault.lines()) + "\n")
        return fault.exit_code
    return 0


def take_lock(folder: Path, name: str) -> int:
    """A descriptor that holds the device's lock. Raises HostError when a driver of it runs."""
    path = folder / f"{name}.lock"
    fd = try_lock(path, "lock the device")
    if fd is None:
        raise HostError(f"a driver of {name!r} runs already", where=str(path))
    return fd


class _Process:
    def __init__(self, settings: DeviceSettings, channel: Path, status: Path) -> None:
        self._settings = settings
        self._channel = channel
        self._status = status
        self._stop = asyncio.Event()
        self._said: str | None = None

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        while not self._stop.is_set():
            end = self._open()
            if end is None:
                await wait(self._stop, _LOOK_NS)
                continue
            try:
                await self._drive(end)
            finally:
                end.close()
        self._tell(Health(fault="ended"))

    def _open(self) -> DriverEnd | None:
        """The control's exchange; None while there is no control, or it is another project's."""
        try:
            return DriverEnd.open(self._channel, self._settings.exchange)
        except (HostError, FormatError, BadRequest) as fault:
            self._tell(Health(fault=f"no control: {fault.what}"))
            return None

    async def _drive(self, end: DriverEnd) -> None:
        one = self._settings
        device = ModbusDevice(
            one, input_bytes=end.input_bytes, output_bytes=end.output_bytes, monotonic_ns=time.monotonic_ns
        )
        drive = Drive(
            end,
            device,
            period_ns=one.period_ns,
            on_loss=one.on_loss,
            monotonic_ns=time.monotonic_ns,
            wall_ns=time.time_ns,
            told=self._tell,
        )
        await drive.run(self._stop)

    def _tell(self, health: Health) -> None:
        """Into the status file, when there is something new. A full disk must not end the driver."""
        if health.fault == self._said:
            return
        self._said = health.fault
        told = {"pid": os.getpid(), "fault": health.fault, "losses": health.losses, "since_ns": time.time_ns()}
        told |= {"address": f"{self._settings.host}:{self._settings.port}", "period_s": self._settings.period_ns / S_NS}
        try:
            atomic_write(self._status, json.dumps(told).encode())
        except HostError as fault:
            sys.stderr.write("\n".join(fault.lines()) + "\n")
