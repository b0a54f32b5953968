"""Our end of the agent's channel: requests out, replies sorted to the jobs that wait for them."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import queue
import signal as signals
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dinrail.errors import HostError

GRACE_S = 20.0
"""How much longer than a command's own limit we wait for the word that it was killed."""

OnOutput = Callable[[str, bytes], None]
"""Called with `stdout` or `stderr` and what arrived."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ended inside: text, its exit status (-N: killed by signal N), and whether our limit killed it."""

    argv: tuple[str, ...]
    stdout: str
    stderr: str
    exit_code: int
    timed_out: bool = False


@dataclass(slots=True)
class Job:
    """A command on its way. `wait` may be called once; `signal` at any time before."""

    argv: tuple[str, ...]
    number: int
    timeout_s: float
    _channel: Channel
    _replies: queue.SimpleQueue[dict[str, Any]]
    _texts: dict[str, bytearray] = field(default_factory=lambda: {"stdout": bytearray(), "stderr": bytearray()})

    def wait(self, on_output: OnOutput | None = None) -> Completed:
        """Collect the output until the command ends. Raises HostError when the machine goes away before."""
        while True:
            reply = self._channel.take(self._replies, self.timeout_s + GRACE_S, " ".join(self.argv))
            if "exit" in reply:
                texts = {name: bytes(data).decode("utf-8", "replace") for name, data in self._texts.items()}
                return Completed(self.argv, texts["stdout"], texts["stderr"], reply["exit"], reply["timed_out"])
            data = base64.b64decode(reply["data"])
            self._texts[reply["stream"]] += data
            if on_output:
                on_output(reply["stream"], data)

    def signal(self, number: int = signals.SIGTERM) -> None:
        """Send a signal to the command and all its children that stayed in its session."""
        self._channel.ask("signal", job=self.number, signal=number)


class Channel:
    """Speaks to one agent over a connected socket. One thread reads; callers may be many."""

    def __init__(self, sock: socket.socket, diagnosis: Callable[[], str]) -> None:
        self._socket = sock
        self._diagnosis = diagnosis
        self._numbers = itertools.count(1)
        self._waiting: dict[int, queue.SimpleQueue[dict[str, Any]]] = {0: queue.SimpleQueue()}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._receive, name="lab-channel", daemon=True)
        self._thread.start()

    def ready(self, timeout_s: float) -> float:
        """Wait for the agent. Returns the machine's own uptime in seconds at that moment."""
        return float(self.take(self._waiting[0], timeout_s, "the boot")["ready"])

    def start(
        self, argv: Sequence[str], *, cwd: str, env: Mapping[str, str], timeout_s: float, tty: str | None = None
    ) -> Job:
        """Begin a command. It runs without standard input, in a session of its own, or on the terminal `tty`."""
        number, replies = self._send(
            {"op": "run", "argv": list(argv), "cwd": cwd, "env": dict(env), "timeout_s": timeout_s, "tty": tty}
        )
        return Job(tuple(argv), number, timeout_s, self, replies)

    def ask(self, op: str, **arguments: object) -> bytes:
        """One request with one answer. Raises HostError with the agent's reason."""
        _, replies = self._send({"op": op, **arguments})
        return base64.b64decode(self.take(replies, GRACE_S, op)["data"])

    def close(self) -> None:
        """Hang up: the agent ends, and process 1 switches the machine off."""
        with contextlib.suppress(OSError):  # the machine may have hung up first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def take(self, replies: queue.SimpleQueue[dict[str, Any]], timeout_s: float, what: str) -> dict[str, Any]:
        """The next reply of one request. Raises HostError on silence, on an error reply, on a machine that is gone."""
        try:
            reply = replies.get(timeout=timeout_s)
        except queue.Empty:
            raise HostError(
                f"no answer within {timeout_s:.0f} s", where=f"virtual PC, {what}", details=_tail(self._diagnosis())
            ) from None
        if reply.get("gone"):
            replies.put(reply)
            raise HostError("the machine went away", where=f"virtual PC, {what}", details=_tail(self._diagnosis()))
        if "error" in reply:
            raise HostError(reply["error"], where=f"virtual PC, {what}")
        return reply

    def _send(self, request: dict[str, Any]) -> tuple[int, queue.SimpleQueue[dict[str, Any]]]:
        replies: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = replies
            try:
                self._socket.sendall(json.dumps({"id": number, **request}).encode() + b"\n")
            except OSError:
                replies.put({"gone": True})
        return number, replies

    def _receive(self) -> None:
        with self._socket.makefile("rb") as lines:
            try:
                for line in lines:
                    reply = json.loads(line)
                    last = "stream" not in reply and reply["id"]
                    waiting = self._waiting.pop(reply["id"]) if last else self._waiting[reply["id"]]
                    waiting.put(reply)
            except OSError:
                pass  # reset by a QEMU that was killed: the same as its end
        for replies in list(self._waiting.values()):
            replies.put({"gone": True})


def _tail(text: str, lines: int = 12) -> tuple[str, ...]:
    return tuple(text.splitlines()[-lines:])
