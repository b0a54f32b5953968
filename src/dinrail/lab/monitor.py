"""QEMU's monitor of the virtual PC, for callers that are not asynchronous."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from typing import Any

from qemu.qmp import QMPClient
from qemu.qmp.error import QMPError
from qemu.qmp.qmp_client import ExecuteError

from dinrail.errors import HostError

_ANSWER_S = 30.0


class Monitor:
    """QEMU's own library on an event loop in a thread. Methods block; they may be called from any thread."""

    def __init__(self, sock: socket.socket) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lab-monitor", daemon=True)
        self._thread.start()
        self._client = QMPClient("lab")
        self._wait("connect", self._client.connect(sock))

    def execute(self, command: str, **arguments: object) -> Any:
        """One command's result. Raises HostError with QEMU's own words."""
        return self._wait(command, self._client.execute(command, arguments))

    def close(self) -> None:
        """Disconnect; QEMU itself runs on."""
        try:
            self._wait("disconnect", self._client.disconnect())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _wait(self, command: str, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_S)
        except ExecuteError as error:
            raise HostError(str(error), where=f"QEMU monitor, {command}") from error
        except (QMPError, EOFError, OSError, TimeoutError) as error:
            raise HostError("does not answer", where=f"QEMU monitor, {command}") from error
