"""The PLC that needs no configuration, asked as clients ask."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from ads_device import Client, FakePermit, Time
from build_iec import le

from dinrail.ads.simulate import default_plc
from dinrail.ads.simulate.device import SimulatedDevice
from dinrail.ads.simulate.plc import APP_INFO, TASK_INFO, default_description
from dinrail.ads.symbols.importing import Importer
from dinrail.ams.datatype import parse_types
from dinrail.ams.errors import AdsError
from dinrail.ams.symbol import UploadInfo, parse_symbols
from dinrail.ams.text import UTF_8
from dinrail.iec import types as iec
from dinrail.iec.text import format_value
from dinrail.iec.value import decode

DESCRIPTION = default_description()


@pytest.fixture
def plc() -> SimulatedDevice:
    return SimulatedDevice(DESCRIPTION)


def by_name(client: Client, path: str) -> bytes:
    """As pyads: handle, value, release."""
    result, handle = client.read_write(0xF003, 0, 4, path.encode() + b"\0")
    assert result == 0, path
    number = int.from_bytes(handle, "little")
    size = client.device.source.find(path).size_bytes  # type: ignore[attr-defined]  # it is a SymbolDevice
    result, value = client.read(0xF005, number, size)
    assert result == 0, path
    assert client.write(0xF006, 0, handle) == 0
    return value


def shown(plc: SimulatedDevice, path: str) -> str:
    place = plc.table.find(path)
    return format_value(place.type, decode(place.type, by_name(Client(plc), path)))


def call(client: Client, path: str, inputs: bytes, size: int) -> bytes:
    result, handle = client.read_write(0xF003, 0, 4, path.encode())
    assert result == 0
    result, answer = client.read_write(0xF005, int.from_bytes(handle, "little"), size, inputs)
    assert result == 0
    return answer


def test_it_is_what_adslib_s_tests_expect(plc: SimulatedDevice) -> None:
    """Name, version, and the variables of Beckhoff's test project at their addresses."""
    assert (plc.name, plc.version[:2]) == ("Plc30 App", (3, 1))
    assert plc.version[2] >= 1711
    expected = {
        "MAIN.byByte": ("ARRAY [0..1027] OF BYTE", 0x4020, 0),
        "MAIN.moreBytes": ("ARRAY [0..8192] OF BYTE", 0x4040, 385_002),
        "MAIN.bInitTest": ("BOOL", 0x4040, 393_195),
        "MAIN.nTestCasesFailed": ("DINT", 0x4040, 393_884),
        "MAIN.sLogPath": ("STRING(255)", 0x4040, 393_204),
    }
    for path, (kind, group, offset) in expected.items():
        place = plc.table.find(path)
        assert (place.type.name, *place.address, place.read_only) == (kind, group, offset, False)
    client = Client(plc)
    assert client.read(0x4025, 0, 4) == (0, le("I", 128_000))
    assert client.write(0x4020, 127_996, b"last") == 0
    assert client.read(0x4020, 127_996, 4) == (0, b"last")


def test_bytes_from_4_on_count_in_each_cycle_and_the_first_four_are_the_clients(plc: SimulatedDevice) -> None:
    """Byte 4 to 1027 of %M go up by one every 10 ms and around; what clients write to the first four stays."""
    client, time = Client(plc), Time()
    assert client.write(0x4020, 0, b"mine\xff") == 0
    time.run(plc, 30)
    seen = []
    for _ in range(3):
        time.run(plc, 10)
        seen.append(client.read(0x4020, 0, 1029)[1])
    assert all(data[:4] == b"mine" and data[1028] == 0 for data in seen)
    for before, after in pairwise(seen):
        assert [(new - old) % 256 for old, new in zip(before[4:1028], after[4:1028], strict=True)] == [1] * 1024
    assert (seen[0][4] - seen[0][5]) % 256 == 255


def test_every_elementary_type_is_there_with_a_value(plc: SimulatedDevice) -> None:
    """One variable of each, readable by name, and none is zero."""
    kinds = {symbol.type.kind for symbol in plc.table.symbols if isinstance(symbol.type, iec.ElementaryType)}
    assert kinds | {iec.Elementary.BIT} == set(iec.Elementary)
    for symbol in plc.table.symbols:
        if symbol.name.startswith("GVL_Types."):
            assert any(by_name(Client(plc), symbol.name)), symbol.name
    assert shown(plc, "GVL_Types.tLtime") == "LTIME#1d2h3m4s5ms6us7ns"
    assert shown(plc, "GVL_Types.dtDateAndTime") == "DT#2026-01-31-12:34:56"
    assert shown(plc, "GVL_Types.nLword") == "16#0123456789ABCDEF"


