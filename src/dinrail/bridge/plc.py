"""The application as an ADS device: port 851, what clients know as the PLC.

read, sum, notification   from the snapshots of one moment
write                     through the rings of the tasks that own the bytes; answered when they have published it
method                    in the task's cycle, as a record of its ring
run, stop, reset          asked of the control
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from dinrail.ads.contract import Request
from dinrail.ads.device import wire
from dinrail.ads.device.access import Access, Later, Limits
from dinrail.ads.device.device import Subject
from dinrail.ads.device.gather import Point
from dinrail.ads.device.memory import Memory, Spot
from dinrail.ads.device.source import SymbolPlace, SymbolSource, SymbolUploads
from dinrail.ads.device.symbolic import SymbolDevice
from dinrail.ads.symbols.table import SymbolTable
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.frame import Command as Ams
from dinrail.ams.group import IndexGroup
from dinrail.ams.state import AdsState
from dinrail.bridge import forcing
from dinrail.bridge.calling import Stub, stub_of
from dinrail.bridge.outgoing import Settling
from dinrail.bridge.sampling import TaskNotifications
from dinrail.bridge.snapshots import Snapshots, SpaceArea
from dinrail.control.channel.layout import Request as Asked
from dinrail.control.channel.layout import Space
from dinrail.units import MS_NS

RETRY_NS = 100 * MS_NS
"""How soon notifications are tried again that found no control."""
_REQUESTS = {AdsState.RUN: Asked.START, AdsState.STOP: Asked.STOP, AdsState.RESET: Asked.RESET}
_ALWAYS = frozenset((Ams.DELETE_NOTIFICATION.value,))
"""What is answered without a control, too: giving back what is one's own."""


class Owner(Protocol):
    """What the device needs of the link to the control."""

    @property
    def snapshots(self) -> Snapshots: ...

    @property
    def state(self) -> int:
        """The control's state, an ADS number. Raises AdsFault NOT_READY when there is no control."""

    def writing(self) -> Settling:
        """What is submitted from now on is answered by this."""

    def ask(self, *requests: Asked) -> Later:
        """Ask the control to go to a state; answered when it did, or refused. Raises AdsFault NOT_READY."""

    def call(self, task: int, stub: Stub, instance: int, inputs: bytes) -> Later:
        """Call a method in a task's cycle. Raises AdsFault."""

    def unforce_all(self) -> None:
        """Let everything go. Raises AdsFault."""

    def forces(self) -> Sequence[forcing.Force]:
        """What is forced now. Raises AdsFault NOT_READY."""


