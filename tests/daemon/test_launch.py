"""Starting and ending the router when the one that answers is not to be trusted: it may be in a stranger's hands."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dinrail.daemon.launch import RouterFiles, ask_router, stop_router
from dinrail.errors import HostError
from dinrail.host.paths import Paths


@contextmanager
def answering(paths: Paths, *lines: bytes) -> Iterator[list[bytes]]:
    """Something at the router's socket that gives these answers, one a connection, and is gone afterwards."""
    path = RouterFiles.of(paths).socket
    path.parent.mkdir(parents=True)
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            for number, line in enumerate(lines, 1):
                connection, _ = server.accept()
                with connection:
                    heard.append(connection.makefile("rb").readline())
                    if number == len(lines):
                        path.unlink()
                    connection.sendall(line)

        thread = threading.Thread(target=serve)
        thread.start()
        yield heard
        thread.join(10)


def test_a_router_that_names_anothers_process_ends_nobody(tmp_path: Path) -> None:
    """`down --router` asks the router to end; a process number in its answer is never sent a signal."""
    paths = Paths(tmp_path / "state", tmp_path / "run")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        told = json.dumps({"ok": True, "result": {"pid": bystander.pid}}).encode() + b"\n"
        with answering(paths, told) as heard:
            assert stop_router(paths)
        assert [json.loads(line) for line in heard] == [{"op": "end"}]
        with pytest.raises(subprocess.TimeoutExpired):
            bystander.wait(0.3)
        bystander.communicate(b"\n", timeout=10)


@pytest.mark.parametrize(
    "line",
    [
        b"noise\n",
        b"[" * 9999 + b"\n",
        b"\xff\n",
        b"[]\n",
        b"5\n",
        b'{"ok": true}\n',
        b'{"ok": true, "result": 5}\n',
        b'{"ok": false, "error": 5}\n',
        b'{"ok": false, "error": {"what": "\\u001b[2J\\n"}}\n',
    ],
)
def test_any_answer_is_an_answer_or_one_clear_error(tmp_path: Path, line: bytes) -> None:
    """Whatever the socket says, the command ends in a HostError that shows no control characters."""
    paths = Paths(tmp_path / "state", tmp_path / "run")
    with answering(paths, line), pytest.raises(HostError) as caught:
        ask_router(paths, "status")
    assert "\x1b" not in "".join(caught.value.lines())
