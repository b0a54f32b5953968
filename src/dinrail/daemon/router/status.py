"""The router's own socket: one JSON request a line, one answer. Only its user (and root) can connect.

    {"op": "status"}  {"op": "reload"}  {"op": "end"}        {"ok": true, "result": {...}}

Bytes from there are as little trusted as any: a line of at most 4 KiB within a second, and one fault for the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from dinrail.errors import BadRequest, DinrailError, HostError
from dinrail.files import ensure_directory

MAX_LINE_BYTES = 4096
_PATIENCE_S = 1.0
Deed = Callable[[], Mapping[str, object]]


class StatusSocket:
    """Answers `deeds` by name."""

    def __init__(self, path: Path, deeds: Mapping[str, Deed]) -> None:
        self._path = path
        self._deeds = deeds
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Listen. A socket that a killed router left is replaced, one that answers is not. Raises HostError."""
        if await self._answers():
            raise HostError("another router answers here", where=str(self._path), hint="--socket PATH takes another")
        ensure_directory(self._path.parent)
        if self._path.exists() and not self._path.is_socket():
            raise HostError(
                "there is something else, and it is kept", where=str(self._path), hint="another --socket PATH"
            )
        before = os.umask(0o177)
        try:
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._answer, self._path, limit=MAX_LINE_BYTES)
        except OSError as fault:
            why = fault.strerror or str(fault)
            raise HostError("cannot listen on the router's socket", where=str(self._path), why=why) from fault
        finally:
            os.umask(before)

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(self._path)
        except OSError:
            return False
        writer.close()
        return True

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(json.dumps(await self._result(reader)).encode() + b"\n")
            await writer.drain()
        except ConnectionError:
            pass  # it did not wait for the answer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _result(self, reader: asyncio.StreamReader) -> dict[str, object]:
        try:
            line = await asyncio.wait_for(reader.readline(), _PATIENCE_S)
            deed = self._deeds.get(_operation(line))
            if deed is None:
                raise BadRequest("no such operation", hint=", ".join(sorted(self._deeds)))
            return {"ok": True, "result": deed()}
        except (TimeoutError, ValueError) as fault:  # readline: a line longer than the limit
            error = BadRequest("no request within the limits", why=str(fault) or "too slow")
            return {"ok": False, "error": error.as_dict()}
        except DinrailError as fault:
            return {"ok": False, "error": fault.as_dict()}


def _operation(line: bytes) -> str:
    try:
        table = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise BadRequest("not JSON") from fault
    operation = table.get("op") if isinstance(table, dict) else None
    return operation if isinstance(operation, str) else ""
