"""The router's process: doors, status, routes at run time, and the supervisor that keeps it up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ads_process import ME, NET_ID, PLC, SYSTEM, Raw, own_address
from build_guest import wait_for

from dinrail.ads.contract import INSIDE, Action, Origin, Via
from dinrail.ads.policy.presets import Preset
from dinrail.ads.router.routes import Route, RouteExists, Transport
from dinrail.ads.settings import AdsSettings, CredentialSettings, Door, Listen, RouteSetting, Simulated
from dinrail.ads.settings_json import to_text
from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.state import AdsState
from dinrail.daemon.launch import RouterFiles, ask_router
from dinrail.daemon.router.origins import Classify, interface_address
from dinrail.daemon.router.place import Place, machine_net_id
from dinrail.daemon.router.plcs import simulated_plcs
from dinrail.daemon.router.process import RouterProcess
from dinrail.daemon.router.routing import Kept
from dinrail.errors import BadRequest, HostError, Refused
from dinrail.host.paths import Paths
from dinrail.system_clock import SystemClock

OTHER = NetId.parse("5.9.9.9.1.1")
Steps = Callable[[RouterProcess], Coroutine[Any, Any, None]]


def settings_at(address: str, **more: Any) -> AdsSettings:
    return AdsSettings(net_id=NET_ID, listen=(Listen(Door.PLAIN, address, 0),), **more)


@contextlib.asynccontextmanager
async def running(settings: AdsSettings, place: Place | None = None) -> AsyncIterator[RouterProcess]:
    plcs = simulated_plcs((), default=True)
    process = RouterProcess(settings, place or Place(), SystemClock(), plcs)
    await process.start()
    try:
        yield process
    finally:
        await process.stop()


def run(steps: Steps, settings: AdsSettings | None = None, place: Place | None = None) -> None:
    async def all_of_it() -> None:
        async with running(settings or settings_at(own_address()), place) as process:
            await asyncio.wait_for(steps(process), 20)

    asyncio.run(all_of_it())


def where(process: RouterProcess) -> tuple[str, int]:
    host, _, port = process.doors.names()[0].removeprefix("tcp ").rpartition(":")
    return host, int(port)


async def raw(process: RouterProcess, talk: Callable[[Raw], Any], source: AmsAddr = ME) -> Any:
    """Talk in a thread; the loop is the server's."""

    def all_of_it() -> Any:
        with Raw(where(process), source) as client:
            return talk(client)

    return await asyncio.to_thread(all_of_it)


def test_a_request_through_a_socket_is_answered_by_its_device() -> None:
    """PLC, system service and an unknown port, by the router's NetId and by 127.0.0.1.1.1."""

    async def steps(process: RouterProcess) -> None:
        def talk(client: Raw) -> None:
            assert client.ask(PLC, 4)[1] == struct.pack("<IHH", 0, 5, 0)
            assert client.ask(AmsAddr.parse("127.0.0.1.1.1:851"), 4)[1] == struct.pack("<IHH", 0, 5, 0)
            assert client.ask(SYSTEM, 4)[1] == struct.pack("<IHH", 0, 5, 1)
            assert client.ask(AmsAddr.of(NET_ID, 999), 4)[0].error == 6
            assert client.ask(AmsAddr.of(OTHER, 851), 4)[0].error == 7

        await raw(process, talk)

    run(steps)


def test_config_withdraws_the_plc_and_reset_brings_it_back() -> None:
    """Port 851 is gone in Config, in Run it is there again; the restart index has moved each time."""

    async def steps(process: RouterProcess) -> None:
        def talk(client: Raw) -> list[int]:
            found = []
            for state in (AdsState.RECONFIG, AdsState.RESET):
                assert client.ask(SYSTEM, 5, struct.pack("<HHI", state, 0, 0))[1] == bytes(4)
                found.append(client.ask(PLC, 4)[0].error)
                found.append(struct.unpack_from("<HHH", client.read(SYSTEM, 240, 0, 16)[1])[2])
            return found

        missing, first, there, second = await raw(process, talk)
        assert (missing, there) == (6, 0)
        assert second > first

    run(steps)


