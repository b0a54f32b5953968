"""The edge of the process: event loop, signals, file limit."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import resource
import signal
from collections.abc import Callable

from dinrail.daemon.router.process import RouterProcess

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve_until_ended(process: RouterProcess, ready: Callable[[], None]) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reloads. uvloop where it is installed. Raises what `start` raises."""
    _raise_file_limit()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(process, ready))


async def _serve(process: RouterProcess, ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, end.set)
    loop.add_signal_handler(signal.SIGHUP, process.reload_or_log)
    await process.start()
    try:
        ready()
        await end.wait()
    finally:
        await process.stop()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _raise_file_limit() -> None:
    """A thousand connections need as many files; what the hard limit allows needs no privilege."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
