"""ADS error codes, their texts, and the one exception that carries them.

Source: Beckhoff Information System, "ADS return codes"; Beckhoff/ADS AdsLib/standalone/AdsDef.h.
"""

from __future__ import annotations

import enum

from dinrail.errors import DinrailError


class AdsError(enum.IntEnum):
    """The codes that we give or read by name. Any other number is legal on the wire."""

    OK = 0x0
    INTERNAL = 0x1
    TARGET_PORT_NOT_FOUND = 0x6
    TARGET_MACHINE_NOT_FOUND = 0x7
    UNKNOWN_COMMAND = 0x8
    PORT_NOT_CONNECTED = 0xD
    INVALID_AMS_LENGTH = 0xE
    INVALID_NET_ID = 0xF
    PORT_DISABLED = 0x12
    PORT_CONNECTED_ALREADY = 0x13
    INVALID_AMS_PORT = 0x18
    TCP_SEND = 0x1A
    HOST_UNREACHABLE = 0x1B
    TLS_SEND = 0x1D
    SECURE_ACCESS_DENIED = 0x1E
    ROUTER_MAILBOX_FULL = 0x502
    ROUTER_PORT_IN_USE = 0x506
    DEVICE_ERROR = 0x700
    SERVICE_NOT_SUPPORTED = 0x701
    INVALID_GROUP = 0x702
    INVALID_OFFSET = 0x703
    INVALID_ACCESS = 0x704
    INVALID_SIZE = 0x705
    INVALID_DATA = 0x706
    NOT_READY = 0x707
    BUSY = 0x708
    INVALID_CONTEXT = 0x709
    NO_MEMORY = 0x70A
    INVALID_PARAMETER = 0x70B
    NOT_FOUND = 0x70C
    SYNTAX = 0x70D
    INCOMPATIBLE = 0x70E
    EXISTS = 0x70F
    SYMBOL_NOT_FOUND = 0x710
    SYMBOL_VERSION_INVALID = 0x711
    INVALID_STATE = 0x712
    MODE_NOT_SUPPORTED = 0x713
    NOTIFICATION_HANDLE_INVALID = 0x714
    CLIENT_UNKNOWN = 0x715
    NO_MORE_HANDLES = 0x716
    WATCH_SIZE_INVALID = 0x717
    NOT_INITIALISED = 0x718
    TIMEOUT = 0x719
    PENDING = 0x71E
    ABORTED = 0x71F
    INVALID_ARRAY_INDEX = 0x721
    SYMBOL_NOT_ACTIVE = 0x722
    ACCESS_DENIED = 0x723
    LICENSE_MISSING = 0x724
    EXCEPTION = 0x72C
    CLIENT_TIMEOUT = 0x745


class AdsFault(DinrailError):
    """A request that is answered with an error code. `code` goes into the response's result."""

    exit_code = 3

    def __init__(self, code: int, what: str = "", *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what or describe(code), where=where, hint=hint)
        self.code = code

    def as_dict(self) -> dict[str, object]:
        return super().as_dict() | {"code": self.code}


def describe(code: int) -> str:
    """`symbol not found (0x710)`; a code without a text says its number."""
    text = TEXTS.get(code)
    return f"{text} ({code:#x})" if text else f"ADS error {code:#x}"


TEXTS: dict[int, str] = {}