class PlcDevice(SymbolDevice):
    """owner: the link. cycles_ns: of the tasks, in order."""

    name = "Plc30 App"
    version = (3, 1, 4026)

    def __init__(
        self,
        owner: Owner,
        source: SymbolSource,
        uploads: SymbolUploads,
        memory: Memory,
        cycles_ns: Sequence[int],
        *,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(source, uploads, memory, limits=limits, task_cycle_ns=min(cycles_ns))
        self.stubs: dict[tuple[str, str], Stub] = {}
        """Entries of methods in the machine code; see `calling.stubs_of`."""
        self._owner = owner
        self._retry_ns = 0
        self._sampled = TaskNotifications(owner.snapshots, self.limits, self._task_of)
        self._sampled.follow(cycles_ns)
        self.notifications = self._sampled

    def replaced(
        self,
        source: SymbolSource,
        uploads: SymbolUploads,
        memory: Memory,
        cycles_ns: Sequence[int],
        *,
        version: int,
        anew: bool,
    ) -> None:
        """Another application from now on, after an online change or (`anew`) a restart of the control.

        After a restart all notifications end, too: what they watched was initialised.
        """
        if anew:
            for one in self.notifications.subscriptions():
                self.notifications.end(one)
        self._sampled.follow(cycles_ns)
        self.online_change(source, uploads, memory)
        self.symbol_version = version
        self._retry_ns = 0

    # ads.contract.Device

    def request(self, request: Request) -> bytes | None:
        if request.command not in _ALWAYS:
            self.ads_state = self._owner.state
        self._owner.snapshots.begin()
        return super().request(request)

    def prepare(self, request: Request) -> Callable[[], bytes] | None:
        """As every device; each answer begins a moment, and there is none without a control."""
        snapshots = self._owner.snapshots
        snapshots.begin()
        answer = super().prepare(request)
        if answer is None:
            return None
        owner = self._owner

        def again() -> bytes:
            snapshots.begin()
            try:
                self.ads_state = owner.state
                return answer()
            except AdsFault as fault:
                return wire.data_answer(fault.code, b"")

        return again

    def tick(self, monotonic_ns: int, wall_ns: int) -> None:
        snapshots = self._owner.snapshots
        snapshots.begin()
        try:
            self.ads_state = self._owner.state
            self._sampled.look()
        except AdsFault:
            self._retry_ns = monotonic_ns + RETRY_NS
            return
        self._sampled.tick(monotonic_ns, wall_ns)

    def due_ns(self) -> int | None:
        due = super().due_ns()
        return None if due is None else max(due, self._retry_ns)

    # Hooks of the devices below.

    def control(self, state: int, device_state: int, data: bytes) -> Later | None:
        """Ask the control; RESET stops the application and initialises it."""
        del device_state, data
        asked = _REQUESTS.get(AdsState(state))
        if asked is None:
            raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED, f"an application does not go to state {state}")
        return self._owner.ask(asked)

    def subjects(self, access: Access, data: bytes) -> tuple[Subject, ...]:
        if access.group in forcing.GROUPS:
            return forcing.subjects(access, data, self.find, self._names)
        return super().subjects(access, data)

    def read(self, access: Access) -> bytes | Later:
        if access.group == forcing.LIST_GROUP:
            return forcing.encode(forcing.listed(self._owner.forces(), self.source), self.source.encoding)
        return super().read(access)

    def write(self, access: Access, data: bytes) -> Later | None:
        settling = self._owner.writing()
        super().write(access, data)
        return settling.later if settling.left else None

    def read_write(self, access: Access, data: bytes) -> bytes | Later:
        settling = self._owner.writing()
        if access.group == forcing.FORCE_GROUP:
            forcing.force(data, self.find, self._forcible)
            got: bytes | Later = b""
        elif access.group == forcing.UNFORCE_GROUP:
            self._unforce(data.partition(b"\0")[0])
            got = b""
        else:
            got = super().read_write(access, data)
        if not settling.left or isinstance(got, Later):
            return got
        answer = got
        settling.result = lambda: answer
        return settling.later

    def invoke(self, place: SymbolPlace, data: bytes) -> bytes | Later:
        table = self.source
        types = table.types if isinstance(table, SymbolTable) else {}
        stub = stub_of(place, self.stubs, types)
        spot = self.spot(place)
        if not isinstance(spot.area, SpaceArea) or spot.area.space != Space.DATA:
            raise AdsFault(AdsError.INVALID_ACCESS, f"{place.path} does not lie in the application's data")
        return self._owner.call(spot.area.task_at(spot.offset), stub, spot.offset, data)

    def _unforce(self, name: bytes) -> None:
        if name:
            forcing.unforce(name, self.find, self._forcible)
        else:
            self._owner.unforce_all()

    def _forcible(self, place: SymbolPlace) -> tuple[SpaceArea, int, int, int | None]:
        spot = self.spot(place)
        if place.read_only or place.method is not None or not isinstance(spot.area, SpaceArea):
            raise AdsFault(AdsError.INVALID_ACCESS, f"{place.path} cannot be forced")
        return spot.area, spot.offset, spot.size_bytes, spot.bit

    def _task_of(self, access: Access, point: Point) -> int:
        """In whose cycle something is sampled: that of the task that owns its first byte."""
        area, offset = point.area, point.offset
        if area is None:
            try:
                spot = self._watched(access)
            except AdsFault:
                return 0
            if spot is None:
                return 0
            area, offset = spot.area, spot.offset
        return area.task_at(offset) if isinstance(area, SpaceArea) else 0

    def _watched(self, access: Access) -> Spot | None:
        if access.group == IndexGroup.VALUE_BY_HANDLE:
            return self.spot(self.handles.get(access.peer, access.offset))
        if access.group not in self.memory:
            return None
        group, offset, size_bytes, _ = self.memory.touched(access.group, access.offset, access.size_bytes)
        return self.memory.spot(group, offset, size_bytes)
