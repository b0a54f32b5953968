"""A small PLC for tests: symbols of the kinds that behave differently, in memory that tests can look into."""

from __future__ import annotations

from build_iec import BOOL, BYTE, DINT, INT, UDINT, array

from dinrail.ads.device.access import Limits
from dinrail.ads.device.memory import BytesArea, Memory
from dinrail.ads.device.symbolic import SymbolDevice
from dinrail.ads.symbols.export import Exporter
from dinrail.ads.symbols.table import SymbolTable
from dinrail.iec.symbol import Symbol
from dinrail.iec.types import (
    Elementary,
    ElementaryType,
    Encoding,
    Member,
    Method,
    Parameter,
    Passing,
    PointerType,
    StringType,
    StructType,
)

M, DATA = 0x4020, 0x4040
BIT = ElementaryType(Elementary.BIT)
FLAGS = StructType("ST_Flags", (Member("bLow", BIT, 0, 0), Member("bHigh", BIT, 0, 7), Member("n", INT, 2)), 4, 2)
SCALE = Method("Scale", DINT, (Parameter("nBy", INT), Parameter("bSign", BOOL), Parameter("nOld", UDINT, Passing.OUT)))
SWAP = Method("Swap", None, (Parameter("a", INT, Passing.IN_OUT), Parameter("b", INT, Passing.IN_OUT)))
DRIVE = StructType("FB_Drive", (Member("nPos", DINT, 0),), 4, 4, methods=(SCALE, SWAP))

SYMBOLS = (
    Symbol("MAIN.byByte", array(BYTE, (0, 1027)), M, 0),
    Symbol("MAIN.i", INT, DATA, 100),
    Symbol("MAIN.aInt", array(INT, (1, 4)), DATA, 104),
    Symbol("MAIN.nConst", DINT, DATA, 112, read_only=True),
    Symbol("MAIN.stFlags", FLAGS, DATA, 116),
    Symbol("MAIN.sText", StringType(20), DATA, 120),
    Symbol("MAIN.pInt", PointerType(INT), DATA, 144),
    Symbol("MAIN.fbDrive", DRIVE, DATA, 152),
    Symbol("MAIN.größe", INT, DATA, 160),
)


def plc(
    *, limits: Limits | None = None, encoding: Encoding = Encoding.UTF_8, symbols: tuple[Symbol, ...] = SYMBOLS
) -> SymbolDevice:
    """A device with `SYMBOLS`, 4 KiB of %M and of data, and process images of 64 bytes."""
    memory = Memory()
    memory.add(M, BytesArea(4096))
    memory.add(DATA, BytesArea(4096))
    memory.add_images(inputs=BytesArea(64), outputs=BytesArea(64))
    table = SymbolTable(symbols, encoding=encoding)
    return SymbolDevice(table, Exporter(table), memory, limits=limits)
