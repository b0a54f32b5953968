"""The control's own copies of images: what is loaded must not change when `plc build` writes its file anew."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dinrail.control.image import MAX_IMAGE_BYTES, Image, read_image
from dinrail.errors import HostError, Refused
from dinrail.files import atomic_write, ensure_directory, os_refusal, read_all

_KEPT = 2
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class Images:
    """A directory beside the channel, `<channel>.images`."""

    def __init__(self, channel: Path) -> None:
        self._directory = channel.with_name(channel.name + ".images")
        self._count = 0

    def take(self, source: Path, *, group: int | None, trusted: bool) -> tuple[Path, Image, int]:
        """A copy, what it says, and when it was built (s since 1970). Raises HostError, FormatError, Refused.

        trusted: whoever names the file may have it run. Else it has to belong to root or to us, and nobody else may
        write it: the router asks for online changes, and takes bytes from networks.
        The last two copies of this process are kept, and none of another one.
        """
        data, facts = _read(source)
        if not trusted and (facts.st_uid not in (0, os.geteuid()) or facts.st_mode & _OTHERS_WRITE):
            raise Refused(
                "others than root may have written this image",
                where=str(source),
                why="its code would run with the control's rights",
                hint="chown root, chmod go-w",
            )
        image = read_image(data, where=str(source))
        built = int(facts.st_mtime)
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


def _read(source: Path) -> tuple[bytes, os.stat_result]:
    """The file's bytes, and whose they are: of the very file that was opened. Raises HostError."""
    try:
        fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            facts = os.fstat(fd)
            data, more = read_all(fd, MAX_IMAGE_BYTES)
        finally:
            os.close(fd)
    except OSError as fault:
        raise os_refusal(fault, "read the image", source) from fault
    if more:
        raise HostError(f"the image is larger than {MAX_IMAGE_BYTES} bytes", where=str(source))
    return data, facts
