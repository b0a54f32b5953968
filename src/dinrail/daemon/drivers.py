"""Starting, asking and ending I/O drivers: each a process of its own that outlives whoever started it.

<run>/drivers/<name>.json, .lock, .status     see fieldbus.process
<run>/drivers/<name>.log
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dinrail.daemon import detached
from dinrail.daemon.control import ControlFiles
from dinrail.errors import HostError
from dinrail.fieldbus.record import record_of
from dinrail.fieldbus.settings import DeviceSettings
from dinrail.files import atomic_write, ensure_directory, os_refusal, read_file
from dinrail.host.paths import Paths

_UP_S = 10.0
_DOWN_S = 10.0
_POLL_S = 0.02
_MAX_STATUS_BYTES = 1 << 16


def folder_of(paths: Paths) -> Path:
    """Where the drivers' files lie."""
    return paths.run / "drivers"


def start_drivers(devices: Sequence[DeviceSettings], paths: Paths) -> tuple[str, ...]:
    """Bring each device's driver up that is not up with these settings; names of those that were started.

    A driver of a device that is not among them any more is ended. Raises HostError.
    """
    folder = folder_of(paths)
    ensure_directory(folder)
    wanted = {device.exchange: device for device in devices}
    for name in running(paths):
        record = folder / f"{name}.json"
        same = name in wanted and record.is_file() and record.read_bytes() == record_of(wanted[name])
        if not same:
            end_driver(name, paths)
    up = running(paths)
    started = [name for name in wanted if name not in up]
    for name in started:
        atomic_write(folder / f"{name}.json", record_of(wanted[name]), mode=0o600)
        words = ("dinrail.fieldbus", str(folder), name, "--channel", str(ControlFiles.of(paths).channel))
        detached.leave_alone(detached.start("driver", words, folder / f"{name}.log"))
    deadline = time.monotonic() + _UP_S
    while missing := [name for name in started if not _is_locked(folder / f"{name}.lock")]:
        if time.monotonic() > deadline:
            raise HostError(f"the driver of {missing[0]!r} did not come up", where=str(folder / f"{missing[0]}.log"))
        time.sleep(_POLL_S)
    return tuple(started)


def running(paths: Paths) -> tuple[str, ...]:
    """Devices whose driver lives."""
    return tuple(sorted(lock.stem for lock in folder_of(paths).glob("*.lock") if _is_locked(lock)))


def drivers_status(paths: Paths) -> tuple[Mapping[str, Any], ...]:
    """What each living driver says of itself."""
    return tuple({"name": name} | _status(folder_of(paths) / f"{name}.status") for name in running(paths))


def end_driver(name: str, paths: Paths) -> None:
    """Ask one driver to end, and wait until it has. Raises HostError."""
    folder = folder_of(paths)
    pid = _status(folder / f"{name}.status").get("pid")
    if isinstance(pid, int) and pid > 1:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        except OSError as fault:
            raise os_refusal(fault, "end the driver", folder / f"{name}.lock") from fault
    deadline = time.monotonic() + _DOWN_S
    while _is_locked(folder / f"{name}.lock"):
        if time.monotonic() > deadline:
            raise HostError(f"the driver of {name!r} does not end", where=str(folder / f"{name}.log"))
        time.sleep(_POLL_S)


def stop_drivers(paths: Paths) -> tuple[str, ...]:
    """End all of them; their names. Raises HostError."""
    names = running(paths)
    for name in names:
        end_driver(name, paths)
    return names


def _status(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(read_file(path, max_bytes=_MAX_STATUS_BYTES))
    except (HostError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _is_locked(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
