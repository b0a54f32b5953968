"""The supervisor: answers on its socket, and looks after guests. Its end is nobody else's: guests, control and router
go on, and the next supervisor finds the guests in their run directories again.

It reads nothing from a network. It waits for no process and kills none but by a request: a guest's keeper writes down
how it ended, and the supervisor then gives back what the guest held.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from dinrail import __version__
from dinrail.config.document import load
from dinrail.daemon.launch import keep_router
from dinrail.daemon.protocol import MAX_LINE_BYTES, Op, Request, encode_fault, encode_result, parse_request
from dinrail.errors import BadRequest, DinrailError, Refused
from dinrail.files import ensure_directory, os_refusal, try_lock
from dinrail.guest.lifecycle import ALIVE, ENDED
from dinrail.guest.rundir import Observed, observe_all
from dinrail.guest.site import Site
from dinrail.guest.start import START_TIMEOUT_NS, StartRequest, start
from dinrail.guest.stop import kill, settle_dead, stop
from dinrail.units import S_NS

LOG = logging.getLogger("dinrail.supervisor")
_WATCH_S = 1.0
_REQUEST_S = 5.0
_STOP_NS = 60 * S_NS


def serve(site: Site) -> None:
    """Run until SIGTERM, SIGINT, or a request to end. Raises Refused when a supervisor runs already; HostError."""
    lock = _only_one(site)
    try:
        asyncio.run(Supervisor(site).run())
    finally:
        os.close(lock)


class Supervisor:
    """One socket, one watch over the guests."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._end = asyncio.Event()
        self._known: dict[str, str] = {}

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        path = self._site.paths.socket
        path.unlink(missing_ok=True)  # a killed supervisor's: we hold the lock
        before = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(self._answer, path, limit=MAX_LINE_BYTES)
        except OSError as fault:
            raise os_refusal(fault, "listen on the supervisor's socket", path) from fault
        finally:
            os.umask(before)
        LOG.info("up, pid %d, socket %s", os.getpid(), path)
        watch = asyncio.create_task(self._watch())
        try:
            await self._end.wait()
        finally:
            watch.cancel()
            server.close()
            path.unlink(missing_ok=True)
            LOG.info("down; guests run on")

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer, one connection; a fault of the other side ends that connection and nothing else."""
        try:
            try:
                request = parse_request(await asyncio.wait_for(reader.readline(), _REQUEST_S))
                answer = encode_result(await asyncio.to_thread(self._do, request))
            except (TimeoutError, ValueError) as fault:  # readline: a line longer than the limit
                answer = encode_fault(BadRequest("no request within the limits", why=str(fault) or "too slow"))
            except DinrailError as fault:
                answer = encode_fault(fault)
            else:
                if request.op is Op.DOWN:
                    self._end.set()
            writer.write(answer)
            await writer.drain()
        except ConnectionError:
            LOG.info("a client went away before its answer")
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _do(self, request: Request) -> dict[str, object]:
        deeds: dict[Op, Callable[[], dict[str, object]]] = {
            Op.STATUS: self._status,
            Op.DOWN: self._status,
            Op.START: partial(self._start, request),
            Op.STOP: lambda: stop(request.name, self._site, timeout_ns=_time(request, _STOP_NS)).as_dict(),
            Op.KILL: lambda: kill(request.name, self._site).as_dict(),
        }
        LOG.info("%s %s", request.op, request.name)
        return deeds[request.op]()

    def _status(self) -> dict[str, object]:
        guests = [guest.as_dict() for guest in observe_all(self._site.paths.guests)]
        return {"pid": os.getpid(), "version": __version__, "guests": guests}

    def _start(self, request: Request) -> dict[str, object]:
        definition = load(Path(request.config)).guest(request.name)
        timeout_ns = _time(request, START_TIMEOUT_NS)
        return start(StartRequest(definition, frozenset(request.waivers), timeout_ns), self._site).guest.as_dict()

    async def _watch(self) -> None:
        """Notice guests that are there, give back what ended ones held, and start a router again that went away."""
        while True:
            try:
                if await asyncio.to_thread(keep_router, self._site.paths):
                    LOG.warning("the router was gone; it is up again")
                for guest in await asyncio.to_thread(observe_all, self._site.paths.guests):
                    await self._look_at(guest)
            except DinrailError as fault:
                LOG.warning("%s", fault)
            await asyncio.sleep(_WATCH_S)

    async def _look_at(self, guest: Observed) -> None:
        if self._known.get(guest.name) != guest.state:
            adopted = guest.name not in self._known and guest.state in ALIVE
            LOG.info("guest %s is %s%s", guest.name, guest.state, " (adopted)" if adopted else "")
            self._known[guest.name] = guest.state
            if guest.state in ENDED:
                fault = await asyncio.to_thread(settle_dead, guest.name, self._site)
                if fault is not None:
                    LOG.warning("guest %s: %s", guest.name, fault)


def _time(request: Request, default_ns: int) -> int:
    return default_ns if request.timeout_ns is None else request.timeout_ns


def _only_one(site: Site) -> int:
    """The lock that makes a supervisor the only one; the kernel drops it when we end, however that is."""
    ensure_directory(site.paths.run)
    fd = try_lock(site.paths.run / "supervisor.lock", "take the supervisor's lock")
    if fd is None:
        hint = "`dinrail status` asks it, `dinrail down` ends it"
        raise Refused("a supervisor is running already", where=str(site.paths.run), hint=hint)
    return fd
