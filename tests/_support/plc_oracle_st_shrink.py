"""A failing application cut down: pieces, statements and lines go as long as the failure stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from plc_oracle_st_batch import Batch
from plc_oracle_st_library import Piece
from plc_oracle_st_statements import Node


@dataclass(slots=True)
class Shrinker:
    """still_fails: whether a text shows the failure (False too for one that does not compile)."""

    batch: Batch
    still_fails: Callable[[str], bool]
    until: float

    def run(self) -> str:
        """The smallest text found within the time."""
        again = True
        while again and not self.late:
            again = self._pass()
        return self.batch.text()

    @property
    def late(self) -> bool:
        return time.monotonic() > self.until

    def _pass(self) -> bool:
        """Whether anything could go."""
        batch = self.batch
        gone = self._cut(batch.programs) | self._cut(batch.library.pieces)
        for piece in [*batch.programs, *reversed(batch.library.pieces)]:
            for body in list(_lists(piece)):
                gone |= self._cut(body) | self._hoist(body)
        for piece in [*batch.programs, *reversed(batch.library.pieces)]:
            gone |= self._cut(piece.parts)
        return gone

    def _cut(self, items: list[Any]) -> bool:
        """Takes out runs of items, long ones first."""
        gone, run = False, max(1, len(items) // 2)
        while run:
            at = 0
            while at < len(items) and not self.late:
                taken = items[at : at + run]
                del items[at : at + run]
                if self.still_fails(self.batch.text()):
                    gone = True
                else:
                    items[at:at] = taken
                    at += run
            run //= 2
        return gone

    def _hoist(self, items: list[Node]) -> bool:
        """Puts what a statement holds in its place."""
        gone = False
        for at, node in enumerate(list(items)):
            for body in node.bodies():
                if at >= len(items) or items[at] is not node or self.late:
                    break
                items[at : at + 1] = body
                if self.still_fails(self.batch.text()):
                    gone = True
                else:
                    items[at : at + len(body)] = [node]
        return gone


def _lists(piece: Piece) -> Iterator[list[Node]]:
    """Every list of statements in a piece, outer ones first."""
    waiting = [part for part in piece.parts if isinstance(part, list)]
    while waiting:
        body = waiting.pop(0)
        yield body
        waiting += [inner for node in body for inner in node.bodies()]


def shrink(batch: Batch, still_fails: Callable[[str], bool], seconds: float = 60.0) -> str:
    """The smallest text that still fails, as far as it was found in that time. The batch is used up."""
    return Shrinker(batch, still_fails, time.monotonic() + seconds).run()
