"""The file of users: hashes, modes, rewriting; and checks in threads."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dinrail.ads.credentials import AT_ONCE, MAX_WAITING, Checker, HashedUser, UserFile, checker_of
from dinrail.ads.settings import CredentialKind, CredentialSettings
from dinrail.errors import BadRequest, DinrailError, FormatError, HostError

LINE = HashedUser("a", bytes(16), bytes(32)).line().strip()


@pytest.fixture
def users(tmp_path: Path) -> UserFile:
    return UserFile(tmp_path / "users")


def test_a_user_is_known_by_the_right_password_only(users: UserFile) -> None:
    """Right name and password together; neither another password, nor another name, nor another spelling."""
    assert users.put("Administrator", "correct horse")
    assert users.is_right("Administrator", "correct horse")
    for name, password in (
        ("Administrator", "correct hors"),
        ("Administrator", ""),
        ("administrator", "correct horse"),
        ("nobody", "correct horse"),
        ("", ""),
    ):
        assert not users.is_right(name, password)


def test_the_file_has_no_password_in_it_and_no_two_hashes_alike(users: UserFile) -> None:
    """Salted: the same password of two users looks different."""
    users.put("a", "correct horse")
    users.put("b", "correct horse")
    text = users.path.read_text()
    assert "horse" not in text
    first, second = users.users()
    assert first.hash != second.hash
    assert "hash" not in repr(first)


def test_the_hash_is_scrypt_of_rfc_7914() -> None:
    """Against the RFC's own vector with our parameters (N 16384, r 8, p 1), the first half of its 64 bytes."""
    line = HashedUser(
        "rfc", b"SodiumChloride", bytes.fromhex("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2")
    )
    assert line.is_right("pleaseletmein")


def test_a_second_password_replaces_the_first(users: UserFile) -> None:
    """Each user has one line; others stay as they are."""
    users.put("a", "first password")
    users.put("b", "other password")
    assert not users.put("a", "second password")
    assert [user.name for user in users.users()] == ["b", "a"]
    assert not users.is_right("a", "first password")
    assert users.is_right("a", "second password")
    assert users.is_right("b", "other password")


def test_a_removed_user_is_out_at_once(users: UserFile) -> None:
    """And a user who is not there cannot be removed."""
    users.put("a", "correct horse")
    users.remove("a")
    assert not users.is_right("a", "correct horse")
    with pytest.raises(BadRequest, match="no user 'a'"):
        users.remove("a")


@pytest.mark.parametrize(
    ("name", "password"),
    [("", "correct horse"), ("a:b", "correct horse"), ("a\nb", "correct horse"), ("#a", "correct horse"),
     ("x" * 65, "correct horse"), ("a", "short"), ("a", "x" * 2000)],
)  # fmt: skip
def test_names_and_passwords_that_will_not_do(users: UserFile, name: str, password: str) -> None:
    """Nothing is written for them."""
    with pytest.raises(BadRequest):
        users.put(name, password)
    assert not users.path.exists()


def test_the_file_is_its_owner_s_and_stays_its_group_s(users: UserFile) -> None:
    """A new file is 0600; a mode that the owner gave it is kept, and an odd one is refused with the cure."""
    users.put("a", "correct horse")
    assert users.path.stat().st_mode & 0o777 == 0o600
    users.path.chmod(0o640)
    users.put("b", "correct horse")
    assert users.path.stat().st_mode & 0o777 == 0o640
    for mode in (0o644, 0o660, 0o604, 0o700):
        users.path.chmod(mode)
        with pytest.raises(HostError, match=f"mode {mode:04o}") as caught:
            users.is_right("a", "correct horse")
        assert caught.value.hint == f"chmod 0640 {users.path}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_s_file_is_refused_and_an_own_group_is_kept(users: UserFile) -> None:
    """A file that some user owns could be written by that user; the router's group survives a rewrite."""
    users.put("a", "correct horse")
    os.chown(users.path, 0, 12345)
    users.put("b", "correct horse")
    assert users.path.stat().st_gid == 12345
    os.chown(users.path, 12345, 0)
    with pytest.raises(HostError, match="belongs to user 12345"):
        users.users()


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    """A missing file says how to make one; a pipe does not hang, a directory is told."""
    with pytest.raises(HostError, match="no file of users") as caught:
        UserFile(tmp_path / "none").users()
    assert caught.value.hint == "make one: dinrail ads user add NAME"
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("pipe", "."):
        with pytest.raises(HostError, match="no regular file"):
            UserFile(tmp_path / name).users()


