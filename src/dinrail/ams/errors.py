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


TEXTS: dict[int, str] = {
    0x0: "no error",
    0x1: "internal error",
    0x2: "no real time",
    0x3: "allocation locked, memory error",
    0x4: "mailbox full, the message could not be sent",
    0x5: "wrong HMSG",
    0x6: "target port not found: no ADS server runs there",
    0x7: "target machine not found: a route is missing",
    0x8: "unknown command id",
    0x9: "invalid task id",
    0xA: "no I/O",
    0xB: "unknown AMS command",
    0xC: "Win32 error",
    0xD: "port not connected",
    0xE: "invalid AMS length",
    0xF: "invalid AMS NetId",
    0x10: "installation level is too low (TwinCAT 2 license)",
    0x11: "no debugging available",
    0x12: "port disabled",
    0x13: "port already connected",
    0x14: "AMS Sync: Win32 error",
    0x15: "AMS Sync: timeout",
    0x16: "AMS Sync: AMS error",
    0x17: "AMS Sync: no index map available",
    0x18: "invalid AMS port",
    0x19: "no memory",
    0x1A: "TCP send error",
    0x1B: "host unreachable",
    0x1C: "invalid AMS fragment",
    0x1D: "TLS send error: the Secure ADS connection failed",
    0x1E: "access denied by Secure ADS",
    0x500: "router: no locked memory",
    0x501: "router: the memory could not be resized",
    0x502: "router: mailbox full",
    0x503: "router: debug mailbox full",
    0x504: "router: unknown port type",
    0x505: "router: not initialised",
    0x506: "router: port already in use",
    0x507: "router: port not registered",
    0x508: "router: no more queues",
    0x509: "router: invalid port",
    0x50A: "router: not activated",
    0x50B: "router: fragment mailbox full",
    0x50C: "router: fragment timeout",
    0x50D: "router: port is being removed",
    0x700: "device error",
    0x701: "service is not supported by the server",
    0x702: "invalid index group",
    0x703: "invalid index offset",
    0x704: "reading or writing is not permitted",
    0x705: "parameter size is not correct",
    0x706: "invalid parameter value",
    0x707: "device is not ready",
    0x708: "device is busy",
    0x709: "invalid context",
    0x70A: "out of memory",
    0x70B: "invalid parameter",
    0x70C: "not found",
    0x70D: "syntax error in a command or file",
    0x70E: "objects do not match",
    0x70F: "object exists already",
    0x710: "symbol not found",
    0x711: "symbol version invalid: get a new handle after the online change",
    0x712: "server is in an invalid state",
    0x713: "transmission mode is not supported",
    0x714: "notification handle is invalid",
    0x715: "notification client is not registered",
    0x716: "no more notification handles",
    0x717: "size is too large to watch",
    0x718: "device is not initialised",
    0x719: "device timed out",
    0x71A: "interface could not be queried",
    0x71B: "wrong interface",
    0x71C: "class id is invalid",
    0x71D: "object id is invalid",
    0x71E: "request is pending",
    0x71F: "request was aborted",
    0x720: "signal warning",
    0x721: "invalid array index",
    0x722: "symbol is not active: get a new handle after the online change",
    0x723: "access denied",
    0x724: "license is missing",
    0x725: "license has expired",
    0x726: "license is exceeded",
    0x727: "license is invalid",
    0x728: "license is for another system id",
    0x729: "license has no time limit",
    0x72A: "license was issued in the future",
    0x72B: "license period is too long",
    0x72C: "exception at system start",
    0x72D: "license file was read twice",
    0x72E: "signature is invalid",
    0x72F: "certificate is invalid",
    0x740: "client error",
    0x741: "invalid parameter at the service",
    0x742: "polling list is empty",
    0x743: "variable connection is already in use",
    0x744: "invoke id is in use",
    0x745: "timeout elapsed at the client",
    0x746: "error in the Win32 subsystem",
    0x747: "invalid client timeout value",
    0x748: "ADS port is not opened",
    0x750: "internal error in ADS Sync",
    0x751: "hash table overflow",
    0x752: "key not found in the hash table",
    0x753: "no more symbols in the cache",
    0x754: "invalid response received",
    0x755: "sync port is locked",
    0x1000: "real time: internal error",
    0x1001: "real time: bad timer periods",
    0x1002: "real time: invalid task pointer",
    0x1003: "real time: invalid stack pointer",
    0x1004: "real time: priority exists already",
    0x1005: "real time: no more task control blocks",
    0x1006: "real time: no more semaphores",
    0x1007: "real time: no more queues",
    0x1008: "reserved by TwinCAT",
    0x1009: "reserved by TwinCAT",
    0x100A: "reserved by TwinCAT",
    0x100B: "reserved by TwinCAT",
    0x100C: "reserved by TwinCAT",
    0x100D: "real time: external interrupt is defined already",
    0x100E: "real time: external interrupt is not defined",
    0x100F: "real time: external interrupt could not be installed",
    0x1010: "real time: interrupt level is too high",
    0x1017: "real time: VMX is not supported",
    0x1018: "real time: VMX is disabled",
    0x1019: "real time: VMX controls are missing",
    0x101A: "real time: VMX could not be enabled",
    0x274C: "socket: network unreachable",
    0x274D: "socket: no answer to the connection attempt",
    0x2751: "socket: connection refused by the target",
}
"""What people read. The numbers are Beckhoff's list, the words are ours."""
