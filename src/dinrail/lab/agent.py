"""The hands inside the virtual PC: runs commands, reads and writes files, on request over a virtio serial port.

Runs as a plain script under `python -I -S` (standard library only, imports nothing of dinrail), because an emulated
machine pays for every import. Both directions carry one JSON object per line; binary data travels in base64.

    in   {"id", "op": "run", "argv", "cwd", "env", "timeout_s", "tty"?}     a command of its own session
         {"id", "op": "signal", "job", "signal"}                            to the whole group of a running command
         {"id", "op": "read", "path"}   {"id", "op": "write", "path", "data", "mode"}   {"id", "op": "font"}
    out  {"id": 0, "ready": uptime}                                          once
         {"id", "stream": "stdout" | "stderr", "data"}                       while a command runs
         {"id", "exit": status, "timed_out": bool}                           its end; -N for a signal
         {"id", "data"}  or  {"id", "error": text}                           answers to the others

The end of the channel is the end of the agent, and process 1 then switches the machine off.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

_KDFONTOP, _FONT_GET = 0x4B72, 1  # linux/kd.h
_GLYPHS, _CELL_BYTES = 512, 32

Request = dict[str, Any]


class Port:
    """The serial port; replies of all threads leave whole lines."""

    def __init__(self, name: str) -> None:
        found = [d for d in Path("/sys/class/virtio-ports").iterdir() if (d / "name").read_text().strip() == name]
        self._fd = os.open(f"/dev/{found[0].name}", os.O_RDWR)
        self._lock = threading.Lock()

    def send(self, reply: Request) -> None:
        data = json.dumps(reply).encode() + b"\n"
        with self._lock:
            while data:
                data = data[os.write(self._fd, data) :]

    def lines(self) -> Any:
        rest = b""
        while chunk := os.read(self._fd, 65536):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole


class Agent:
    """Serves one port. `run` requests get a thread each, so that commands may overlap."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def serve(self) -> None:
        uptime = Path("/proc/uptime").read_text().split()[0]
        self._port.send({"id": 0, "ready": float(uptime)})
        for line in self._port.lines():
            request = json.loads(line)
            threading.Thread(target=self._answer, args=(request,), daemon=True).start()

    def _answer(self, request: Request) -> None:
        work = {"run": self._run, "signal": self._signal, "read": _read, "write": _write, "font": _font}
        try:
            reply = work[request["op"]](request)
        except (OSError, ValueError, KeyError) as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        self._port.send({"id": request["id"], **reply})

    def _run(self, request: Request) -> Request:
        with contextlib.ExitStack() as stack:
            if request.get("tty"):
                ends: Any = [stack.enter_context(Path(request["tty"]).open("r+b", buffering=0))] * 3
            else:
                ends = [subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE]
            process = subprocess.Popen(
                request["argv"],
                stdin=ends[0],
                stdout=ends[1],
                stderr=ends[2],
                cwd=request.get("cwd"),
                env=request.get("env"),
                start_new_session=True,
            )
        self._running[request["id"]] = process
        pumps = [self._pump(request["id"], name, getattr(process, name)) for name in ("stdout", "stderr")]
        try:
            status, timed_out = process.wait(timeout=request.get("timeout_s")), False
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            status, timed_out = process.wait(), True
        del self._running[request["id"]]
        for pump in pumps:
            # A daemon that the command left behind may hold the pipe open for ever: what it says later is its own.
            pump.join(timeout=0.5 if pump.is_alive() else 0)
        return {"exit": status, "timed_out": timed_out}

    def _pump(self, job: int, name: str, stream: IO[bytes] | None) -> threading.Thread:
        def work() -> None:
            while stream is not None and (chunk := os.read(stream.fileno(), 65536)):
                self._port.send({"id": job, "stream": name, "data": base64.b64encode(chunk).decode()})

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def _signal(self, request: Request) -> Request:
        process = self._running.get(request["job"])
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, request["signal"])
        return {"data": ""}


def _read(request: Request) -> Request:
    return {"data": base64.b64encode(Path(request["path"]).read_bytes()).decode()}


def _write(request: Request) -> Request:
    path = Path(request["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(request["data"]))
    path.chmod(request["mode"])
    return {"data": ""}


def _font(_request: Request) -> Request:
    """The glyphs of the kernel's console, 32 bytes each, of which 8x16 uses 16 (linux/kd.h, console_font_op)."""
    buffer = ctypes.create_string_buffer(_GLYPHS * _CELL_BYTES)
    operation = bytearray(struct.pack("=IIIIIxxxxQ", _FONT_GET, 0, 8, _CELL_BYTES, _GLYPHS, ctypes.addressof(buffer)))
    fd = os.open("/dev/tty1", os.O_RDWR)
    try:
        fcntl.ioctl(fd, _KDFONTOP, operation, True)
    finally:
        os.close(fd)
    _, _, width, height, count, _ = struct.unpack("=IIIIIxxxxQ", operation)
    if width != 8:
        raise ValueError(f"the console's font is {width} pixels wide, not 8")
    cells = (buffer.raw[i * _CELL_BYTES : i * _CELL_BYTES + height] for i in range(count))
    return {"data": base64.b64encode(b"".join(cells)).decode()}


if __name__ == "__main__":
    Agent(Port(sys.argv[1])).serve()