def test_texts_are_in_their_encodings(plc: SimulatedDevice) -> None:
    """1252, UTF-8 by attribute, and UTF-16."""
    client = Client(plc)
    assert by_name(client, "GVL_Text.sText").startswith("Grüße für 5 € – München".encode("cp1252") + b"\0")
    assert by_name(client, "GVL_Text.sUtf8").startswith("Ω ≈ 漢字 😀".encode() + b"\0")
    assert by_name(client, "GVL_Text.wsText").startswith("Ω ≈ 漢字 😀".encode("utf-16-le") + b"\0\0")
    entry = plc.uploads.symbol_entry("GVL_Text.sUtf8")
    assert b"TcEncoding\0UTF-8\0" in entry


def test_structures_arrays_and_enumerations_hold_their_values(plc: SimulatedDevice) -> None:
    """Nested structures, several dimensions, bits, unions and packed layouts."""
    assert shown(plc, "GVL_Struct.eMode") == "Automatic"
    assert shown(plc, "GVL_Struct.stPoint") == "(x := 1.5, y := -2.5)"
    assert shown(plc, "GVL_Struct.aGrid[1,0]") == "5"
    assert shown(plc, "GVL_Struct.aNested[1][3]") == "-3"
    assert shown(plc, "GVL_Struct.stBits") == "(bReady := TRUE, bBusy := FALSE, bError := TRUE, nCode := 16#07)"
    assert shown(plc, "GVL_Struct.stBits.bError") == "TRUE"
    assert shown(plc, "GVL_Struct.uWord.aBytes[2]") == "16#03"
    assert plc.table.find("GVL_Struct.stPacked").size_bytes == 11


def test_pointers_and_references_lead_somewhere(plc: SimulatedDevice) -> None:
    """A pointer is followed by name, round and round; a null pointer is told as one."""
    assert shown(plc, "GVL_Pointer.pTarget^") == "4711"
    assert shown(plc, "GVL_Pointer.stFirst.pNext^.nValue") == "2"
    assert shown(plc, "GVL_Pointer.stFirst.pNext^.pNext^.pNext^.nValue") == "2"
    client = Client(plc)
    _, handle = client.read_write(0xF003, 0, 4, b"GVL_Pointer.pNull^.fPosition")
    assert client.read(0xF005, int.from_bytes(handle, "little"), 8)[0] == AdsError.INVALID_OFFSET


def test_methods_can_be_called(plc: SimulatedDevice) -> None:
    """Return values, outputs, texts and structures; overflow wraps and is told."""
    client = Client(plc)
    assert call(client, "MAIN.fbCalculator#Add", le("ii", 2, 3), 5) == le("iB", 5, 0)
    assert call(client, "main.fbcalculator#ADD", le("ii", 2**31 - 1, 1), 5) == le("iB", -(2**31), 1)
    assert call(client, "MAIN.fbCalculator#Divide", le("dd", 7, 2), 17) == le("Bdd", 1, 3.5, 1)
    assert call(client, "MAIN.fbCalculator#Divide", le("dd", 7, 0), 17) == bytes(17)
    text = b"hello".ljust(81, b"\0")
    assert call(client, "MAIN.fbCalculator#Echo", text, 83) == text + le("H", 5)
    assert call(client, "MAIN.fbCalculator#Move", le("ffff", 1, 2, 10, 20), 8) == le("ff", 11, 22)


def test_what_lives_moves_and_stops(plc: SimulatedDevice) -> None:
    """Generators move in RUN only, and RESET brings the first values back."""
    client, time = Client(plc), Time()
    time.run(plc, 105)
    first = by_name(client, "GVL_Live.nCounter")
    time.run(plc, 100)
    second = by_name(client, "GVL_Live.nCounter")
    assert int.from_bytes(second, "little") - int.from_bytes(first, "little") == 10
    assert by_name(client, "GVL_Struct.aAxes[1].fPosition") != bytes(8)
    assert client.control(6) == 0
    stopped = by_name(client, "GVL_Live.nCounter")
    time.run(plc, 5000)
    assert by_name(client, "GVL_Live.nCounter") == stopped
    assert client.control(5) == 0
    time.run(plc, 20)
    assert int.from_bytes(by_name(client, "GVL_Live.nCounter"), "little") - int.from_bytes(stopped, "little") <= 3
    assert client.write(0x4040, plc.table.find("GVL_Types.nInt").offset, le("h", 1)) == 0
    assert client.control(2) == 0
    assert by_name(client, "GVL_Types.nInt") == le("h", -12345)
    assert by_name(client, "GVL_Live.nCounter") == bytes(4)


