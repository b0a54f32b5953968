"""Index groups of the system service (port 10000), its state, and how a process is started.

    100-139   files (see `dinrail.ams.service_files`)
    200-208   registry (see `dinrail.ams.registry`)
    220-240   TwinCAT's state
    400-701   time, processes, NetId, what the target is (see `dinrail.ams.target`), the network
    801-808   routes (see `dinrail.ams.remote`)

Source: TwinCAT SDK, "TwinCAT System Service" index groups; Beckhoff/ADS AdsTool/main.cpp.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

from dinrail.ams.cursor import Cursor
from dinrail.ams.text import decode_text, encode_text
from dinrail.layout import pad, record, u8, u16


class ServiceGroup(enum.IntEnum):
    """Index groups of port 10000 but for the files' (`FileGroup`)."""

    UDP_DISCOVERY = 141
    CP_DISCOVERY = 142
    PRODUCT_VERSION = 160
    INIT_COMMANDS = 170
    HASHED_BOOT_DATA = 180
    REGISTRY_HKLM = 200
    REGISTRY_HKCU = 201
    REGISTRY_HKCR = 202
    REGISTRY_FLUSH_HKLM = 203
    REGISTRY_FLUSH_HKCU = 204
    REGISTRY_FLUSH_HKCR = 205
    REGISTRY_DELETE_HKLM = 206
    REGISTRY_DELETE_HKCU = 207
    REGISTRY_DELETE_HKCR = 208
    SYSTEM_CONTROL = 220
    SYSTEM_STATE = 240  # R: SystemState
    MAIL = 300
    TIME = 400  # R: offset 1 date and time, 5 in 100 ns, 6 time zone, 7 GMT
    START_PROCESS = 500  # W: StartProcess; offset: timeout in the low half, bit 16 hides the window
    CHANGE_NET_ID = 600
    QUERY_NET_ID = 601
    TARGET_INFO = 700  # R: offset is a TargetInfo
    IP_HELPER = 701
    HOST_NAME = 702
    ADD_REMOTE = 801  # W: AddRemote
    DELETE_REMOTE = 802
    ENUMERATE_REMOTE = 803  # R: offset counts up until NO_MORE_HANDLES
    TEST_REMOTE = 804
    MQTT = 808  # W: offset is an MqttSwitch
    SCREEN = 900
    BIOS = 1100
    SHARED_CORES = 1200  # W u32; 0xFFFFFFFF: all shared
    NETWORK_CONFIG = 1300
    ENVIRONMENT = 1400
    LICENSE = 1500
    CREATE_GUID = 1600


class TargetInfo(enum.IntEnum):
    """Index offsets of TARGET_INFO."""

    XML = 1
    TYPE = 2
    FILE_VERSION = 3
    PLATFORM = 4
    PROJECT_GUID = 5
    PROJECT_VERSION_GUID = 6
    PROJECT_NAME = 7
    FINGERPRINT = 9
    IS_USER_MODE = 10


class MqttSwitch(enum.IntEnum):
    """Index offsets of MQTT. The temporary ones end with the router."""

    DISABLE = 1
    ENABLE = 2
    DISABLE_TEMPORARILY = 3
    ENABLE_TEMPORARILY = 4


class CpuPlatform(enum.IntEnum):
    """`platform` of the state."""

    X86 = 0
    X64 = 1
    ARM = 2
    ARM_THUMB_2 = 3


class OsType(enum.IntEnum):
    """`os_type` of the state."""

    WINDOWS = 0
    WINDOWS_CE = 1
    USER_MODE = 2
    TWINCAT = 3


@record(size_bytes=16, name="system service state", source="TwinCAT SDK, SYSTEMSERVICE_STATE")
class SystemState:
    """What group 240 tells. Clients subscribe anew when `restart_index` has moved."""

    ads_state: int = u16(0x0)
    device_state: int = u16(0x2)
    restart_index: int = u16(0x4)
    version: int = u8(0x6)
    revision: int = u8(0x7)
    build: int = u16(0x8)
    platform: int = u8(0xA)
    os_type: int = u8(0xB)
    flags: int = u16(0xC)
    _reserved_0e: bytes = pad(0xE, 2)


HIDE_WINDOW = 0x1_0000
"""Bit of START_PROCESS's index offset."""
_LENGTHS = struct.Struct("<III")


@dataclass(frozen=True, slots=True)
class StartProcess:
    """A program to start: its path, working directory and arguments."""

    application: str
    directory: str = ""
    command_line: str = ""

    def encode(self) -> bytes:
        """Three lengths without NULs, then the texts with them. Raises BadRequest."""
        texts = [encode_text(text) for text in (self.application, self.directory, self.command_line)]
        return _LENGTHS.pack(*map(len, texts)) + b"".join(text + b"\0" for text in texts)

    @classmethod
    def parse(cls, data: bytes) -> StartProcess:
        """Lengths may count the NULs or not. Raises FormatError."""
        cursor = Cursor(data, "start process")
        application, directory, command_line = cursor.fields(_LENGTHS, "lengths")
        return cls(
            counted_text(cursor, application, "application"),
            counted_text(cursor, directory, "directory"),
            counted_text(cursor, command_line, "command line"),
        )


def counted_text(cursor: Cursor, size_bytes: int, field: str) -> str:
    """A text whose length counts its NUL, or does not: senders differ. Raises Truncated."""
    raw = cursor.take(size_bytes, field)
    if not raw.endswith(b"\0") and cursor.data[cursor.at : cursor.at + 1] == b"\0":
        cursor.take(1, field)
    return decode_text(raw.partition(b"\0")[0], cursor.code_page)
