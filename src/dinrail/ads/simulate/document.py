"""A simulated device from TOML or CSV.

    [device]
    name = "Mixer"            # port = 851, version = "3.1.4026", cycle_ms = 10, encoding = "utf-8" (of names)

    [symbols]
    "MAIN.nCount" = "UINT"
    "MAIN.fLevel" = { type = "REAL", generator = { kind = "sine", low = 0, high = 100, period_s = 60 } }
    "GVL.axis" = { type = "ST_Axis", value = { fPosition = 1.5 }, at = "%MB100", comment = "left", read_only = true }

    [generators]              # for members and elements
    "GVL.axis.fPosition" = "ramp low=0 high=360 period_s=4"

In CSV: a header `name,type,value,generator` (the last two may be missing, `comment` and `at` may be there, too), one
symbol a line, separated by commas, semicolons or tabs. Everything that is wrong is told at once, each with its place.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Mapping

from dinrail.ads.simulate.declared import Types, attributes_of, encoding_of
from dinrail.ads.simulate.description import (
    AREA_BYTES,
    DEFAULT_NAME,
    DEFAULT_VERSION,
    FIRST_DATA_OFFSET,
    MAX_AREA_BYTES,
    Description,
    Drive,
    Placer,
    area_of,
    parse_at,
    settled,
)
from dinrail.ads.simulate.options import Faults, Options, ReadText, generator, value_of
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ams.address import MAX_PORT, Port
from dinrail.ams.errors import AdsFault
from dinrail.errors import BadRequest
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import Encoding
from dinrail.units import MS_NS

MAX_FAULTS = 100
_SECTIONS = ("device", "types", "symbols", "generators")
_COLUMNS = ("name", "type", "value", "generator", "comment", "at")


def from_toml(text: str, *, where: str, read_text: ReadText, first_offset: int = FIRST_DATA_OFFSET) -> Description:
    """Raises BadRequest with all faults.

    read_text:    gives the files that generators name.
    first_offset: where in the data area variables without an address begin.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise BadRequest(f"is no TOML: {fault}", where=where) from fault
    return _Builder(read_text, first_offset).build(document, where)


def from_csv(text: str, *, where: str, read_text: ReadText) -> Description:
    """Raises BadRequest with all faults."""
    head = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff")), delimiter=max(",;\t", key=head.count))
    columns = [(name or "").strip().lower() for name in rows.fieldnames or ()]
    if not {"name", "type"} <= set(columns) or not set(columns) <= set(_COLUMNS):
        known = ", ".join(_COLUMNS)
        raise BadRequest(
            f"has the columns {', '.join(columns) or 'none'}", where=where, hint=f"these are known: {known}"
        )
    rows.fieldnames = columns
    builder = _Builder(read_text)
    symbols: dict[str, object] = {}
    for row in rows:
        name = (row.get("name") or "").strip()
        if None in row:
            builder.faults.append(f"line {rows.line_num}: has more columns than the header")
        if name in symbols or not name:
            builder.faults.append(f"line {rows.line_num}: {name or 'a symbol without a name'} is there twice")
            continue
        symbols[name] = {key: part.strip() for key, part in row.items() if key != "name" and part and key}
    return builder.build({"symbols": symbols}, where)


