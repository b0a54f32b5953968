"""What port 10000 tells about the machine: target, versions, time, NetId, host name, adapters, fresh GUIDs.

    160  product version              u8 version, u8 revision, u16 build
    240  state                        16 bytes, see ams.service.SystemState
    400  IO 1 local time, 7 UTC       SYSTEMTIME; 5: FILETIME; 6: TIME_ZONE_INFORMATION. Setting it is refused: 0x723
    600  Write NetId                  refused, unless the configuration allows it
    601  NetId                        6 bytes
    700  IO 1 TcTargetDesc            XML; 2 type, 3 version, 4 platform, 7 project, 9 fingerprint, 10 user mode
    701  IO 1 adapters                IP_ADAPTER_INFO each
    702  host name
    1200 Write: shared cores          refused: cores are leased by the control, not by a client
    1600 a new GUID                   16 bytes, random (version 4)

Texts end with a NUL.
"""

from __future__ import annotations

import datetime
import platform
from collections.abc import Callable
from dataclasses import dataclass

from dinrail.ads.contract import Action
from dinrail.ads.service.access import Access, Service, Services, always, by_offset, changing
from dinrail.ads.service.state import SystemState
from dinrail.ams import service
from dinrail.ams.address import NetId
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.notification import filetime
from dinrail.ams.service import CpuPlatform, OsType, ServiceGroup, TargetInfo
from dinrail.ams.service_info import (
    ADAPTER_NAME_BYTES,
    ADDRESS_TEXT_BYTES,
    DESCRIPTION_BYTES,
    ETHERNET,
    ZONE_NAME_BYTES,
    Adapter,
    SystemTime,
    TimeZone,
)
from dinrail.ams.target import TargetDescription
from dinrail.layout import encode

VERSION = (3, 1, 4024)
"""The TwinCAT version whose services these are; clients choose their ways by it."""
NO_ADDRESS = ".".join("0000")
_ARM = ("aarch64", "arm64")


@dataclass(frozen=True, slots=True)
class NetworkAdapter:
    """One adapter as the wiring knows it. `hardware`: six bytes."""

    name: str
    address: str = NO_ADDRESS
    mask: str = NO_ADDRESS
    gateway: str = NO_ADDRESS
    hardware: bytes = bytes(6)
    index: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """What the service says about itself and its machine.

    bias_minutes: UTC minus local time; fingerprint: of our own certificate, hex, as Secure ADS shows it.
    """

    net_id: NetId
    host_name: str = "dinrail"
    version: tuple[int, int, int] = VERSION
    project: str = ""
    machine: str = platform.machine()
    system: str = platform.system()
    system_release: str = platform.release()
    fingerprint: str = ""
    bias_minutes: int = 0
    zone: str = "UTC"

    @property
    def platform_id(self) -> CpuPlatform:
        return CpuPlatform.ARM if self.machine.lower() in _ARM else CpuPlatform.X64

    @property
    def platform_text(self) -> str:
        """As TwinCAT names its user-mode targets."""
        return f"TwinCAT {self.system} ({'ARM64' if self.platform_id is CpuPlatform.ARM else 'x64'})"