@pytest.mark.parametrize(
    "line",
    ["a", LINE + "x", LINE.replace(":14:", ":30:"), LINE.replace(":8:", ":0:"), f"{LINE}\n{LINE}", "\xff"],
    ids=["short", "long", "huge", "zero", "twice", "latin"],
)
def test_a_broken_line_shuts_the_door_and_names_itself(users: UserFile, line: str) -> None:
    """Nobody gets in by a file that is not understood, and no parameter can take all memory."""
    users.path.write_bytes(line.encode("latin-1") + b"\n")
    users.path.chmod(0o600)
    with pytest.raises(FormatError) as caught:
        users.is_right("a", "correct horse")
    assert str(users.path) in str(caught.value.where)


@settings(max_examples=50)
@given(st.binary(max_size=100))
def test_any_bytes_are_users_or_a_format_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Nothing else escapes."""
    path = tmp_path_factory.mktemp("users") / "users"
    path.write_bytes(data)
    path.chmod(0o600)
    try:
        found = UserFile(path).users()
    except FormatError:
        return
    assert all(user.line() in data.decode() + "\n" for user in found)


@pytest.mark.parametrize("text", ["\udcff" * 8, "pässwörd", "\0" * 8, "пароль-длинный"])
def test_any_password_can_be_hashed(users: UserFile, text: str) -> None:
    """Letters of any script, and what came as broken bytes."""
    users.put("a", text)
    assert users.is_right("a", text)
    assert not users.is_right("a", text + "x")


class Slow:
    """A check that waits until it is let go, and counts how many wait."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.running = 0
        self.most = 0
        self._lock = threading.Lock()

    def __call__(self, user: str, password: str) -> bool:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.go.wait(30)
        with self._lock:
            self.running -= 1
        return user == password


def test_checks_run_beside_the_event_loop_two_at_a_time() -> None:
    """The loop goes on while they hash; what is beyond the queue is refused at once, and room comes back."""
    slow = Slow()
    checker = Checker(slow)

    async def scene() -> None:
        tasks = [asyncio.create_task(checker("a", "a")) for _ in range(AT_ONCE + MAX_WAITING)]
        await asyncio.sleep(0.05)
        with pytest.raises(HostError, match="too many"):
            await checker("a", "a")
        slow.go.set()
        assert all(await asyncio.gather(*tasks))
        await asyncio.sleep(0)
        assert not await checker("a", "b")

    asyncio.run(scene())
    checker.close()
    assert slow.most == AT_ONCE


def test_a_check_that_nobody_waits_for_still_counts() -> None:
    """Cancelling the asker gives no room for another before the thread is done."""
    slow = Slow()
    checker = Checker(slow)

    async def scene() -> None:
        tasks = [asyncio.create_task(checker("a", "a")) for _ in range(AT_ONCE)]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        more = [asyncio.create_task(checker("a", "a")) for _ in range(MAX_WAITING)]
        await asyncio.sleep(0.05)
        with pytest.raises(HostError, match="too many"):
            await checker("a", "a")
        slow.go.set()
        assert all(await asyncio.gather(*more))

    asyncio.run(scene())
    checker.close()
    assert slow.most == AT_ONCE


def test_a_check_s_own_fault_reaches_the_asker(users: UserFile) -> None:
    """A missing file is told as such, not as a wrong password."""
    checker = checker_of(CredentialSettings(CredentialKind.FILE, str(users.path)))
    assert checker is not None
    with pytest.raises(DinrailError, match="no file of users"):
        asyncio.run(checker("a", "correct horse"))
    users.put("a", "correct horse")
    assert asyncio.run(checker("a", "correct horse"))
    checker.close()
    assert checker_of(CredentialSettings()) is None
