"""Long work in short steps: one client's big file does not make the others wait.

A job is a generator that yields between its steps and returns its answer. Its first step is done at once, so that small
files are answered at once; the rest is done one step at each tick, the jobs taking turns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass

from dinrail.ads.contract import Peer
from dinrail.ads.device.access import Later
from dinrail.ams.errors import AdsError, AdsFault

Steps = Generator[None, None, bytes]
MAX_JOBS = 16
MAX_JOBS_PER_PEER = 2


@dataclass(slots=True, eq=False)
class _Job:
    peer: Peer
    steps: Steps
    later: Later


class Jobs:
    """What is being worked at for the clients of one device."""

    def __init__(self) -> None:
        self._jobs: deque[_Job] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    def begin(self, peer: Peer, steps: Steps) -> bytes | Later:
        """The answer when one step is enough, else what will have it. Raises AdsFault, 0x708 for too many at a time."""
        own = sum(job.peer is peer for job in self._jobs)
        if own >= MAX_JOBS_PER_PEER or len(self._jobs) >= MAX_JOBS:
            steps.close()
            raise AdsFault(AdsError.BUSY, f"{own} jobs of this client are being done")
        try:
            next(steps)
        except StopIteration as end:
            return bytes(end.value)
        job = _Job(peer, steps, Later())
        self._jobs.append(job)
        return job.later

    def step(self) -> None:
        """One step of the job whose turn it is."""
        if not self._jobs:
            return
        job = self._jobs.popleft()
        try:
            next(job.steps)
        except StopIteration as end:
            job.later.done(bytes(end.value))
        except AdsFault as fault:
            job.later.fault(fault.code)
        else:
            self._jobs.append(job)

    def peer_gone(self, peer: Peer) -> None:
        """Nobody waits for these any more."""
        self._end([job for job in self._jobs if job.peer is peer])

    def close(self) -> None:
        """End all of them."""
        self._end(list(self._jobs))

    def _end(self, ended: list[_Job]) -> None:
        for job in ended:
            self._jobs.remove(job)
            job.later.fault(AdsError.ABORTED)
            job.steps.close()
