"""Real control processes for tests: started, watched through their channel, and ended whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dinrail.control.channel.layout import Request, State
from dinrail.control.channel.reader import Channel
from dinrail.control.channel.request import ask
from dinrail.control.options import ControlOptions

UP_S = 20.0


def wait_for(what: Callable[[], bool], *, seconds: float = UP_S) -> None:
    """Until it holds; an AssertionError when it does not within the time."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.005)


@dataclass
class Running:
    """One control process, and its channel."""

    process: subprocess.Popen[bytes]
    options: ControlOptions
    log: Path
    opened: list[Channel] = field(default_factory=list)

    @property
    def channel(self) -> Channel:
        if not self.opened:
            self.opened.append(Channel.open(self.options.channel))
        return self.opened[0]

    def ask(self, request: Request, data: bytes = b"") -> str:
        return ask(self.options.channel, request, data)

    def cycles(self, task: int = 0) -> int:
        return self.channel.task_word(task, "cycle_count")

    def more_cycles(self, count: int, task: int = 0) -> None:
        """Until the task has run so many more."""
        begin = self.cycles(task)
        wait_for(lambda: self.cycles(task) >= begin + count)

    def value(self, offset: int, size_bytes: int = 4, task: int = 0) -> int:
        """An integer of the task's published data."""
        wait_for(lambda: self.channel.publication(task) > 0)
        snapshot = self.channel.snapshot(task)
        assert snapshot is not None
        return int.from_bytes(snapshot.data[offset : offset + size_bytes], "little", signed=True)

    def kill(self) -> None:
        """As a crash, or somebody's kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def end(self) -> int:
        """As systemd ends it; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@contextmanager
def control(options: ControlOptions, *, python: Sequence[str] = (sys.executable,)) -> Iterator[Running]:
    """A control that is up. Its log is `<channel>.log`."""
    log = options.channel.with_name("log")
    settings = options.channel.with_name("settings.json")
    settings.write_text(options.settings_json())
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*python, "-m", "dinrail.control", *options.argv(settings)],
            stdin=subprocess.DEVNULL,
            stderr=out,
            start_new_session=True,
        )
    running = Running(process, options, log)
    try:
        wait_for(lambda: _is_up(running))
        yield running
    finally:
        for channel in running.opened:
            channel.close()
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait(10)


def _is_up(running: Running) -> bool:
    assert running.process.poll() is None, running.log.read_text()
    if not running.options.channel.exists():
        return False
    with Channel.open(running.options.channel) as channel:
        mine = channel.header.control_pid == running.process.pid
        return mine and channel.state is not State.CONFIG and channel.publication(0) > 0
