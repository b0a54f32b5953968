"""Hostile bytes at every door of a real process, while an honest client is answered in time throughout."""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ads_requests as rq
import pytest
from ads_honest import Dice, watched
from ads_process import ME, NET_ID, PLC, SYSTEM, Raw, Serving, document, own_address, serving, status, wait_until

from dinrail.ads.credentials import UserFile
from dinrail.ams.address import AmsAddr, NetId
from dinrail.ams.discovery import AddRoute, server_info_request
from dinrail.ams.frame import build_frame

pytestmark = pytest.mark.ads

SECRET = b"nobody may read this"


@dataclass(frozen=True, slots=True)
class Target:
    """A server with all of its doors open, and the directory around its files."""

    server: Serving
    secure: tuple[str, int]
    directory: Path

    def status(self) -> Any:
        return status(self.directory / "socket")

    def counted(self, kind: str, name: str) -> int:
        return int(self.status()[kind][name])


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    directory = tmp_path_factory.mktemp("target")
    door = own_address()
    UserFile(directory / "users").put("operator", "correct horse")
    (directory / "secret").write_bytes(SECRET)
    (directory / "files/generic").mkdir(parents=True)
    (directory / "files/generic/out").symlink_to(directory)
    (directory / "files/generic/link").symlink_to(directory / "secret")
    text = f"""[ads]
listen = ["{door}"]
secure = ["{door}:8016"]
files = "files"
[ads.limits]
orphans = "1s"
[ads.credentials]
file = "users"
[ads.tls]
certificate = "own.pem"
psk = [{{ identity = "line-7", password = "swordfish" }}]
"""
    words = (*document(directory, text), "--socket", str(directory / "socket"), "--quiet")
    with serving("--simulate", *words, address=door, own_doors=True, log=directory / "log") as server:
        yield Target(server, (door, 8016), directory)
    assert "Traceback" not in (directory / "log").read_text()


# Frames.

