"""The control process: `python -m dinrail.control IMAGE --channel PATH`. See docs/control.md.

Standard library only. It answers SIGTERM by a clean end; kill -9 harms nothing but what was not saved yet. It waits for
nobody: standard error goes where its starter has put it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from dinrail.control.change.make import change_online
from dinrail.control.channel.alive import start_time
from dinrail.control.channel.create import write_answer
from dinrail.control.channel.layout import ChannelHeader, Realtime, Request, offset_of
from dinrail.control.channel.plan import CONTROL_RING_BYTES
from dinrail.control.channel.ring import CommandRecord, RingReader
from dinrail.control.channel.writer import LeaseTaken, make_lease, take_lease
from dinrail.control.control import Control
from dinrail.control.native import lock_memory
from dinrail.control.options import ControlOptions, parse
from dinrail.control.watch import Watch
from dinrail.errors import DinrailError, Refused

_ROUND_S = 0.005
_LATENCY_DEVICE = Path("/dev/cpu_dma_latency")


class Process:
    """Its main thread."""

    def __init__(self, options: ControlOptions) -> None:
        self._ending = False
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        self._place = _hold_place(options)
        notes = _enter(options.cgroup)
        flags = Realtime(0)
        refusal = lock_memory()
        if refusal is None:
            flags |= Realtime.MEMORY
        else:
            notes.append(f"{refusal.what} (needs CAP_IPC_LOCK): a page may have to be fetched in the middle of a cycle")
        self._latency = _hold_latency(notes)
        flags |= Realtime.LATENCY if self._latency is not None else Realtime(0)
        self._control = Control(options, start_time(os.getpid()))
        control = self._control
        control.memory.set_u32(offset_of(ChannelHeader, "realtime"), flags)
        self._watch = Watch(control)
        self._watch.lines += [*notes, *control.retained.notes]
        self._requests = RingReader(control.memory, control.plan.control_ring, CONTROL_RING_BYTES)
        self._saved_s = time.monotonic()
        self._begin()

    def _begin(self) -> None:
        control = self._control
        control.stop()
        if control.initial_fault is not None:
            self._watch.renew()
        elif control.options.start:
            control.start()
        self._watch.lines += control.threads.missing
        self._watch.lines.append(f"{control.image.name}: {control.state.name}, {len(control.settings)} tasks")

    def _end(self, _signal: int, _frame: FrameType | None) -> None:
        self._ending = True

    def run(self) -> None:
        """Until it is to end."""
        while not self._ending:
            for record in self._requests.records():
                self._serve(record)
            self._watch.look()
            self._save()
            self._say()
            time.sleep(_ROUND_S)
        self._control.end()
        self._watch.lines.append("ended")
        self._say()

    def _serve(self, record: CommandRecord) -> None:
        control = self._control
        try:
            text, accepted = self._do(record), True
        except DinrailError as fault:
            text, accepted = "\n".join(fault.lines()), False
        except (ValueError, OSError) as fault:  # a path that is none
            text, accepted = str(fault), False
        self._watch.lines.append(f"request {record.kind}: {'done' if accepted else text}")
        write_answer(control.memory, control.plan, record.end, accepted=accepted, text=text)

    def _do(self, record: CommandRecord) -> str:
        """Carry a request out; what to say about it. Raises DinrailError."""
        control = self._control
        if record.kind == Request.START:
            control.start()
        elif record.kind == Request.STOP:
            control.stop()
        elif record.kind in (Request.RESET, Request.RESET_ORIGIN):
            control.reset(origin=record.kind == Request.RESET_ORIGIN)
            self._watch.renew()
        elif record.kind == Request.CONFIG:
            control.config()
            self._watch.renew()
        elif record.kind == Request.SWAP:
            return change_online(control, Path(record.data.decode("utf-8", "surrogateescape")))
        elif record.kind == Request.SAVE:
            control.save()
        elif record.kind == Request.EXIT:
            self._ending = True
        else:
            raise Refused(f"there is no request {record.kind}")
        return control.state.name

    def _save(self) -> None:
        control = self._control
        if not control.options.retain or time.monotonic() - self._saved_s < control.options.retain_every_s:
            return
        self._saved_s = time.monotonic()
        try:
            control.save()
        except DinrailError as fault:
            self._watch.lines += fault.lines()

    def _say(self) -> None:
        """What was collected, to standard error. A log that takes no more (a full disk) is no reason to stop."""
        lines, self._watch.lines = [*self._watch.lines, *self._control.notes], []
        self._control.notes.clear()
        if lines:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S")
            text = "".join(f"{stamp} {line}\n" for line in lines)
            try:
                os.write(2, text.encode())
            except OSError:
                return


def _enter(cgroup: Path | None) -> list[str]:
    """Go to the cores that the control has for itself, before any thread is made. What was refused, for the log."""
    if cgroup is None:
        return []
    try:
        (cgroup / "cgroup.procs").write_text(str(os.getpid()))
    except OSError as fault:
        return [f"cannot enter {cgroup}: {fault.strerror}; other programs run on the control's cores, too"]
    return []


def _hold_place(options: ControlOptions) -> int:
    """A descriptor by which no second control comes up at this channel. Raises Refused, HostError."""
    place = options.channel.with_name(options.channel.name + ".control")
    make_lease(place, mode=0o600, group=None)
    try:
        return take_lease(place)
    except LeaseTaken as fault:
        raise Refused("another control runs there", where=str(options.channel)) from fault


def _hold_latency(notes: list[str]) -> int | None:
    """No deep sleep of the processor as long as this descriptor is open (kernel: PM QoS, cpu_dma_latency)."""
    try:
        fd = os.open(_LATENCY_DEVICE, os.O_WRONLY | os.O_CLOEXEC)
        os.write(fd, bytes(4))
    except OSError as fault:
        notes.append(f"cannot keep the processor awake: {_LATENCY_DEVICE}: {fault.strerror}")
        return None
    return fd


def main(argv: list[str]) -> int:
    """Run until told to end. The exit code."""
    try:
        Process(parse(argv)).run()
    except DinrailError as fault:
        sys.stderr.write("dinrail.control: " + "\n".join(fault.lines()) + "\n")
        return fault.exit_code
    return 0
