"""Real applications in real control processes, with a real router in front: what clients of a machine see."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ads_process import NET_ID, Raw, Serving, own_address, wait_until

from dinrail.ads.settings import AdsSettings, Door, Listen
from dinrail.control.channel.layout import Request
from dinrail.control.channel.reader import Channel
from dinrail.control.channel.request import ask
from dinrail.control.settings import TaskSettings
from dinrail.errors import DinrailError
from dinrail.plc.check.program import check_program
from dinrail.plc.core.options import Options
from dinrail.plc.emit.build import build_image
from dinrail.plc.emit.state import state_of
from dinrail.plc.parse.unit import parse_source
from dinrail.plc.source import Report, Severity, Source
from dinrail.plc.types.outside import outside_symbols

MS_NS = 1_000_000
TASK = TaskSettings("PlcTask", 10 * MS_NS)


def build(text: str, path: Path, tasks: Sequence[TaskSettings] = (TASK,), name: str = "demo") -> Path:
    """The image of a text, in a file; without the library."""
    report = Report()
    source = Source("demo.st", text, 1)
    unit = parse_source(source, report)
    options = Options()
    program = check_program([unit], [(one.name, one.programs) for one in tasks], options, report)
    errors = [one.text for one in report.messages if one.severity is Severity.ERROR]
    assert not errors, errors
    symbols = outside_symbols(program)
    image = build_image(program, tasks, options, name=name, sources=[source], symbols=symbols, state=state_of(program))
    path.write_bytes(image)
    return path


@dataclass
class Running:
    """A control and a router, each a process of its own."""

    directory: Path
    image: Path
    address: str
    control: subprocess.Popen[bytes]
    router: subprocess.Popen[bytes] | None = None
    further: tuple[Path, ...] = ()
    """Channels of other controls that the router serves, too."""

    @property
    def channel(self) -> Path:
        return self.directory / "channel"

    @property
    def serving(self) -> Serving:
        return Serving(self.address, 48898, None)  # type: ignore[arg-type]

    def cycles(self, task: int = 0) -> int:
        """How many cycles the task has begun."""
        with Channel.open(self.channel) as channel:
            return channel.task_word(task, "cycle_count")

    def words(self, *names: str, task: int = 0) -> list[int]:
        """Counters of a task."""
        with Channel.open(self.channel) as channel:
            record = channel.statistics(task)
            return [getattr(record, name) for name in names]

    def start_router(self) -> None:
        """A router that finds the channel; waits until port 851 answers."""
        doors = (Listen(Door.PLAIN, self.address, 48898),)
        settings = AdsSettings(net_id=NET_ID, listen=doors, channels=(str(self.channel), *map(str, self.further)))
        path = self.directory / "router.json"
        path.write_text(settings.to_json())
        argv = [sys.executable, "-m", "dinrail.daemon.router", "--settings", str(path)]
        argv += ["--state", str(self.directory / "state"), "--socket", str(self.directory / "router.sock")]
        with (self.directory / "router.log").open("ab") as log:
            self.router = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        wait_until(self.answers, f"port 851 answers: {(self.directory / 'router.log').read_text()[-2000:]}")

    def answers(self) -> bool:
        """Whether port 851 is there and ready."""
        from ads_process import PLC

        try:
            with Raw((self.address, 48898)) as raw:
                header, body = raw.ask(PLC, 4)
                return header.error == 0 and body[:4] == bytes(4)
        except (OSError, ConnectionError):
            return False

    def online_change(self, text: str) -> str:
        """Another text, while it runs; what the control said. Raises Refused."""
        return ask(self.channel, Request.SWAP, str(build(text, self.directory / "next.image")).encode())

    def kill_router(self) -> None:
        assert self.router is not None
        self.router.send_signal(signal.SIGKILL)
        self.router.wait(10)
        self.router = None

    def start_control(self) -> None:
        self.control = spawn_control(self.directory, self.image)

    def kill_control(self) -> None:
        self.control.send_signal(signal.SIGKILL)
        self.control.wait(10)


def spawn_control(directory: Path, image: Path, port: int = 851) -> subprocess.Popen[bytes]:
    """A control process, once its channel is there and its first cycles have run."""
    channel = directory / "channel"
    before = _identity(channel)
    argv = [sys.executable, "-m", "dinrail.control", str(image), "--channel", str(channel), "--port", str(port)]
    with (directory / "control.log").open("ab") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)

    def runs() -> bool:
        assert process.poll() is None, (directory / "control.log").read_text()
        if _identity(channel) in (None, before):
            return False
        try:
            with Channel.open(channel) as opened:
                return opened.task_word(0, "cycle_count") > 2
        except DinrailError:
            return False

    wait_until(runs, "the control cycles")
    return process


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_ctime_ns


@contextmanager
def running_plant(
    text: str, directory: Path, tasks: Sequence[TaskSettings] = (TASK,), *, router: bool = True
) -> Iterator[Running]:
    """A text in a control, behind a router; both are ended afterwards."""
    image = build(text, directory / "demo.image", tasks)
    made = Running(directory, image, own_address(), spawn_control(directory, image))
    try:
        if router:
            made.start_router()
        yield made
    finally:
        for process in (made.router, made.control):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(10)