GROUPS = (0x4020, 0x4021, 0x4040, 0xF003, 0xF004, 0xF005, 0xF006, 0xF009, 0xF00B, 0xF00E, 0xF011, 0xF060, 0xF080)
GROUPS += (0xF081, 0xF082, 0xF083, 0xF084, 0xF085, 0xF086, 0xF091, 0xF100, 100, 120, 122, 133, 141, 200, 400, 700, 801)
SIZES = (0, 1, 4, 40, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
CONTROL = 5


def _random_frame(dice: Dice) -> bytes:
    """A frame that is whole for the framing, and anything at all behind it."""
    port = dice.pick((1, 100, 200, 851, 851, 851, 10000, 10000, dice.below(0x10000)))
    target = AmsAddr.of(dice.pick((NET_ID, NET_ID, NetId(dice.data(6)))), port)
    command = dice.pick((1, 2, 2, 3, 4, 6, 7, 8, 9, 9, dice.below(0x10000)))
    numbers = (dice.pick(GROUPS), dice.pick((*SIZES, dice.below(600))), *(dice.pick(SIZES) for _ in range(14)))
    payload = (struct.pack("<16I", *numbers) + dice.data(200))[: dice.pick((0, 4, 12, 16, 40, 60, 200))]
    flags = dice.pick((4, 4, 4, 4, 5, 6, 0x24, dice.below(0x10000)))
    frame = bytearray(build_frame(target, ME, command, flags, dice.below(1 << 32), payload))
    for _ in range(dice.pick((0, 0, 0, 1, 2, 3))):
        frame[22 + dice.below(len(frame) - 22)] ^= 1 << dice.below(8)
    if frame[22:24] == bytes((CONTROL, 0)):
        frame[22] = 4  # it is allowed to switch the PLC off, and that would prove nothing
    return bytes(frame)


def test_thousands_of_random_frames(target: Target) -> None:
    """6 000 frames by eight connections, whole but nonsense: each connection can still be used afterwards."""
    dice = Dice(1)
    with watched(target.server), ExitStack() as stack:
        links = [stack.enter_context(Raw(target.server.where, AmsAddr.of(ME.net_id, 40_000 + n))) for n in range(8)]
        for number in range(750):
            for link in links:
                link.sock.sendall(_random_frame(dice))
            if number % 50 == 49:
                assert {link.ask(PLC, 4)[0].error for link in links} == {0}
    assert target.counted("links tcp", "malformed_dropped") == 0


def test_streams_that_are_no_frames(target: Target) -> None:
    """Noise, and frames whose lengths lie: the connection may end, and nothing else does."""
    dice = Dice(2)
    with watched(target.server):
        for _ in range(300):
            with socket.create_connection(target.server.where, 10) as sock, suppress(OSError):
                good = build_frame(PLC, ME, 2, 4, 1, struct.pack("<III", 0x4020, 0, 4))
                noise = dice.data(1 + dice.below(400))
                sock.sendall(dice.pick((good[: dice.below(len(good))] + noise, noise + good)))


def test_truncated_frames(target: Target) -> None:
    """Each beginning of a request, then the end of the connection, by a close or a reset."""
    whole = build_frame(PLC, ME, 9, 4, 1, struct.pack("<IIII", 0xF003, 0, 4, 16) + b"GVL_Types.nInt\0\0")
    with watched(target.server):
        for size in range(1, len(whole)):
            for reset in (False, True):
                with socket.create_connection(target.server.where, 10) as sock:
                    if reset:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    sock.sendall(whole[:size])
        wait_until(lambda: target.counted("links tcp", "open") == 1, "all but the honest one are gone")


def test_lengths_of_four_gigabytes(target: Target) -> None:
    """In the framing they end the connection at once; in requests they are an error in its result."""
    before = target.counted("links tcp", "malformed_dropped")
    with watched(target.server), ExitStack() as stack:
        for length in (0xFFFF_FFFF, 0x8000_0000, 0x7FFF_FFFF, (4 << 20) + 1):
            sock = stack.enter_context(socket.create_connection(target.server.where, 10))
            sock.sendall(struct.pack("<HI", 0, length) + bytes(32))
            assert sock.recv(1) == b""
        raw = stack.enter_context(Raw(target.server.where))
        for size in (0xFFFF_FFFF, 0x8000_0000):
            assert raw.read(PLC, 0x4020, 0, size)[0] != 0xFFFF_FFFF
            assert raw.read(PLC, 0xF00B, 0, size)[0] == 0
            for group in range(0xF080, 0xF087):
                assert raw.read_write(PLC, group, size, size, bytes(64))[0] != 0
            header, body = raw.ask(PLC, 9, struct.pack("<IIII", 0xF003, 0, size, size) + b"x\0")
            assert (header.error, body[:4] != bytes(4)) == (0, True)
            header, body = raw.ask(PLC, 3, struct.pack("<III", 0x4020, 0, size) + b"1234")
            assert (header.error, body[:4] != bytes(4)) == (0, True)
            header, body = raw.ask(PLC, 6, struct.pack("<IIIIII16x", 0x4020, 0, size, 4, size, size))
            assert (header.error, body[:4] != bytes(4)) == (0, True)
        # Announced as allowed, begun, and left so by many: what is kept of each is what came.
        for _ in range(100):
            sock = stack.enter_context(socket.create_connection(target.server.where, 10))
            sock.sendall(struct.pack("<HI", 0, 4 << 20 - 6) + bytes(1000))
        assert raw.ask(PLC, 4)[0].error == 0
    assert target.counted("links tcp", "malformed_dropped") == before + 4


# What one client may have.


def test_65535_handles(target: Target) -> None:
    """One client gets so many and 0x716 for the rest, in sums or one by one; another gets its own meanwhile."""
    name = b"GVL_Types.nInt\0"
    entry = struct.pack("<IIII", 0xF003, 0, 4, len(name))
    codes: dict[int, int] = {}
    with watched(target.server) as _, Raw(target.server.where) as greedy:
        asked = 0
        while asked < 65_535:
            count = min(500, 65_535 - asked)
            asked += count
            result, data = greedy.read_write(PLC, 0xF082, count, 12 * count, entry * count + name * count)
            assert result == 0
            for at in range(count):
                code = struct.unpack_from("<I", data, 8 * at)[0]
                codes[code] = codes.get(code, 0) + 1
        assert set(codes) == {0, 0x716}
        assert codes[0] == 16_384
        assert greedy.read_write(PLC, 0xF003, 0, 4, name)[0] == 0x716
        with Raw(target.server.where, AmsAddr.parse("10.1.1.1.1.1:30000")) as modest:
            assert rq.by_handle("GVL_Types.nInt", lambda handle: rq.read(0xF005, handle, 2))(modest) == rq.YES


def test_names_that_are_no_text(target: Target) -> None:
    """Neither UTF-8 nor cp1252, endless, empty, too deep: an ADS error each, for a symbol, a type, a file or a key."""
    dice = Dice(3)
    names = [b"", b"\0", b"\xff\xfe", b"\x81\x8d\x8f\x90\x9d", b"MAIN.\xc3\x28", b"MAIN.\xed\xa0\x80", b"\xf0\x9f\x98"]
    names += [b"MAIN.aInts[99999999999999999999]", b"MAIN.aInts[" + b"9" * 5000 + b"]", b"MAIN.aInts[-1]", b"MAIN[[[["]
    names += [b"A" * 100_000, b"MAIN" + b".x" * 5000, b"^" * 5000, b"GVL_Pointer.pTarget" + b"^" * 5000, b"#" * 300]
    names += [dice.data(1 + dice.below(80)) for _ in range(400)]
    with watched(target.server), Raw(target.server.where) as raw:
        for name in names:
            for group in (0xF003, 0xF004, 0xF007, 0xF009, 0xF011):
                assert raw.read_write(PLC, group, 0, 64, name + b"\0")[0] in range(0x700, 0x800), (group, name)
            for group, offset in ((120, 0x1_0011), (134, 0x1_0000), (133, 1), (200, 0)):
                result, data = raw.read_write(SYSTEM, group, offset, 400, name + b"\0")
                # An empty name is the directory, or the hive, itself; finding nothing is an empty answer.
                looked = group == 133 or (group in (134, 200) and name in (b"", b"\0"))
                assert looked or result in (*range(0x700, 0x800), 1), (group, name)
                assert SECRET not in data
            raw.write(AmsAddr.of(NET_ID, 100), 1, 0, name)


# Files.

ESCAPES = (
    *("../secret", "..\\secret", "../../secret", "x/../../secret", "./../secret", "..", "../", "....//secret"),
    *("/etc/passwd", "\\etc\\passwd", "C:\\Windows\\win.ini", "//server/share", "file:///etc/passwd", "~/x"),
    *("link", "out/secret", "out/files/../secret", "out\\secret", "out/new.txt", "%2e%2e/secret", ".dinrail-0"),
    *("new\x01", "a:stream", "con\x00../secret", "a/" * 200 + "x", "x" * 300),
    *("%TC_BOOTPATH%/../../secret", "C:\\TwinCAT\\3.1\\..\\..\\secret", "/etc/TwinCAT/3.1/../../passwd"),
    *("\uff0e\uff0e/secret", "\u2024\u2024/secret", "..\uff0fsecret", "..\u2215secret", "..\u29f5secret"),
)


def _outside(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Everything beside the root of the files, with size and content, and the links within it."""
    found = {}
    for path in sorted(directory.rglob("*")):
        inside = path.is_relative_to(directory / "files") and not path.is_symlink()
        if not inside and path.name not in ("log", "socket"):
            found[str(path)] = (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
    return found


def test_no_path_leads_outside(target: Target) -> None:
    """By every deed on files and every selector, nothing outside the root is read, made, changed or removed."""
    before = _outside(target.directory)
    wordless = []
    with watched(target.server), Raw(target.server.where) as raw:
        for text in ESCAPES:
            name = text.encode() + b"\0"
            for selector in (0, 1, 2, 4, 6, 7, 11, 99):
                for flags in (0x11, 0x12, 0x19, 0x14, 0x52):
                    offset = selector << 16 | flags
                    result, data = raw.read_write(SYSTEM, 120, offset, 4, name)
                    wordless.append(result)
                    if result == 0:
                        handle = struct.unpack("<I", data)[0]
                        content = raw.read_write(SYSTEM, 122, handle, 100, b"")[1]
                        assert SECRET not in content, text
                        assert b"root:" not in content, text
                        raw.read_write(SYSTEM, 123, handle, 0, b"overwritten")
                        raw.read_write(SYSTEM, 121, handle, 0, b"")
                for group in (100, 101, 102, 110, 131, 134, 137, 138, 139):
                    result, data = raw.read_write(SYSTEM, group, selector << 16, 64, name)
                    assert SECRET not in data, text
                    if group <= 110 and result == 0:
                        raw.read_write(SYSTEM, 121, struct.unpack("<I", data)[0], 0, b"")
                found = raw.read_write(SYSTEM, 133, selector, 400, name)[1]
                assert b"passwd" not in found, text
                assert b"users" not in found, text
                for group in (132, 136):  # rename, copy: either name may be the way out
                    for pair in (name + b"taken\0", b"there.txt\0" + name):
                        raw.read_write(SYSTEM, group, selector << 16, 0, pair)
    assert _outside(target.directory) == before
    assert not list((target.directory / "files").rglob("secret*"))
    refused = sum(result != 0 for result in wordless)
    assert refused > len(wordless) // 2


def test_the_same_deeds_with_a_plain_name_are_done(target: Target) -> None:
    """The control to the above: a file inside the root is made, found, read and removed."""
    with Raw(target.server.where) as raw:
        result, data = raw.read_write(SYSTEM, 120, 0x1_0012, 4, b"plain.txt\0")
        assert result == 0
        (handle,) = struct.unpack("<I", data)
        assert raw.read_write(SYSTEM, 123, handle, 0, b"words")[0] == 0
        assert raw.read_write(SYSTEM, 121, handle, 0, b"")[0] == 0
        assert (target.directory / "files/generic/plain.txt").read_bytes() == b"words"
        assert rq.file_deed(131, "plain.txt")(raw) == rq.YES
        assert not (target.directory / "files/generic/plain.txt").exists()


# Datagrams.


def test_replayed_and_random_datagrams(target: Target) -> None:
    """An overheard packet can do nothing but renew the route that it names; noise does nothing at all."""
    dice = Dice(4)
    door = (target.server.address, 48899)
    right = AddRoute(NetId.parse("10.5.5.5.1.1"), "127.0.0.5", "mine", "operator", "correct horse").request(ME)
    wrong = AddRoute(NetId.parse("10.5.5.6.1.1"), "127.0.0.6", "other", "operator", "guess").request(ME)
    # Checking passwords takes memory on purpose (16 MiB each, two at a time), and glibc gives it back late.
    with watched(target.server, growth_kb=160 << 10), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.bind(("127.0.0.33", 0))
        sock.sendto(right, door)
        assert sock.recv(2048)[-4:] == bytes(4)
        for number in range(300):
            sock.sendto(right, door)
            if number % 10 == 9:
                time.sleep(0.01)
        routes = [(route["name"], route["host"]) for route in target.status()["routes"]]
        assert routes == [("mine", "127.0.0.5")]
        for number in range(1500):
            base = bytearray(dice.pick((right, wrong, server_info_request(ME))))
            for _ in range(1 + dice.below(5)):
                base[dice.below(len(base))] = dice.below(256)
            data = bytes(base[: dice.below(len(base) + 1)]) if number % 3 else dice.data(dice.below(1500))
            sock.sendto(data, door)
            if number % 10 == 9:
                time.sleep(0.005)
        names = {route["net_id"] for route in target.status()["routes"]}
        assert str(NetId.parse("10.5.5.6.1.1")) not in names
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.sendto(server_info_request(ME), door)
        assert NET_ID in sock.recv(2048)


# Secure ADS.


def _openssl(target: Target, *words: str) -> str:
    host, port = target.secure
    argv = ["openssl", "s_client", "-connect", f"{host}:{port}", "-tls1_2", "-quiet", *words]
    hello = bytes(64)
    done = subprocess.run(argv, input=hello, capture_output=True, timeout=30, check=False)
    return (done.stdout + done.stderr).decode("latin-1")


def test_noise_and_wrong_keys_at_the_secure_door(target: Target, tmp_path: Path) -> None:
    """Garbage, handshakes that never end, a wrong pre-shared key, an unknown certificate: none of them is a link."""
    dice = Dice(5)
    key, certificate = str(tmp_path / "key"), str(tmp_path / "certificate")
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate]
    subprocess.run([*request, "-subj", "/CN=stranger", "-days", "2"], capture_output=True, check=True)
    before = target.status()
    with watched(target.server), ExitStack() as stack:
        for number in range(100):
            sock = stack.enter_context(socket.create_connection(target.secure, 10))
            noise = dice.data(300) if number % 2 else b"\x16\x03\x01\xff\xff\x01" + dice.data(100)
            with suppress(OSError):
                sock.sendall(noise)
        for _ in range(60):
            stack.enter_context(socket.create_connection(target.secure, 10))
        said = _openssl(target, "-psk_identity", "line-7", "-psk", "00" * 32, "-cipher", "PSK")
        assert "alert" in said or "error" in said, said
        for _ in range(3):
            _openssl(target, "-cert", certificate, "-key", key, "-cipher", "ALL:@SECLEVEL=0")
    after = target.status()
    assert after["links tls"]["established"] == before["links tls"]["established"] == 0
    assert after["links tls"]["failed"] + after["links tls"]["refused"] > 50
    assert after["router"]["requests"] > before["router"]["requests"]


# Those who are slow on purpose.


def test_slowloris_and_a_client_that_never_reads(target: Target) -> None:
    """64 connections that send a byte now and then are ended after ten seconds, and so are two that do not read."""
    before = target.status()["links tcp"]
    frame = build_frame(PLC, ME, 4, 4, 1)
    with watched(target.server), ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(target.server.where, 10)) for _ in range(64)]
        deaf = stack.enter_context(Raw(target.server.where, AmsAddr.parse("10.1.1.2.1.1:30000")))
        deaf.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        # Another asks for more and more: no more than a little of its answers is kept, and it is dropped for the time.
        mute = stack.enter_context(Raw(target.server.where, AmsAddr.parse("10.1.1.3.1.1:30000")))
        mute.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        mute.sock.sendall(build_frame(PLC, mute.source, 2, 4, 1, struct.pack("<III", 0x4020, 0, 60_000)) * 400)
        for number in range(400):
            deaf.send(PLC, 6, struct.pack("<IIIIII16x", 0x4020, number, 2000, 3, 0, 100_000))
        deadline = time.monotonic() + 18
        at = 0
        while time.monotonic() < deadline:
            with suppress(OSError):
                for sock in slow:
                    sock.sendall(frame[at % len(frame) : at % len(frame) + 1] if at < 30 else b"")
            at += 1
            now = target.status()["links tcp"]
            ended = (now["stalled_dropped"] - before["stalled_dropped"], now["slow_dropped"] - before["slow_dropped"])
            if ended == (64, 2):
                break
            time.sleep(0.3)
        assert ended == (64, 2)
        assert [sock.recv(1) for sock in slow[:3]] == [b""] * 3
    assert target.counted("router", "notifications") > 0
