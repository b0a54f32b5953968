"""The control's own copies of images: what is loaded must not change when `plc build` writes its file anew."""

from __future__ import annotations

import os
from pathlib import Path

from dinrail.control.image import MAX_IMAGE_BYTES, Image, read_image
from dinrail.files import atomic_write, ensure_directory, os_refusal, read_file

_KEPT = 2


class Images:
    """A directory beside the channel, `<channel>.images`."""

    def __init__(self, channel: Path) -> None:
        self._directory = channel.with_name(channel.name + ".images")
        self._count = 0

    def take(self, source: Path, *, group: int | None) -> tuple[Path, Image, int]:
        """A copy, what it says, and when it was built (s since 1970). Raises HostError, FormatError.

        The last two copies of this process are kept, and none of another one.
        """
        data = read_file(source, max_bytes=MAX_IMAGE_BYTES)
        image = read_image(data, where=str(source))
        built = int(source.stat().st_mtime)
        ensure_directory(self._directory)
        path = self._directory / f"{os.getpid()}-{self._count}.image"
        self._count += 1
        atomic_write(path, data, mode=0o640)
        try:
            if group is not None:
                os.chown(path, -1, group)
                os.chown(self._directory, -1, group)
            self._forget(path)
        except OSError as fault:
            raise os_refusal(fault, "keep a copy of the image", path) from fault
        return path, image, built

    def _forget(self, newest: Path) -> None:
        own = sorted(self._directory.glob(f"{os.getpid()}-*.image"), key=lambda path: path.stat().st_mtime_ns)
        kept = {newest, *own[-_KEPT:]}
        for path in self._directory.glob("*.image"):
            if path not in kept:
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Everything of it away. Raises HostError."""
        try:
            for path in self._directory.glob("*"):
                path.unlink(missing_ok=True)
            if self._directory.exists():
                self._directory.rmdir()
        except OSError as fault:
            raise os_refusal(fault, "remove the copies of images", self._directory) from fault
