"""The edge of the process: event loop, signals, file limit."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.util
import resource
import signal
from collections.abc import Callable

from dinrail.daemon.router.process import RouterProcess
from dinrail.errors import HostError

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve_until_ended(process: RouterProcess, ready: Callable[[], None], *, loop: str = "auto") -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reloads. Raises what `start` raises.

    loop: `asyncio`, `uvloop` (HostError where it is not installed), or `auto`: uvloop where it is.
    """
    _raise_file_limit()
    with asyncio.Runner(loop_factory=_loop_factory(loop)) as runner:
        runner.run(_serve(process, ready))


async def _serve(process: RouterProcess, ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, end.set)
    loop.add_signal_handler(signal.SIGHUP, process.reload_or_log)
    process.end = end.set
    await process.start()
    try:
        gc.freeze()  # modules, devices and symbols stay: no collection has to walk through them again
        ready()
        await end.wait()
    finally:
        await process.stop()


def _loop_factory(kind: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if kind == "asyncio":
        return None
    if importlib.util.find_spec("uvloop") is None:
        if kind == "uvloop":
            raise HostError("uvloop is not installed", hint="`--loop asyncio`, or `pip install uvloop`")
        return None
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _raise_file_limit() -> None:
    """A thousand connections need as many files; what the hard limit allows needs no privilege."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
