"""Payloads of the ADS commands 1 to 9, requests and responses (what follows the AMS header).

    1 ReadDeviceInfo   -                                     result, major u8, minor u8, build u16, name[16]
    2 Read             group, offset, length                 result, length, data
    3 Write            group, offset, length, data           result
    4 ReadState        -                                     result, ADS state u16, device state u16
    5 WriteControl     ADS state u16, device state u16,      result
                       length, data
    6 AddNotification  group, offset, length, mode,          result, handle
                       max delay, cycle time, 16 reserved
    7 DeleteNotif.     handle                                result
    8 Notification     see `dinrail.ams.notification`        -
    9 ReadWrite        group, offset, read length,           result, length, data
                       write length, data

All numbers are u32 where nothing else is said. The packers are public: routers and devices use them directly. Bytes
behind a structure are ignored, as TwinCAT ignores them; a length that promises more than is there is a FormatError.

Source: Beckhoff Information System, "ADS commands" (tc3_ads_intro).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from dinrail.ams.cursor import unpack
from dinrail.ams.errors import AdsError
from dinrail.ams.frame import Command
from dinrail.ams.text import cut_text, fit_text
from dinrail.errors import Truncated

READ = struct.Struct("<III")
"""group, offset, length. The head of a Write, too."""
READ_WRITE = struct.Struct("<IIII")
"""group, offset, read length, write length"""
STATE = struct.Struct("<HH")
"""ADS state, device state"""
WRITE_CONTROL = struct.Struct("<HHI")
"""ADS state, device state, length"""
ADD_NOTIFICATION = struct.Struct("<IIIIII16s")
"""group, offset, length, mode, max delay, cycle time (both in 100 ns), reserved"""
HANDLE = struct.Struct("<I")
RESULT = struct.Struct("<I")
RESULT_LENGTH = struct.Struct("<II")
"""result, length of the data that follows; or result, handle"""
RESULT_STATE = struct.Struct("<IHH")
DEVICE_INFO = struct.Struct("<IBBH16s")
"""result, major, minor, build, name"""

OK = RESULT.pack(0)
"""The body of a Write, WriteControl or DeleteNotification that succeeded."""
ANY_LENGTH = 0xFFFFFFFF
"""A read length that says "whatever there is". Never allocate by a read length."""
_UNIT_NS = 100
_NAME_BYTES = 16


class ReadRequest(NamedTuple):
    """Read `size_bytes` at (group, offset)."""

    group: int
    offset: int
    size_bytes: int

    def encode(self) -> bytes:
        return READ.pack(self.group, self.offset, self.size_bytes)

    @classmethod
    def parse(cls, payload: bytes) -> ReadRequest:
        return cls(*unpack(READ, payload, 0, "Read request"))


class WriteRequest(NamedTuple):
    """Write `data` to (group, offset)."""

    group: int
    offset: int
    data: bytes

    def encode(self) -> bytes:
        return READ.pack(self.group, self.offset, len(self.data)) + self.data

    @classmethod
    def parse(cls, payload: bytes) -> WriteRequest:
        group, offset, size_bytes = unpack(READ, payload, 0, "Write request")
        return cls(group, offset, _data(payload, READ.size, size_bytes, "Write request"))


class ReadWriteRequest(NamedTuple):
    """Write `data` to (group, offset) and read at most `size_bytes` of what comes of it."""

    group: int
    offset: int
    size_bytes: int
    data: bytes

    def encode(self) -> bytes:
        return READ_WRITE.pack(self.group, self.offset, self.size_bytes, len(self.data)) + self.data

    @classmethod
    def parse(cls, payload: bytes) -> ReadWriteRequest:
        group, offset, read_bytes, write_bytes = unpack(READ_WRITE, payload, 0, "ReadWrite request")
        return cls(group, offset, read_bytes, _data(payload, READ_WRITE.size, write_bytes, "ReadWrite request"))


class WriteControlRequest(NamedTuple):
    """Ask for another state. States as numbers: unknown ones are the device's to refuse."""

    ads_state: int
    device_state: int
    data: bytes = b""

    def encode(self) -> bytes:
        return WRITE_CONTROL.pack(self.ads_state, self.device_state, len(self.data)) + self.data

    @classmethod
    def parse(cls, payload: bytes) -> WriteControlRequest:
        ads_state, device_state, size_bytes = unpack(WRITE_CONTROL, payload, 0, "WriteControl request")
        return cls(ads_state, device_state, _data(payload, WRITE_CONTROL.size, size_bytes, "WriteControl request"))