def test_a_door_that_cannot_be_opened_leaves_none_open() -> None:
    """The second of two addresses is taken: one clear error, and the first is free again."""
    address = own_address()
    with socket.create_server((address, 0)) as taken:
        port = taken.getsockname()[1]
        free = Listen(Door.PLAIN, own_address(), 45_678)
        settings = AdsSettings(net_id=NET_ID, listen=(free, Listen(Door.PLAIN, address, port)))
        process = RouterProcess(settings, Place(), SystemClock(), {})
        with pytest.raises(HostError, match="cannot listen") as caught:
            asyncio.run(process.start())
        assert f"{address}:{port}" in str(caught.value)
        socket.create_server((free.address, free.port)).close()


def test_a_port_of_its_own_has_discovery_one_above() -> None:
    """UDP answers beside a plain door, and is silent where discovery is off."""

    async def steps(process: RouterProcess) -> None:
        udp = process.doors.names()[1]
        assert udp == f"udp {where(process)[0]}:{where(process)[1] + 1}"

        def ask() -> bytes:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(5)
                sock.sendto(
                    struct.pack("<III", 0x71146603, 7, 1) + bytes(12), (where(process)[0], where(process)[1] + 1)
                )
                return sock.recv(2048)

        answer = await asyncio.to_thread(ask)
        assert answer[:12] == struct.pack("<III", 0x71146603, 7, 0x80000001)
        assert answer[12:18] == NET_ID

    run(steps)
    quiet = settings_at(own_address(), discovery=False)

    async def no_udp(process: RouterProcess) -> None:
        assert [name for name in process.doors.names() if name.startswith("udp")] == []

    run(no_udp, quiet)


def test_a_route_added_at_run_time_is_kept_and_one_of_the_document_cannot_be_removed(tmp_path: Path) -> None:
    """Added routes survive the process, temporary ones do not, and the document's own are not a client's to delete."""
    ours = RouteSetting(Route("plc", OTHER, "127.0.0.9"))
    settings = settings_at(own_address(), routes=(ours,))
    place = Place(tmp_path)

    async def first(process: RouterProcess) -> None:
        from dinrail.ads.contract import INSIDE

        process.routing.add(Route("kept", NetId.parse("5.1.1.1.1.1"), "127.0.0.8"), INSIDE)
        process.routing.add(Route("gone", NetId.parse("5.1.1.2.1.1"), "127.0.0.8", temporary=True), INSIDE)
        with pytest.raises(RouteExists):
            process.routing.add(Route("other", OTHER, "127.0.0.7"), INSIDE)
        with pytest.raises(Refused, match="own NetId"):
            process.routing.add(Route("me", NET_ID, "127.0.0.7"), INSIDE)
        with pytest.raises(Refused, match="configuration document"):
            process.routing.remove("plc")
        assert [route.name for route in process.router.routes] == ["plc", "kept", "gone"]

    async def second(process: RouterProcess) -> None:
        assert sorted(route.name for route in process.router.routes) == ["kept", "plc"]
        process.routing.remove("KEPT")
        assert [route.name for route in process.router.routes] == ["plc"]

    run(first, settings, place)
    run(second, settings, place)
    assert json.loads((tmp_path / "routes.json").read_text()) == {}


def test_routes_by_ads_are_the_same_routes(tmp_path: Path) -> None:
    """Port 10000 adds, enumerates until 0x716 and deletes what the router then has."""
    settings = settings_at(own_address())

    async def steps(process: RouterProcess) -> None:
        address, name = b"127.0.0.5\0", b"press\0"
        entry = struct.pack("<6sHIII12xIII", OTHER, 1, 0, 0, 0, len(address), len(name), 0) + address + name

        def talk(client: Raw) -> None:
            assert client.write(SYSTEM, 801, 0, entry) == 0
            result, found = client.read(SYSTEM, 803, 0, 4096)
            assert (result, found[:6]) == (0, OTHER)
            assert client.read(SYSTEM, 803, 1, 4096)[0] == 0x716
            assert client.write(SYSTEM, 802, 0, name) == 0
            assert client.read(SYSTEM, 803, 0, 4096)[0] == 0x716

        await raw(process, talk)

    run(steps, settings, Place(tmp_path))


