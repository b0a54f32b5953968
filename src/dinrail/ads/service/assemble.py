"""All devices that make a router a system: what each is given, and one place that closes them.

system = assemble(SystemConfig(target=Target(net_id), clock=clock, random=os.urandom, files=..., routes=...))
for port, device in system.devices.items():
    router.serve(port, device)
"""

from __future__ import annotations

import pathlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dinrail.ads.contract import Device
from dinrail.ads.service.access import ServiceDevice, joined
from dinrail.ads.service.filenames import DIRECTORIES, PREFIXES
from dinrail.ads.service.files import FileLimits, FileService
from dinrail.ads.service.filestore import DirectoryStore
from dinrail.ads.service.info import InfoService, NetworkAdapter, Target
from dinrail.ads.service.logger import LoggerDevice
from dinrail.ads.service.ports import LicenseIds, event_device, license_device, router_device
from dinrail.ads.service.process import ProcessService, Program, Spawner, Starter
from dinrail.ads.service.registry import BINARY, DWORD, SZ, Registry, RegistryService, Value, key_of
from dinrail.ads.service.registry_file import RegistryFile
from dinrail.ads.service.routes import RouteAdmin, RouteService
from dinrail.ads.service.rtime import Latency, NoLatency, RtimeService
from dinrail.ads.service.state import StandInState, SystemState
from dinrail.ads.service.store import DISK_LIMITS, MEMORY_LIMITS, FileStore, MemoryStore, StoreLimits
from dinrail.ads.service.system import SystemDevice
from dinrail.ams.address import NetId, Port
from dinrail.ams.diagnostics import LogKind, LogMessage
from dinrail.ams.errors import AdsFault
from dinrail.ams.state import AdsState
from dinrail.clock import Clock
from dinrail.errors import BadRequest

TC3_EVENT_LOGGER = 130
INSTALL_DIRECTORY = "/etc/TwinCAT/3.1/"
"""What the registry says; `filenames` takes it for our own directories."""
_TWINCAT = rb"Software\Beckhoff\TwinCAT3"


@dataclass(frozen=True, slots=True)
class SystemConfig:
    """What the services are made of; without anything they are a stand-in that keeps all in memory.

    random:       so many random bytes (os.urandom).
    state:        the owner of Run and Config; None: a StandInState that tells `state_changed`.
    files:        the directory for files; None: in memory. prefixes: further absolute names (lower case, slashes) and
                  the directory of ours that each means, such as {"/dev/shm/adslib-test": "user1"}.
    registry:     its file; None: in memory.
    routes:       None: there are none that could be changed.
    latency:      None: RTIME says zeros.
    fingerprint:  of our certificate, asked each time; None: the target's.
    programs:     what clients may start; nothing by itself. starter: by itself, processes on this machine.
    ids:          of the licence server; None: made from the NetId.
    heard:        told each log message that a client wrote.
    """

    target: Target
    clock: Clock
    random: Callable[[int], bytes]
    state: SystemState | None = None
    state_changed: Callable[[AdsState], None] | None = None
    files: pathlib.Path | None = None
    prefixes: Mapping[str, str] = field(default_factory=dict)
    file_limits: FileLimits | None = None
    store_limits: StoreLimits | None = None
    registry: pathlib.Path | None = None
    routes: RouteAdmin | None = None
    latency: Latency | None = None
    programs: tuple[Program, ...] = ()
    starter: Starter | None = None
    adapters: Callable[[], tuple[NetworkAdapter, ...]] = tuple
    set_net_id: Callable[[NetId], None] | None = None
    fingerprint: Callable[[], str] | None = None
    ids: LicenseIds | None = None
    heard: Callable[[LogMessage], None] | None = None


