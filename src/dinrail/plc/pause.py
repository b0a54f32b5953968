"""The garbage collector, out of the way while trees are made by the million."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collector() -> Iterator[None]:
    """No garbage collection inside: trees hold no cycles, and walking them again and again costs half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def frozen_collector() -> Iterator[None]:
    """As `paused_collector`, for a command that does this once: what was made is never looked at afterwards, either."""
    with paused_collector():
        try:
            yield
        finally:
            gc.freeze()
