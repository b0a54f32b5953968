"""Secure ADS on sockets: against the real `openssl`, against ourselves, and against those who want to hurt."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from build_ads_peer import OURS, STATE, THEIRS, Hall, read_state, until
from build_certificates import Authority, write_pem
from run_mosquitto import free_port

from dinrail.ads.contract import Origin, Via
from dinrail.ads.transport import psk, tls
from dinrail.ads.transport.certificates import Credentials, make
from dinrail.ads.transport.tcp import sweep
from dinrail.ads.transport.tls import TlsDoor, TlsLimits
from dinrail.ads.transport.tls_claim import Claim, Mode, SecureAdsFault, Visit
from dinrail.ads.transport.tls_context import TlsContext
from dinrail.ads.transport.tls_core import ClientCore, ServerCore
from dinrail.ams.address import NetId
from dinrail.ams.frame import parse_header
from dinrail.ams.tls import TlsConnectInfo, TlsError, TlsFlag
from dinrail.errors import HostError

OPENSSL = shutil.which("openssl") or ""
SELF_SIGNED = TlsFlag.SELF_SIGNED.value
ADD = (TlsFlag.ADD_REMOTE | TlsFlag.SELF_SIGNED | TlsFlag.IP_ADDRESS | TlsFlag.IGNORE_COMMON_NAME).value
CA = Authority("plant CA")
SERVER = CA.issue("router", addresses=("127.0.0.1",))
CLIENT = CA.issue("client")
OWN = make("router", now_ns=1_800_000_000 * 10**9)
STRANGER = make("stranger", now_ns=1_800_000_000 * 10**9)
KEY = psk.derive("My-Client", "secret")


class House:
    """A secure listener whose owner knows some pins, one user, and one key."""

    def __init__(self, own: Credentials = OWN, limits: TlsLimits | None = None) -> None:
        self.hall = Hall()
        self.pins = {CLIENT.fingerprint: THEIRS}
        self.claims: list[Claim] = []
        find = {KEY.identity.upper(): KEY}
        self.context = TlsContext(
            own, authorities=(CA.certificate,), find_psk=lambda identity: find.get(identity.upper())
        )
        self.door = TlsDoor(
            "127.0.0.1:8016",
            lambda address: ServerCore(self.context, net_id=OURS, host_name="router", address=address),
            self.admit,
            lambda address: Origin(Via.LOOPBACK, "plain", address),
            self.hall.enter,
            limits or TlsLimits(),
        )

    async def admit(self, claim: Claim, _address: str) -> tuple[NetId, ...] | None:
        self.claims.append(claim)
        if claim.adds:
            await asyncio.sleep(0.05)  # as a password's check takes its time
            if (claim.user, claim.password) != ("Administrator", "1"):
                return None
            self.pins[claim.fingerprint] = claim.net_id
        if claim.mode is Mode.SELF_SIGNED and self.pins.get(claim.fingerprint) != claim.net_id:
            return None
        return (claim.net_id,)

    @contextlib.asynccontextmanager
    async def is_open(self) -> AsyncIterator[int]:
        server = await tls.listen(self.door, "127.0.0.1", 0)
        watch = asyncio.create_task(sweep(lambda: [self.door]))
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            watch.cancel()
            server.close()
            for link in tuple(self.door.links):
                link.give_up("end of test")
            await asyncio.sleep(0.02)


def caller(
    visit: Visit, own: Credentials | None = CLIENT, *, key: psk.Psk | None = None, server: NetId = OURS
) -> tuple[TlsDoor, Hall]:
    """The dialling side."""
    hall = Hall()
    context = TlsContext(own if key is None else None, authorities=(CA.certificate,), offer_psk=key)

    async def admit(claim: Claim, _address: str) -> tuple[NetId, ...] | None:
        return (server,) if claim.net_id == server else None

    door = TlsDoor(
        "route plc",
        lambda _: ClientCore(context, visit, psk=key.identity if key else ""),
        admit,
        lambda address: Origin(Via.LAN, "route plc", address),
        hall.enter,
    )
    return door, hall


def visit(mode: Mode, **more: Any) -> Visit:
    return Visit(mode, THEIRS, "client", **more)


def run(steps: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(steps(), 60))


async def round_trip(door: TlsDoor, hall: Hall, port: int, *, data: bytes = b"") -> None:
    """Dial, ask for the state, get it, hang up."""
    link = await tls.dial(door, "127.0.0.1", port, timeout_s=10)
    link.send(read_state(extra=data))
    await until(hall.frames)
    assert hall.frames()[-1][38:] == STATE + data
    link.close("done")
    await until(lambda: hall.sinks[-1].ended == 1)


ADMINISTRATOR, WRONG = {"user": "Administrator", "password": "1"}, {"user": "Administrator", "password": "2"}
WAYS = {
    "pinned": lambda: caller(visit(Mode.SELF_SIGNED, pin=OWN.fingerprint)),
    "added": lambda: caller(visit(Mode.SELF_SIGNED, first=True, **ADMINISTRATOR), STRANGER),
    "key": lambda: caller(visit(Mode.PSK), key=KEY),
    "key in another case": lambda: caller(visit(Mode.PSK), key=psk.derive("MY-CLIENT", "secret")),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [0, 16_384 - 32, 1_000_000])
def test_both_ends_are_ours(way: str, size: int) -> None:
    """In each mode a ReadState of any size passes, and the origin says what was proven."""

    async def steps() -> None:
        house = House()
        door, hall = WAYS[way]()
        async with house.is_open() as port:
            await round_trip(door, hall, port, data=bytes(size))
            await until(lambda: house.door.counters.open == 0)
            origin = house.hall.sinks[0].link.origin
            assert (origin.via, origin.net_ids, origin.address) == (Via.TLS, (THEIRS,), "127.0.0.1")
            assert origin.identity == house.claims[0].identity
            assert origin.identity.startswith("psk:My-Client" if "key" in way else "sha256:")
            assert house.hall.sinks[0].ended == 1

    run(steps)


def test_a_shared_ca_joins_both() -> None:
    """Certificates of one CA are enough, with the right names."""

    async def steps() -> None:
        house = House(SERVER)
        async with house.is_open() as port:
            await round_trip(*caller(visit(Mode.SHARED_CA, server_name="127.0.0.1")), port)
            assert house.claims[0].common_name == "client"

    run(steps)


def test_a_stranger_is_added_by_password_once() -> None:
    """A first visit with user and password stores the pin; the next ones need it no more."""

    async def steps() -> None:
        house = House()
        async with house.is_open() as port:
            await round_trip(*WAYS["added"](), port)
            await round_trip(*caller(visit(Mode.SELF_SIGNED, pin=OWN.fingerprint), STRANGER), port)
            assert [claim.adds for claim in house.claims] == [True, False]

    run(steps)


EXPIRED = CA.issue("client", from_days=-9, to_days=-1)
EARLY = CA.issue("client", from_days=2)
MISNAMED = CA.issue("somebody else")
FOREIGN = Authority("another CA").issue("client")
REFUSALS: dict[str, tuple[Credentials, Callable[[], tuple[TlsDoor, Hall]], int]] = {
    "unknown certificate": (
        OWN,
        lambda: caller(visit(Mode.SELF_SIGNED, pin=OWN.fingerprint), STRANGER),
        TlsError.UNKNOWN_CERTIFICATE,
    ),
    "wrong password": (
        OWN,
        lambda: caller(visit(Mode.SELF_SIGNED, first=True, **WRONG), STRANGER),
        TlsError.UNKNOWN_USER,
    ),
    "wrong pin": (OWN, lambda: caller(visit(Mode.SELF_SIGNED, pin="0" * 64)), TlsError.UNKNOWN_CERTIFICATE),
    "no pin": (OWN, lambda: caller(visit(Mode.SELF_SIGNED)), TlsError.UNKNOWN_CERTIFICATE),
    "expired": (SERVER, lambda: caller(visit(Mode.SHARED_CA), EXPIRED), TlsError.UNKNOWN_CERTIFICATE),
    "not yet": (SERVER, lambda: caller(visit(Mode.SHARED_CA), EARLY), TlsError.UNKNOWN_CERTIFICATE),
    "another CA": (SERVER, lambda: caller(visit(Mode.SHARED_CA), FOREIGN), TlsError.UNKNOWN_CERTIFICATE),
    "self-signed for a CA": (SERVER, lambda: caller(visit(Mode.SHARED_CA), STRANGER), TlsError.UNKNOWN_CERTIFICATE),
    "another name": (SERVER, lambda: caller(visit(Mode.SHARED_CA), MISNAMED), TlsError.COMMON_NAME),
    "server of another CA": (OWN, lambda: caller(visit(Mode.SHARED_CA)), TlsError.UNKNOWN_CERTIFICATE),
    "server of another name": (
        SERVER,
        lambda: caller(visit(Mode.SHARED_CA, server_name="plc-9")),
        TlsError.COMMON_NAME,
    ),
    "another NetId": (SERVER, lambda: caller(visit(Mode.SHARED_CA), server=THEIRS), TlsError.UNKNOWN_CERTIFICATE),
    "wrong key": (OWN, lambda: caller(visit(Mode.PSK), key=psk.derive("My-Client", "wrong")), TlsError.OK),
    "unknown identity": (OWN, lambda: caller(visit(Mode.PSK), key=psk.derive("nobody", "secret")), TlsError.OK),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_who_is_not_known_is_refused_with_the_code_for_it(name: str) -> None:
    """The dialler learns TlsConnectInfo's own code, and no sink is made on the listening side."""
    own, make_caller, code = REFUSALS[name]

    async def steps() -> None:
        house = House(own)
        door, hall = make_caller()
        async with house.is_open() as port:
            with pytest.raises(SecureAdsFault) as refused:
                await tls.dial(door, "127.0.0.1", port, timeout_s=10)
            assert refused.value.error == code
            await until(lambda: house.door.counters.open == 0)
            assert hall.sinks == []
            assert not house.hall.frames()

    run(steps)


