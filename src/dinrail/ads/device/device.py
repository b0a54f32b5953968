"""A device server behind one AMS port: what every device does alike, and the hooks to write one.

    class Thermometer(AdsDevice):
        name, version = "Thermometer", (1, 0, 1)

        def read(self, access: Access) -> bytes | Later:
            if access.group == 0x1000:
                return struct.pack("<f", self.celsius)[: access.size_bytes]
            return super().read(access)

Commands 1-9 are taken apart here with strict lengths, sum commands are undone, permission is asked for each access (a
refused one is 0x723), answers are cut to what was asked for, and subscriptions sample whatever `point` or `read` gives.

Source: Beckhoff Information System, "ADS commands"; Beckhoff/ADS AdsLibTest/main.cpp for what real devices answer.
"""

from __future__ import annotations

from collections.abc import Callable

from dinrail.ads.actions import SUM_ITEM_COMMANDS, action_of
from dinrail.ads.contract import Action, Peer, Permit, Request
from dinrail.ads.device import wire
from dinrail.ads.device.access import Access, Later, Limits, no_service
from dinrail.ads.device.cycles import Cycles
from dinrail.ads.device.gather import Point
from dinrail.ads.device.notify import Notifications
from dinrail.ads.device.notifying import Notifying
from dinrail.ads.device.prepared import prepare
from dinrail.ads.device.subscription import Wish
from dinrail.ads.device.sums import perform_sum
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.frame import Command
from dinrail.ams.group import IndexGroup
from dinrail.ams.state import AdsState
from dinrail.units import MS_NS

# As plain numbers: to look a member of an enum up costs as much as ten comparisons, in every request.
_READ, _WRITE, _READ_WRITE = Command.READ.value, Command.WRITE.value, Command.READ_WRITE.value
NAME_BYTES = 16
STATES_END = 20
"""The first number that is no ADS state."""
Subject = tuple[Action, int, int, int, tuple[str, ...]]
"""What a permit is asked: action, group, offset, size in bytes, names."""