def test_status_and_reload_on_the_socket(tmp_path: Path) -> None:
    """Counters, doors and routes as JSON; a reload takes what was edited on disk; anything else is one fault."""
    path = tmp_path / "run/router.sock"

    def ask(line: bytes) -> Any:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(str(path))
            sock.sendall(line)
            sock.shutdown(socket.SHUT_WR)
            return json.loads(sock.makefile("rb").read())

    async def steps(process: RouterProcess) -> None:
        await raw(process, lambda client: client.ask(PLC, 4))
        told = (await asyncio.to_thread(ask, b'{"op":"status"}\n'))["result"]
        assert told["net_id"] == str(NET_ID)
        assert told["router"]["requests"] == 1
        assert 851 in told["ports"]
        kept = {"routes": [{"route": {"name": "late", "net_id": str(OTHER), "host": "127.0.0.4"}}]}
        (tmp_path / "routes.json").write_text(json.dumps(kept))
        assert (await asyncio.to_thread(ask, b'{"op":"reload"}\n')) == {"ok": True, "result": {"routes": 1}}
        (tmp_path / "routes.json").write_text("{broken")
        assert (await asyncio.to_thread(ask, b'{"op":"reload"}\n'))["ok"] is False
        assert [route.name for route in process.router.routes] == ["late"]
        for line in (b"", b"\n", b"[]\n", b'{"op":5}\n', b"\xff\xfe\n", b"{" * 5000, b'{"op":"rm -rf"}\n'):
            assert (await asyncio.to_thread(ask, line))["ok"] is False

    run(steps, place=Place(tmp_path, path))
    assert not path.exists()


def test_who_somebody_is_follows_from_the_door() -> None:
    """Loopback addresses are loopback, others the LAN, and everything at a guest's door is that guest."""
    plain = Classify(Listen(Door.PLAIN, "127.0.0.1"))
    guest = Classify(Listen(Door.PLAIN, "192.168.77.1", guest="hmi"))
    assert plain("127.0.0.1").via is Via.LOOPBACK
    assert plain("192.168.0.3").via is Via.LAN
    assert guest("127.0.0.1").via is Via.HOST_ONLY
    assert guest("10.0.0.1").guest == "hmi"
    assert interface_address("lo") == "127.0.0.1"
    with pytest.raises(HostError, match="no IPv4 address"):
        interface_address("nosuch0")


def test_a_door_on_an_interface_waits_for_it(caplog: pytest.LogCaptureFixture) -> None:
    """A guest's network that is not there yet delays its own door only."""
    listen = (Listen(Door.PLAIN, own_address(), 0), Listen(Door.PLAIN, interface="nosuch0", guest="hmi"))

    async def steps(process: RouterProcess) -> None:
        assert (await raw(process, lambda client: client.ask(PLC, 4)))[0].error == 0
        assert len([name for name in process.doors.names() if name.startswith("tcp")]) == 1

    run(steps, AdsSettings(net_id=NET_ID, listen=listen))
    assert "waiting for it" in caplog.text


def test_the_net_id_belongs_to_the_machine() -> None:
    """It is the same at each start, and a device's, not an address's."""
    assert machine_net_id() == machine_net_id()
    assert machine_net_id()[:1] == b"\x05"
    assert machine_net_id()[4:] == b"\x01\x01"


def test_what_a_route_grants_holds_at_once_and_ends_with_it() -> None:
    """A preset granted to a route's end is policy as soon as the route is there, and no longer than it is."""

    async def steps(process: RouterProcess) -> None:
        from dinrail.ads.contract import Origin

        origin = Origin(Via.LAN, "x", "192.168.0.9")
        peer = AmsAddr.of(OTHER, 30000)

        def may() -> bool:
            return process.policy.permit(origin, peer, PLC).allows(Action.READ, 0x4020, 0, 4)

        assert not may()
        process.routing.add(Route("line", OTHER, "192.168.0.9"), origin)
        assert may()
        process.routing.remove("line")
        assert not may()

    settings = settings_at(own_address())
    run(steps, replace(settings, credentials=replace(settings.credentials, grants=Preset.GATEWAY)))


