"""A running PLC, recorded and replayed. The file is JSON Lines: it can be read while it grows, and cut with head.

    {"dinrail-recording": 1, "net_id": "5.1.2.3.1.1", "port": 851, "name": "Plc30 App", "version": [3, 1, 4024],
     "code_page": 65001, "flags": 3, "started": "2026-01-31T12:00:00Z", "symbols": "BASE64", "types": "BASE64"}
    {"t": 0, "v": {"MAIN.nCount": "0a00", "MAIN.axis.fPosition": "0000000000000840"}}
    {"t": 10000000, "v": {"MAIN.nCount": "0b00"}}

`symbols` and `types` are the device's own uploads (F00B, F00E) as they came: nothing that it says of itself gets lost,
not even what we cannot read. `t` is in nanoseconds since the start and never goes back; `v` has the bytes, in
hexadecimal, of the variables that were sampled then. A last line without its end (the recorder was killed) is left out.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from dinrail.ads.simulate.description import MAX_AREA_BYTES, Description, Drive, area_of, settled
from dinrail.ads.simulate.document import refuse_faults
from dinrail.ads.simulate.generators import Playback
from dinrail.ads.simulate.options import Faults
from dinrail.ads.symbols.importing import Importer
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ams.address import MAX_PORT, NetId
from dinrail.ams.datatype import parse_types
from dinrail.ams.errors import AdsFault
from dinrail.ams.symbol import UploadInfo, parse_symbols
from dinrail.ams.text import UTF_8
from dinrail.errors import BadRequest
from dinrail.iec.types import Encoding
from dinrail.units import MS_NS, S_NS

FORMAT = 1
_MAGIC = "dinrail-recording"
MAX_LINES = 20_000_000


@dataclass(frozen=True, slots=True)
class Header:
    """Who was recorded. `info` as the device's upload info said it; `symbols` and `types` are its uploads."""

    net_id: NetId
    port: int
    name: str
    version: tuple[int, int, int]
    info: UploadInfo
    symbols: bytes
    types: bytes
    started: str = ""


@dataclass(slots=True)
class Track:
    """One variable's samples: times in nanoseconds, never going back, and its bytes at each."""

    times_ns: list[int] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file holds. `tracks` by path as it was recorded; `duration_ns` is the last sample's time."""

    header: Header
    tracks: Mapping[str, Track]
    duration_ns: int


class RecordingWriter:
    """Writes a recording, line by line, by whatever `write` is (a file's write, a list's append)."""

    def __init__(self, write: Callable[[str], object], header: Header) -> None:
        self._write = write
        self._last_ns = 0
        head = {
            _MAGIC: FORMAT,
            "net_id": str(header.net_id),
            "port": header.port,
            "name": header.name,
            "version": list(header.version),
            "code_page": header.info.code_page,
            "flags": header.info.flags,
            "started": header.started,
            "symbols": base64.b64encode(header.symbols).decode(),
            "types": base64.b64encode(header.types).decode(),
        }
        write(json.dumps(head, ensure_ascii=False) + "\n")

    def sample(self, time_ns: int, values: Mapping[str, bytes]) -> None:
        """Values at `time_ns` since the start. A time before the last one is taken as the last one's."""
        self._last_ns = max(time_ns, self._last_ns)
        line = {"t": self._last_ns, "v": {path: data.hex() for path, data in values.items()}}
        self._write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def read_recording(lines: Iterable[str], *, where: str) -> Recording:
    """Raises BadRequest with all faults of the samples, FormatError for uploads that cannot be read."""
    faults: Faults = []
    source = iter(lines)
    header = _header(next(source, ""), where)
    tracks: dict[str, Track] = {}
    last_ns = 0
    for number, line in enumerate(source, 2):
        if not line.endswith("\n"):
            break
        last_ns = _sample(line, tracks, last_ns, f"line {number}", faults)
        if number > MAX_LINES or len(faults) > 1000:
            faults.append(f"line {number}: there are more than {MAX_LINES} lines, or faults without end")
            break
    refuse_faults(faults, where)
    return Recording(header, tracks, last_ns)