class InfoService:
    """The functions that only tell.

    wall_ns:    UTC, ns since 1970.
    random:     so many random bytes.
    adapters:   those of this machine.
    set_net_id: takes another NetId of ours, or None: refused. Raises AdsFault.
    fingerprint: of our certificate, when the target does not know it yet.
    """

    def __init__(
        self,
        target: Target,
        state: SystemState,
        *,
        wall_ns: Callable[[], int],
        random: Callable[[int], bytes],
        adapters: Callable[[], tuple[NetworkAdapter, ...]] = tuple,
        set_net_id: Callable[[NetId], None] | None = None,
        fingerprint: Callable[[], str] | None = None,
    ) -> None:
        self.target = target
        self._state = state
        self._wall_ns, self._random = wall_ns, random
        self._adapters, self._set_net_id = adapters, set_net_id
        self._fingerprint = fingerprint or (lambda: target.fingerprint)

    def services(self) -> Services:
        """The functions by index group."""
        target = self.target
        texts = {
            TargetInfo.TYPE: lambda: "TwinCAT",
            TargetInfo.FILE_VERSION: lambda: ".".join(map(str, target.version)) + ".0",
            TargetInfo.PLATFORM: lambda: target.platform_text,
            TargetInfo.PROJECT_NAME: lambda: target.project,
            TargetInfo.FINGERPRINT: self._fingerprint,
        }
        described: dict[int, Callable[[], bytes]] = {offset: _text_call(call) for offset, call in texts.items()}
        described[TargetInfo.XML] = self._description
        described[TargetInfo.IS_USER_MODE] = lambda: (1).to_bytes(4, "little")
        clock = {
            1: lambda: self._system_time(-target.bias_minutes),
            5: lambda: filetime(self._wall_ns()).to_bytes(8, "little"),
            6: self._zone,
            7: lambda: self._system_time(0),
        }
        return {
            ServiceGroup.PRODUCT_VERSION: by_offset({0: self._product}, Action.STATE),
            ServiceGroup.SYSTEM_STATE: by_offset({0: self._service_state}, Action.STATE),
            ServiceGroup.TIME: Service(_time(clock), changing(Action.STATE)),
            ServiceGroup.CHANGE_NET_ID: Service(self._change_net_id, always(Action.ADMIN)),
            ServiceGroup.QUERY_NET_ID: by_offset({0: lambda: bytes(target.net_id)}, Action.STATE),
            ServiceGroup.TARGET_INFO: by_offset(described, Action.STATE),
            ServiceGroup.IP_HELPER: by_offset({1: self._adapter_list}, Action.STATE),
            ServiceGroup.HOST_NAME: by_offset({0: _text_call(lambda: target.host_name)}, Action.STATE),
            ServiceGroup.SHARED_CORES: Service(_shared_cores, always(Action.ADMIN)),
            ServiceGroup.CREATE_GUID: by_offset({0: self._guid}, Action.STATE),
        }

    def _product(self) -> bytes:
        version, revision, build = self.target.version
        return bytes((version, revision)) + build.to_bytes(2, "little")

    def _service_state(self) -> bytes:
        version, revision, build = self.target.version
        return encode(
            service.SystemState(
                ads_state=self._state.ads_state,
                device_state=self._state.device_state,
                restart_index=self._state.restart_index,
                version=version,
                revision=revision,
                build=build,
                platform=self.target.platform_id,
                os_type=OsType.USER_MODE,
                flags=0,
            )
        )

    def _system_time(self, offset_minutes: int) -> bytes:
        now = datetime.datetime.fromtimestamp(self._wall_ns() / 1e9, datetime.UTC)
        now += datetime.timedelta(minutes=offset_minutes)
        return encode(
            SystemTime(
                year=now.year,
                month=now.month,
                weekday=now.isoweekday() % 7,
                day=now.day,
                hour=now.hour,
                minute=now.minute,
                second=now.second,
                milliseconds=now.microsecond // 1000,
            )
        )

    def _zone(self) -> bytes:
        name = self.target.zone.encode("utf-16-le")[: ZONE_NAME_BYTES - 2].ljust(ZONE_NAME_BYTES, b"\0")
        never = bytes(16)
        return encode(
            TimeZone(
                bias=self.target.bias_minutes & 0xFFFF_FFFF,
                standard_name=name,
                standard_date=never,
                standard_bias=0,
                daylight_name=name,
                daylight_date=never,
                daylight_bias=0,
            )
        )

    def _change_net_id(self, access: Access) -> bytes:
        if self._set_net_id is None:
            raise AdsFault(AdsError.ACCESS_DENIED, "the NetId is changed in the configuration, not from outside")
        if len(access.data) != 6 or not any(access.data):
            raise AdsFault(AdsError.INVALID_DATA, "a NetId of six bytes is expected")
        self._set_net_id(NetId(access.data))
        return b""

    def _adapter_list(self) -> bytes:
        return b"".join(
            encode(
                Adapter(
                    combo_index=one.index,
                    name=_fixed(one.name, ADAPTER_NAME_BYTES),
                    description=_fixed(one.name, DESCRIPTION_BYTES),
                    hardware_size=6,
                    hardware=one.hardware[:6].ljust(8, b"\0"),
                    index=one.index,
                    type=ETHERNET,
                    dhcp=0,
                    address=_fixed(one.address, ADDRESS_TEXT_BYTES),
                    mask=_fixed(one.mask, ADDRESS_TEXT_BYTES),
                    gateway=_fixed(one.gateway, ADDRESS_TEXT_BYTES),
                )
            )
            for one in self._adapters()
        )

    def _guid(self) -> bytes:
        made = bytearray(self._random(16))
        # Windows writes the first three parts little-endian: the version is in byte 7, not 6.
        made[7] = made[7] & 0x0F | 0x40
        made[8] = made[8] & 0x3F | 0x80
        return bytes(made)

    def _description(self) -> bytes:
        target = self.target
        return TargetDescription(
            net_id=target.net_id,
            target_type="TwinCAT",
            version=target.version,
            cpu_architecture=target.machine,
            os_name=target.system,
            os_version=target.system_release,
        ).encode()


def _text_call(call: Callable[[], str]) -> Callable[[], bytes]:
    return lambda: call().encode("cp1252", "replace") + b"\0"


def _fixed(text: str, size_bytes: int) -> bytes:
    return text.encode("cp1252", "replace")[: size_bytes - 1].ljust(size_bytes, b"\0")


def _time(clock: dict[int, Callable[[], bytes]]) -> Callable[[Access], bytes]:
    def answer(access: Access) -> bytes:
        if access.is_write:
            raise AdsFault(AdsError.ACCESS_DENIED, "this machine's clock is not set from outside")
        call = clock.get(access.offset)
        if call is None:
            raise AdsFault(AdsError.INVALID_OFFSET)
        return call()

    return answer


def _shared_cores(access: Access) -> bytes:
    access.u32()
    raise AdsFault(AdsError.ACCESS_DENIED, "cores are given to the control in its configuration, not from outside")
