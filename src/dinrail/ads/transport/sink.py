"""Where a link's frames go: one sink for each connection, made by whoever owns the router.

Frames always carry the AMS/TCP header here; doors that have none on their wire (TLS, MQTT) add it and take it off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dinrail.ads.contract import Link


class FrameSink(Protocol):
    """The router's side of one link."""

    def receive(self, frame: bytes) -> bytes | None:
        """Take one whole frame. What is returned (frames, end to end) goes back by the same link at once.

        Answers that come later, and what others send there, go through `Link.send`. Never raises for any bytes.
        """

    def quick(self, data: bytes) -> bytes | None:
        """The answer to bytes that are one whole frame, and known as such from before; None for any others.

        For a segment as it came, before anybody looks at it. Never raises for any bytes.
        """

    def closed(self) -> None:
        """The link is gone, for whatever reason. Called exactly once, and nothing is received after it."""


SinkFactory = Callable[[Link], FrameSink]
"""Called once a link is there and its origin is proven: nothing reaches a router before that."""
