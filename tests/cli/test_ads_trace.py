"""`dinrail ads trace`."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from build_capture import PLC, PcapNg, Talk, answer, pcap, request
from click.testing import Result
from typer.testing import CliRunner

from dinrail.ads.trace.captured import LinkType
from dinrail.ads.trace.packet import Endpoint
from dinrail.ams.command import DataResponse, ReadRequest, error_body
from dinrail.ams.frame import Command
from dinrail.cli import ads_trace
from dinrail.errors import BadRequest, FormatError, HostError

READ = request(Command.READ, ReadRequest(0x4020, 0, 4).encode())
ANSWER = answer(READ, DataResponse(0, b"\1\2\3\4").encode())
PROGRAM = """
import typer
from dinrail.cli import ads_trace
from dinrail.cli.session import Session

app = typer.Typer()
ads_trace.register(app)
app(obj=Session(host_file=None, as_json=True))
"""
FAILED = answer(READ, error_body(Command.READ, 0x702))


@dataclass
class Here:
    """A session on this machine."""

    as_json: bool = False

    def require_this_machine(self) -> None:
        pass


def run(*argv: str, as_json: bool = False) -> Result:
    app = typer.Typer()
    ads_trace.register(app)
    return CliRunner().invoke(app, ["trace", *argv], obj=Here(as_json))


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "plc.pcap"
    talk = Talk().open().up(READ).down(ANSWER).up(READ).down(FAILED)
    path.write_bytes(pcap(talk.packets))
    return path


def test_a_capture_is_told_line_by_line(capture: Path) -> None:
    """One line each, in order; nothing is said about a capture that lacks nothing."""
    result = run("decode", str(capture))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.rpartition(" #1 ")[2] for line in lines] == [
        "? read plc-memory 0x0, 4 bytes",
        "= plc-memory 0x0: 01020304  [1.000 ms]",
        "? read plc-memory 0x0, 4 bytes",
        "= plc-memory 0x0: invalid index group (0x702)  [1.000 ms]",
    ]
    assert result.stderr == ""


def test_json_is_one_object_each_line(capture: Path) -> None:
    """For programs that read line by line."""
    result = run("decode", str(capture), as_json=True)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["kind"] for row in rows] == ["request", "response", "request", "response"]
    assert (rows[1]["latency_ns"], rows[1]["data"], rows[3]["error"]) == (1_000_000, "01020304", 0x702)


def test_events_are_chosen_by_address_and_by_error(capture: Path) -> None:
    """A NetId, an address with its port, errors only."""
    assert len(run("decode", str(capture), "--only", "192.168.0.231.1.1").stdout.splitlines()) == 4
    assert len(run("decode", str(capture), "--only", str(PLC)).stdout.splitlines()) == 4
    assert run("decode", str(capture), "--only", "192.168.0.231.1.1:852").stdout == ""
    assert run("decode", str(capture), "--only", "1.2.3.4.5.6").stdout == ""
    (line,) = run("decode", str(capture), "--errors").stdout.splitlines()
    assert "invalid index group" in line
    assert isinstance(run("decode", str(capture), "--only", "x").exception, BadRequest)


def test_other_ports_and_formats_are_decoded(tmp_path: Path) -> None:
    """A pcapng of Linux's `any` interface, AMS on a port of its own."""
    path = tmp_path / "any.pcapng"
    talk = Talk(server=Endpoint("10.0.0.1", 5555)).open().up(READ)
    cooked = [(wall_ns, bytes(14) + b"\x08\x00" + data) for wall_ns, data in talk.packets]
    path.write_bytes(PcapNg(link_type=LinkType.LINUX_SLL).file(cooked))
    assert run("decode", str(path)).stdout == ""
    result = run("decode", str(path), "--tcp-port", "5555")
    assert len(result.stdout.splitlines()) == 1
    assert "1 requests had no answer" in result.stderr


def test_what_a_capture_lacks_is_said(tmp_path: Path) -> None:
    """Holes, skipped bytes, half a packet at the end."""
    path = tmp_path / "cut.pcap"
    talk = Talk().up(b"x" * 50 + READ).down(ANSWER)
    path.write_bytes(pcap(talk.packets)[:-3])
    result = run("decode", str(path))
    assert len(result.stdout.splitlines()) == 1
    for remark in ("1 places where bytes are missing", "50 bytes were no AMS frames", "are half a packet"):
        assert remark in result.stderr


def test_what_is_no_capture_is_refused_with_its_name(tmp_path: Path) -> None:
    """A missing file is the host's fault, another format the file's."""
    path = tmp_path / "notes.txt"
    path.write_text("these are notes")
    broken = run("decode", str(path)).exception
    assert isinstance(broken, FormatError)
    assert str(broken).startswith(str(path))
    missing = run("decode", str(tmp_path / "none")).exception
    assert isinstance(missing, HostError)
    assert "No such file" in str(missing)


def test_a_pipe_is_decoded(capture: Path) -> None:
    """`tcpdump -w - | dinrail ads trace decode -`"""
    argv = [sys.executable, "-c", PROGRAM, "trace", "decode", "-"]
    done = subprocess.run(argv, input=capture.read_bytes(), capture_output=True, check=True)
    assert len(done.stdout.splitlines()) == 4


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_capture_ends_on_ctrl_c_with_a_file_that_decodes(tmp_path: Path) -> None:
    """Listening is said, what passes is written, an interrupt is the usual end and leaves a whole file."""
    out = tmp_path / "live.pcap"
    with socket.create_server(("127.0.0.1", 0)) as target:
        far = target.getsockname()[1]
        port = free_port()
        argv = [sys.executable, "-c", PROGRAM, "trace", "capture", "--out", str(out)]
        argv += ["--to", f"127.0.0.1:{far}", "--listen", f"127.0.0.1:{port}"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as proxy:
            assert proxy.stderr is not None
            assert proxy.stdout is not None
            assert "listening" in proxy.stderr.readline()
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(READ)
                served, _ = target.accept()
                with served:
                    assert served.recv(1000) == READ
                    served.sendall(ANSWER)
                    assert client.recv(1000) == ANSWER
            proxy.send_signal(signal.SIGINT)
            summary = json.loads(proxy.stdout.read())
            assert proxy.wait(timeout=20) == 0
    assert (summary["connections"], summary["pieces"], summary["dropped"]) == (1, 2, 0)
    assert len(run("decode", str(out), "--tcp-port", str(far)).stdout.splitlines()) == 2


def test_a_capture_never_overwrites_and_leaves_nothing_when_it_cannot_listen(tmp_path: Path) -> None:
    """An existing file stays as it is; a port that is taken leaves no file."""
    there = tmp_path / "there.pcap"
    there.write_bytes(b"precious")
    result = run("capture", "--out", str(there), "--to", "127.0.0.1")
    assert isinstance(result.exception, HostError)
    assert there.read_bytes() == b"precious"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        new = tmp_path / "new.pcap"
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run("capture", "--out", str(new), "--to", "127.0.0.1", "--listen", listen)
    assert isinstance(result.exception, HostError)
    assert not new.exists()


def test_a_capture_may_end_by_itself(tmp_path: Path) -> None:
    """After some seconds, with a file that has only its head."""
    out = tmp_path / "empty.pcap"
    result = run("capture", "--out", str(out), "--to", "127.0.0.1", "--listen", "127.0.0.1:0", "--for", "50 ms")
    assert result.exit_code == 0, result.exception
    assert f"{out}: 0 connections, 0 pieces" in result.stdout
    assert out.stat().st_size == 24