class AddNotificationRequest(NamedTuple):
    """Subscribe to (group, offset). Times are in units of 100 ns, as on the wire (InfoSys says 1 ms, and is wrong)."""

    group: int
    offset: int
    size_bytes: int
    mode: int
    max_delay_100ns: int = 0
    cycle_100ns: int = 0
    reserved: bytes = bytes(16)

    @property
    def max_delay_ns(self) -> int:
        return self.max_delay_100ns * _UNIT_NS

    @property
    def cycle_ns(self) -> int:
        return self.cycle_100ns * _UNIT_NS

    def encode(self) -> bytes:
        return ADD_NOTIFICATION.pack(*self)

    @classmethod
    def parse(cls, payload: bytes, at: int = 0) -> AddNotificationRequest:
        return cls(*unpack(ADD_NOTIFICATION, payload, at, "AddDeviceNotification request"))


class DataResponse(NamedTuple):
    """The response to Read and ReadWrite."""

    result: int
    data: bytes = b""

    def encode(self) -> bytes:
        return RESULT_LENGTH.pack(self.result, len(self.data)) + self.data

    @classmethod
    def parse(cls, payload: bytes) -> DataResponse:
        """A bare result is accepted: some servers send no length when they fail."""
        if len(payload) == RESULT.size and payload != OK:
            return cls(RESULT.unpack(payload)[0])
        result, size_bytes = unpack(RESULT_LENGTH, payload, 0, "Read response")
        return cls(result, _data(payload, RESULT_LENGTH.size, size_bytes, "Read response"))


ReadResponse = DataResponse
ReadWriteResponse = DataResponse


class ResultResponse(NamedTuple):
    """The response to Write, WriteControl and DeleteDeviceNotification."""

    result: int

    def encode(self) -> bytes:
        return RESULT.pack(self.result)

    @classmethod
    def parse(cls, payload: bytes) -> ResultResponse:
        return cls(*unpack(RESULT, payload, 0, "response"))


class HandleResponse(NamedTuple):
    """The response to AddDeviceNotification."""

    result: int
    handle: int = 0

    def encode(self) -> bytes:
        return RESULT_LENGTH.pack(self.result, self.handle)

    @classmethod
    def parse(cls, payload: bytes) -> HandleResponse:
        if len(payload) == RESULT.size and payload != OK:
            return cls(RESULT.unpack(payload)[0])
        return cls(*unpack(RESULT_LENGTH, payload, 0, "AddDeviceNotification response"))


class StateResponse(NamedTuple):
    """The response to ReadState."""

    result: int
    ads_state: int = 0
    device_state: int = 0

    def encode(self) -> bytes:
        return RESULT_STATE.pack(self.result, self.ads_state, self.device_state)

    @classmethod
    def parse(cls, payload: bytes) -> StateResponse:
        if len(payload) == RESULT.size and payload != OK:
            return cls(RESULT.unpack(payload)[0])
        return cls(*unpack(RESULT_STATE, payload, 0, "ReadState response"))


class DeviceInfo(NamedTuple):
    """The response to ReadDeviceInfo. A name longer than 16 bytes is cut."""

    name: str
    major: int = 0
    minor: int = 0
    build: int = 0
    result: int = 0

    def encode(self) -> bytes:
        return DEVICE_INFO.pack(self.result, self.major, self.minor, self.build, fit_text(self.name, _NAME_BYTES))

    @classmethod
    def parse(cls, payload: bytes) -> DeviceInfo:
        """An empty body says that nothing is loaded; a bare result is an error's."""
        if not payload:
            return cls("")
        if len(payload) == RESULT.size and payload != OK:
            return cls("", result=RESULT.unpack(payload)[0])
        result, major, minor, build, name = unpack(DEVICE_INFO, payload, 0, "ReadDeviceInfo response")
        return cls(cut_text(name), major, minor, build, result)


def parse_handle(payload: bytes) -> int:
    """The handle of a DeleteDeviceNotification request."""
    return int(unpack(HANDLE, payload, 0, "DeleteDeviceNotification request")[0])


_WITH_SECOND_WORD = (Command.READ, Command.READ_WRITE, Command.ADD_NOTIFICATION)


def error_body(command: int, code: int) -> bytes:
    """The shortest body of a failed command that AdsLib, pyads, ads-client and node-ads all accept."""
    return RESULT_LENGTH.pack(code, 0) if command in _WITH_SECOND_WORD else RESULT.pack(code)


def result_of(payload: bytes) -> int:
    """The result that every response starts with; 0 for a body without one."""
    return int(RESULT.unpack_from(payload)[0]) if len(payload) >= RESULT.size else AdsError.OK.value


def _data(payload: bytes, at: int, size_bytes: int, structure: str) -> bytes:
    if at + size_bytes > len(payload):
        raise Truncated(
            f"announces {size_bytes} bytes of data, {len(payload) - at} are there",
            structure=structure,
            field="length",
            offset=at - 4,
        )
    return payload[at : at + size_bytes]
