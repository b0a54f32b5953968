"""Asking the supervisor; and doing it ourselves where there is none.

Starting and stopping are the same functions either way. Asked for by a command they run in the supervisor, so that one
process does all of it; without a supervisor they run here.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dinrail.config.document import load
from dinrail.daemon import detached
from dinrail.daemon.protocol import Op, Request, encode_request, parse_answer
from dinrail.errors import HostError, Refused
from dinrail.files import ensure_directory, os_refusal
from dinrail.guest.site import Site
from dinrail.guest.start import START_TIMEOUT_NS, StartRequest, start
from dinrail.guest.stop import kill, stop
from dinrail.host.paths import Paths
from dinrail.units import S_NS

_MAX_ANSWER_BYTES = 4 << 20
_PATIENCE_NS = 300 * S_NS
_POLL_S = 0.02
_OTHER_S = 10.0


def ask(paths: Paths, request: Request) -> Mapping[str, Any] | None:
    """The supervisor's answer; None when there is no supervisor. Raises the fault that it answers; HostError.

    What only asks is asked again when the supervisor ends before its answer: then there is none, or a new one.
    """
    for _ in range(2 if request.op is Op.STATUS else 1):
        line = _answer(paths, request)
        if line != b"":
            return None if line is None else parse_answer(line)
    raise HostError("the supervisor went away before its answer", where=str(paths.socket), hint="dinrail status")


def _answer(paths: Paths, request: Request) -> bytes | None:
    """The line as it came, empty when the connection ended first; None when nobody listens. Raises HostError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(((request.timeout_ns or 0) + _PATIENCE_NS) / S_NS)
        try:
            connection.connect(str(paths.socket))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError as fault:
            raise os_refusal(fault, "ask the supervisor", paths.socket) from fault
        try:
            connection.sendall(encode_request(request))
            return connection.makefile("rb").readline(_MAX_ANSWER_BYTES)
        except ConnectionError:
            return b""
        except OSError as fault:
            raise os_refusal(fault, "hear the supervisor's answer", paths.socket) from fault


def start_guest(
    config: Path, name: str, site: Site, *, waivers: frozenset[str], timeout_ns: int = START_TIMEOUT_NS
) -> Mapping[str, Any]:
    """Start a guest of a document. The result is `Observed.as_dict`. Raises as `guest.start.start` and `load` do."""
    request = Request(Op.START, name, str(config.absolute()), tuple(sorted(waivers)), timeout_ns)
    answer = ask(site.paths, request)
    if answer is not None:
        return answer
    return start(StartRequest(load(config).guest(name), waivers, timeout_ns), site).guest.as_dict()


def stop_guest(name: str, site: Site, *, timeout_ns: int) -> Mapping[str, Any]:
    """Stop a guest. Raises as `guest.stop.stop` does."""
    answer = ask(site.paths, Request(Op.STOP, name, timeout_ns=timeout_ns))
    return answer if answer is not None else stop(name, site, timeout_ns=timeout_ns).as_dict()


def kill_guest(name: str, site: Site) -> Mapping[str, Any]:
    """Pull a guest's plug. Raises as `guest.stop.kill` does."""
    answer = ask(site.paths, Request(Op.KILL, name))
    return answer if answer is not None else kill(name, site).as_dict()


def run_in_background(paths: Paths) -> Mapping[str, Any]:
    """Start a supervisor that outlives us, and wait until it answers. Raises HostError with its last words.

    One that somebody else started at the same moment answers as well as ours, which then ends by itself.
    """
    ensure_directory(paths.run)
    log = paths.run / "supervisor.log"
    env = os.environ | {"DINRAIL_STATE": str(paths.state), "DINRAIL_RUN": str(paths.run)}
    process = detached.start("supervisor", ("dinrail", "up", "--foreground"), log, env=env)

    def own() -> Mapping[str, Any] | None:
        answer = ask(paths, Request(Op.STATUS))
        return answer if answer is not None and answer["pid"] == process.pid else None

    try:
        return detached.wait_until_up("supervisor", process, own, log)
    except HostError:
        answer = _other_one(paths) if process.returncode == Refused.exit_code else None
        if answer is None:
            raise
        return answer


def _other_one(paths: Paths) -> Mapping[str, Any] | None:
    """What the supervisor answers that ours stood back for, which may still be coming up."""
    deadline = time.monotonic() + _OTHER_S
    while (answer := ask(paths, Request(Op.STATUS))) is None and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return answer
