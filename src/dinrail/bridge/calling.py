"""Methods called by clients, run in their task's cycle.

    invoke --> waiting --a mailbox is free--> CALL record --task's cycle--> mailbox --> the answer's bytes

A mailbox is where the task leaves what a method gave; there are a few for each task, so that calls wait for each other
here and not in the ring.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

from dinrail.ads.device.access import Later
from dinrail.ads.device.source import SymbolPlace
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.bridge.outgoing import Outgoing, Settling
from dinrail.control.channel.layout import MAILBOX_DATA_BYTES, MAX_RECORD_DATA_BYTES, Command, MailboxHeader, Space
from dinrail.iec.types import IecType, Passing, StructType, resolve

HEAD_BYTES = 8
"""Stub and mailbox, before the inputs."""
MAX_WAITING = 1000


class Stub(NamedTuple):
    """Number of a method's entry in the machine code, and how many bytes it takes and gives."""

    number: int
    input_bytes: int
    output_bytes: int


class Mailboxes(Protocol):
    """Where answers are."""

    def returned(self, task: int, mailbox: int, position: int, output_bytes: int) -> tuple[MailboxHeader, bytes] | None:
        """What the call at that position of the ring gave; None: nothing. Raises AdsFault."""


@dataclass(slots=True)
class _Call:
    stub: Stub
    instance: int
    inputs: bytes
    settling: Settling


class Calls:
    """The calls of one task."""

    def __init__(self, outgoing: Outgoing, mailboxes: Mailboxes, count: int) -> None:
        self._outgoing = outgoing
        self._mailboxes = mailboxes
        self._free = deque(range(count))
        self._waiting: deque[_Call] = deque()

    def invoke(self, stub: Stub, instance: int, inputs: bytes, monotonic_ns: int) -> Later:
        """Call a method of the instance at that offset of the data. Raises AdsFault 0x705, 0x708, 0x70A."""
        if len(inputs) != stub.input_bytes:
            raise AdsFault(AdsError.INVALID_SIZE, f"the method takes {stub.input_bytes} bytes, not {len(inputs)}")
        if len(inputs) > MAX_RECORD_DATA_BYTES - HEAD_BYTES or stub.output_bytes > MAILBOX_DATA_BYTES:
            raise AdsFault(AdsError.NO_MEMORY, "the method takes or gives more than a call can carry")
        if len(self._waiting) >= MAX_WAITING:
            raise AdsFault(AdsError.BUSY, "more calls are waiting than the task takes in its cycles")
        call = _Call(stub, instance, inputs, Settling())
        self._waiting.append(call)
        self.pump(monotonic_ns)
        return call.settling.later

    def pump(self, monotonic_ns: int) -> None:
        """Send what waits and has a mailbox. Raises AdsFault BUSY when the queue to the ring is full."""
        while self._waiting and self._free:
            call, mailbox = self._waiting.popleft(), self._free.popleft()
            settling, stub = call.settling, call.stub
            settling.result = partial(self._result, mailbox, settling, stub)
            settling.ended = partial(self._free.append, mailbox)
            data = stub.number.to_bytes(4, "little") + mailbox.to_bytes(4, "little") + call.inputs
            try:
                self._outgoing.submit(Command.CALL, Space.DATA, call.instance, data, settling, monotonic_ns)
            except AdsFault as fault:
                settling.fail(fault.code)

    def abandon(self, code: int) -> None:
        """The control is gone, or another application runs. What is in the ring is `Outgoing`'s."""
        while self._waiting:
            self._waiting.popleft().settling.fail(code)

    def _result(self, mailbox: int, settling: Settling, stub: Stub) -> bytes:
        got = self._mailboxes.returned(self._outgoing.task, mailbox, settling.position, stub.output_bytes)
        if got is None:
            raise AdsFault(AdsError.ABORTED, "the task dropped the call")
        header, outputs = got
        if header.refused:
            raise AdsFault(AdsError.INVALID_STATE, "the task does not run")
        if header.fault:
            raise AdsFault(AdsError.DEVICE_ERROR, f"the method ended in fault {header.fault:#x}")
        return outputs


def stubs_of(calls: tuple[tuple[str, str, int, int], ...]) -> dict[tuple[str, str], Stub]:
    """An image's calls by (class, method), lower case."""
    return {
        (owner.lower(), method.lower()): Stub(number, takes, gives)
        for number, (owner, method, takes, gives) in enumerate(calls)
    }


def stub_of(place: SymbolPlace, stubs: Mapping[tuple[str, str], Stub], types: Mapping[str, IecType]) -> Stub:
    """Whose stub serves a method's place: its type's, or that of the nearest base that has one. Raises AdsFault 0x701.

    types: by lower-case name, to find the bases.
    """
    method = place.method
    kind: IecType | None = resolve(place.type)
    seen = set()
    while method is not None and isinstance(kind, StructType) and kind.name.lower() not in seen:
        seen.add(kind.name.lower())
        stub = stubs.get((kind.name.lower(), method.name.lower()))
        if stub is not None:
            _agree(place.path, method_bytes(place), stub)
            return stub
        kind = types.get(kind.extends.lower())
    raise AdsFault(AdsError.SERVICE_NOT_SUPPORTED, f"{place.path} has no entry in the machine code")


def method_bytes(place: SymbolPlace) -> tuple[int, int]:
    """How many bytes a method takes and gives by its declaration: packed, a VAR_IN_OUT both ways."""
    method = place.method
    if method is None:
        return 0, 0
    takes = sum(one.type.size_bytes for one in method.parameters if one.passing is not Passing.OUT)
    gives = sum(one.type.size_bytes for one in method.parameters if one.passing is not Passing.IN)
    return takes, gives + (method.returns.size_bytes if method.returns else 0)


def _agree(path: str, declared: tuple[int, int], stub: Stub) -> None:
    if declared != (stub.input_bytes, stub.output_bytes):
        raise AdsFault(AdsError.INCOMPATIBLE, f"{path} and its machine code do not take and give the same")
