"""Waiting for a picture: what has to be on the monitor before a stage counts as reached."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from dinrail.errors import HostError
from dinrail.lab.firmware import LOGO_DRIVER, OVMF_CODE, Bitmap, driver, logo
from dinrail.lab.machine import VirtualPc
from dinrail.lab.screen import Font, Picture

Accept = Callable[[Picture], bool]

POLL_S = 0.7


def wait_for_picture(
    pc: VirtualPc, display: str, path: Path, accept: Accept, *, timeout_s: float, what: str
) -> Picture:
    """Look at a monitor until `accept` says yes; the accepted picture is in `path`, the last refused one otherwise.

    Raises HostError after `timeout_s`, with what can be read on the screen.
    """
    limit = time.monotonic() + timeout_s
    while True:
        picture = pc.screendump(display, path)
        if accept(picture):
            return picture
        if time.monotonic() > limit:
            seen = tuple(line for line in picture.text(pc.console_font()) if line)
            raise HostError(
                f"{what} did not appear within {timeout_s:.0f} s",
                where=f"monitor {display!r}, kept as {path}",
                details=seen[-12:] or ("the screen is empty",),
            )
        time.sleep(POLL_S)


def firmware_logo() -> Bitmap:
    """The bitmap that OVMF shows while it starts, out of the firmware file itself. Raises HostError."""
    return logo(driver(OVMF_CODE, LOGO_DRIVER))


def shows(bitmap: Bitmap) -> Accept:
    """The picture contains that bitmap, every pixel of it."""
    return lambda picture: picture.find(bitmap) is not None


def says(font: Font, *texts: str) -> Accept:
    """Each of `texts` stands on one line of the screen, in that font."""

    def accept(picture: Picture) -> bool:
        screen = "\n".join(picture.text(font))
        return all(text in screen for text in texts)

    return accept
