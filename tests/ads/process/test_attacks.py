"""Attacks on a whole router that were tried and led somewhere once: each test is one that leads nowhere now."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path

import pytest
from ads_process import NET_ID, PLC, SYSTEM, Raw, document, own_address, serving, status, wait_until

from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.frame import build_frame, parse_header

pytestmark = pytest.mark.ads

FAR = AmsAddr.of(NetId.parse("5.9.8.7.1.1"), 851)
RECONFIG = struct.pack("<HHI", 16, 0, 0)
REFUSED = struct.pack("<I", 0x723)


class Tunnelled:
    """A device at the far end of a tunnel: our router dials 127.x, and whoever answers is somewhere else."""

    def __init__(self, *requests: bytes) -> None:
        self.listener = socket.create_server((own_address(), 0))
        self.requests = requests
        self.heard: list[bytes] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def where(self) -> str:
        host, port = self.listener.getsockname()
        return f"{host}:{port}"

    def _serve(self) -> None:
        sock, _ = self.listener.accept()
        with sock:
            sock.sendall(b"".join(self.requests))
            while data := sock.recv(65536):
                self.heard.append(data)

    def close(self) -> None:
        self._thread.join(5)
        self.listener.close()

    def answers(self) -> dict[int, bytes]:
        """Bodies by invoke id, of all responses that came."""
        data, found = b"".join(self.heard), {}
        while len(data) >= 38:
            size = 6 + int.from_bytes(data[2:6], "little")
            header = parse_header(data[:size])
            if header.is_response:
                found[header.invoke_id] = data[38:size]
            data = data[size:]
        return found


def test_a_device_behind_a_tunnel_is_not_this_machine(tmp_path: Path) -> None:
    """A route to a loopback address grants its other end what the document says, nothing here, and never what local
    programs may: it cannot stop the system, add a route or read the PLC, whatever it calls itself."""
    word = struct.pack("<III", 0x4020, 0, 4)
    deeds = [
        (SYSTEM, 5, RECONFIG),
        (PLC, 2, word),
        (PLC, 3, word + b"evil"),
        (SYSTEM, 2, struct.pack("<III", 803, 0, 9)),
    ]
    sources = (FAR, AmsAddr.parse("1.2.3.4.5.6:30000"))
    frames = [
        build_frame(target, source, command, 4, 10 * (1 + at) + number, body)
        for at, source in enumerate(sources)
        for number, (target, command, body) in enumerate(deeds)
    ]
    device = Tunnelled(*frames)
    text = f'[[ads.route]]\nname = "far"\nnet_id = "{FAR.net_id}"\naddress = "{device.where}"\ntimeout = "1s"\n'
    where = tmp_path / "socket"
    with serving("--simulate", *document(tmp_path, text), "--socket", str(where), port=0) as server:
        with Raw(server.where) as local:
            assert local.write(PLC, 0x4020, 0, b"good") == 0
            local.send(FAR, 4)
            wait_until(lambda: len(device.answers()) == len(frames), "all are answered")
            assert {body[:4] for body in device.answers().values()} == {REFUSED}
            assert local.read(PLC, 0x4020, 0, 4) == (0, b"good")
            assert local.ask(SYSTEM, 4)[1] == struct.pack("<IHH", 0, 5, 1)
        assert status(where)["net_id"] == str(NET_ID)
    device.close()