# the real openssl


class Program:
    """`openssl s_client` or `s_server`, spoken to by its standard input and output."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process, self.stdin, self.stdout = process, process.stdin, process.stdout

    async def read(self, size: int) -> bytes:
        return await asyncio.wait_for(self.stdout.readexactly(size), 10)

    async def hello(self) -> TlsConnectInfo:
        return TlsConnectInfo.parse(await self.read(64))


@contextlib.asynccontextmanager
async def openssl(*arguments: str) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        OPENSSL,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield Program(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def shown(directory: Path, own: Credentials) -> list[str]:
    files = write_pem(directory, own)
    return ["-cert", str(files["certificate"]), "-key", str(files["key"])]


KEYED = ["-psk_identity", "My-Client", "-psk", KEY.key.hex()]
DHE = ["-cipher", "DHE-RSA-AES128-SHA256"]
CLIENTS: dict[str, tuple[Callable[[Path], list[str]], int, dict[str, str]]] = {
    "pinned": (lambda path: shown(path, CLIENT), SELF_SIGNED, {}),
    "shared CA": (lambda path: shown(path, CLIENT), 0, {}),
    "TwinCAT's suite": (lambda path: shown(path, CLIENT) + DHE, SELF_SIGNED, {}),
    "adds itself": (lambda path: shown(path, STRANGER), ADD, ADMINISTRATOR),
    "key": (lambda _: [*KEYED, "-cipher", "PSK-AES256-CBC-SHA384"], 0, {}),
    "key, SHA-1": (lambda _: [*KEYED, "-cipher", "PSK-AES128-CBC-SHA"], 0, {}),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_openssl_calls_on_us(name: str, tmp_path: Path) -> None:
    """s_client gets in with certificate or key, says its TlsConnectInfo, and asks for the state."""
    arguments, flags, user = CLIENTS[name]

    async def steps() -> None:
        house = House()
        async with house.is_open() as port:
            connect = ["s_client", "-quiet", "-tls1_2", "-connect", f"127.0.0.1:{port}"]
            async with openssl(*connect, *arguments(tmp_path)) as client:
                client.stdin.write(TlsConnectInfo(THEIRS, flags, "client", **user).encode())
                answer = await client.hello()
                assert (answer.error, answer.net_id, answer.is_response) == (0, OURS, True)
                client.stdin.write(read_state()[6:] + read_state(invoke_id=8)[6:])
                for invoke_id in (7, 8):
                    bare = await client.read(32 + len(STATE))
                    assert parse_header(bare, 0).invoke_id == invoke_id
                    assert bare[32:] == STATE

    run(steps)


REFUSED: dict[str, tuple[Callable[[Path], list[str]], TlsConnectInfo, int]] = {
    "unknown": (lambda path: shown(path, STRANGER), TlsConnectInfo(THEIRS, SELF_SIGNED, "client"), 3),
    "wrong CA": (lambda path: shown(path, FOREIGN), TlsConnectInfo(THEIRS, 0, "client"), 3),
    "wrong name": (lambda path: shown(path, CLIENT), TlsConnectInfo(THEIRS, 0, "other"), 2),
    "wrong password": (lambda path: shown(path, STRANGER), TlsConnectInfo(THEIRS, ADD, "client", **WRONG), 4),
    "no password": (lambda path: shown(path, STRANGER), TlsConnectInfo(THEIRS, ADD, "client"), 4),
    "version": (lambda path: shown(path, CLIENT), TlsConnectInfo(THEIRS, SELF_SIGNED, "client", version=9), 1),
}


@pytest.mark.parametrize("name", REFUSED)
def test_openssl_is_told_why_it_is_refused(name: str, tmp_path: Path) -> None:
    """The code is on the wire, in TlsConnectInfo, and then the connection ends."""
    arguments, hello, code = REFUSED[name]

    async def steps() -> None:
        house = House()
        async with house.is_open() as port:
            connect = ["s_client", "-quiet", "-tls1_2", "-connect", f"127.0.0.1:{port}"]
            async with openssl(*connect, *arguments(tmp_path)) as client:
                client.stdin.write(hello.encode())
                answer = await client.hello()
                assert (answer.error, answer.flags) == (code, TlsFlag.RESPONSE)
                assert await asyncio.wait_for(client.stdout.read(), 10) == b""
            assert house.hall.sinks == []

    run(steps)


SERVERS: dict[str, tuple[Callable[[Path], list[str]], Callable[[], tuple[TlsDoor, Hall]]]] = {
    "pinned": (
        lambda path: [*shown(path, OWN), "-Verify", "1"],
        lambda: caller(visit(Mode.SELF_SIGNED, pin=OWN.fingerprint)),
    ),
    "shared CA": (lambda path: shown(path, SERVER), lambda: caller(visit(Mode.SHARED_CA, server_name="router"))),
    "key": (lambda _: ["-nocert", "-psk", KEY.key.hex()], lambda: caller(visit(Mode.PSK), key=KEY)),
}


@pytest.mark.parametrize("name", SERVERS)
def test_we_call_on_openssl(name: str, tmp_path: Path) -> None:
    """We get into s_server with certificate or key, say TlsConnectInfo first, and our request is whole on its side."""
    arguments, make_caller = SERVERS[name]

    async def steps() -> None:
        port = free_port()
        door, hall = make_caller()
        async with openssl(
            "s_server", "-quiet", "-tls1_2", "-accept", f"127.0.0.1:{port}", *arguments(tmp_path)
        ) as far:
            dialling = asyncio.create_task(redial(door, port))
            hello = await far.hello()
            assert (hello.net_id, hello.error, hello.is_response) == (THEIRS, 0, False)
            far.stdin.write(TlsConnectInfo(OURS, TlsFlag.RESPONSE, "plc").encode())
            link = await dialling
            link.send(read_state())
            request = await far.read(32)
            assert request == read_state()[6:]
            far.stdin.write(request[8:16] + request[:8] + request[16:18] + struct.pack("<HIII", 5, 8, 0, 7) + STATE)
            await until(hall.frames)
            assert hall.frames()[0][38:] == STATE
            link.close("done")

    run(steps)


async def redial(door: TlsDoor, port: int) -> tls.TlsLink:
    """Until the server listens."""
    for _ in range(200):
        try:
            return await tls.dial(door, "127.0.0.1", port, timeout_s=10)
        except HostError as fault:
            if "cannot connect" not in str(fault):
                raise
            await asyncio.sleep(0.02)
    raise AssertionError("it does not listen")


# those who want to hurt


def test_half_open_handshakes_hold_nobody() -> None:
    """A hundred connections that never finish their handshake delay no other, and are dropped in time."""

    async def steps() -> None:
        house = House(limits=TlsLimits(handshake_s=1, max_handshakes=50))
        async with house.is_open() as port:
            writers = []
            for n in range(100):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"\x16\x03\x01\x00\xff\x01"[: n % 7])
                writers.append(writer)
            for _ in range(3):
                await round_trip(*WAYS["pinned"](), port)
            await until(lambda: house.door.counters.handshaking == 0)
            assert house.door.counters.handshake_timeouts > 0
            for writer in writers:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    run(steps)


@pytest.mark.parametrize(
    "rubbish", [b"GET / HTTP/1.1\r\n\r\n", read_state(), b"\x16\x03\x01\xff\xff" + bytes(70_000), bytes(10)]
)
def test_what_is_no_tls_is_hung_up_on(rubbish: bytes) -> None:
    """Garbage in place of a handshake ends its own connection, is counted, and nothing else."""

    async def steps() -> None:
        house = House()
        async with house.is_open() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(rubbish)
            with contextlib.suppress(ConnectionResetError):
                await asyncio.wait_for(reader.read(), 10)
            assert house.door.counters.failed == 1
            writer.close()
            await round_trip(*WAYS["key"](), port)

    run(steps)


def test_frames_instead_of_the_exchange_are_refused(tmp_path: Path) -> None:
    """A frame where TlsConnectInfo is due reaches nobody."""

    async def steps() -> None:
        house = House()
        async with house.is_open() as port:
            connect = ["s_client", "-quiet", "-tls1_2", "-connect", f"127.0.0.1:{port}", *shown(tmp_path, CLIENT)]
            async with openssl(*connect) as client:
                # The NetId's first two numbers stand where TlsConnectInfo has its length.
                client.stdin.write(read_state(NetId.parse("192.168.1.2.1.1"))[6:])
                assert await asyncio.wait_for(client.stdout.read(), 10) == b""
            assert house.hall.sinks == []
            assert house.door.counters.failed == 1

    run(steps)


def test_who_does_not_read_is_dropped(tmp_path: Path) -> None:
    """A peer that asks and never reads is dropped after its time, and counted; others are answered meanwhile."""

    async def steps() -> None:
        house = House(limits=TlsLimits(soft_bytes=64 << 10, hard_bytes=1 << 20, slow_s=1))
        async with house.is_open() as port:
            connect = ["s_client", "-quiet", "-tls1_2", "-connect", f"127.0.0.1:{port}", *shown(tmp_path, CLIENT)]
            async with openssl(*connect) as client:
                client.stdin.write(TlsConnectInfo(THEIRS, SELF_SIGNED, "client").encode())
                await client.hello()
                for _ in range(40):
                    client.stdin.write(read_state(extra=bytes(500_000))[6:])
                await round_trip(*WAYS["added"](), port)
                await until(lambda: house.door.counters.slow_dropped == 1, 15)
                await until(lambda: house.hall.sinks[0].ended == 1)

    run(steps)


def test_a_frame_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    """Half a frame inside the tunnel ends its connection after its time."""

    async def steps() -> None:
        house = House(limits=TlsLimits(frame_s=0.5))
        async with house.is_open() as port:
            connect = ["s_client", "-quiet", "-tls1_2", "-connect", f"127.0.0.1:{port}", *shown(tmp_path, CLIENT)]
            async with openssl(*connect) as client:
                client.stdin.write(TlsConnectInfo(THEIRS, SELF_SIGNED, "client").encode())
                await client.hello()
                client.stdin.write(read_state()[6:20])
                await until(lambda: house.door.counters.stalled_dropped == 1)

    run(steps)


def test_nobody_there_is_told_apart_from_a_refusal() -> None:
    """No listener, and one that says nothing, are a HostError with the address."""

    async def steps() -> None:
        door, _ = WAYS["pinned"]()
        with pytest.raises(HostError, match="cannot connect"):
            await tls.dial(door, "127.0.0.1", free_port(), timeout_s=5)
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(HostError, match="no Secure ADS"):
            await tls.dial(door, "127.0.0.1", silent.getsockname()[1], timeout_s=0.3)
        await until(lambda: door.counters.open == 0)

    run(steps)
