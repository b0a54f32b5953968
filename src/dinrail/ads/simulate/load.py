"""From a file to a simulated device: .toml, .csv, .tmc, .tpy, and recordings (.jsonl)."""

from __future__ import annotations

from pathlib import Path

from dinrail.ads.device.access import Limits
from dinrail.ads.simulate.description import Description
from dinrail.ads.simulate.device import SimulatedDevice
from dinrail.ads.simulate.document import from_csv, from_toml
from dinrail.ads.simulate.project import from_project
from dinrail.ads.simulate.recording import read_recording, to_description
from dinrail.errors import BadRequest, HostError

MAX_FILE_BYTES = 256 << 20
KINDS = (".toml", ".csv", ".tmc", ".tpy", ".jsonl")


def load(path: str | Path, *, limits: Limits | None = None) -> SimulatedDevice:
    """The device that a file describes.

    Raises BadRequest (every fault with its place), FormatError, or HostError when the file cannot be read.
    """
    return SimulatedDevice(load_description(path), limits=limits)


def load_description(path: str | Path) -> Description:
    """The same, before it is a device."""
    file = Path(path)
    where, kind = str(file), file.suffix.lower()
    if kind not in KINDS:
        raise BadRequest(f"{file.name} is of no known kind", where=where, hint=f"known are {', '.join(KINDS)}")
    data = _read(file)
    if kind in (".tmc", ".tpy"):
        return from_project(data, where=where)
    text = _decode(data, where)

    def read_text(name: str) -> str:
        """A file that the description names, beside it."""
        other = file.parent / name
        return _decode(_read(other), str(other))

    if kind == ".toml":
        return from_toml(text, where=where, read_text=read_text)
    if kind == ".csv":
        return from_csv(text, where=where, read_text=read_text)
    # JSON's strings may hold what Python's splitlines takes for an end of line.
    lines = text.split("\n")
    recording = read_recording((*(f"{line}\n" for line in lines[:-1]), lines[-1]), where=where)
    return to_description(recording, where=where)


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise BadRequest(f"has {file.stat().st_size} bytes, {MAX_FILE_BYTES} are allowed", where=str(file))
        return file.read_bytes()
    except (OSError, ValueError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else str(fault)
        raise HostError(f"cannot be read: {why}", where=str(file)) from fault


def _decode(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise BadRequest(f"is no UTF-8: byte {fault.start} is {data[fault.start]:#04x}", where=where) from fault
