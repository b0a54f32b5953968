"""Many processes of one machine at one router, which has one connection to the device behind it."""

from __future__ import annotations

import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from ads_process import ME, PLC, Raw, Serving, document, own_address, serving, status, wait_until
from foreign_clients import node_argv, pyads_argv, running

from dinrail.ams.address import AmsAddr, NetId

pytestmark = pytest.mark.ads

NEAR = NetId.parse("5.1.2.3.1.1")
ROUNDS = 25
UNREACHABLE = 0x1B
OBSERVER = "127.0.0.9"
"""Where the tests themselves call the device from: a strict one has one connection for each address."""


@dataclass(frozen=True, slots=True)
class Plant:
    """Clients -> near (the router) -> one connection -> far (the device)."""

    near: Serving
    far: Serving
    far_status: Path
    near_status: Path

    def subscriptions(self) -> int:
        """How many notifications the device has, in its own words (group 0xF091)."""
        with Raw(self.far.where, bind=OBSERVER) as observer:
            result, data = observer.read(PLC, 0xF091, 0, 8)
            assert result == 0
            return int(struct.unpack_from("<I", data)[0])


@contextmanager
def plant(directory: Path, *, strict: bool = False, limits: str = "") -> Iterator[Plant]:
    """A proxy by three lines of TOML in front of a device."""
    far_status, near_status = directory / "far", directory / "near"
    words = ["--simulate", "--socket", str(far_status), *(["--strict"] if strict else [])]
    with serving(*words, port=0, log=directory / "far.log") as far:
        proxy = f'[[ads.route]]\nname = "press"\nnet_id = "{PLC.net_id}"\naddress = "{far.address}:{far.port}"\n'
        config = document(directory, limits + proxy)
        with serving(*config, "--socket", str(near_status), net_id=NEAR, log=directory / "near.log") as near:
            yield Plant(near, far, far_status, near_status)


def _twenty(server: Serving) -> list[list[str]]:
    """14 with AdsLib, 3 ads-client, 3 node-ads; those of a kind call themselves the same, but for one."""
    rounds = str(ROUNDS)
    return [
        *(pyads_argv("share", server, str(number), rounds) for number in range(14)),
        *(node_argv("ads_client.mjs", "share", server, "remote", str(number), rounds) for number in (14, 15)),
        node_argv("ads_client.mjs", "share", server, "local", "16", rounds),
        *(node_argv("node_ads.mjs", "share", server, str(number), rounds) for number in range(17, 20)),
    ]


@pytest.mark.parametrize("strict", [False, True])
def test_twenty_processes_share_one_connection(tmp_path: Path, strict: bool) -> None:
    """All are subscribed at the same time, each reads what it wrote, and the device has one connection for them all."""
    with plant(tmp_path, strict=strict) as there, running(*_twenty(there.near)) as clients:
        for client in clients:
            client.ready()
        near, far = status(there.near_status), status(there.far_status)
        assert (near["links tcp"]["open"], near["router"]["upstreams"]) == (20, 1)
        assert (far["links tcp"]["open"], far["links tcp"]["accepted"]) == (1, 1)
        assert there.subscriptions() == 20 + 2 * 3  # ads-client watches state and symbol version, too
        for client in clients:
            client.go_on()
        results = [client.result() for client in clients]
        assert [(r["wrong"], r["faults"], r["rising"]) for r in results] == [(0, [], True)] * 20
        assert min(r["heard"] for r in results) >= 5
        near, far = status(there.near_status), status(there.far_status)
        assert (near["router"]["upstream_connects"], near["router"]["upstream_losses"]) == (1, 0)
        assert near["router"]["forwarded"] >= 20 * ROUNDS * 3
        # One is the router's, one this test's own look at the subscriptions.
        assert far["links tcp"]["accepted"] == 2
        assert (near["router"]["timeouts"], near["dropped"].get("spoofed", 0)) == (0, 0)


def test_without_the_router_a_strict_device_throws_one_of_two_out(tmp_path: Path) -> None:
    """What the router is for: of two processes of one machine, the second takes the first one's connection."""
    with serving("--simulate", "--strict", log=tmp_path / "log") as device:
        with Raw(device.where) as first:
            assert first.read(PLC, 0x4020, 0, 4)[0] == 0
            with Raw(device.where) as second:
                assert second.read(PLC, 0x4020, 0, 4)[0] == 0
                with pytest.raises(ConnectionError):
                    first.read(PLC, 0x4020, 0, 4)
        argvs = [pyads_argv("share", device, str(number), "3") for number in range(2)]
        with running(argvs[0]) as (one,):
            one.ready()
            with running(argvs[1]) as (other,):
                other.ready()
                one.go_on()
                assert one.result()["faults"] != []