class AdsDevice:
    """Subclass it. A hook gives its data, or a `Later`, or raises AdsFault; it is never called without permission.

    name, version: what ReadDeviceInfo tells; (major, minor, build).
    epoch:         move it when something changed that a prepared answer may rest on (symbols, areas).
    """

    name = "dinrail"
    version = (1, 0, 0)

    def __init__(self, *, limits: Limits | None = None, task_cycle_ns: int = 10 * MS_NS) -> None:
        self.limits = limits or Limits()
        self.ads_state: int = AdsState.RUN
        self.device_state = 0
        self.epoch = 0
        run = self._run_cycle if self.has_cycle() else None
        self.notifications: Notifying = Notifications(self.limits, Cycles(task_cycle_ns), run)
        self._commands: dict[int, Callable[[Request], bytes | None]] = {
            Command.READ_DEVICE_INFO: self._device_info,
            Command.READ: self._read,
            Command.WRITE: self._write,
            Command.READ_STATE: self._state,
            Command.WRITE_CONTROL: self._control,
            Command.ADD_NOTIFICATION: self._add_notification,
            Command.DELETE_NOTIFICATION: self._delete_notification,
            Command.READ_WRITE: self._read_write,
        }

        self._common_reads: dict[int, Callable[[Access], bytes]] = {
            IndexGroup.DEVICE_DATA: self._read_state,
            IndexGroup.NOTIFICATION_DIAG: lambda _: self.notifications.diagnosis(),
            IndexGroup.NOTIFICATION_CHECK: self._check_notification,
        }

    @property
    def task_cycle_ns(self) -> int:
        """How far apart `cycle` and the fastest samples are."""
        return self.notifications.task_cycle_ns

    # Hooks.

    def read(self, access: Access) -> bytes | Later:
        """What lies at (group, offset); it is cut to `access.size_bytes`."""
        raise no_service(f"nothing to read at {access.group:#x}:{access.offset:#x}")

    def write(self, access: Access, data: bytes) -> Later | None:
        """Take `data`."""
        del data
        raise no_service(f"nothing to write at {access.group:#x}:{access.offset:#x}")

    def read_write(self, access: Access, data: bytes) -> bytes | Later:
        """Take `data` and give an answer; it is cut to `access.size_bytes`."""
        del data
        raise no_service(f"no service at {access.group:#x}:{access.offset:#x}")

    def control(self, state: int, device_state: int, data: bytes) -> Later | None:
        """Change the state; `state` is from 1 to 19 here."""
        del device_state, data
        raise no_service(f"this device does not go to state {state}")

    def cycle(self, wall_ns: int) -> None:
        """One task cycle, at its ideal time; overriding it makes the device run in every cycle while in state RUN."""

    def has_cycle(self) -> bool:
        """Whether `cycle` does anything; asked once, when the device is made. Without, nobody wakes up for nothing."""
        return type(self).cycle is not AdsDevice.cycle

    def subjects(self, access: Access, data: bytes) -> tuple[Subject, ...]:
        """What has to be permitted for an access. Raises AdsFault when there is no such thing."""
        del data
        action = action_of(access.command, access.group) or Action.WRITE
        return ((action, access.group, access.offset, access.size_bytes, ()),)

    def point(self, access: Access) -> Point:
        """What a subscription samples. Raises AdsFault. By itself: what is prepared, or `read`, tried for its size."""
        prepared = self.prepared(access)
        if prepared is not None and prepared.size_bytes == access.size_bytes:
            return prepared

        def call() -> bytes:
            value = self._read_any(access)
            return b"" if isinstance(value, Later) else value[: access.size_bytes]

        if len(call()) != access.size_bytes:
            raise AdsFault(AdsError.WATCH_SIZE_INVALID, f"{access.size_bytes} bytes cannot be watched here")
        # Not shared between peers: `read` may look at who is asking.
        key = (id(access.peer), access.group, access.offset, access.size_bytes)
        return Point(key, access.size_bytes, call=call)

    def prepared(self, access: Access) -> Point | None:
        """What a prepared read answers from: right until `stamp_of` its peer moves. None: ask `read` each time.

        Whoever overrides `read` for groups that a base class prepares overrides this for them, too.
        """
        if access.group != IndexGroup.DEVICE_DATA:
            return None
        size_bytes = len(self._read_state(access)[: access.size_bytes])
        key = (access.group, access.offset, size_bytes)
        return Point(key, size_bytes, call=lambda: self._read_state(access)[:size_bytes])

    def stamp_of(self, peer: Peer) -> int:
        """Moves when something changed that prepared answers for this peer may rest on."""
        del peer
        return self.epoch

    # ads.contract.Device

    def request(self, request: Request) -> bytes | None:
        """See ads.contract.Device."""
        command = self._commands.get(request.command)
        if command is not None:
            return command(request)
        if request.command == Command.NOTIFICATION:
            return None  # is never answered
        raise AdsFault(AdsError.UNKNOWN_COMMAND, f"command {request.command} does not exist")

    def prepare(self, request: Request) -> Callable[[], bytes] | None:
        """See ads.contract.Device."""
        return prepare(self, request)

    def peer_gone(self, peer: Peer) -> None:
        """See ads.contract.Device."""
        self.notifications.peer_gone(peer)

    def tick(self, monotonic_ns: int, wall_ns: int) -> None:
        """See ads.contract.Device."""
        self.notifications.tick(monotonic_ns, wall_ns)

    def due_ns(self) -> int | None:
        """See ads.contract.Device."""
        return self.notifications.due_ns()

    # For sums and prepared answers.

    def ask(self, access: Access, data: bytes, *, counted: bool = True) -> None:
        """Raises AdsFault 0x723 when the source may not do this. counted: it is to be done now, not prepared."""
        allows = access.permit.allows if counted else access.permit.would_allow
        for subject in self.subjects(access, data):
            if not allows(*subject):
                raise AdsFault(AdsError.ACCESS_DENIED)

    def perform(self, access: Access, data: bytes) -> bytes | Later:
        """One Read, Write or ReadWrite, permission asked, its data cut to the asked length. Raises AdsFault."""
        if access.command == _READ_WRITE and access.group in SUM_ITEM_COMMANDS:
            limits = self.limits
            got: bytes | Later | None = perform_sum(self, access, data, limits.sum_items, limits.response_bytes)
        else:
            self.ask(access, data)
            if access.command == _READ:
                got = self._read_any(access)
            elif access.command == _WRITE:
                got = self.write(access, data)
            else:
                got = self.read_write(access, data)
        got = wire.outcome(got)
        return got[: access.size_bytes] if isinstance(got, bytes) else got

    def subscribe(self, access: Access, entry: bytes) -> int:
        """Add a notification from the 40 bytes of its request; the handle. Raises AdsFault."""
        wish = Wish.parse(entry, self.limits.watch_bytes)
        inner = access._replace(
            command=Command.ADD_NOTIFICATION, group=wish.group, offset=wish.offset, size_bytes=wish.size_bytes
        )
        self.ask(inner, b"")
        return self.notifications.add(inner, wish, self.point(inner))

    def unsubscribe(self, access: Access, handle: int) -> None:
        """Delete one of the peer's own notifications. Raises AdsFault 0x714."""
        self.notifications.delete(access.peer, handle)

    def review(self, peer: Peer, permit: Permit) -> None:
        """The rules changed: subscriptions of `peer` that `permit` does not allow end, as things that are gone do.

        One by a handle that was released since has no name that could be asked about, and ends, too.
        """
        for one in self.notifications.subscriptions():
            if one.peer is not peer:
                continue
            try:
                self.ask(one.access._replace(permit=permit), b"")
            except AdsFault:
                self.notifications.end(one)

    # Commands.

    def _access(self, request: Request, group: int, offset: int, size_bytes: int) -> Access:
        return Access(request.command, group, offset, size_bytes, request.peer, request.permit, request.target)

    def _device_info(self, request: Request) -> bytes:
        self._ask_state(request, Action.STATE)
        wire.exactly(request.payload, 0)
        name = self.name.encode("cp1252", "replace")[:NAME_BYTES]
        return wire.DEVICE_INFO.pack(0, *self.version, name)

    def _state(self, request: Request) -> bytes:
        self._ask_state(request, Action.STATE)
        wire.exactly(request.payload, 0)
        return wire.STATE.pack(0, self.ads_state, self.device_state)

    def _ask_state(self, request: Request, action: Action) -> None:
        if not request.permit.allows(action, 0, 0, 0):
            raise AdsFault(AdsError.ACCESS_DENIED)

    def _read(self, request: Request) -> bytes | None:
        wire.exactly(request.payload, wire.READ.size)
        got = self.perform(self._access(request, *wire.READ.unpack(request.payload)), b"")
        return self._answer(request, got, wire.data_answer)

    def _write(self, request: Request) -> bytes | None:
        group, offset, data = self._data_after(request.payload, wire.READ.size)
        return self._answer(request, self.perform(self._access(request, group, offset, 0), data), wire.result_answer)

    def _read_write(self, request: Request) -> bytes | None:
        payload = request.payload
        group, offset, data = self._data_after(payload, wire.READ_WRITE.size)
        access = self._access(request, group, offset, wire.U32.unpack_from(payload, 8)[0])
        return self._answer(request, self.perform(access, data), wire.data_answer)

    def _data_after(self, payload: bytes, head_bytes: int) -> tuple[int, int, bytes]:
        """(group, offset, data) of a Write or ReadWrite, whose last field before the data is its length."""
        if len(payload) < head_bytes:
            raise AdsFault(AdsError.INVALID_SIZE, f"{len(payload)} bytes are no request")
        (size_bytes,) = wire.U32.unpack_from(payload, head_bytes - 4)
        wire.exactly(payload, head_bytes + size_bytes)
        return *wire.RESULT_AND.unpack_from(payload), payload[head_bytes:]

    def _control(self, request: Request) -> bytes | None:
        payload = request.payload
        if len(payload) < wire.CONTROL.size:
            raise AdsFault(AdsError.INVALID_SIZE, f"{len(payload)} bytes are no WriteControl")
        state, device_state, size_bytes = wire.CONTROL.unpack_from(payload)
        wire.exactly(payload, wire.CONTROL.size + size_bytes)
        self._ask_state(request, Action.CONTROL)
        if not 0 < state < STATES_END:
            raise no_service(f"there is no state {state}")
        got = self.control(state, device_state, payload[wire.CONTROL.size :])
        return self._answer(request, wire.outcome(got), wire.result_answer)

    def _add_notification(self, request: Request) -> bytes:
        handle = self.subscribe(self._access(request, 0, 0, 0), request.payload)
        return wire.RESULT_AND.pack(0, handle)

    def _delete_notification(self, request: Request) -> bytes:
        wire.exactly(request.payload, wire.U32.size)
        self.unsubscribe(self._access(request, 0, 0, 0), *wire.U32.unpack(request.payload))
        return wire.OK

    def _answer(self, request: Request, got: bytes | Later, form: Callable[[int, bytes], bytes]) -> bytes | None:
        if isinstance(got, bytes):
            return form(0, got)
        (size_bytes,) = wire.U32.unpack_from(request.payload, 8) if form is wire.data_answer else (0,)
        if got.outcome is not None:
            return form(got.outcome[0], got.outcome[1][:size_bytes])
        got.then(lambda code, data: request.reply(form(code, data[:size_bytes])))
        return None

    def _read_any(self, access: Access) -> bytes | Later:
        common = self._common_reads.get(access.group)
        return self.read(access) if common is None else common(access)

    def _read_state(self, access: Access) -> bytes:
        if access.offset not in (0, 2):
            raise no_service(f"{access.group:#x}:{access.offset:#x} does not exist")
        return wire.ADS_STATE.pack(self.ads_state, self.device_state)[access.offset :]

    def _check_notification(self, access: Access) -> bytes:
        self.notifications.check(access.peer, access.offset)
        return b""

    def _run_cycle(self, wall_ns: int) -> None:
        if self.ads_state == AdsState.RUN:
            self.cycle(wall_ns)
