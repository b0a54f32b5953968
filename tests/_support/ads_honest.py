"""An honest client that goes on while something bad is done to the server: it is answered in time, all the while."""

from __future__ import annotations

import hashlib
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from ads_process import PLC, Raw, Serving, resident_kb

from dinrail.ams.address import AmsAddr
from dinrail.ams.frame import parse_header

T = TypeVar("T")
LONGEST_S = 2.0
GROWTH_KB = 48 << 10
_SOURCE = AmsAddr.parse("10.66.66.66.1.1:30000")
_READ = struct.pack("<III", 0x4020, 2, 4)


class Honest(Raw):
    """Reads, and hears a variable every 50 ms. `longest_s`: what it waited at most, for an answer or a sample."""

    def __init__(self, server: Serving) -> None:
        super().__init__(server.where, _SOURCE)
        self.answered = 0
        self.heard = 0
        self.longest_s = 0.0
        self.fault = ""
        self._heard_at = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            handle = self.subscribe(PLC, 0x4020, 8, 4, 50)
            self._heard_at = time.monotonic()
            while not self._stop.wait(0.002):
                self._ask()
            self.ask(PLC, 7, struct.pack("<I", handle))
        except (OSError, AssertionError) as fault:
            self.fault = repr(fault)

    def _ask(self) -> None:
        asked_at = time.monotonic()
        invoke_id = self.send(PLC, 2, _READ)
        while True:
            frame = self.frame()
            now = time.monotonic()
            if frame[22] == 8:
                self.longest_s = max(self.longest_s, now - self._heard_at)
                self._heard_at = now
                self.heard += 1
                continue
            header = parse_header(frame)
            assert (header.invoke_id, header.error, frame[38:46]) == (invoke_id, 0, b"\0\0\0\0\4\0\0\0")
            self.longest_s = max(self.longest_s, now - asked_at)
            self.answered += 1
            return

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20)


@contextmanager
def watched(server: Serving, *, growth_kb: int = GROWTH_KB) -> Iterator[Honest]:
    """Whatever is done within: the honest client waits for nothing, the process lives, and its memory has a bound."""
    before = resident_kb(server.process.pid)
    with Honest(server) as client:
        client.start()
        try:
            yield client
            time.sleep(0.2)
        finally:
            client.stop()
        assert client.fault == ""
        assert client.answered > 20
        assert client.heard > 2
        assert client.longest_s < LONGEST_S
    assert server.process.poll() is None
    assert resident_kb(server.process.pid) - before < growth_kb


class Dice:
    """Bytes and numbers that look random and are the same in every run."""

    def __init__(self, seed: int) -> None:
        self._bytes = hashlib.shake_256(seed.to_bytes(4, "little")).digest(4 << 20)
        self._at = 0

    def data(self, size: int) -> bytes:
        """So many bytes."""
        self._at = self._at + size if self._at + size <= len(self._bytes) else size
        return self._bytes[self._at - size : self._at]

    def below(self, end: int) -> int:
        """A number from 0 on."""
        return int.from_bytes(self.data(8), "little") % end

    def pick(self, things: Sequence[T]) -> T:
        """One of them."""
        return things[self.below(len(things))]