def test_a_killed_client_leaves_nothing_at_the_device(tmp_path: Path) -> None:
    """After kill -9 its subscriptions wait for the orphan time, then they are deleted upstream; the others' go on."""
    with plant(tmp_path, strict=True, limits='[ads.limits]\norphans = "2s"\n') as there:
        argvs = [pyads_argv("share", there.near, str(number), "2") for number in range(3)]
        with running(*argvs) as (victim, *others), Raw(there.near.where) as quiet:
            for client in (victim, *others):
                client.ready()
            # One that never says anything more cannot be found by its samples.
            quiet.subscribe(PLC, 0x4020, 40_000, 4, 100, mode=4)
            assert there.subscriptions() == 4
            victim.process.kill()
            quiet.sock.close()
            killed = time.monotonic()
            wait_until(lambda: status(there.near_status)["router"]["orphans"] == 2, "they wait as orphans")
            assert there.subscriptions() == 4
            wait_until(lambda: there.subscriptions() == 2, "what it left is deleted", 12)
            assert time.monotonic() - killed > 1.5
            assert status(there.near_status)["router"]["orphans"] == 0
            for client in others:
                client.go_on()
            assert [client.result()["wrong"] for client in others] == [0, 0]
            wait_until(lambda: there.subscriptions() == 0, "those who left properly leave nothing")


def test_the_device_is_killed_and_comes_back(tmp_path: Path) -> None:
    """Meanwhile requests fail by 0x1B in their header, subscriptions end by an empty sample; afterwards all goes on."""
    where, near_status = own_address(), tmp_path / "near"
    proxy = f'[[ads.route]]\nname = "press"\nnet_id = "{PLC.net_id}"\naddress = "{where}"\ntimeout = "60s"\n'
    words = (*document(tmp_path, proxy), "--socket", str(near_status))
    with (
        serving(*words, net_id=NEAR, log=tmp_path / "log") as near,
        Raw(near.where) as raw,
        serving("--simulate", address=where) as far,
        running(pyads_argv("outlast", near)) as (pyads,),
    ):
        pyads.ready()
        handle = raw.subscribe(PLC, 0x4020, 8, 4, 20)
        assert raw.samples()[0][0] == handle
        assert raw.read(PLC, 0x4020, 0, 4) == (0, bytes(4))
        far.process.send_signal(signal.SIGSTOP)
        forwarded = status(near_status)["router"]["forwarded"]
        under_way = raw.send(PLC, 2, struct.pack("<III", 0x4020, 0, 4))
        wait_until(lambda: status(near_status)["router"]["forwarded"] > forwarded, "it has left")
        time.sleep(0.2)
        far.kill()
        header, _ = raw.response(under_way)  # long before its route's timeout
        assert header.error == UNREACHABLE
        while (sample := raw.samples()[0])[1]:
            continue
        assert sample == (handle, b"")
        wait_until(lambda: raw.ask(PLC, 4)[0].error == UNREACHABLE, "an error in the header")
        header, body = raw.ask(PLC, 2, struct.pack("<III", 0x4020, 0, 4))
        assert (header.error, header.source, header.target, body) == (UNREACHABLE, PLC, ME, b"")
        with serving("--simulate", address=where):
            wait_until(lambda: raw.ask(PLC, 4)[0].error == 0, "it is back", 30)
            assert raw.read(PLC, 0x4020, 0, 4) == (0, bytes(4))
            again = raw.subscribe(PLC, 0x4020, 8, 4, 20)
            assert (again, True) in [(found, bool(data)) for found, data in raw.samples()]
            time.sleep(0.2)
            pyads.go_on()
            codes = pyads.result()["codes"]
    assert (codes[0], codes[-1]) == (0, 0)
    assert UNREACHABLE in codes


def test_a_silent_device_is_an_error_in_the_result(tmp_path: Path) -> None:
    """The connection stands and nobody answers: 0x719 in the result after the route's timeout, others wait for none."""
    with socket.create_server((own_address(), 0)) as silent:
        address, port = silent.getsockname()
        proxy = f'[[ads.route]]\nname = "deaf"\nnet_id = "5.9.9.9.1.1"\naddress = "{address}:{port}"\ntimeout = "1s"\n'
        words = document(tmp_path, proxy)
        with (
            serving("--simulate", *words, port=0, log=tmp_path / "log") as near,
            Raw(near.where) as patient,
            Raw(near.where) as other,
        ):
            answers: list[tuple[int, bytes]] = []
            deaf = AmsAddr.parse("5.9.9.9.1.1:851")
            waiting = threading.Thread(target=lambda: answers.append(patient.read(deaf, 0x4020, 0, 4)))
            waiting.start()
            for _ in range(100):
                assert other.read(PLC, 0x4020, 0, 4)[0] == 0
            waiting.join(10)
            assert answers == [(0x719, b"")]
