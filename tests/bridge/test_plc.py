"""Port 851 on a played control: reads of one moment, writes through the ring, bits, pointers, states, methods."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from ads_device import FakePermit
from bridge_bench import CALLS, DATA, INPUTS, MARKERS, OUTPUTS, Bench, demo_image
from control_channel import DATA_ADDRESS, PlayedControl

from dinrail.ads.contract import Action
from dinrail.ams.frame import Command
from dinrail.ams.group import IndexGroup
from dinrail.ams.state import AdsState
from dinrail.ams.symbol import parse_symbols
from dinrail.control.channel.layout import Space, State

VALUE, HANDLE = IndexGroup.VALUE_BY_HANDLE.value, IndexGroup.HANDLE_BY_NAME.value


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def handle_of(bench: Bench, name: bytes) -> tuple[int, bytes]:
    return bench.client().read_write(HANDLE, 0, 4, name)


def count(control: PlayedControl) -> None:
    """Every element of the array is the cycle's number."""
    number = int.from_bytes(control.spaces[Space.DATA][:4], "little") + 1
    control.spaces[Space.DATA][:4] = u32(number)
    control.spaces[Space.DATA][64:4064] = u32(number) * 1000


def test_ports_are_those_of_the_application_and_its_tasks(bench: Bench) -> None:
    """851 as the header says it, 350 for the first task without a port of its own."""
    assert bench.bridge.ports() == (350, 851)


def test_a_value_is_the_last_cycle_s(bench: Bench) -> None:
    """By address, by name and by handle; prepared answers move with the cycles, too."""
    client = bench.client()
    bench.control.body = count
    bench.settle()
    assert client.read(DATA, 0, 4) == (0, u32(1))
    assert client.read_write(IndexGroup.VALUE_BY_NAME, 0, 4, b"main.ncount\0") == (0, u32(1))
    result, handle = client.read_write(HANDLE, 0, 4, b"MAIN.nCount")
    (number,) = struct.unpack("<I", handle)
    assert (result, client.read(VALUE, number, 4)) == (0, (0, u32(1)))
    again = client.prepared(Command.READ, struct.pack("<III", DATA, 0, 4))
    bench.settle()
    assert again is not None
    assert again() == u32(0) + u32(4) + u32(2)
    bench.settle(3)
    assert again()[8:] == u32(5)


def test_a_sum_is_of_one_cycle(bench: Bench) -> None:
    """However the control goes on in between, all items of a sum are values of the same cycle."""
    bench.control.body = count
    bench.settle()
    client = bench.client()
    entries = b"".join(struct.pack("<III", DATA, 64 + 4 * at, 4) for at in range(1000))
    area = bench.plc.memory.area(DATA)
    assert area is not None
    real = area.read

    def read(offset: int, size_bytes: int) -> bytes:
        bench.control.cycle()  # the task goes on between two items
        return real(offset, size_bytes)

    area.read = read  # type: ignore[method-assign]
    result, data = client.read_write(IndexGroup.SUM_READ, 1000, 8000, entries)
    assert result == 0
    assert data[:4000] == bytes(4000)
    assert len({data[at : at + 4] for at in range(4000, 8000, 4)}) == 1


def test_a_write_is_answered_when_it_is_published(bench: Bench) -> None:
    """The answer comes after the cycle that applied it, and a read behind it sees it."""
    client = bench.client()
    assert client.write(DATA, 4, u32(77)) == 0
    assert client.cycles == 1
    assert client.read(DATA, 4, 4) == (0, u32(77))


def test_in_stop_writes_go_on(bench: Bench) -> None:
    """The ring is drained in Stop, and the values are published."""
    client = bench.client()
    assert client.control(AdsState.STOP) == 0
    assert bench.control.state == State.STOP
    assert client.write(DATA, 4, u32(5)) == 0
    assert client.read(DATA, 4, 4) == (0, u32(5))
    assert client.state() == (State.STOP, 0)


def test_a_write_by_name_keeps_to_its_variable(bench: Bench) -> None:
    """Constants are not written, by name or by address; a longer value is refused; nothing reaches the ring."""
    client = bench.client()
    _, handle = client.read_write(HANDLE, 0, 4, b"MAIN.nConst")
    assert client.write(VALUE, *struct.unpack("<I", handle), b"\1\0") == 0x704
    assert client.write(DATA, 4408, b"\1\0") == 0x704
    assert client.write(VALUE, *struct.unpack("<I", handle), b"\1\0\0") == 0x704
    assert client.write(IndexGroup.VALUE_BY_NAME, 0, b"MAIN.nWritten\0" + bytes(5)) == 0x705
    assert bench.control.spaces[Space.DATA] == bytearray(8192)


