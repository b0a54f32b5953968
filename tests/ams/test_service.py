"""Structures of the system service, the logger and real time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ams_values import BYTES, NET_IDS, TEXT, U16, U32, U64, value_or_format_error
from hypothesis import given
from hypothesis import strategies as st

from dinrail.ams import registry
from dinrail.ams.address import NetId
from dinrail.ams.diagnostics import CpuLatency, CpuSettings, LogKind, LogMessage
from dinrail.ams.registry import RegistryType, RegistryValue
from dinrail.ams.remote import MAX_NET_IDS, AddRemote, RemoteFlag, Transport
from dinrail.ams.service import CpuPlatform, OsType, StartProcess, SystemState
from dinrail.ams.state import AdsState
from dinrail.errors import BadRequest, FormatError
from dinrail.layout import decode, encode

PC = NetId.parse("10.0.0.7.1.1")


def test_a_system_state_has_the_bytes_that_clients_poll() -> None:
    """Sixteen bytes: states, restart index, version, revision, build, platform, OS, flags."""
    state = SystemState(
        ads_state=AdsState.RUN,
        device_state=1,
        restart_index=2,
        version=3,
        revision=1,
        build=4026,
        platform=CpuPlatform.X64,
        os_type=OsType.TWINCAT,
        flags=0,
    )
    assert encode(state) == bytes.fromhex("0500 0100 0200 03 01 ba0f 01 03 0000 0000")
    assert decode(SystemState, encode(state)) == state


def test_a_route_has_the_bytes_that_the_table_says() -> None:
    """Head of 44 bytes, two texts with their NULs, further NetIds, our own NetId behind a NAT."""
    route = AddRemote(
        PC,
        "10.0.0.7",
        "pc",
        flags=RemoteFlag.UNIDIRECTIONAL,
        timeout_s=5,
        net_ids=(NetId.parse("10.0.0.7.2.1"),),
        remote_net_id=NetId.parse("1.2.3.4.5.6"),
    )
    data = bytes.fromhex(
        "0a0000070101 0100 80010000 05000000 00000000 000000000000000000000000"
        "09000000 03000000 06000000  31302e302e302e3700 706300  0a0000070201  010203040506"
    )
    assert route.encode() == data
    found = AddRemote.parse(data)
    assert found.flags == RemoteFlag.UNIDIRECTIONAL | RemoteFlag.AMS_NAT
    assert (found.net_id, found.address, found.name, found.transport) == (PC, "10.0.0.7", "pc", Transport.TCP_IP)
    assert (found.net_ids, found.remote_net_id, found.timeout_s) == (route.net_ids, route.remote_net_id, 5)


@given(
    st.builds(
        AddRemote,
        NET_IDS,
        TEXT,
        TEXT,
        st.sampled_from((0, 1, 0x40, 0x80)),
        U16,
        U32,
        U32,
        st.lists(NET_IDS, max_size=3).map(tuple),
        BYTES,
        st.none() | NET_IDS,
    )
)
def test_routes_come_back_as_they_were(route: AddRemote) -> None:
    """Every field; flags that announce parts follow from the parts."""
    found = AddRemote.parse(route.encode())
    parts = RemoteFlag.TLS | RemoteFlag.AMS_NAT
    assert (found.flags & ~parts, bool(found.flags & RemoteFlag.TLS)) == (route.flags, bool(route.tls))
    assert found.encode() == route.encode()
    names = ("net_id", "address", "name", "transport", "timeout_s", "max_fragment", "net_ids", "tls", "remote_net_id")
    for name in names:
        assert getattr(found, name) == getattr(route, name)


def test_hostile_routes_are_refused() -> None:
    """Lengths past the end, a piece of a NetId, too many of them, no room for the NAT's NetId."""
    head = "0a0000070101 0100 {flags} 05000000 00000000 000000000000000000000000 {address} 01000000 {ids}"
    for flags, address, ids in (
        ("00000000", "ffffffff", "00000000"),
        ("00000000", "01000000", "05000000"),
        ("00000000", "01000000", ((MAX_NET_IDS + 1) * 6).to_bytes(4, "little").hex()),
        ("00010000", "01000000", "00000000"),
    ):
        with pytest.raises(FormatError):
            AddRemote.parse(bytes.fromhex(head.format(flags=flags, address=address, ids=ids)) + bytes(3))
    with pytest.raises(FormatError, match="4096 are allowed"):
        AddRemote.parse(bytes(5000))


