"""Asking the control's main thread: start, stop, reset, another image. One request at a time, each answered."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from dinrail.control.channel.layout import Answer, Request
from dinrail.control.channel.reader import Channel, ChannelBusy
from dinrail.control.channel.ring import RingWriter
from dinrail.control.channel.writer import LeaseTaken, request_lease_path, take_lease
from dinrail.errors import HostError, Refused
from dinrail.layout import decode, layout_of

_POLL_S = 0.002
_TRIES = 1000
_REQUEST = 8
ALIVE_NS = 5_000_000_000
"""A heartbeat older than that: the control's main thread is gone, or stands."""


@dataclass(frozen=True, slots=True)
class Reply:
    """accepted, and lines for people (why not; what was done)."""

    accepted: bool
    text: str


def post(channel: Channel, request: Request, data: bytes = b"") -> int:
    """Put a request into the control ring; its position, for `answered`. The caller holds the requests' lease."""
    header = channel.header
    tail = header.answer_offset + _REQUEST
    return RingWriter(channel.memory, header.control_ring_offset, header.control_ring_bytes, tail).push(
        request, 0, 0, data
    )


def answered(channel: Channel, position: int) -> Reply | None:
    """The answer to the request at `position`; None: none yet. Raises ChannelBusy.

    Whoever holds the requests' lease reads it before it posts the next one: there is one answer only.
    """
    at = channel.header.answer_offset
    for _ in range(_TRIES):
        sequence = channel.memory.u64(at)
        if channel.memory.u64(at + _REQUEST) < position:
            return None
        answer = decode(Answer, channel.memory.read(at, layout_of(Answer).size_bytes))
        if sequence % 2 == 0 and channel.memory.u64(at) == sequence:
            if answer.request != position:
                return Reply(False, "the control dropped the request")
            return Reply(answer.accepted == 1, answer.text[: answer.text_bytes].decode("utf-8", "backslashreplace"))
    raise ChannelBusy("the answer changes each time that it is read", where=str(channel.path))


def ask(path: Path, request: Request, data: bytes = b"", *, timeout_s: float = 10.0) -> str:
    """Ask, wait, give the answer's text. Raises Refused with the control's reason, HostError when it is silent."""
    deadline = time.monotonic() + timeout_s
    lease = _lease(path, deadline)
    try:
        with Channel.open(path, writable=True) as channel:
            position = post(channel, request, data)
            while True:
                reply = answered(channel, position)
                if reply is not None:
                    break
                if time.monotonic() > deadline or not is_alive(channel):
                    raise HostError("the control does not answer", where=str(path), hint="dinrail control status")
                time.sleep(_POLL_S)
    finally:
        os.close(lease)
    if not reply.accepted:
        first, *rest = reply.text.splitlines() or ["the control refused"]
        raise Refused(first, details=tuple(rest))
    return reply.text


def is_alive(channel: Channel) -> bool:
    """Whether the control's main thread has shown itself lately."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) - channel.header.heartbeat_ns < ALIVE_NS


def _lease(path: Path, deadline: float) -> int:
    while True:
        try:
            return take_lease(request_lease_path(path))
        except LeaseTaken:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)
