"""Requests to the control's main thread: one at a time, each answered, none waited for.

ask(CONFIG, START) --> queue --pump--> control ring (under the requests' lease) --> answer --> Later
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass

from dinrail.ads.device.access import Later
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.control.channel.layout import Request
from dinrail.control.channel.request import answered, post
from dinrail.control.channel.ring import RingFull
from dinrail.control.channel.writer import LeaseTaken, Writer, request_lease_path, take_lease
from dinrail.units import S_NS

PATIENCE_NS = 10 * S_NS
MAX_QUEUED = 64


@dataclass(slots=True)
class _Asked:
    requests: deque[Request]
    later: Later
    deadline_ns: int


class Asks:
    """All requests of this process. The lease is held while one is on its way, since there is room for one answer."""

    def __init__(self) -> None:
        self._queue: deque[_Asked] = deque()
        self._lease = -1
        self._position: int | None = None

    def __bool__(self) -> bool:
        return bool(self._queue)

    def add(self, requests: tuple[Request, ...], monotonic_ns: int) -> Later:
        """Ask for these, one after the other; the first refusal ends them. Raises AdsFault BUSY."""
        if len(self._queue) >= MAX_QUEUED:
            raise AdsFault(AdsError.BUSY, "the control is being asked for too much")
        asked = _Asked(deque(requests), Later(), monotonic_ns + PATIENCE_NS)
        self._queue.append(asked)
        return asked.later

    def pump(self, writer: Writer, monotonic_ns: int) -> None:
        """Go on with what is on its way. Raises what a damaged channel raises."""
        while self._queue:
            asked = self._queue[0]
            if monotonic_ns >= asked.deadline_ns:
                self._end(asked, AdsError.TIMEOUT)
                continue
            if self._position is None and not self._post(writer, asked):
                return
            if self._position is None:
                continue
            reply = answered(writer, self._position)
            if reply is None:
                return
            self._position = None
            if not reply.accepted:
                self._end(asked, AdsError.INVALID_STATE)
                continue
            asked.requests.popleft()
            if not asked.requests:
                self._end(asked, 0)

    def abandon(self, code: int) -> None:
        """The control is gone."""
        while self._queue:
            self._end(self._queue[0], code)

    def _post(self, writer: Writer, asked: _Asked) -> bool:
        """Whether the request is in the ring now."""
        try:
            if self._lease < 0:
                self._lease = take_lease(request_lease_path(writer.path))
            self._position = post(writer, asked.requests[0])
        except (LeaseTaken, RingFull):
            return False
        return True

    def _end(self, asked: _Asked, code: int) -> None:
        self._queue.popleft()
        self._position = None
        if self._lease >= 0:
            os.close(self._lease)
            self._lease = -1
        if code:
            asked.later.fault(code)
        else:
            asked.later.done()
