"""Two real routers joined: by Secure ADS in all its modes, and by a real MQTT broker."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ads_process import ME, Raw, Serving, own_address, serving
from build_guest import wait_for
from run_mosquitto import Mosquitto

from dinrail.ads.credentials import UserFile
from dinrail.ads.transport.certificates import load_or_make
from dinrail.ams.address import AmsAddr, NetId

pytestmark = pytest.mark.ads

NEAR, FAR = NetId.parse("5.10.0.1.1.1"), NetId.parse("5.10.0.2.1.1")
FAR_PLC = AmsAddr.of(FAR, 851)
RUN = struct.pack("<IHH", 0, 5, 0)


class Pair:
    """A far router with a PLC and a secure door, and a near one with a route to it."""

    def __init__(self, place: Path, stack: ExitStack) -> None:
        self.place = place
        self.stack = stack
        self.secure = f"{own_address()}:{free_port()}"

    def document(self, name: str, text: str) -> list[str]:
        path = self.place / f"{name}.toml"
        path.write_text(text)
        return ["--config", str(path), "--state", str(self.place / name), "--socket", str(self.place / f"{name}.sock")]

    def far(self, text: str) -> Serving:
        words = self.document("far", f'[ads]\nsecure = ["{self.secure}"]\n{text}')
        return self.stack.enter_context(serving("--simulate", *words, net_id=FAR, log=self.place / "far.log"))

    def near(self, text: str) -> Serving:
        words = self.document("near", f"[ads]\nsecure = []\n{text}")
        return self.stack.enter_context(serving(*words, net_id=NEAR, log=self.place / "near.log"))

    def certificate(self, name: str) -> str:
        """The fingerprint of a router's own certificate, made where the router will look for it."""
        return load_or_make(self.place / f"{name}.pem", name, now_ns=1_790_000_000_000_000_000).fingerprint

    def status(self, name: str) -> Any:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(str(self.place / f"{name}.sock"))
            sock.sendall(b'{"op":"status"}\n')
            return json.loads(sock.makefile("rb").readline())["result"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def pair(tmp_path: Path) -> Any:
    with ExitStack() as stack:
        yield Pair(tmp_path, stack)


def answers(server: Serving, check: Callable[[int, bytes], bool]) -> None:
    """The near router's client asks until it is so (a route that was refused backs off for a moment)."""

    def asked() -> bool:
        with Raw(server.where) as client:
            header, body = client.ask(FAR_PLC, 4)
            return check(header.error, body)

    wait_for(asked)


def introduce(secure: str, document: Path, password: str) -> subprocess.CompletedProcess[str]:
    """`dinrail ads introduce` as the user operator."""
    argv = [sys.executable, "-m", "dinrail", "--json", "ads", "introduce", secure, "--config", str(document)]
    env = os.environ | {"DINRAIL_ADS_PASSWORD": password}
    return subprocess.run(
        [*argv, "--user", "operator"], env=env, capture_output=True, text=True, timeout=60, check=False
    )


def route(secure: str, more: str) -> str:
    return f'[[ads.route]]\nname = "far"\nnet_id = "{FAR}"\naddress = "{secure}"\ntransport = "tls"\n{more}\n'


def test_by_pinned_certificates(pair: Pair) -> None:
    """Each knows the other's fingerprint: requests pass, subscriptions too, and the grant is what counts."""
    near_pin, far_pin = pair.certificate("near"), pair.certificate("far")
    pair.far(
        f'[ads.tls]\ncertificate = "far.pem"\n[[ads.route]]\nname = "near"\nnet_id = "{NEAR}"\naddress = "127.0.0.1"\n'
        f'transport = "tls"\npin = "{near_pin}"\ngrants = "read-only"\n'
    )
    near = pair.near(f'[ads.tls]\ncertificate = "near.pem"\n{route(pair.secure, f"pin = {json.dumps(far_pin)}")}')
    answers(near, lambda error, body: (error, body) == (0, RUN))
    with Raw(near.where) as client:
        assert client.read(FAR_PLC, 0x4020, 2000, 4)[0] == 0
        assert client.write(FAR_PLC, 0x4020, 2000, b"1234") == 0x723
        handle = client.subscribe(FAR_PLC, 0x4020, 4, 1, 20)
        assert struct.unpack_from("<I", client.frame(), 38 + 8 + 12)[0] == handle
    assert pair.status("far")["links tls"]["established"] == 1


def test_a_wrong_pin_on_either_side_is_refused(pair: Pair) -> None:
    """Who shows another certificate than the pinned one gets nothing, and the near client an error, not silence."""
    pair.certificate("near"), pair.certificate("far")
    pair.far(
        f'[ads.tls]\ncertificate = "far.pem"\n[[ads.route]]\nname = "near"\nnet_id = "{NEAR}"\naddress = "127.0.0.1"\n'
        f'transport = "tls"\npin = "{"ab" * 32}"\n'
    )
    far_pin = pair.certificate("far")
    near = pair.near(f'[ads.tls]\ncertificate = "near.pem"\n{route(pair.secure, f"pin = {json.dumps(far_pin)}")}')
    answers(near, lambda error, _: error == 0x1B)
    assert pair.status("far")["links tls"]["refused"] >= 1
    assert "does not know our certificate" in (pair.place / "near.log").read_text()


def test_by_a_pre_shared_key(pair: Pair) -> None:
    """The same identity and password on both sides; with another password there is no connection."""
    key = '[[ads.tls.psk]]\nidentity = "line-7"\npassword = "{}"\n'
    far_route = (
        f'[[ads.route]]\nname = "near"\nnet_id = "{NEAR}"\naddress = "127.0.0.1"\ntransport = "tls"\n'
        'psk = "line-7"\ngrants = "gateway"\n'
    )
    pair.far(f'[ads.tls]\ncertificate = "far.pem"\n{key.format("swordfish")}{far_route}')
    by_key = route(pair.secure, 'psk = "line-7"')
    near = pair.near(f'[ads.tls]\ncertificate = "near.pem"\n{key.format("swordfish")}{by_key}')
    answers(near, lambda error, body: (error, body) == (0, RUN))
    with Raw(near.where) as client:
        assert client.write(FAR_PLC, 0x4020, 2000, b"1234") == 0
    wrong = pair.document(
        "wrong", f'[ads]\nsecure = []\n[ads.tls]\ncertificate = "w.pem"\n{key.format("guess")}{by_key}'
    )
    with serving(*wrong, net_id=NEAR) as other:
        answers(other, lambda error, _: error == 0x1B)


def test_a_route_added_over_tls_with_a_password_is_pinned_from_then_on(pair: Pair) -> None:
    """`dinrail ads introduce`: user and password once, the certificates are known, and later they are enough."""
    UserFile(pair.place / "users").put("operator", "correct horse")
    far_pin = pair.certificate("far")
    pair.certificate("near")
    far = pair.far('[ads.tls]\ncertificate = "far.pem"\n[ads.credentials]\nfile = "users"\ngrants = "gateway"\n')
    near_document = pair.place / "near.toml"
    near_document.write_text(f'[ads]\nnet_id = "{NEAR}"\n[ads.tls]\ncertificate = "near.pem"\n')
    refused = introduce(pair.secure, near_document, "guess")
    assert refused.returncode == 3
    assert "does not take our user name and password" in refused.stderr
    assert "Traceback" not in refused.stderr
    told = json.loads(introduce(pair.secure, near_document, "correct horse").stdout)
    assert (told["net_id"], told["pin"]) == (str(FAR), far_pin)
    kept = json.loads((pair.place / "far/routes.json").read_text())["routes"]
    assert [one["route"]["net_id"] for one in kept] == [str(NEAR)]
    near = pair.near(f'[ads.tls]\ncertificate = "near.pem"\n{route(pair.secure, f"pin = {json.dumps(far_pin)}")}')
    answers(near, lambda error, body: (error, body) == (0, RUN))
    assert far.process.poll() is None


def test_by_an_mqtt_broker_that_is_killed_and_comes_back(pair: Pair) -> None:
    """Who is online there is reached by its NetId alone, with what the broker is granted; after -9 it goes on."""
    broker_place = pair.place / "broker"
    broker_place.mkdir()
    broker = Mosquitto(broker_place)
    broker.start()
    pair.stack.callback(broker.kill)
    text = f'[[ads.mqtt]]\nname = "cell"\naddress = "127.0.0.1:{broker.port}"\n'
    pair.far('discovery = true\n[ads.tls]\ncertificate = "far.pem"\n' + text + 'grants = "read-only"\n')
    near = pair.near(text)

    def reached() -> bool:
        with Raw(near.where) as client:
            header, body = client.ask(FAR_PLC, 4)
            return (header.error, body) == (0, RUN)

    wait_for(reached)
    with Raw(near.where, ME) as client:
        assert client.read(FAR_PLC, 0x4020, 2000, 4)[0] == 0
        assert client.write(FAR_PLC, 0x4020, 2000, b"1234") == 0x723
        handle = client.subscribe(FAR_PLC, 0x4020, 4, 1, 20)
        assert struct.unpack_from("<I", client.frame(), 38 + 8 + 12)[0] == handle
    assert pair.status("near")["brokers"]["cell"]["online"] == {str(FAR): pair.status("far")["name"]}
    broker.kill()
    wait_for(lambda: not pair.status("near")["brokers"]["cell"]["connected"])
    with Raw(near.where) as client:
        assert client.ask(FAR_PLC, 4)[0].error == 7
    broker.start()
    wait_for(reached, seconds=40)
