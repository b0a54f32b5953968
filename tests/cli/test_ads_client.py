"""`dinrail ads`'s client commands against our own server, for people and for programs."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ads_own_server import NET_ID, OwnServer, ServerThread
from build_iec import AXIS

from dinrail.ads.contract import Action
from dinrail.ads.simulate.recording import read_recording, to_description
from dinrail.ams.address import AmsAddr
from dinrail.ams.discovery import AddRoute, ServerInfo, Service, parse_packet, status_reply
from dinrail.cli import main


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with ServerThread() as own:
        yield own


@pytest.fixture
def dinrail(server: OwnServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the program in this process; the target is the environment's."""
    main.register()
    monkeypatch.setenv("DINRAIL_ADS", f"127.0.0.1:{server.port}")

    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["dinrail", "ads", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.main()
        told = capsys.readouterr()
        return Done(int(ended.value.code or 0), told.out, told.err)

    return run


def test_info_tells_device_system_and_us(dinrail: Run) -> None:
    """Name, version and states of the port and of the system behind it, and our own address."""
    told = dinrail("info", "--json")
    assert told.code == 0
    assert told.json["address"] == "192.168.0.231.1.1:851"
    assert (told.json["state"], told.json["system"]) == ("RUN", "TwinCAT System")
    assert told.json["router"] == "192.168.0.231.1.1"
    assert "192.168.0.231.1.1:851" in dinrail("info").out


def test_symbols_are_listed_filtered_and_drawn(dinrail: Run) -> None:
    """A pattern in any case; comments and marks; the tree has each prefix once; members on request."""
    names = [one["name"] for one in dinrail("symbols", "main.n*", "--json").json]
    assert names == ["MAIN.nCount"]
    table = dinrail("symbols")
    assert "how often" in table.out
    assert "read-only" in table.out
    tree = dinrail("symbols", "--tree").out
    assert tree.count("MAIN") == 1
    inner = dinrail("symbols", "MAIN.aAxes[2].*", "--members", "--json").json
    assert "MAIN.aAxes[2].aPoints[3].y" in [one["name"] for one in inner]
    offsets = [
        next(one["offset"] for one in dinrail("symbols", f"MAIN.aAxes[{at}]", "--members", "--json").json)
        for at in (1, 2)
    ]
    assert offsets[1] - offsets[0] == AXIS.size_bytes


def test_types_tell_what_they_are_made_of(dinrail: Run) -> None:
    """Members with offsets, values of enumerations, signatures of methods."""
    types = {one["name"]: one for one in dinrail("types", "--json").json}
    assert [part["name"] for part in types["E_Mode"]["parts"]] == ["Off", "Manual", "Automatic", "Fault"]
    assert types["FB_Adder"]["kind"] == "FUNCTION_BLOCK"
    told = dinrail("types", "FB_*", "--members").out
    assert "METHOD Add(a : DINT, b : DINT, OUT even : BOOL) : DINT" in told
    assert "ST_Axis" in dinrail("types", "st_*").out


def test_values_are_written_and_read_by_type(dinrail: Run) -> None:
    """IEC literals in; before and after are shown; reading gives them to people and as JSON values."""
    done = dinrail("write", "MAIN.nCount", "-5", "MAIN.tDelay", "T#1s500ms", "MAIN.eMode", "Manual", "--json")
    assert done.code == 0
    assert [(one["name"], one["after"], one["written"]) for one in done.json] == [
        ("MAIN.nCount", -5, True),
        ("MAIN.tDelay", done.json[1]["wanted"], True),
        ("MAIN.eMode", "Manual", True),
    ]
    told = dinrail("read", "MAIN.nCount", "MAIN.tDelay", "MAIN.eMode").out
    assert "-5" in told
    assert "T#1s500ms" in told
    assert [one["value"] for one in dinrail("read", "MAIN.nCount", "MAIN.eMode", "--json").json] == [-5, "Manual"]
    shown = dinrail("write", "MAIN.nCount", "6").out
    assert "before" in shown
    assert "-5" in shown


def test_a_dry_run_writes_nothing(dinrail: Run) -> None:
    """It shows what would be written."""
    dinrail("write", "MAIN.bOn", "FALSE")
    assert "TRUE" in dinrail("write", "MAIN.bOn", "TRUE", "--dry-run").out
    assert dinrail("read", "MAIN.bOn", "--json").json[0]["value"] is False


def test_a_value_of_another_type_stops_everything(dinrail: Run) -> None:
    """Exit code 2, and not even the values before it are written."""
    dinrail("write", "MAIN.nCount", "1")
    done = dinrail("write", "MAIN.nCount", "2", "MAIN.bOn", "perhaps")
    assert done.code == 2
    assert "perhaps" in done.err
    assert dinrail("read", "MAIN.nCount", "--json").json[0]["value"] == 1


def test_read_only_needs_force(dinrail: Run) -> None:
    """Exit code 1 is our own check; with --force the device decides."""
    assert dinrail("write", "GVL.nLimit", "3").code == 1
    assert dinrail("write", "GVL.nLimit", "3", "--force").code in (1, 3)


def test_a_wrong_name_offers_the_right_one(dinrail: Run) -> None:
    """Exit code 3 with names that look alike; among others it costs only itself."""
    done = dinrail("read", "MAIN.nCuont")
    assert done.code == 3
    assert "did you mean MAIN.nCount" in done.err
    mixed = dinrail("read", "MAIN.nCount", "MAIN.nope", "--json")
    assert mixed.code == 3
    assert mixed.json[0]["value"] is not None
    assert mixed.json[1]["code"] == 0x710


def test_access_denied_is_exit_code_one(dinrail: Run, server: OwnServer) -> None:
    """A rule of the device."""
    server.policy.refused = {Action.WRITE}
    server.router.changed()
    try:
        done = dinrail("write", "MAIN.nCount", "1", "--json")
        assert done.code == 1
        assert done.json[0]["written"] is False
        assert done.json[0]["fault"]["code"] == 0x723
    finally:
        server.policy.refused = set()
        server.router.changed()


def test_bytes_are_read_and_written_by_address(dinrail: Run) -> None:
    """%M, in hexadecimal; what is no address is exit code 2."""
    done = dinrail("write", "--at", "0x4020:8", "--hex", "deadbeef", "--json")
    assert (done.code, done.json["after"]) == (0, "deadbeef")
    assert dinrail("read", "--at", "0x4020:8:2", "--json").json["bytes"] == "dead"
    assert "de ad" in dinrail("read", "--at", "0x4020:8:2").out
    for words in (("read", "--at", "here"), ("read",), ("read", "MAIN.x", "--at", "1:2"), ("write", "MAIN.nCount")):
        assert dinrail(*words).code == 2, words


def test_methods_are_called(dinrail: Run) -> None:
    """By position and by name; what does not fit is exit code 2 with the signature."""
    called = dinrail("call", "MAIN.fbAdder", "Add", "-40", "b=2", "--json")
    assert called.json == {"value": -38, "outputs": {"even": True}}
    assert "TRUE" in dinrail("call", "MAIN.fbAdder", "Add", "1", "1").out
    wrong = dinrail("call", "MAIN.fbAdder", "Add", "1")
    assert wrong.code == 2
    assert "Add(a : DINT, b : DINT" in wrong.err


def test_watch_gives_lines_and_json(dinrail: Run) -> None:
    """The first sample of each comes at once; --count ends it; a name that is not there costs only itself."""
    lines = dinrail("watch", "MAIN.nCount", "MAIN.bOn", "--count", "2", "--for", "3 s").out.splitlines()
    assert len(lines) == 2
    assert all("MAIN." in line and "T" in line for line in lines)
    done = dinrail("watch", "MAIN.fR*", "MAIN.nope", "--count", "1", "--for", "3 s", "--json")
    told = {one["name"]: one for one in map(json.loads, done.out.splitlines())}
    assert told["MAIN.nope"]["code"] == 0x710
    assert told["MAIN.fReal"]["value"] == 0.0
    assert done.code == 3
    assert dinrail("watch", "NOTHING.*").code == 2


def test_every_cycle_s_value_is_watched_on_request(dinrail: Run) -> None:
    """--every tells unchanged values, too, with stamps that go up."""
    done = dinrail("watch", "MAIN.nCount", "--every", "--cycle", "10 ms", "--count", "5", "--for", "5 s", "--json")
    stamps = [json.loads(line)["filetime"] for line in done.out.splitlines()]
    assert len(stamps) == 5
    assert stamps == sorted(set(stamps))


def test_a_recording_can_be_played(dinrail: Run, tmp_path: Path) -> None:
    """What was recorded is a description with the same symbols and values; no file is overwritten."""
    dinrail("write", "MAIN.sText", "recorded", "MAIN.nCount", "77")
    file = tmp_path / "plc.jsonl"
    assert dinrail("record", str(file), "--for", "300 ms").code == 0
    with file.open(encoding="utf-8") as lines:
        recording = read_recording(lines, where="test")
    description = to_description(recording, where="test")
    assert {one.name for one in description.symbols} >= {"MAIN.nCount", "MAIN.aAxes", "GVL.nLimit"}
    assert dict(description.values)["MAIN.nCount"] == (77).to_bytes(4, "little")
    assert dinrail("record", str(file)).code == 2


def test_state_tells_and_changes(dinrail: Run) -> None:
    """Stop and run of the port, with the state before; on this machine without --yes."""
    assert dinrail("state", "--json").json["state"] == "RUN"
    try:
        done = dinrail("state", "stop", "--json")
        assert (done.code, done.json["before"], done.json["state"]) == (0, "RUN", "STOP")
    finally:
        assert dinrail("state", "run", "--json").json["state"] == "RUN"
    assert dinrail("state", "fly").code == 2


def test_the_system_goes_to_config_and_back(dinrail: Run) -> None:
    """In CONFIG the PLC's port is gone, with the command that tells why; run at the system service brings it back."""
    try:
        assert dinrail("state", "config", "--json").json["state"] == "CONFIG"
        gone = dinrail("read", "MAIN.nCount")
        assert gone.code == 3
        assert "--port system-service" in gone.err
        assert dinrail("state", "--port", "system-service", "--json").json["state"] == "CONFIG"
    finally:
        assert dinrail("state", "run", "--port", "10000", "--json").json["before"] == "CONFIG"
    assert dinrail("state", "--json").json["system_state"] == "RUN"


def test_routes_are_added_listed_and_removed(dinrail: Run) -> None:
    """By the router's system service; what is no NetId is exit code 2."""
    assert dinrail("route", "list", "--json").json == []
    added = dinrail("route", "add", "plc-1", "5.80.201.232.1.1", "192.0.2.7", "--temporary", "--unidirectional")
    assert added.code == 0, added.err
    (route,) = dinrail("route", "list", "--json").json
    assert (route["name"], route["net_id"], route["address"]) == ("plc-1", "5.80.201.232.1.1", "192.0.2.7")
    assert set(route["flags"]) >= {"temporary", "unidirectional"}
    assert "plc-1" in dinrail("route", "list").out
    assert dinrail("route", "remove", "plc-1").code == 0
    assert dinrail("route", "remove", "plc-1").code == 3
    assert dinrail("route", "list", "--json").json == []
    for words in (("a", "not.a.net.id", "b"), ("a",), (), ("--remote", "x", "a", "b", "c")):
        assert dinrail("route", "add", *words).code == 2, words


def test_files_are_sent_listed_fetched_and_removed(dinrail: Run, tmp_path: Path) -> None:
    """Larger than one chunk, byte for byte; nothing is overwritten here, nothing deleted there without --yes."""
    data = bytes(range(256)) * 700
    (tmp_path / "sent").write_bytes(data)
    assert dinrail("files", "put", str(tmp_path / "sent"), "boot:Plc/Port_851.app").code == 0
    (entry,) = dinrail("files", "list", "boot:Plc/*", "--json").json
    assert (entry["name"], entry["size_bytes"], entry["directory"]) == ("Port_851.app", len(data), False)
    assert "Port_851.app" in dinrail("files", "list", "boot:Plc/*").out
    fetched = tmp_path / "fetched"
    assert dinrail("files", "get", "boot:Plc/Port_851.app", str(fetched)).code == 0
    assert fetched.read_bytes() == data
    assert dinrail("files", "get", "boot:Plc/Port_851.app", str(fetched)).code == 2
    assert dinrail("files", "get", "boot:Plc/missing", str(tmp_path / "none")).code == 3
    assert not (tmp_path / "none").exists()
    assert dinrail("files", "remove", "boot:Plc/Port_851.app").code == 1
    assert dinrail("files", "remove", "boot:Plc/Port_851.app", "--yes").code == 0
    assert dinrail("files", "list", "boot:Plc/*").code == 3
    assert dinrail("files", "get", "attic:x").code == 2


def test_another_machine_s_state_needs_yes(dinrail: Run) -> None:
    """Exit code 1 before anything is sent."""
    done = dinrail("state", "stop", "--to", "192.0.2.1")
    assert done.code == 1
    assert "--yes" in done.err


def test_nobody_there_is_exit_code_three(dinrail: Run) -> None:
    """With what to try."""
    done = dinrail("info", "--to", "127.0.0.1:1")
    assert done.code == 3
    assert "dinrail ads serve" in done.err
    assert dinrail("info", "--to", "a:b").code == 2


@pytest.mark.parametrize(
    "command",
    ["info", "symbols", "types", "read", "write", "watch", "call", "state", "record", "discover", "route", "files"],
)
def test_every_command_explains_itself_by_an_example(dinrail: Run, command: str) -> None:
    """--help of each command, and of each command below it, has an example."""
    told = dinrail(command, "--help")
    assert told.code == 0
    if command in ("route", "files"):
        below = ("list", "add", "remove") if command == "route" else ("list", "get", "put", "remove")
        assert all("Example: dinrail ads" in dinrail(command, one, "--help").out for one in below)
    else:
        assert "Example: dinrail ads" in told.out


def test_an_archive_answers_no_ads(dinrail: Run, tmp_path: Path) -> None:
    """--host is about hosts, not about devices."""
    done = dinrail("info", "--host", str(tmp_path / "host.tar.gz"))
    assert done.code == 2
    assert "archive" in done.err


def test_a_live_table_is_drawn_on_a_terminal_and_ctrl_c_ends_it_well(dinrail: Run, server: OwnServer) -> None:
    """Values, time stamps and counts; SIGINT is exit code 0, and nothing is left at the device."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 140, 0, 0))
    argv = [sys.executable, "-m", "dinrail", "ads", "watch", "MAIN.nCount", "MAIN.sText"]
    child = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        dinrail("write", "MAIN.nCount", "4711")
        while not (b"4711" in shown and b"changes" in shown and b"MAIN.sText" in shown):
            ready, _, _ = select.select([ours], [], [], 10)
            assert ready, shown
            with contextlib.suppress(OSError):  # it has ended: the next look tells
                shown += os.read(ours, 65536)
            assert child.poll() is None, shown
        assert len(server.plc.notifications) == 3  # both, and the symbol version
        child.send_signal(signal.SIGINT)
        while child.poll() is None:
            if select.select([ours], [], [], 0.05)[0]:
                with contextlib.suppress(OSError):  # the terminal is gone with its last user
                    os.read(ours, 65536)
        assert child.returncode == 0
        assert len(server.plc.notifications) == 0
    finally:
        child.kill()
        child.wait()
        os.close(ours)


class Udp:
    """Answers discovery in a thread; a password is right when it has one character."""

    def __enter__(self) -> Udp:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.added: list[AddRoute] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"end", ("127.0.0.1", self.port))
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while (got := self._socket.recvfrom(2048))[0] != b"end":
            packet = parse_packet(got[0])
            if packet.service == Service.ADD_ROUTE:
                route = AddRoute.of(packet)
                self.added.append(route)
                answer = status_reply(packet, NET_ID, 0 if len(route.password) == 1 else 0x704)
            else:
                answer = ServerInfo(AmsAddr.of(NET_ID, 10000), "CX-[1]", (3, 1, 4024)).reply(packet.invoke_id)
            self._socket.sendto(answer, got[1])


def test_devices_are_discovered(dinrail: Run) -> None:
    """Name, NetId and version; nobody is no fault; a name from the network is no markup."""
    with Udp() as udp:
        words = ("discover", "127.0.0.1", "--udp-port", str(udp.port), "--wait", "200 ms")
        (found,) = dinrail(*words, "--json").json
        assert (found["name"], found["net_id"], found["version"]) == ("CX-[1]", "192.168.0.231.1.1", "3.1.4024")
        assert "CX-[1]" in dinrail(*words).out
    done = dinrail("discover", "127.0.0.1", "--udp-port", "9", "--wait", "50 ms")
    assert (done.code, "nobody" in done.out) == (0, True)


def test_our_route_is_added_in_another_device(dinrail: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the router's NetId; a wrong password is exit code 1, none is 2, and it is never told."""
    with Udp() as udp:
        words = ("route", "add", "--remote", "127.0.0.1", "--name", "hmi", "--udp-port", str(udp.port))
        monkeypatch.setenv("DINRAIL_ADS_PASSWORD", "1")
        done = dinrail(*words, "--json")
        assert done.code == 0, done.err
        assert done.json == {"added": "hmi", "net_id": "192.168.0.231.1.1", "address": "127.0.0.1", "at": "127.0.0.1"}
        assert (udp.added[0].user, str(udp.added[0].net_id)) == ("Administrator", "192.168.0.231.1.1")
        monkeypatch.setenv("DINRAIL_ADS_PASSWORD", "s3cret")
        wrong = dinrail(*words)
        assert wrong.code == 1
        assert "s3cret" not in wrong.out + wrong.err
        monkeypatch.delenv("DINRAIL_ADS_PASSWORD")
        monkeypatch.setattr(sys, "stdin", io.StringIO("1\n"))
        assert dinrail(*words, "--password-stdin").code == 0
        assert dinrail(*words).code == 2
