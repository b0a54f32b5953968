"""The registry's file: one JSON document, replaced as a whole, so that a crash leaves the old one or the new one."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
from collections.abc import Mapping

from dinrail.ads.service.registry import Registry
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.errors import FormatError, HostError

MAX_FILE_BYTES = 8 << 20
"""A full registry is about 3 MiB of JSON."""


class RegistryFile:
    """A `registry.Keeper`."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path

    def load(self, registry: Registry) -> None:
        """Put what was kept. Raises FormatError, HostError; a file that is not there is an empty one."""
        try:
            with self._path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return
        except OSError as fault:
            raise HostError(
                "cannot read the registry", where=str(self._path), why=os.strerror(fault.errno or 0)
            ) from fault
        try:
            registry.load(json.loads(data[:MAX_FILE_BYTES]), str(self._path))
        except (ValueError, RecursionError, AdsFault) as fault:
            raise FormatError(str(fault), structure="registry document", where=str(self._path)) from fault

    def save(self, document: Mapping[str, object]) -> None:
        """See registry.Keeper."""
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("w", encoding="ascii") as file:
                json.dump(document, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
            self._sync_directory()
        except OSError as fault:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise AdsFault(
                AdsError.DEVICE_ERROR, f"cannot keep the registry: {os.strerror(fault.errno or 0)}"
            ) from fault

    def _sync_directory(self) -> None:
        fd = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
