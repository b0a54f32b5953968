"""Far ends for transports: a sink that answers ReadState, and what is needed to look at the answer."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

from dinrail.ads.contract import Link
from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.frame import Command, build_frame, parse_header, response_to

OURS = NetId.parse("5.1.2.3.1.1")
THEIRS = NetId.parse("5.9.8.7.1.1")
STATE = struct.pack("<IHH", 0, 5, 0)


def read_state(target: NetId = OURS, source: NetId = THEIRS, invoke_id: int = 7, *, extra: bytes = b"") -> bytes:
    """A ReadState request's frame. `extra`: data that no ReadState has, to make it longer."""
    return build_frame(AmsAddr.of(target, 851), AmsAddr.of(source, 30000), Command.READ_STATE, 4, invoke_id, extra)


class StateSink:
    """Answers every request with `RUN` and the request's own data behind; keeps all frames."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.frames: list[bytes] = []
        self.ended = 0

    def receive(self, frame: bytes) -> bytes | None:
        assert not self.ended
        self.frames.append(frame)
        return None if parse_header(frame).is_response else response_to(frame, STATE + frame[38:])

    def quick(self, data: bytes) -> bytes | None:
        del data
        return None

    def closed(self) -> None:
        self.ended += 1


class Hall:
    """All sinks that were made, in their order."""

    def __init__(self) -> None:
        self.sinks: list[StateSink] = []

    def enter(self, link: Link) -> StateSink:
        self.sinks.append(StateSink(link))
        return self.sinks[-1]

    def frames(self) -> list[bytes]:
        return [frame for sink in self.sinks for frame in sink.frames]


async def until(holds: Callable[[], object], timeout_s: float = 10) -> None:
    """Wait for a condition; AssertionError when it does not come about."""
    end = asyncio.get_running_loop().time() + timeout_s
    while not holds():
        assert asyncio.get_running_loop().time() < end, "it did not come about"
        await asyncio.sleep(0.01)
