"""Windows' structures that the system service hands out: SYSTEMTIME, time zone, network adapter.

Source: Microsoft, SYSTEMTIME, TIME_ZONE_INFORMATION, IP_ADAPTER_INFO (32 bit); Tc2_Utilities TIMESTRUCT,
ST_TimeZoneInformation, ST_IpAdapterInfo.
"""

from __future__ import annotations

from dinrail.layout import pad, raw, record, u16, u32

SYSTEM_TIME_BYTES = 16
TIME_ZONE_BYTES = 172
ADAPTER_BYTES = 640
ZONE_NAME_BYTES = 64
ADAPTER_NAME_BYTES = 260
DESCRIPTION_BYTES = 132
ADDRESS_TEXT_BYTES = 16
ETHERNET = 6


@record(size_bytes=SYSTEM_TIME_BYTES, name="SYSTEMTIME", source="Microsoft; Tc2_Utilities TIMESTRUCT")
class SystemTime:
    """A date and a time of day. `weekday` is 0 on Sundays."""

    year: int = u16(0x0)
    month: int = u16(0x2)
    weekday: int = u16(0x4)
    day: int = u16(0x6)
    hour: int = u16(0x8)
    minute: int = u16(0xA)
    second: int = u16(0xC)
    milliseconds: int = u16(0xE)


@record(size_bytes=TIME_ZONE_BYTES, name="TIME_ZONE_INFORMATION", source="Microsoft; Tc2_Utilities")
class TimeZone:
    """UTC = local time + bias, in minutes (two's complement). Names are UTF-16."""

    bias: int = u32(0x00)
    standard_name: bytes = raw(0x04, ZONE_NAME_BYTES)
    standard_date: bytes = raw(0x44, SYSTEM_TIME_BYTES)
    standard_bias: int = u32(0x54)
    daylight_name: bytes = raw(0x58, ZONE_NAME_BYTES)
    daylight_date: bytes = raw(0x98, SYSTEM_TIME_BYTES)
    daylight_bias: int = u32(0xA8)


@record(size_bytes=ADAPTER_BYTES, name="IP_ADAPTER_INFO", source="Microsoft; Tc2_Utilities ST_IpAdapterInfo")
class Adapter:
    """One network adapter with its first address. Addresses are text, the hardware address bytes."""

    _next: bytes = pad(0x000, 4)
    combo_index: int = u32(0x004)
    name: bytes = raw(0x008, ADAPTER_NAME_BYTES)
    description: bytes = raw(0x10C, DESCRIPTION_BYTES)
    hardware_size: int = u32(0x190)
    hardware: bytes = raw(0x194, 8)
    index: int = u32(0x19C)
    type: int = u32(0x1A0)
    dhcp: int = u32(0x1A4)
    _current: bytes = pad(0x1A8, 4)
    _address_next: bytes = pad(0x1AC, 4)
    address: bytes = raw(0x1B0, ADDRESS_TEXT_BYTES)
    mask: bytes = raw(0x1C0, ADDRESS_TEXT_BYTES)
    _address_context: bytes = pad(0x1D0, 4)
    _gateway_next: bytes = pad(0x1D4, 4)
    gateway: bytes = raw(0x1D8, ADDRESS_TEXT_BYTES)
    _gateway_rest: bytes = pad(0x1E8, 20)
    _dhcp_server: bytes = pad(0x1FC, 40)
    _wins: bytes = pad(0x224, 84)
    _lease: bytes = pad(0x278, 8)
