"""Index groups that ADS servers share. Those of the system service are in `dinrail.ams.service`.

A group is a namespace of a server's; the offset is an address, a handle or a number within it, as the table says.

Source: TwinCAT SDK Ads.h; Beckhoff Information System, "Specification of the PLC services".
"""

from __future__ import annotations

import enum


class IndexGroup(enum.IntEnum):
    """What an index group means, and what its offset is (R read, W write, RW read-write, N notification).

    0x4000-0x4045   memory of a PLC: %M, retained and other data; the offset is a byte, or byte * 8 + bit
    0xF000-0xF01E   symbols: names, handles, values, types, uploads
    0xF020-0xF068   process images: inputs, outputs, both at once
    0xF070-0xF074   JSON services
    0xF080-0xF086   sum commands: the offset is the number of sub-commands
    0xF090-0xF100   notifications' diagnosis, contexts, the device's own state
    0xF200-0xF2FF   data of tasks
    0xF302-0xF430   mailbox protocols of fieldbus devices
    """

    PLC_INPUTS = 0x4000  # RWIB
    PLC_OUTPUTS = 0x4010  # RWOB
    PLC_MEMORY = 0x4020  # %M, bytes
    PLC_MEMORY_BITS = 0x4021  # %MX: offset = byte * 8 + bit
    PLC_MEMORY_SIZE = 0x4025  # R u32
    PLC_RETAIN = 0x4030
    PLC_RETAIN_SIZE = 0x4035
    PLC_DATA = 0x4040  # where variables without an address lie
    PLC_DATA_BITS = 0x4041
    PLC_DATA_SIZE = 0x4045

    SYMBOL_TABLE = 0xF000
    SYMBOL_NAME = 0xF001
    SYMBOL_VALUE = 0xF002
    HANDLE_BY_NAME = 0xF003  # RW: name -> handle u32; with more to read: size, decoration, type name
    VALUE_BY_NAME = 0xF004  # RW: name -> value; W: name, NUL, value
    VALUE_BY_HANDLE = 0xF005  # R, W, N: offset = handle; RW: calls a method
    RELEASE_HANDLE = 0xF006  # W: handle u32
    INFO_BY_NAME = 0xF007  # RW: name -> group, offset, length
    SYMBOL_VERSION = 0xF008  # R, N: u8, moves with every download and online change
    SYMBOL_BY_NAME = 0xF009  # RW: name -> symbol entry
    SYMBOL_DOWNLOAD = 0xF00A
    SYMBOL_UPLOAD = 0xF00B  # R: all symbol entries
    UPLOAD_INFO = 0xF00C  # R: 8 bytes
    SYMBOL_DOWNLOAD_2 = 0xF00D
    DATA_TYPE_UPLOAD = 0xF00E  # R: all data type entries
    UPLOAD_INFO_2 = 0xF00F  # R: 24 or 64 bytes
    NOTIFY_BY_NAME = 0xF010
    DATA_TYPE_BY_NAME = 0xF011  # RW: type name -> data type entry
    ADDRESS_BY_HANDLE = 0xF012
    POINTER_SUPPORT = 0xF013
    DEREF_POINTER = 0xF014  # not an address: use a handle
    REFERENCE_SUPPORT = 0xF015
    DEREF_REFERENCE = 0xF016
    VALUE_BY_HANDLE_MASKED = 0xF018
    NO_SUB_SYMBOL_ACCESS = 0xF019  # not an address: property with monitoring by call
    DEREF_POINTER_BITS = 0xF01A
    DEREF_REFERENCE_BITS = 0xF01B
    SYMBOL_DOWNLOAD_3 = 0xF01C
    FORWARD_ACCESS = 0xF01D
    FORWARD_ACCESS_BITS = 0xF01E

    INPUTS = 0xF020
    INPUT_BITS = 0xF021
    INPUTS_SIZE = 0xF025
    INPUTS_BIT_0 = 0xF028  # .. 0xF02F: bit 0 to 7, the offset is a byte
    OUTPUTS = 0xF030
    OUTPUT_BITS = 0xF031
    OUTPUTS_SIZE = 0xF035
    OUTPUTS_BIT_0 = 0xF038  # .. 0xF03F
    CLEAR_INPUTS = 0xF040
    CLEAR_OUTPUTS = 0xF050
    INPUTS_AND_OUTPUTS = 0xF060  # RW: read inputs, write outputs
    WATCHDOG = 0xF064  # W: u32 ms
    CREATE_IMAGE = 0xF068

    JSON = 0xF070
    DOM_GET = 0xF071
    DOM_SET = 0xF072
    DOM_DELETE = 0xF073
    DOM_LENGTH = 0xF074

    SUM_READ = 0xF080
    SUM_WRITE = 0xF081
    SUM_READ_WRITE = 0xF082
    SUM_READ_EX = 0xF083
    SUM_READ_EX_2 = 0xF084
    SUM_ADD_NOTIFICATION = 0xF085
    SUM_DELETE_NOTIFICATION = 0xF086
    EXTERNAL_TIME = 0xF088

    NOTIFICATION_CHECK = 0xF090
    NOTIFICATION_DIAG = 0xF091
    CONTEXT_CYCLE = 0xF0A0
    CONTEXTS = 0xF0B0  # R: offset 1 counts u16, u16; 2 cycle times u32 each, 100 ns
    DEVICE_DATA = 0xF100  # R, N: offset 0 ADS state, 2 device state, 4 config id, 5 version check

    TASK_DATA = 0xF200  # .. 0xF2FF
    COE_SDO = 0xF302  # offset = index << 16 | sub-index
    FOE_OPEN_READ = 0xF401
    FOE_OPEN_WRITE = 0xF402
    FOE_CLOSE = 0xF403
    FOE_READ = 0xF404
    FOE_WRITE = 0xF405
    SOE = 0xF420
    VOE = 0xF430


SUM_GROUPS = range(IndexGroup.SUM_READ.value, IndexGroup.SUM_DELETE_NOTIFICATION.value + 1)
INPUT_BIT_GROUPS = range(0xF028, 0xF030)
OUTPUT_BIT_GROUPS = range(0xF038, 0xF040)
TASK_DATA_GROUPS = range(0xF200, 0xF300)


def group_name(group: int) -> str:
    """`handle-by-name`, or the number in hex."""
    if group in _NAMES:
        return _NAMES[group]
    if group in INPUT_BIT_GROUPS:
        return f"inputs-bit-{group - INPUT_BIT_GROUPS.start}"
    if group in OUTPUT_BIT_GROUPS:
        return f"outputs-bit-{group - OUTPUT_BIT_GROUPS.start}"
    if group in TASK_DATA_GROUPS:
        return f"task-data-{group - TASK_DATA_GROUPS.start}"
    return f"{group:#x}"


_NAMES = {group.value: group.name.lower().replace("_", "-") for group in IndexGroup}
