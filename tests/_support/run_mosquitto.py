"""A real broker for one test: mosquitto on a free loopback port, with a configuration and directory of its own."""

from __future__ import annotations

import getpass
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAM = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
PASSWD = shutil.which("mosquitto_passwd")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


class Mosquitto:
    """Call `start`; it comes back on the same port and with what it retained after `kill` and another `start`."""

    def __init__(self, directory: Path, *, users: dict[str, str] | None = None, tls: dict[str, Path] | None = None):
        self.directory = directory
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"user {getpass.getuser()}",  # started by root it would become somebody who may not look into `directory`
            f"allow_anonymous {'false' if users else 'true'}",
            "persistence true",
            f"persistence_location {directory}/",
            "autosave_interval 1",
            "autosave_on_changes true",
        ]
        if users:
            passwords = directory / "passwords"
            passwords.write_text("".join(f"{user}:{word}\n" for user, word in users.items()))
            assert PASSWD is not None
            subprocess.run([PASSWD, "-U", str(passwords)], check=True)
            lines.append(f"password_file {passwords}")
        lines += [f"{key} {path}" for key, path in (tls or {}).items()]
        (directory / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        assert PROGRAM is not None
        log = (self.directory / "log").open("ab")
        self._process = subprocess.Popen(
            [PROGRAM, "-c", str(self.directory / "mosquitto.conf")], stdout=log, stderr=log, cwd=self.directory
        )
        log.close()
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, (self.directory / "log").read_text()
            time.sleep(0.02)
        raise AssertionError("mosquitto does not answer")

    def kill(self) -> None:
        """As a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(10)
            self._process = None