def test_a_device_in_python_is_served_by_its_class(tmp_path: Path) -> None:
    """`FILE.py:CLASS` is made without arguments; no file, no such class, or no AdsDevice is one clear error."""
    counter = Path(__file__).resolve().parents[2] / "docs/examples/counter.py"
    plcs = simulated_plcs((), python=[Simulated(f"{counter}:MyDevice", 852)])

    async def steps() -> None:
        process = RouterProcess(settings_at(own_address()), Place(), SystemClock(), plcs)
        await process.start()
        try:
            target = AmsAddr.of(NET_ID, 852)
            assert await raw(process, lambda client: client.read(target, 0x1000, 0, 4)) == (0, b"\1\0\0\0")
        finally:
            await process.stop()

    asyncio.run(steps())
    for text in (f"{tmp_path}/none.py:MyDevice", f"{counter}:Nobody", f"{counter}:Path"):
        with pytest.raises(BadRequest):
            simulated_plcs((), python=[Simulated(text)])


def test_after_a_restart_the_plc_begins_anew() -> None:
    """Reset of the system brings first values back; stop and run of the system stop and run its PLCs."""

    async def steps(process: RouterProcess) -> None:
        def talk(client: Raw) -> None:
            def system(state: AdsState) -> None:
                assert client.ask(SYSTEM, 5, struct.pack("<HHI", state, 0, 0))[1] == bytes(4)

            assert client.write(PLC, 0x4020, 4000, b"1234") == 0
            system(AdsState.STOP)
            assert client.ask(PLC, 4)[1] == struct.pack("<IHH", 0, 6, 0)
            assert client.read(PLC, 0x4020, 4000, 4)[1] == b"1234"
            system(AdsState.RUN)
            assert client.ask(PLC, 4)[1] == struct.pack("<IHH", 0, 5, 0)
            assert client.read(PLC, 0x4020, 4000, 4)[1] == b"1234"
            system(AdsState.RESET)
            assert client.ask(PLC, 4)[1] == struct.pack("<IHH", 0, 5, 0)
            assert client.read(PLC, 0x4020, 4000, 4)[1] == bytes(4)

        await raw(process, talk)

    run(steps)


def test_a_route_that_leads_back_to_this_router_is_not_dialled() -> None:
    """By its own address and by a name of it: error 0x1B at once, and not one connection more."""

    async def steps(process: RouterProcess) -> None:
        address, port = where(process)
        process.router.add_route(Route("ring", OTHER, address, port))
        found = await raw(process, lambda client: client.ask(AmsAddr.of(OTHER, 851), 4))
        assert found[0].error == 0x1B
        assert process.doors.counters()["tcp"]["accepted"] == 1
        assert process.doors.is_own(address, port)
        assert not process.doors.is_own(address, port + 1)

    run(steps)


def test_a_second_router_leaves_the_first_one_s_socket_alone(tmp_path: Path) -> None:
    """A status socket that answers is somebody's; one that a killed router left is replaced."""
    path = tmp_path / "router.sock"

    async def steps(process: RouterProcess) -> None:
        second = RouterProcess(settings_at(own_address()), Place(None, path), SystemClock(), {})
        with pytest.raises(HostError, match="another router answers"):
            await second.start()
        assert path.exists()
        assert process.doors.names()

    run(steps, place=Place(None, path))
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))

    async def again(_process: RouterProcess) -> None:
        assert path.exists()

    run(again, place=Place(None, path))


def test_a_route_added_here_lets_nobody_in() -> None:
    """A route by port 10000 or an import grants its other end nothing, and one that a password won keeps its grant."""

    async def steps(process: RouterProcess) -> None:
        lan = Origin(Via.LAN, "x", "192.168.0.9")
        line, press = Route("line", OTHER, "192.168.0.9"), Route("press", NetId.parse("5.9.9.8.1.1"), "192.168.0.8")
        process.routing.add(press, INSIDE)
        process.routing.add(line, lan)
        process.routing.add(line, INSIDE)
        granted = {one.route.name: one.grants for one in process.routing.added}
        assert granted == {"press": Preset.NOTHING, "line": Preset.GATEWAY}

    run(steps)


