"""Prepared answers: the same request, again and again, answered without being taken apart.

A prepared sum read of 500 items is one read of each area it touches. What it rests on (handles, symbols) is checked by
one number, `stamp_of`; when that has moved, everything is looked up again, and permission asked again.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Protocol

from dinrail.ads.contract import Peer, Request
from dinrail.ads.device import wire
from dinrail.ads.device.access import Access, Later, Limits
from dinrail.ads.device.gather import Gather, Point, picker
from dinrail.ads.device.memory import BytesArea
from dinrail.ads.device.sums import Served, items_of
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.ams.frame import Command
from dinrail.ams.group import IndexGroup

# Plain numbers, as in device.py.
_READ, _READ_WRITE = Command.READ.value, Command.READ_WRITE.value
_SUM_READ = IndexGroup.SUM_READ.value
_DENIED = AdsError.ACCESS_DENIED.value
Answer = Callable[[], bytes | None]
"""The body, or None when this once it has to be put together item by item."""


class Preparing(Served, Protocol):
    """What preparing needs of a device."""

    limits: Limits

    def ask(self, access: Access, data: bytes, *, counted: bool = True) -> None:
        """See AdsDevice. Raises AdsFault."""

    def prepared(self, access: Access) -> Point | None:
        """See AdsDevice. Raises AdsFault."""

    def stamp_of(self, peer: Peer) -> int:
        """See AdsDevice."""


def prepare(device: Preparing, request: Request) -> Callable[[], bytes] | None:
    """See ads.contract.Device.prepare. None for whatever is refused, so that each refusal is counted."""
    access, data = _access_of(request)
    if access is None:
        return None
    compiled = _compile(device, access, data)
    if compiled is None:
        return None
    peer = request.peer
    answer: Answer | None = compiled
    stamp = device.stamp_of(peer)

    def again() -> bytes:
        nonlocal answer, stamp
        now = device.stamp_of(peer)
        if now != stamp:
            answer, stamp = _compile(device, access, data), now
        body = answer() if answer is not None else None
        return _slowly(device, access, data) if body is None else body

    return again


def _access_of(request: Request) -> tuple[Access | None, bytes]:
    payload = request.payload
    rest = (request.peer, request.permit, request.target)
    if request.command == _READ and len(payload) == wire.READ.size:
        group, offset, size_bytes = wire.READ.unpack(payload)
        return Access(_READ, group, offset, size_bytes, *rest), b""
    if request.command == _READ_WRITE and len(payload) > wire.READ_WRITE.size:
        group, offset, size_bytes, write_bytes = wire.READ_WRITE.unpack_from(payload)
        if group == _SUM_READ and write_bytes == len(payload) - wire.READ_WRITE.size:
            return Access(_READ_WRITE, group, offset, size_bytes, *rest), payload[wire.READ_WRITE.size :]
    return None, b""


def _compile(device: Preparing, access: Access, data: bytes) -> Answer | None:
    try:
        if access.command == _READ_WRITE:
            return _compile_sum(device, access, data)
        device.ask(access, data, counted=False)
        point = device.prepared(access)
    except AdsFault:
        return None
    return None if point is None else _read_answer(point)


def _read_answer(point: Point) -> Answer:
    head = wire.RESULT_AND.pack(0, point.size_bytes)
    area, offset, size_bytes = point.area, point.offset, point.size_bytes
    if isinstance(area, BytesArea):
        data, end = area.view(), offset + size_bytes
        return lambda: head + data[offset:end]  # without a call more: most of what is ever read comes by here
    if area is not None:
        read = area.read
        return lambda: head + read(offset, size_bytes)

    def call() -> bytes | None:
        value = point.now()
        return None if value is None else head + value

    return call


def _compile_sum(device: Preparing, access: Access, data: bytes) -> Answer | None:
    items = items_of(access, data, device.limits.sum_items, device.limits.response_bytes)
    rest = (access.peer, access.permit, access.target)
    points: list[Point] = []
    zeros: list[bytes] = []
    places: list[tuple[bool, int]] = []
    codes: list[int] = []
    for item in items:
        inner = Access(_READ, item.group, item.offset, item.size_bytes, *rest)
        point: Point | None = None
        code = 0
        try:
            device.ask(inner, b"", counted=False)
            point = device.prepared(inner)
        except AdsFault as fault:
            code = fault.code
        if code == _DENIED or (not code and point is None):
            return None
        codes.append(code)
        missing = item.size_bytes
        if point is not None:
            places.append((True, len(points)))
            points.append(point)
            missing -= point.size_bytes
        if missing:
            places.append((False, len(zeros)))
            zeros.append(bytes(missing))
    return _sum_answer(access, codes, points, zeros, places)


def _sum_answer(
    access: Access, codes: list[int], points: list[Point], zeros: list[bytes], places: list[tuple[bool, int]]
) -> Answer:
    results = struct.pack(f"<{len(codes)}I", *codes) if access.offset else b""
    size = len(results) + sum(point.size_bytes for point in points) + sum(map(len, zeros))
    told = min(size, access.size_bytes)
    head = wire.RESULT_AND.pack(0, told) + results
    end = wire.RESULT_AND.size + told
    gather = Gather(points)
    constants = tuple(zeros)
    order = picker([number if is_point else len(points) + number for is_point, number in places])

    def answer() -> bytes | None:
        values = gather()
        if constants:
            values = order(values + constants)
        if not gather.plain and None in values:
            return None
        body = head + b"".join(values)  # type: ignore[arg-type]  # None was excluded above
        return body if told == size else body[:end]

    return answer


def _slowly(device: Preparing, access: Access, data: bytes) -> bytes:
    try:
        got = device.perform(access, data)
    except AdsFault as fault:
        return wire.data_answer(fault.code, b"")
    if isinstance(got, Later):  # a prepared answer cannot wait
        return wire.data_answer(*got.outcome) if got.outcome else wire.data_answer(AdsError.BUSY, b"")
    return wire.data_answer(0, got)