def test_constants_cannot_be_written(plc: SimulatedDevice) -> None:
    """A read-only variable is readable, and refuses a write by handle."""
    client = Client(plc)
    assert by_name(client, "Constants.nMax") == le("h", 100)
    _, handle = client.read_write(0xF003, 0, 4, b"Constants.nMax")
    assert client.write(0xF005, int.from_bytes(handle, "little"), le("h", 1)) == AdsError.INVALID_ACCESS


def test_twincat_s_own_structures_are_there(plc: SimulatedDevice) -> None:
    """_AppInfo and _TaskInfo have their published layouts; the cycle counter counts."""
    assert (APP_INFO.size_bytes, TASK_INFO.size_bytes) == (256, 128)
    client, time = Client(plc), Time()
    time.run(plc, 200)
    app = by_name(client, "TwinCAT_SystemInfoVarList._AppInfo")
    assert struct.unpack_from("<IIII H??I", app)[1:7] == (1, 0, 0, 851, True, False)
    assert app[64:73] == b"Port_851\0"
    task = by_name(client, "TwinCAT_SystemInfoVarList._TaskInfo[1]")
    assert struct.unpack_from("<IIHH", task)[1:] == (100_000, 20, 350)
    assert task[64:72] == b"PlcTask\0"
    count, dc_time = struct.unpack_from("<Iq", task, 12)
    assert 15 <= count <= 25
    assert dc_time == count * 10_000_000


def test_bits_and_images_have_their_own_groups(plc: SimulatedDevice) -> None:
    """%MX is a symbol in the bit group, %I and %Q are in the process images."""
    client, time = Client(plc), Time()
    place = plc.table.find("GVL_Memory.bFlag")
    assert place.address == (0x4021, 2002 * 8 + 3)
    assert client.write(*place.address, b"\1") == 0
    assert client.read(0x4020, 2002, 1) == (0, b"\x08")
    assert by_name(client, "GVL_Memory.bFlag") == b"\1"
    time.run(plc, 500)
    assert client.read(0xF020, 0, 2)[1] != b"\0\0"


def test_a_client_that_loads_all_symbols_and_types_understands_each_of_them(plc: SimulatedDevice) -> None:
    """Our own importer reads the uploads: every symbol is found again with its type, and none is opaque."""
    client = Client(plc)
    info = UploadInfo.parse(client.read(0xF00F, 0, 64)[1])
    types = parse_types(client.read(0xF00E, 0, info.data_type_bytes)[1], code_page=UTF_8)
    entries = parse_symbols(client.read(0xF00B, 0, info.symbol_bytes)[1], code_page=UTF_8)
    assert (info.symbols, info.data_types) == (len(entries), len(types))
    importer = Importer(types, info)
    for symbol in importer.symbols(entries):
        assert not isinstance(iec.resolve(symbol.type), iec.OpaqueType), symbol.name
        assert decode(symbol.type, bytes(symbol.type.size_bytes)) is not None
        assert plc.table.find(symbol.name).type.name == symbol.type.name
    assert importer.missing == set()


def test_rules_by_symbol_are_asked_with_the_paths(plc: SimulatedDevice) -> None:
    """A read by address asks the permit with every path that contains it."""
    permit = FakePermit(by_symbol=True)
    client = Client(plc, permit=permit)
    place = plc.table.find("GVL_Struct.aAxes[2].fPosition")
    client.read(*place.address, 8)
    assert permit.asked[-1][4] == (
        "GVL_Struct.aAxes", "GVL_Struct.aAxes[2]", "GVL_Struct.aAxes[2].fPosition"
    )  # fmt: skip


def test_no_two_symbols_share_bytes_unless_they_say_so() -> None:
    """In the data area every symbol lies alone, so that a write to one never changes another."""
    plc = default_plc()
    area = sorted((s.offset, s.offset + s.type.size_bytes, s.name) for s in plc.table.symbols if s.group == 0x4040)
    for (_, end, _), (start, _, name) in pairwise(area):
        assert end <= start, name