class System:
    """The devices by port, and the parts that others use. Raises FormatError, HostError, BadRequest when made."""

    def __init__(self, config: SystemConfig) -> None:
        target, clock = config.target, config.clock
        self.state = config.state or StandInState(config.state_changed)
        self.logger = LoggerDevice(
            monotonic_ns=clock.monotonic_ns, wall_ns=clock.wall_ns, version=target.version, heard=config.heard
        )
        self._registry = _registry(config)
        self._store, self._directory = _store(config)
        self._files = FileService(self._store, prefixes=_prefixes(config.prefixes), limits=config.file_limits)
        spawner = Spawner()
        info = InfoService(
            target,
            self.state,
            wall_ns=clock.wall_ns,
            random=config.random,
            adapters=config.adapters,
            set_net_id=config.set_net_id,
            fingerprint=config.fingerprint,
        )
        services = joined(
            info.services(),
            self._files.services(),
            self._registry.services(),
            RouteService(config.routes).services(),
            ProcessService(config.starter or spawner, config.programs).services(),
        )
        latency = config.latency or NoLatency()
        version = target.version
        self.devices: dict[int, Device] = {
            Port.ROUTER: router_device(version),
            Port.LICENSE: license_device(config.ids or _ids_of(target.net_id), version),
            Port.LOGGER: self.logger,
            Port.EVENT_LOGGER: event_device(version),
            TC3_EVENT_LOGGER: event_device(version),
            Port.RTIME: ServiceDevice(latency.name, RtimeService(latency).services(), version),
            Port.SYSTEM_SERVICE: SystemDevice(
                services,
                self.state,
                version=version,
                gone=self._files.peer_gone,
                chores=(self._save_registry, spawner.reap),
                jobs=self._files.jobs,
            ),
        }

    def log(self, text: str, kind: int = LogKind.WARNING | LogKind.LOG) -> None:
        """A line of this process to those who listen at port 100. Never raises."""
        self.logger.log(text, kind)

    def close(self) -> None:
        """Keep what has to be kept, and give everything back. Raises AdsFault when the registry cannot be kept."""
        self._files.close()
        if self._directory is not None:
            self._directory.close()
        self._registry.save()

    def _save_registry(self) -> None:
        try:
            self._registry.save()
        except AdsFault as fault:
            self.log(str(fault), LogKind.ERROR | LogKind.LOG)
            raise


def assemble(config: SystemConfig) -> System:
    """The system that `config` describes. Raises FormatError, HostError, BadRequest."""
    return System(config)


def system_devices(config: SystemConfig) -> dict[int, Device]:
    """Only the devices, for a process that never closes them."""
    return assemble(config).devices


def _store(config: SystemConfig) -> tuple[FileStore, DirectoryStore | None]:
    if config.files is None:
        return MemoryStore(config.clock.wall_ns, config.store_limits or MEMORY_LIMITS), None
    on_disk = DirectoryStore(config.files, config.clock.monotonic_ns, config.store_limits or DISK_LIMITS)
    return on_disk, on_disk


def _prefixes(added: Mapping[str, str]) -> dict[str, str]:
    for prefix, directory in added.items():
        if directory not in DIRECTORIES:
            raise BadRequest(
                f"{prefix!r} means {directory!r}, which is no directory for files", hint=", ".join(DIRECTORIES)
            )
        if prefix != prefix.lower().replace("\\", "/").rstrip("/") or not prefix.isascii() or not prefix:
            raise BadRequest(f"{prefix!r} is no prefix", hint="lower case, slashes, and none at its end")
    return {**PREFIXES, **added}


def _registry(config: SystemConfig) -> RegistryService:
    registry = Registry()
    keeper = None if config.registry is None else RegistryFile(config.registry)
    if keeper is not None:
        keeper.load(registry)
    for path, value in _prefilled(config.target):
        # What was kept counts, but for the NetId: it is what it is.
        if value.name == b"AmsNetId" or not _has(registry, path, value.name):
            registry.set("HKLM", key_of(path), value)
    registry.changed = False
    return RegistryService(registry, keeper)


def _has(registry: Registry, path: bytes, name: bytes) -> bool:
    try:
        registry.value("HKLM", key_of(path), name)
    except AdsFault:
        return False
    return True


def _prefilled(target: Target) -> list[tuple[bytes, Value]]:
    """What clients ask for: where TwinCAT would be, its version, and its NetId."""
    version = f"{target.version[0]}.{target.version[1]}"

    def text(name: bytes, value: str) -> Value:
        return Value(name, SZ, value.encode("cp1252", "replace") + b"\0")

    directories = {b"InstallDir": "", b"BootDir": "Boot/", b"ConfigDir": "Config/", b"TargetDir": "Target/"}
    return [
        (_TWINCAT, text(b"CurrentVersion", version)),
        *((_TWINCAT + rb"\3.1", text(name, INSTALL_DIRECTORY + end)) for name, end in directories.items()),
        (_TWINCAT + rb"\System", Value(b"AmsNetId", BINARY, bytes(target.net_id))),
        (_TWINCAT + rb"\System", Value(b"RunAsDevice", DWORD, (1).to_bytes(4, "little"))),
        (b"Ident", text(b"DeviceType", f"{target.system.upper()}-U")),
    ]


def _ids_of(net_id: NetId) -> LicenseIds:
    return LicenseIds(uuid.uuid5(uuid.NAMESPACE_OID, f"dinrail {net_id}").bytes_le)