def test_bits_change_nothing_beside_them(bench: Bench) -> None:
    """A bit is written by the task itself, so that what the task does to its neighbours at the same time stands."""
    client = bench.client()

    def toggle(control: PlayedControl) -> None:
        control.spaces[Space.OUTPUT][1] ^= 0x01

    bench.control.body = toggle
    assert client.write(OUTPUTS + 1, 11, b"\1") == 0
    before = bench.control.spaces[Space.OUTPUT][1]
    bench.settle()
    assert bench.control.spaces[Space.OUTPUT][1] == before ^ 1
    assert before & 0x08
    assert client.read(OUTPUTS + 1, 11, 1) == (0, b"\1")
    assert client.write(IndexGroup.OUTPUTS_BIT_0 + 3, 1, b"\0") == 0
    assert client.read(OUTPUTS + 1, 11, 1) == (0, b"\0")


def test_the_image_s_areas_have_their_groups(bench: Bench) -> None:
    """%I, %Q and %M by bytes and bits, their sizes, and both at once (F060)."""
    client = bench.client()
    bench.control.spaces[Space.INPUT][2:4] = b"\x34\x12"
    bench.settle()
    assert client.read(INPUTS, 2, 2) == (0, b"\x34\x12")
    assert client.read(INPUTS + 1, 20, 1) == (0, b"\1")
    assert client.read(IndexGroup.PLC_MEMORY_SIZE, 0, 4) == (0, u32(128))
    assert client.read(IndexGroup.INPUTS_SIZE, 0, 4) == (0, u32(64))
    assert client.write(MARKERS, 4, b"\7\0") == 0
    assert bench.control.spaces[Space.MARKER][4] == 7
    assert client.read_write(IndexGroup.INPUTS_AND_OUTPUTS, 2, 2, b"\xaa\xbb") == (0, b"\x34\x12")
    assert client.cycles == 1
    assert bench.control.spaces[Space.OUTPUT][2:4] == b"\xaa\xbb"


def test_a_pointer_leads_into_the_control_s_memory(bench: Bench) -> None:
    """What it holds is an address of the control's process; null and strangers are 0x703."""
    client = bench.client()
    target = b"MAIN.pCount^\0"
    assert client.read_write(IndexGroup.VALUE_BY_NAME, 0, 4, target) == (0x703, b"")
    bench.control.spaces[Space.DATA][4400:4408] = struct.pack("<Q", DATA_ADDRESS)
    bench.control.spaces[Space.DATA][:4] = u32(99)
    bench.settle()
    assert client.read_write(IndexGroup.VALUE_BY_NAME, 0, 4, target) == (0, u32(99))
    bench.control.spaces[Space.DATA][4400:4408] = struct.pack("<Q", DATA_ADDRESS + 8192)
    bench.settle()
    assert client.read_write(IndexGroup.VALUE_BY_NAME, 0, 4, target) == (0x703, b"")


def test_a_sum_write_takes_as_many_cycles_as_its_budget_says(bench: Bench) -> None:
    """5000 items never stretch a cycle: 100 records each time, answered together at the end."""
    client = bench.client()
    items = b"".join(struct.pack("<III", DATA, 64 + 4 * (at % 1000), 4) for at in range(5000))
    result, data = client.read_write(IndexGroup.SUM_WRITE, 5000, 20000, items + u32(7) * 5000)
    assert (result, data) == (0, bytes(20000))
    assert client.cycles == 50
    assert bench.control.spaces[Space.DATA][64:4064] == u32(7) * 1000


def test_a_long_write_is_whole_in_the_end(bench: Bench) -> None:
    """What is longer than a record goes in parts, and is answered once."""
    client = bench.client()
    bench.control.budget = 1
    value = bytes(at % 251 for at in range(8000))
    assert client.write(DATA, 0, value[:4408]) == 0
    assert client.cycles == 2
    assert bench.control.spaces[Space.DATA][:4408] == value[:4408]


