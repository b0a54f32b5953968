"""Starting, asking and ending the router: a process of its own that outlives whoever started it.

    <run>/router.json    its settings, rendered (keys are in it): readable by the router's user alone
    <run>/router/        its own directory: the socket that answers `status`
    <run>/router.lock    held by the router as long as it lives, and before that by whoever starts it
    <run>/router.log
    <state>/ads/         added routes, registry, certificate

Started by root it runs as an unprivileged user (`dinrail`, else `nobody`); started by anybody else, as that user. It
loads its code first and then drops what it has, since that code may lie where only root reads.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dinrail.ads.settings import MAX_JSON_BYTES, AdsSettings
from dinrail.daemon import detached
from dinrail.errors import HostError
from dinrail.files import atomic_write, ensure_directory, os_refusal, read_file, try_lock
from dinrail.host.paths import Paths

USERS = ("dinrail", "nobody")
_DOWN_S = 10.0
_POLL_S = 0.02
_ASK_S = 5.0
_MAX_ANSWER_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class RouterFiles:
    """Where one router's files lie."""

    settings: Path
    socket: Path
    lock: Path
    log: Path
    state: Path

    @classmethod
    def of(cls, paths: Paths) -> RouterFiles:
        return cls(
            settings=paths.run / "router.json",
            socket=paths.run / "router" / "router.sock",
            lock=paths.run / "router.lock",
            log=paths.run / "router.log",
            state=paths.state / "ads",
        )


def ask_router(paths: Paths, operation: str) -> Mapping[str, Any] | None:
    """The router's answer to `status`, `reload` or `end`; None when it is not up. Raises HostError for a refusal."""
    path = RouterFiles.of(paths).socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ASK_S)
        try:
            connection.connect(str(path))
            connection.sendall(json.dumps({"op": operation}).encode() + b"\n")
            line = connection.makefile("rb").readline(_MAX_ANSWER_BYTES)
        except (FileNotFoundError, ConnectionError):
            return None  # it is not there, or went away while we asked
        except OSError as fault:
            raise os_refusal(fault, "ask the router", path) from fault
    return _result(line, str(path)) if line else None


def _result(line: bytes, where: str) -> Mapping[str, Any]:
    """What an answer says. We may be root, and the router takes bytes from networks: it is trusted no more."""
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise HostError("the router's answer is no JSON", where=where) from fault
    fields: dict[str, Any] = answer if isinstance(answer, dict) else {}
    result, error = fields.get("result"), fields.get("error")
    if fields.get("ok") is not True or not isinstance(result, dict):
        why = error.get("what") if isinstance(error, dict) else None
        raise HostError("the router refused", where=where, why=ascii(why)[1:-1] if isinstance(why, str) else None)
    return result


def start_router(settings: AdsSettings, paths: Paths) -> Mapping[str, Any]:
    """Bring the router up, unless it is; its status either way. Raises HostError with its last words.

    Whoever starts it at the same moment (the supervisor, who wants it back; a second `up`) gets the very same one.
    """
    answer = ask_router(paths, "status")
    return _start_only_one(settings, paths)[0] if answer is None else answer


def _start_only_one(settings: AdsSettings, paths: Paths) -> tuple[Mapping[str, Any], bool]:
    """(its status, whether it was started here): one that somebody else is starting is waited for."""
    files = RouterFiles.of(paths)
    for directory in (files.settings.parent, files.socket.parent, files.state):
        ensure_directory(directory)
    deadline = time.monotonic() + detached.UP_S
    while (lock := try_lock(files.lock, "take the router's lock")) is None:
        answer = ask_router(paths, "status")
        if answer is not None:
            return answer, False
        if time.monotonic() > deadline:
            hint = "look into its log; `dinrail down --router`, or end the process that holds the lock"
            raise HostError("a router runs already, and does not answer", where=str(files.lock), hint=hint)
        time.sleep(_POLL_S)
    try:
        return _start(settings, paths, lock), True
    finally:
        os.close(lock)


def _start(settings: AdsSettings, paths: Paths, lock: int) -> Mapping[str, Any]:
    """lock: an open file, locked; the router inherits it, so that the kernel lets it go when the router ends."""
    files = RouterFiles.of(paths)
    user = _user()
    atomic_write(files.settings, settings.to_json().encode(), mode=0o600)
    if user is not None:
        for path in (files.settings, files.socket.parent, files.state):
            os.chown(path, user.pw_uid, user.pw_gid)
    process = detached.start("router", _words(files, user), files.log, pass_fds=(lock,))
    return detached.wait_until_up("router", process, lambda: ask_router(paths, "status"), files.log)


def runs_by_other_settings(settings: AdsSettings, paths: Paths) -> bool:
    """Whether the router that is wanted was started by other settings than these: it reads them at its start only."""
    path = RouterFiles.of(paths).settings
    return path.exists() and read_file(path, max_bytes=MAX_JSON_BYTES) != settings.to_json().encode()


def keep_router(paths: Paths) -> bool:
    """Start the router again when it is wanted and not up (it crashed, or was killed). True when that was needed."""
    settings = RouterFiles.of(paths).settings
    if not settings.exists() or ask_router(paths, "status") is not None:
        return False
    data = read_file(settings, max_bytes=MAX_JSON_BYTES)
    return _start_only_one(AdsSettings.from_json(data, where=str(settings)), paths)[1]


def stop_router(paths: Paths) -> bool:
    """Ask the router to end, and wait until it has said goodbye. False when it was not up. Raises HostError.

    No signal is sent: whose number to send it to, only the router could say, and we may be root.
    """
    files = RouterFiles.of(paths)
    files.settings.unlink(missing_ok=True)  # first: nobody wants it back
    if ask_router(paths, "end") is None:
        return False
    deadline = time.monotonic() + _DOWN_S
    while time.monotonic() < deadline:
        if ask_router(paths, "status") is None:
            return True
        time.sleep(_POLL_S)
    raise HostError(
        "the router does not end", where=str(files.socket), hint="dinrail status; kill -9 is safe for the control"
    )


def hand_over(path: Path) -> None:
    """Give a file that we made to the router's user, when we are root and it is not. A link is never followed."""
    user = _user()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def router_group() -> int | None:
    """The group of the router's user, when we are root and it is not."""
    user = _user()
    return None if user is None else user.pw_gid


def _user() -> pwd.struct_passwd | None:
    """Whom the router runs as; None: as we do."""
    if os.geteuid() != 0:
        return None
    for name in USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise HostError(
        "no user to run the router as", why="it takes bytes from networks, so it is never root", hint=USERS[0]
    )


def _words(files: RouterFiles, user: pwd.struct_passwd | None) -> tuple[str, ...]:
    """Its module and arguments."""
    return (
        *("dinrail.daemon.router", "--settings", str(files.settings)),
        *("--state", str(files.state), "--socket", str(files.socket)),
        *(() if user is None else ("--user", user.pw_name)),
    )
