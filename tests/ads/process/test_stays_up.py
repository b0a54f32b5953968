"""A router that stays up: many connections, many notifications, many requests; ends, reloads and refuses in order."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import ads_requests as rq
import pytest
from ads_honest import watched
from ads_process import (
    ME,
    NET_ID,
    PLC,
    SYSTEM,
    Raw,
    document,
    note_entry,
    own_address,
    resident_kb,
    serving,
    status,
    told,
    wait_until,
)

from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.frame import TcpCommand, build_frame, parse_header

pytestmark = pytest.mark.ads

READ = struct.pack("<III", 0x4020, 0, 4)
SOAK = "DINRAIL_SOAK" in os.environ


def test_it_is_up_at_once(tmp_path: Path) -> None:
    """From the start of the process to the first answer; a second is the goal, ten are certain."""
    started = time.monotonic()
    with serving("--simulate", port=0, log=tmp_path / "log") as server, Raw(server.where) as raw:
        assert rq.state()(raw) == rq.YES
        assert time.monotonic() - started < 10


def test_a_thousand_connections_at_once(tmp_path: Path) -> None:
    """Each is answered while all are there, in any order; the thousand and first, too; then nothing is left of them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    where = tmp_path / "socket"
    with serving("--simulate", "--socket", str(where), "--quiet", port=0, log=tmp_path / "log") as server:
        with ExitStack() as stack:
            sources = [AmsAddr.of(NetId(bytes((10, 9, n // 250, n % 250, 1, 1))), 30000) for n in range(1000)]
            clients = [stack.enter_context(Raw(server.where, source)) for source in sources]
            assert {client.ask(PLC, 4)[0].error for client in clients} == {0}
            asked = [(client, client.send(PLC, 2, READ)) for client in clients]
            for client, invoke_id in reversed(asked):
                header, body = client.response(invoke_id)
                assert (header.error, header.target, body[:8]) == (0, client.source, b"\0\0\0\0\4\0\0\0")
            now = status(where)
            assert (now["links tcp"]["open"], now["router"]["peers"]) == (1000, 1000)
            with Raw(server.where) as one_more:
                assert rq.state()(one_more) == rq.YES
        wait_until(lambda: status(where)["links tcp"]["open"] == 0, "all connections are gone")
        assert status(where)["links tcp"]["turned_away"] == 0


def test_ten_thousand_notifications_on_one_device(tmp_path: Path) -> None:
    """Ten clients with a thousand each, on change: every first sample and every change reaches its client, once."""
    first, value = 20_000, b"\1\2\3\4"
    where = tmp_path / "socket"
    with (
        serving("--simulate", "--socket", str(where), port=0, log=tmp_path / "log") as server,
        ExitStack() as stack,
        Raw(server.where, AmsAddr.parse("10.8.8.8.1.1:30000")) as writer,
    ):
        clients = [stack.enter_context(Raw(server.where, AmsAddr.parse(f"10.8.0.{n}.1.1:30000"))) for n in range(1, 11)]
        handles: list[set[int]] = []
        for client in clients:
            entries = b"".join(note_entry(0x4020, first + 4 * n, 4, 10, mode=4) for n in range(1000))
            result, data = client.read_write(PLC, 0xF085, 1000, 8000, entries)
            codes = struct.unpack("<2000I", data)
            assert (result, set(codes[::2])) == (0, {0})
            handles.append(set(codes[1::2]))
        assert len(set().union(*handles)) == 10_000
        assert struct.unpack_from("<II", writer.read(PLC, 0xF091, 0, 8)[1]) == (10_000, 10)
        full = rq.subscribe(0x4020, first)
        with watched(server):
            for sample in (bytes(4), value):
                if sample == value:
                    assert writer.write(PLC, 0x4020, first, value * 1000) == 0
                for client, mine in zip(clients, handles, strict=True):
                    heard = _heard(client, 1000)
                    assert dict(heard) == dict.fromkeys(mine, sample)
        assert full(writer) == rq.YES  # there is a reserve, so that they do not lock everybody else out
        assert status(where)["router"]["notifications_lost"] == 0


def _heard(client: Raw, count: int) -> list[tuple[int, bytes]]:
    """So many samples, and not one more."""
    found: list[tuple[int, bytes]] = []
    while len(found) < count:
        found += client.samples()
    assert len(found) == count
    return found


def test_memory_is_flat_over_many_requests(tmp_path: Path) -> None:
    """200 000 requests of all kinds (a million in the soak): after the first fifth it grows by next to nothing."""
    rounds = 10_000 if SOAK else 2_000
    name = b"GVL_Types.nInt\0"
    requests = [
        (PLC, 2, READ),
        (PLC, 4, b""),
        (PLC, 1, b""),
        (PLC, 3, struct.pack("<III", 0x4020, 30_000, 4) + b"1234"),
        (PLC, 9, struct.pack("<IIII", 0xF004, 0, 2, len(name)) + name),
        (PLC, 9, struct.pack("<IIII", 0xF009, 0, 400, len(name)) + name),
        (PLC, 9, struct.pack("<IIII", 0xF080, 2, 16, 24) + READ + struct.pack("<III", 0x1234, 0, 4)),
        (PLC, 2, struct.pack("<III", 0x1234, 0, 4)),
        (SYSTEM, 2, struct.pack("<III", 702, 0, 64)),
        (AmsAddr.of(NET_ID, 5), 4, b""),
    ]
    with serving("--simulate", "--quiet", port=0, log=tmp_path / "log") as server, Raw(server.where) as raw:
        frames = [build_frame(to, ME, command, 4, n, data) for n, (to, command, data) in enumerate(requests)]
        batch = b"".join(frames)
        sizes: list[int] = []
        for number in range(rounds):
            raw.sock.sendall(batch * 9)
            assert [parse_header(raw.frame()).invoke_id for _ in range(90)] == [*range(10)] * 9
            for _ in range(2):  # what is kept for a client, and given back
                handle = raw.read_write(PLC, 0xF003, 0, 4, name)[1]
                note = raw.ask(PLC, 6, note_entry(0x4020, 40_000, 4))[1][4:]
                assert raw.read(PLC, 0xF005, struct.unpack("<I", handle)[0], 2)[0] == 0
                assert raw.ask(PLC, 7, note)[1] == bytes(4)
                assert raw.write(PLC, 0xF006, 0, handle) == 0
            if number % (rounds // 10) == 0:
                sizes.append(resident_kb(server.process.pid))
        assert sizes[-1] - sizes[2] < 2 << 10, sizes


# Its end.


def test_sigterm_says_goodbye(tmp_path: Path) -> None:
    """What is pending is answered, local clients get the router's note, the exit code is 0, and the socket is gone."""
    where = tmp_path / "socket"
    with socket.create_server((own_address(), 0)) as silent:
        address, port = silent.getsockname()
        deaf = AmsAddr.parse("5.9.9.9.1.1:851")
        proxy = f'[[ads.route]]\nname = "deaf"\nnet_id = "{deaf.net_id}"\naddress = "{address}:{port}"\n'
        words = (*document(tmp_path, proxy), "--socket", str(where))
        with (
            serving("--simulate", *words, port=0, log=tmp_path / "log") as server,
            Raw(server.where) as local,
            Raw(server.where) as other,
        ):
            local.connect_port()
            assert rq.state()(other) == rq.YES
            pending = local.send(deaf, 2, READ)
            wait_until(lambda: status(where)["router"]["forwarded"] == 1, "the request has left")
            server.process.send_signal(signal.SIGTERM)
            frames = _to_the_end(local)
            note = struct.pack("<HII", TcpCommand.ROUTER_NOTE, 4, 0)
            assert note in frames
            (answer,) = [frame for frame in frames if frame[:2] == b"\0\0"]
            header = parse_header(answer)
            assert (header.invoke_id, header.source, header.is_response) == (pending, deaf, True)
            assert header.error or struct.unpack_from("<I", answer, 38)[0]
            assert _to_the_end(other) == []
            assert server.process.wait(10) == 0
    assert not where.exists()
    assert "Traceback" not in (tmp_path / "log").read_text()


def _to_the_end(raw: Raw) -> list[bytes]:
    frames = []
    try:
        while True:
            frames.append(raw.frame())
    except ConnectionError:
        return frames


def test_sighup_takes_up_routes(tmp_path: Path) -> None:
    """Routes that were edited on disk hold after SIGHUP, and connections stay; a broken file changes nothing."""
    where, state = tmp_path / "socket", tmp_path / "state"
    words = ("--socket", str(where), "--state", str(state))
    with (
        serving("--simulate", port=0) as far,
        serving(*words, port=0, net_id=NetId.parse("5.1.2.3.1.1"), log=tmp_path / "log") as near,
        Raw(near.where) as raw,
    ):
        assert raw.ask(PLC, 4)[0].error == 7
        route = {"name": "far", "net_id": str(NET_ID), "host": far.address, "tcp_port": far.port}
        (state / "routes.json").write_text(json.dumps({"routes": [{"route": route}]}))
        near.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(status(where)["routes"]) == 1, "the route is there")
        assert raw.read(PLC, 0x4020, 0, 4)[0] == 0
        (state / "routes.json").write_text('{"routes": [{"route"')
        near.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "not reloaded" in (tmp_path / "log").read_text(), "the fault is told")
        assert raw.read(PLC, 0x4020, 0, 4)[0] == 0
        (state / "routes.json").write_text('{"routes": []}')
        near.process.send_signal(signal.SIGHUP)
        wait_until(lambda: raw.ask(PLC, 4)[0].error == 7, "the route is gone")
        assert status(where)["links tcp"]["accepted"] == 1


@pytest.mark.parametrize("taken", ["tcp", "udp", "metrics", "socket"])
def test_what_is_taken_is_one_clear_error(tmp_path: Path, taken: str) -> None:
    """Exit code 3, one error that names the address, and nothing is left behind: no state, no socket, no open door."""
    address, state, where = own_address(), tmp_path / "state", tmp_path / "socket"
    argv = [sys.executable, "-m", "dinrail", "ads", "serve", "--simulate", "--listen", address, "--quiet"]
    argv += ["--state", str(state), "--socket", str(where), "--metrics", f"{address}:9848"]
    port = {"tcp": 48898, "udp": 48899, "metrics": 9848, "socket": 0}[taken]
    kind = socket.SOCK_DGRAM if taken == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind((address, port))
        if taken != "udp":
            holder.listen()
        if taken == "socket":
            where.mkdir()
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (3, ""), done
    assert done.stderr.count("dinrail:") == 1
    assert "Traceback" not in done.stderr
    assert (str(where) if taken == "socket" else f"{address}:{port}") in done.stderr
    assert not state.exists() or list(state.iterdir()) == []
    assert taken == "socket" or not where.exists()
    with serving("--simulate", address=address) as again, Raw(again.where) as raw:
        assert rq.state()(raw) == rq.YES


def test_a_second_router_with_the_same_words_harms_nobody(tmp_path: Path) -> None:
    """It ends with exit code 3; the first one's socket is still answered, and what is kept is kept as it was."""
    address, state, where = own_address(), tmp_path / "state", tmp_path / "socket"
    words = ("--state", str(state), "--socket", str(where))
    value = b"Software\0mine\0"
    with serving("--simulate", *words, address=address) as first, Raw(first.where) as raw:
        assert rq.write(200, 0, value + struct.pack("<I", 4) + b"\7\0\0\0", port=SYSTEM.port)(raw) == rq.YES
        assert rq.add_route("kept", "10.99.0.1.1.1")(raw) == rq.YES
        argv = [sys.executable, "-m", "dinrail", "ads", "serve", "--simulate", "--listen", address, *words]
        for _ in range(2):
            assert subprocess.run(argv, capture_output=True, timeout=30, check=False).returncode == 3
        assert status(where)["pid"] == first.process.pid
    assert not where.exists()
    with serving("--simulate", *words, address=address) as later, Raw(later.where) as raw:
        assert raw.read_write(SYSTEM, 200, 0, 4, value) == (0, b"\7\0\0\0")
        assert [route["name"] for route in status(where)["routes"]] == ["kept"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--state", "file/below"), "file/below: cannot make the directory"),
        (("--state", "broken"), "broken/routes.json: settings are no JSON"),
        (("--socket", "file"), "file: there is something else, and it is kept"),
        (("--socket", "file/below"), "file: cannot make the directory"),
        (("--device", "absent.toml"), "absent.toml: cannot be read"),
        (("--device", "file"), "file: file is of no known kind"),
        (("--config", "absent.toml"), "absent.toml: cannot be read"),
        (("--net-id", "1.2.3"), "'1.2.3' is not an AMS NetId"),
        (("--allow", "10.0.0.0/8=all"), "--allow 10.0.0.0/8=all: 'all' is nothing to allow"),
    ],
)
def test_what_cannot_be_used_is_one_clear_error(tmp_path: Path, words: tuple[str, str], told: str) -> None:
    """Whatever path or word is wrong: one error that names it, exit code 2 or 3, and files of others stay."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/routes.json").write_text("{")
    argv = [sys.executable, "-m", "dinrail", "ads", "serve", "--listen", f"{own_address()}:0", "--quiet", *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, cwd=tmp_path)
    assert done.returncode in (2, 3), done
    assert (done.stdout, done.stderr.splitlines()[0].removeprefix("dinrail: ")[: len(told)]) == ("", told)
    assert "Traceback" not in done.stderr
    assert (tmp_path / "file").read_text() == "mine"


def test_a_directory_for_the_socket_is_made_and_can_be_entered(tmp_path: Path) -> None:
    """A socket is its owner's alone, and the directory made for it is one that its owner can enter."""
    where = tmp_path / "made" / "socket"
    with serving("--simulate", "--socket", str(where)) as server:
        assert status(where)["pid"] == server.process.pid
        assert where.parent.stat().st_mode & 0o700 == 0o700
        assert where.stat().st_mode & 0o077 == 0


# Its own socket, and what it counts.


def test_the_status_socket_takes_anything(tmp_path: Path) -> None:
    """Noise, endless lines, half lines and idle connections are one fault each, and nobody else notices."""
    where = tmp_path / "socket"
    lines = [
        b"\n",
        b"[]\n",
        b"{}\n",
        b"\xff\xfe\n",
        b"\0" * 99,
        b'{"op": 5}\n',
        b'{"op": "down"}\n',
        b'{"op": "status"',
    ]
    lines += [b"{" * 5000 + b"\n", b"[" * 4000 + b"\n", b"9" * 4000 + b"\n", b'{"op": "' + b"x" * 9000 + b'"}\n']
    with serving("--simulate", "--socket", str(where), port=0, log=tmp_path / "log") as server:
        assert where.stat().st_mode & 0o777 == 0o600
        with watched(server), ExitStack() as stack:
            idle = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(200)]
            for sock in idle:
                sock.connect(str(where))
                sock.settimeout(10)
                sock.sendall(b'{"op"')
            for line in lines:
                answer = told(where, line)
                assert answer["ok"] is False, line
                assert answer["error"]["what"]
            for _ in range(50):  # who does not wait for the answer
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.connect(str(where))
                    sock.sendall(b'{"op": "status"}\n')
            assert status(where)["net_id"] == str(NET_ID)
            assert {sock.recv(12) for sock in idle} == {b'{"ok": false'}  # after a second of patience
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_metrics_say_what_was_done(tmp_path: Path) -> None:
    """Prometheus scrapes the same numbers that the status has, and they are those of what this test did."""
    where, address = tmp_path / "socket", own_address()
    rule = '[[ads.rule]]\nname = "no"\ndeny = ["control"]\n'
    words = ("--socket", str(where), "--metrics", f"{address}:9848", *document(tmp_path, rule))
    with serving("--simulate", *words, port=0, log=tmp_path / "log") as server:
        with Raw(server.where) as raw, Raw(server.where, AmsAddr.parse("10.4.4.4.1.1:30000")) as other:
            assert {rq.control(6)(other) for _ in range(7)} == {rq.NO}
            for _ in range(300):
                raw.read(PLC, 0x4020, 0, 4)
            for _ in range(20):
                assert other.ask(AmsAddr.of(NET_ID, 99), 4)[0].error == 6
            other.subscribe(PLC, 0x4020, 40_000, 4, 20, mode=4)
            other.samples()
            raw.sock.sendall(build_frame(PLC, raw.source, 2, 5, 1, bytes(8)))  # a response that nobody waits for
            rq.state()(raw)
            wait_until(lambda: _scraped(address)["router_requests_total"] == 329, "the last request is counted")
            found, router = _scraped(address), status(where)["router"]
        assert found["router_responses_total"] + found["router_errors_total"] == 329
        assert (found["router_errors_total"], found["router_notifications_total"]) == (20, 1)
        assert (found["router_dropped_frames_total"], found["router_peers"], found["router_links"]) == (1, 2, 2)
        assert (found["links_tcp_open"], found["links_tcp_accepted_total"]) == (2, 2)
        assert found["policy_refused_total"] == 7
        for name, value in router.items():
            assert found.get(f"router_{name}", found.get(f"router_{name}_total")) == value, name
        wait_until(lambda: _scraped(address)["links_tcp_open"] == 0, "both are gone")


def _scraped(address: str) -> dict[str, float]:
    with urllib.request.urlopen(f"http://{address}:9848/metrics", timeout=10) as page:
        text = page.read().decode()
    return {name: float(value) for name, value in re.findall(r"^dinrail_ads_(\w+) (\S+)$", text, re.MULTILINE)}