def to_description(recording: Recording, *, where: str, loop: bool = True) -> Description:
    """A device that plays the recording. Raises BadRequest with all faults, FormatError for its uploads.

    loop: begin again behind the end, with the pause that lay before the last sample.
    """
    header = recording.header
    code_page = header.info.code_page
    importer = Importer(parse_types(header.types, code_page=code_page), header.info)
    symbols = settled(importer.symbols(parse_symbols(header.symbols, code_page=code_page)))
    faults: Faults = [
        f"{symbol.name}: lies at byte {symbol.offset}, beyond all measure"
        for symbol in symbols
        if area_of(symbol)[1] > MAX_AREA_BYTES
    ]
    table = SymbolTable(symbols)
    values: list[tuple[str, bytes]] = []
    drives: list[Drive] = []
    for path, track in recording.tracks.items():
        try:
            place = table.find(path)
        except AdsFault as fault:
            faults.append(f"{path}: {fault.what}")
            continue
        if place.steps or place.method or any(len(data) != place.size_bytes for data in track.values):
            faults.append(f"{path}: a sample has not the {place.size_bytes} bytes of a {place.type.name}")
            continue
        values.append((place.path, track.values[0]))
        if len(track.times_ns) > 1:
            end_ns = recording.duration_ns + _pause(track) if loop else 0
            drives.append(Drive(place.path, Playback(tuple(track.times_ns), tuple(track.values), end_ns)))
    refuse_faults(faults, where)
    return Description(
        symbols=symbols,
        values=tuple(values),
        drives=tuple(drives),
        name=header.name,
        version=header.version,
        port=header.port,
        encoding=Encoding.UTF_8 if code_page == UTF_8 else Encoding.CP1252,
    )


def _pause(track: Track) -> int:
    return min(max(track.times_ns[-1] - track.times_ns[-2], MS_NS), S_NS)


def _header(line: str, where: str) -> Header:
    try:
        head = json.loads(line)
    except (ValueError, RecursionError):
        head = None
    if not isinstance(head, dict) or head.get(_MAGIC) != FORMAT:
        raise BadRequest(
            "is no recording, or one of a newer version", where=where, why=f"the first line lacks {_MAGIC}"
        )
    try:
        version = tuple(head["version"])
        limits = (("port", MAX_PORT), ("code_page", 0xFFFF_FFFF), ("flags", 0xFFFF_FFFF))
        numbers = [_number(head[key], limit) for key, limit in limits]
        versions = [_number(part, limit) for part, limit in zip(version, (255, 255, 0xFFFF), strict=True)]
        return Header(
            net_id=NetId.parse(head["net_id"]),
            port=numbers[0],
            name=str(head["name"]),
            version=(versions[0], versions[1], versions[2]),
            info=UploadInfo(0, 0, code_page=numbers[1], flags=numbers[2]),
            symbols=base64.b64decode(head["symbols"], validate=True),
            types=base64.b64decode(head["types"], validate=True),
            started=str(head.get("started", "")),
        )
    except (KeyError, TypeError, ValueError, binascii.Error) as fault:
        raise BadRequest(f"its first line is broken: {fault}", where=where) from fault


def _number(value: object, limit: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limit:
        raise ValueError(f"{value!r} is no number from 0 to {limit}")
    return value


def _sample(line: str, tracks: dict[str, Track], last_ns: int, where: str, faults: Faults) -> int:
    """Adds one line's values to their tracks; the time up to which there are samples now."""
    try:
        sample = json.loads(line)
    except (ValueError, RecursionError):
        sample = None
    time_ns, values = (sample.get("t"), sample.get("v")) if isinstance(sample, dict) else (None, None)
    if not isinstance(time_ns, int) or not isinstance(values, dict) or time_ns < last_ns:
        faults.append(f'{where}: is no sample like {{"t": 10000000, "v": {{"MAIN.n": "0a00"}}}}, or goes back in time')
        return last_ns
    for path, text in values.items():
        try:
            data = bytes.fromhex(text)
        except (TypeError, ValueError):
            faults.append(f"{where}: {path} has no hexadecimal bytes")
            continue
        track = tracks.setdefault(path, Track())
        track.times_ns.append(time_ns)
        track.values.append(data)
    return time_ns
