"""Other people's clients in processes of their own: a case goes in, one JSON object comes out."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ads_process import NET_ID, Serving

HERE = Path(__file__).resolve().parent.parent / "foreign"


def node_argv(script: str, case: str, server: Serving, *more: str) -> list[str]:
    return ["node", str(HERE / script), case, server.address, str(server.port), str(NET_ID), *more]


def node(script: str, case: str, server: Serving, *more: str) -> Any:
    """What a node script says of a case; its error output is the failure."""
    return _json(node_argv(script, case, server, *more))


def pyads_argv(case: str, server: Serving, *more: str) -> list[str]:
    return [sys.executable, str(HERE / "pyads_client.py"), case, server.address, str(NET_ID), *more]


def pyads(case: str, server: Serving, *more: str) -> Any:
    """What the pyads script says of a case."""
    return _json(pyads_argv(case, server, *more))


@dataclass(frozen=True, slots=True)
class Running:
    """A foreign client that says when it is ready, and goes on when it is told: one line each."""

    process: subprocess.Popen[str]

    def ready(self) -> None:
        """Wait for its first line."""
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline() if readable else ""
        assert line, f"{self.process.args}: {'ended' if readable else 'not ready in time'}"

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self) -> Any:
        """Its last line, once it has ended well."""
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, out + err
        return json.loads(out.strip().splitlines()[-1])


@contextmanager
def running(*argvs: list[str]) -> Iterator[list[Running]]:
    """Foreign clients side by side; who is still there at the end is killed."""
    pipe = subprocess.PIPE
    with ExitStack() as stack:
        clients = []
        for argv in argvs:
            process = stack.enter_context(subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
            stack.callback(process.kill)  # before the context manager waits for it
            clients.append(Running(process))
        yield clients


def _json(argv: list[str]) -> Any:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])
