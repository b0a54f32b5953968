"""The keeper: a hypervisor's parent, and nothing else. It writes down who runs, and how that ended.

    python -I -S keeper.py RUN_DIRECTORY [FD ...]

Run as a file with the standard library alone, importing nothing of dinrail: whatever happens to the package while a
guest runs (an upgrade, a removal), the keeper does not notice. It leaves its starter's session, starts the command in
RUN_DIRECTORY/argv.json, and survives everything of ours: no exit is ever lost.

    argv.json   in    the command, a JSON array of strings
    pid.json    out   pid and start time of the hypervisor and of the keeper, before anybody is told that it runs
    exit.json   out   status or signal, and times; written once
    qemu.log    out   what the hypervisor said (standard output and error)

FDs are leases and the run directory's lock. The keeper and the hypervisor both hold them, so a device stays leased
until the last of the two has ended. SIGTERM, SIGINT and SIGHUP are passed on to the hypervisor.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

LOG_TAIL_BYTES = 4096
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def start_time(pid: int) -> int:
    """Field 22 of /proc/PID/stat, in clock ticks since boot: with the pid, the name of a process for ever. 0: unknown.

    The command's name, field 2, may hold blanks and parentheses: fields are counted from the last one.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        return int(stat[stat.rindex(b")") + 1 :].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


def write_durably(path: Path, value: object) -> None:
    """JSON that is there whole or not at all, even after a power cut."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def keep(run: Path, fds: list[int]) -> None:
    """Start the command, wait for its end, write it down."""
    argv = json.loads((run / "argv.json").read_text(encoding="utf-8"))
    _take_output(run / "qemu.log")
    started_ns = time.time_ns()
    pid = 0

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    # Until the child exists a signal waits: none may be lost between fork and here.
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    try:
        pid = _spawn(argv, fds)
    except OSError as fault:  # as a shell says it: 127 for a command that cannot be started
        os.write(2, f"keeper: {argv[0]}: {fault.strerror}\n".encode())
        write_durably(run / "exit.json", _how(127 << 8, started_ns, run / "qemu.log"))
        return
    for number in _PASSED_ON:
        signal.signal(number, pass_on)
    write_durably(run / "pid.json", _who(pid, started_ns))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    _, status = os.waitpid(pid, 0)
    write_durably(run / "exit.json", _how(status, started_ns, run / "qemu.log"))


def _who(pid: int, started_ns: int) -> dict[str, int]:
    return {
        "pid": pid,
        "start_time": start_time(pid),
        "keeper_pid": os.getpid(),
        "keeper_start_time": start_time(os.getpid()),
        "started_ns": started_ns,
    }


def _how(status: int, started_ns: int, log: Path) -> dict[str, object]:
    code = os.waitstatus_to_exitcode(status)
    return {
        "status": code if code >= 0 else None,
        "signal": -code if code < 0 else None,
        "started_ns": started_ns,
        "ended_ns": time.time_ns(),
        "log": str(log),
        "log_tail": _tail(log),
    }


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
            return file.read(LOG_TAIL_BYTES).decode("utf-8", "backslashreplace")
    except OSError:
        return ""


def _spawn(argv: list[str], fds: list[int]) -> int:
    """The command as a child, with the leases and without our signal handling. Raises OSError."""
    for fd in fds:
        os.set_inheritable(fd, True)
    pid = os.posix_spawnp(argv[0], argv, os.environ, setsigmask=(), setsigdef=(signal.SIGPIPE, *_PASSED_ON))
    _out_of_memory_score(pid, "0")
    return pid


def _take_output(log: Path) -> None:
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(null)
    os.close(out)


def _out_of_memory_score(pid: int, score: str) -> None:
    """-1000: the kernel takes the hypervisor when memory runs out, never its keeper. Only root may ask for that."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(score)


def _detach(then: Callable[[], None]) -> None:
    """Go on as a process of its own: new session, no parent to die with, no terminal. The caller comes back."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    status = 1
    try:
        os.chdir("/")
        os.umask(0o077)
        _out_of_memory_score(os.getpid(), "-1000")
        then()
        status = 0
    finally:
        os._exit(status)


def main(argv: list[str]) -> None:
    """Detach and keep. The starter's `wait` returns as soon as the keeper stands on its own."""
    run = Path(argv[0])
    fds = [int(word) for word in argv[1:]]
    _detach(lambda: keep(run, fds))


if __name__ == "__main__":
    main(sys.argv[1:])