def test_symbols_types_and_info_are_the_image_s(bench: Bench) -> None:
    """All symbols of the image, and those of the system beside them."""
    client = bench.client()
    _, info = client.read(IndexGroup.UPLOAD_INFO_2, 0, 64)
    symbols, size = struct.unpack_from("<II", info)
    _, uploaded = client.read(IndexGroup.SYMBOL_UPLOAD, 0, size)
    names = [entry.name for entry in parse_symbols(uploaded)]
    assert len(names) == symbols
    assert {"MAIN.nCount", "GVL.bOut", "TwinCAT_SystemInfoVarList._TaskInfo"} <= set(names)


def test_rules_are_asked_with_names(bench: Bench) -> None:
    """A permit that knows symbols is asked for an access by address with the symbol that lies there."""
    permit = FakePermit(by_symbol=True)
    client = bench.client(permit=permit)
    assert client.write(DATA, 4, u32(1)) == 0
    assert permit.asked[-1] == (Action.WRITE, DATA, 4, 4, ("MAIN.nWritten",))
    permit.rule = lambda action, *_: action is not Action.WRITE
    assert client.write(DATA, 4, u32(2)) == 0x723
    bench.settle()
    assert bench.control.spaces[Space.DATA][4] == 1


def test_a_method_runs_in_a_cycle(bench: Bench) -> None:
    """The inputs go to the stub of the type's method with the instance's place; the answer is what it left."""
    called: list[tuple[int, int, bytes]] = []

    def call(stub: int, instance: int, inputs: bytes) -> bytes:
        called.append((stub, instance, inputs))
        total = sum(struct.unpack("<ii", inputs))
        return struct.pack("<i?", total, total % 2 == 0)

    bench.control.call = call
    client = bench.client()
    _, handle = client.read_write(HANDLE, 0, 4, b"MAIN.fbAdder#Add")
    (number,) = struct.unpack("<I", handle)
    assert client.read_write(VALUE, number, 100, struct.pack("<ii", 40, 2)) == (0, struct.pack("<i?", 42, True))
    assert called == [(1, 4352, struct.pack("<ii", 40, 2))]
    assert client.cycles == 1
    assert client.read_write(VALUE, number, 100, bytes(7)) == (0x705, b"")


def test_twenty_calls_at_once_share_the_mailboxes(bench: Bench) -> None:
    """There are eight; the others wait, and every caller gets its own answer."""
    bench.control.call = lambda _stub, _instance, inputs: inputs[:4] + b"\0"
    client = bench.client()
    _, handle = client.read_write(HANDLE, 0, 4, b"MAIN.fbAdder#Add")
    (number,) = struct.unpack("<I", handle)
    requests = []
    for at in range(20):
        payload = struct.pack("<IIII", VALUE, number, 100, 8) + struct.pack("<ii", at, 0)
        requests.append(client.request(Command.READ_WRITE, payload))
        assert bench.plc.request(requests[-1]) is None
    bench.settle(3)
    assert [struct.unpack_from("<i", one.replies[0][0], 8)[0] for one in requests] == list(range(20))


def test_a_method_of_a_stopped_task_is_refused(bench: Bench) -> None:
    """0x712: what would run it does not run."""
    client = bench.client()
    _, handle = client.read_write(HANDLE, 0, 4, b"MAIN.fbAdder#Add")
    (number,) = struct.unpack("<I", handle)
    bench.control.state = State.STOP
    assert client.read_write(VALUE, number, 100, bytes(8)) == (0x712, b"")


def test_a_method_without_machine_code_is_no_service(tmp_path: Path) -> None:
    """0x701, as for any method that nobody serves."""
    bench = Bench(tmp_path, demo_image(calls=CALLS[:1]))
    client = bench.client()
    _, handle = client.read_write(HANDLE, 0, 4, b"MAIN.fbAdder#Add")
    assert client.read_write(VALUE, *struct.unpack("<I", handle), 100, bytes(8)) == (0x701, b"")


def test_run_stop_and_reset_are_the_control_s(bench: Bench) -> None:
    """WriteControl is answered when the control did it; its refusal is 0x712; other states are no service."""
    client = bench.client()
    assert client.control(AdsState.RESET) == 0
    assert client.state() == (State.STOP, 0)
    assert client.control(AdsState.RUN) == 0
    assert client.state() == (State.RUN, 0)
    bench.control.refuses = "not now"
    assert client.control(AdsState.STOP) == 0x712
    assert client.control(AdsState.CONFIG) == 0x701
    assert client.state() == (State.RUN, 0)