def test_lengths_may_count_their_nul_or_not() -> None:
    """Both ways of a start-process request give the same program."""
    process = StartProcess("/bin/tool", "", "-x 1")
    without = bytes.fromhex("09000000 00000000 04000000") + b"/bin/tool\0\0-x 1\0"
    counted = bytes.fromhex("0a000000 01000000 05000000") + b"/bin/tool\0\0-x 1\0"
    assert process.encode() == without
    assert StartProcess.parse(without) == StartProcess.parse(counted) == process


def test_registry_structures_have_the_bytes_that_adstool_sends() -> None:
    """A write is key, name, type and data; a delete is a key and its NUL, and not a byte more."""
    value = registry.of_python("Size", 32)
    data = registry.write_value("Software\\X", value)
    assert data == b"Software\\X\0Size\0" + bytes.fromhex("04000000 20000000")
    assert registry.parse_write(data) == ("Software\\X", value)
    assert registry.parse_key(registry.name_key("A\\B")) == "A\\B"
    for wrong in (b"A\\B", b"A\0B", b""):
        with pytest.raises(FormatError):
            registry.parse_key(wrong)


@pytest.mark.parametrize(
    ("value", "kind", "data"),
    [
        ("häm", RegistryType.TEXT, b"h\xe4m\0"),
        (7, RegistryType.DWORD, b"\7\0\0\0"),
        (1 << 32, RegistryType.QWORD, b"\0\0\0\0\1\0\0\0"),
        (b"\1\2", RegistryType.BINARY, b"\1\2"),
    ],
)
def test_registry_values_have_the_types_of_windows(value: str | int | bytes, kind: int, data: bytes) -> None:
    """Text, number and bytes each know their type, and come back as they were."""
    made = registry.of_python("x", value)
    assert made == ("x", kind, data)
    assert registry.to_python(made) == value


def test_a_registry_value_that_cannot_be_said_is_a_bad_request() -> None:
    """Negative and huge numbers, and a NUL inside a text."""
    for value in (-1, 1 << 64, "a\0b"):
        with pytest.raises(BadRequest):
            registry.of_python("x", value)
    assert registry.to_python(RegistryValue("x", RegistryType.DWORD, b"\1")) == b"\1"


@given(TEXT, st.builds(RegistryValue, TEXT, U32, BYTES))
def test_registry_values_come_back_as_they_were(key: str, value: RegistryValue) -> None:
    """Any type, known or not."""
    assert RegistryValue.parse(value.encode()) == value
    assert registry.parse_write(registry.write_value(key, value)) == (key, value)


@given(st.builds(LogMessage, U64, U32, U32, TEXT.map(lambda t: t[:16]), TEXT))
def test_log_messages_come_back_as_they_were(message: LogMessage) -> None:
    """FILETIME, kind, port, sender, text."""
    assert LogMessage.parse(message.encode()) == message


def test_a_log_message_has_the_bytes_that_clients_know() -> None:
    """Written by hand: an error of port 851."""
    message = LogMessage(0x01DC7AB192810000, LogKind.ERROR | LogKind.TEXT, 851, "TCPLC", "no")
    assert message.encode() == bytes.fromhex(
        "00008192b17adc01 84000000 53030000 5443504c430000000000000000000000 03000000 6e6f00"
    )


def test_what_real_time_tells_has_adstool_s_layout() -> None:
    """32 bytes of CPU settings, 12 of latency."""
    settings = CpuSettings(
        windows_cpus=3, isolated_cpus=1, affinity=8, rtime_cpus=1, cpu_type=2, cpu_family=6, cpu_mhz=3000
    )
    assert encode(settings) == bytes.fromhex("03000000 01000000 0800000000000000 01000000 02000000 06000000 b80b0000")
    assert encode(CpuLatency(current=1, maximum=7, limit=0)) == bytes.fromhex("01000000 07000000 00000000")


DECODERS: list[Callable[[bytes], object]] = [
    AddRemote.parse,
    StartProcess.parse,
    RegistryValue.parse,
    registry.parse_write,
    registry.parse_key,
    LogMessage.parse,
]


@given(st.binary(max_size=120))
def test_any_bytes_are_a_structure_or_a_format_error(data: bytes) -> None:
    """No parser of the system service raises anything else."""
    for parse in DECODERS:
        value_or_format_error(parse, data)
    if len(data) > 44:  # plausible lengths of a route
        value_or_format_error(AddRemote.parse, data[:32] + bytes.fromhex("030000000500000006000000") + data[44:])