class _Builder:
    def __init__(self, read_text: ReadText, first_offset: int = FIRST_DATA_OFFSET) -> None:
        self.faults: Faults = []
        self._read_text = read_text
        self._placer = Placer(first_offset)
        self._values: list[tuple[str, bytes]] = []
        self._drives: list[Drive] = []

    def build(self, document: Mapping[str, object], where: str) -> Description:
        for name in document:
            if name not in _SECTIONS or not isinstance(document[name], Mapping):
                self.faults.append(f"{name}: is no section; there are: {', '.join(_SECTIONS)}")
        device = Options(_section(document, "device"), "device", self.faults)
        cycle_ns = device.duration("cycle_ms", 10, MS_NS)
        types = Types(_section(document, "types"), self.faults)
        symbols = [
            symbol
            for name, spec in _section(document, "symbols").items()
            if (symbol := self._symbol(name, spec, types, cycle_ns)) is not None
        ]
        for symbol, moved in zip(symbols, settled(symbols), strict=True):
            if symbol != moved:
                self.faults.append(f"symbols.{symbol.name}: index group {symbol.group:#x} cannot hold variables")
        declared = types.all()
        if not self.faults:
            self._further_drives(symbols, _section(document, "generators"), cycle_ns)
        description = Description(
            symbols=tuple(symbols),
            values=tuple(self._values),
            drives=tuple(self._drives),
            types=declared,
            methods=types.methods,
            name=device.text("name", DEFAULT_NAME),
            version=_version(device),
            port=int(device.number("port", Port.PLC.value, 1, MAX_PORT)),
            cycle_ns=cycle_ns,
            encoding=_encoding(device),
        )
        device.finish()
        refuse_faults(self.faults, where)
        return description

    def _symbol(self, name: str, spec: object, types: Types, cycle_ns: int) -> Symbol | None:
        where = f"symbols.{name}"
        options = Options(spec if isinstance(spec, Mapping) else {"type": spec}, where, self.faults)
        before = len(self.faults)
        attributes = attributes_of(options.take("attributes"))
        kind = types.parse(options.take("type"), where, encoding_of(attributes))
        group, offset = 0, 0
        at = options.text("at")
        try:
            if at:
                group, offset = parse_at(at, kind)
        except BadRequest as fault:
            options.fault(str(fault))
        given_group, given_offset = options.take("group"), options.take("offset")
        if given_group is not None or given_offset is not None:
            group, offset = self._number(given_group, options, "group"), self._number(given_offset, options, "offset")
        elif not at:
            group, offset = self._placer.place(kind)
        value, moved = options.take("value"), options.take("generator")
        symbol = Symbol(
            name=name,
            type=kind,
            group=group,
            offset=offset,
            comment=options.text("comment"),
            attributes=attributes,
            read_only=options.flag("read_only", default=False),
            persistent=options.flag("persistent", default=False),
        )
        options.finish()
        if area_of(symbol)[1] > AREA_BYTES.get(area_of(symbol)[0], MAX_AREA_BYTES):
            options.fault(f"reaches byte {area_of(symbol)[1]}, its area ends before that")
        if len(self.faults) > before:
            return None
        if value is not None:
            self._values.append((name, value_of(value, kind, where, self.faults)))
        if moved is not None and (one := generator(moved, kind, where, self.faults, self._read_text, cycle_ns)):
            self._drives.append(Drive(name, one))
        return symbol

    def _number(self, given: object, options: Options, name: str) -> int:
        if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= 0xFFFF_FFFF:
            options.fault(f"{name} has to be a number; group and offset belong together")
            return 0
        return given

    def _further_drives(self, symbols: list[Symbol], section: Mapping[str, object], cycle_ns: int) -> None:
        try:
            table = SymbolTable(symbols)
        except ValueError as fault:
            self.faults.append(f"symbols: {fault}")
            return
        for path, spec in section.items():
            where = f"generators.{path}"
            try:
                place = table.find(path)
            except AdsFault as fault:
                self.faults.append(f"{where}: {fault.what}")
                continue
            if place.steps or place.method:
                self.faults.append(f"{where}: is no variable at a fixed place")
            elif one := generator(spec, place.type, where, self.faults, self._read_text, cycle_ns):
                self._drives.append(Drive(place.path, one))


def refuse_faults(faults: Faults, where: str) -> None:
    """Raises BadRequest with all of them, when there are any."""
    if faults:
        shown = tuple(faults[:MAX_FAULTS])
        more = (f"and {len(faults) - MAX_FAULTS} more",) if len(faults) > MAX_FAULTS else ()
        count = "has a fault" if len(faults) == 1 else f"has {len(faults)} faults"
        raise BadRequest(count, where=where, details=(*shown, *more))


def _section(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    section = document.get(name, {})
    return section if isinstance(section, Mapping) else {}


def _version(device: Options) -> tuple[int, int, int]:
    text = device.text("version", ".".join(map(str, DEFAULT_VERSION)))
    parts = text.split(".")
    if len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts):
        major, minor, build = map(int, parts)
        if major < 256 and minor < 256 and build < 65536:
            return major, minor, build
    device.fault(f"{text!r} is no version like 3.1.4026")
    return DEFAULT_VERSION


def _encoding(device: Options) -> Encoding:
    text = device.text("encoding", Encoding.UTF_8.value).lower()
    if text not in [encoding.value for encoding in Encoding]:
        device.fault(f"{text!r} is no encoding; there are: utf-8, cp1252")
        return Encoding.UTF_8
    return Encoding(text)