@pytest.mark.ads
def test_up_brings_the_router_up_and_the_supervisor_keeps_it_up(tmp_path: Path) -> None:
    """`dinrail up` starts it (never as root), -9 is mended by the supervisor, `down --router` ends it for good."""
    place = tmp_path / "place"
    place.mkdir()
    paths = Paths(place / "state", place / "run")
    for directory in (tmp_path.parent.parent, tmp_path.parent, tmp_path, place):
        directory.chmod(0o755)  # the router's user has to reach its own files below them
    document = tmp_path / "dinrail.toml"
    document.write_text(f'[ads]\nnet_id = "{NET_ID}"\nlisten = ["{own_address()}:45679"]\n')
    env = os.environ | {"DINRAIL_STATE": str(paths.state), "DINRAIL_RUN": str(paths.run)}

    def dinrail(*words: str) -> Any:
        argv = [sys.executable, "-m", "dinrail", "--json", *words]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    try:
        up = dinrail("up", "--config", str(document))
        first = up["router"]["pid"]
        assert up["router"]["net_id"] == str(NET_ID)
        uid = Path(f"/proc/{first}/status").read_text().split("Uid:")[1].split()[0]
        assert uid != "0"
        assert RouterFiles.of(paths).settings.stat().st_mode & 0o077 == 0
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: (told := ask_router(paths, "status")) is not None and told["pid"] != first)
        assert dinrail("status")["router"]["net_id"] == str(NET_ID)
        again = dinrail("up", "--config", str(document))["router"]
        assert again["pid"] != first
        assert not again["settings_differ"]
        document.write_text(document.read_text() + "browse = false\n")
        edited = dinrail("up", "--config", str(document))["router"]
        assert edited["pid"] == again["pid"]
        assert edited["settings_differ"], "an edited document is not taken up by `up`, and that is said"
    finally:
        dinrail("down", "--router")
    assert ask_router(paths, "status") is None
    assert not RouterFiles.of(paths).settings.exists()


def test_a_password_opens_no_other_route_than_ones_own(tmp_path: Path) -> None:
    """Who may add a route changes none of the document's, takes over none that was added, and no guest's NetId."""
    theirs, hmi = NetId.parse("5.9.9.10.1.1"), NetId.parse("10.77.0.2.1.1")
    line = Route("line", OTHER, "192.0.2.9", read_only=True, unidirectional=True)
    settings = replace(
        settings_at(own_address(), routes=(RouteSetting(line),)),
        credentials=CredentialSettings(grants=Preset.GATEWAY),
    )

    async def steps(process: RouterProcess) -> None:
        from dinrail.ads.contract import Origin

        origin = Origin(Via.LAN, "x", "192.0.2.9")
        process.routing.add(Route("Line", OTHER, "192.0.2.9"), origin)  # "is there already" is no fault
        assert process.router.routes.to(OTHER) == line
        permit = process.policy.permit(origin, AmsAddr.of(OTHER, 30000), PLC)
        assert not permit.allows(Action.WRITE, 0x4020, 0, 4)
        first = Route("cell", theirs, "192.0.2.10", transport=Transport.TLS)
        process.routing.add(first, origin, pin="sha256:" + "a" * 64)
        for route, pin in (
            (Route("line", OTHER, "192.0.2.9"), "sha256:" + "b" * 64),
            (Route("line", OTHER, "192.0.2.66"), ""),
            (Route("mine", OTHER, "192.0.2.9"), ""),
            (Route("cell", theirs, "192.0.2.10"), ""),  # without TLS the pin would be gone
            (Route("cell", theirs, "192.0.2.66", transport=Transport.TLS), ""),
            (Route("mine", theirs, "192.0.2.66"), ""),
        ):
            with pytest.raises(RouteExists):
                process.routing.add(route, origin, pin=pin)
        assert (process.router.routes.to(OTHER), process.router.routes.to(theirs)) == (line, first)
        assert process.routing.pin_of(theirs) == "sha256:" + "a" * 64

    run(steps, settings, Place(tmp_path))
    kept = [RouteSetting(Route("line", OTHER, "192.0.2.9"), Preset.FULL), RouteSetting(Route("h", hmi, "192.0.2.66"))]
    (tmp_path / "routes.json").write_text(to_text(Kept(tuple(kept))))
    guest = Listen(Door.PLAIN, own_address(), 0, guest="hmi", net_id=hmi)

    async def later(process: RouterProcess) -> None:
        assert tuple(process.router.routes) == (line,)
        assert process.policy.bound[hmi].guest == "hmi"

    run(later, replace(settings, listen=(*settings.listen, guest)), Place(tmp_path))
