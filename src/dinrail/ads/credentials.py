"""Who may add a route, by name and password: a file of hashed passwords, or the system's PAM (`pam`).

    # dinrail ads users
    Administrator:scrypt:14:8:1:<salt, hex>:<hash, hex>

One line for each user; the numbers are log2(N), r and p of scrypt (RFC 7914), so that they can grow and old lines stay
valid. The file is read at every try: a user who was removed is out at once.

scrypt and not bcrypt or argon2: it is in Python itself. A hash takes 16 MiB and about 50 ms, in threads of their own,
two at a time: the event loop goes on, and a guesser cannot take the machine's memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import hmac
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from dinrail.ads.pam import PamService
from dinrail.ads.settings import CredentialKind, CredentialSettings
from dinrail.errors import BadRequest, FormatError, HostError
from dinrail.files import ensure_directory, fsync_directory, os_refusal, read_all, write_all

HEADER = "# dinrail ads users\n"
MAX_FILE_BYTES = 1 << 20
MAX_NAME_CHARACTERS = 64
MIN_PASSWORD_CHARACTERS = 8
MAX_PASSWORD_CHARACTERS = 1024
SALT_BYTES = 16
HASH_BYTES = 32
LOG2_N, R, P = 14, 8, 1
_MAX_LOG2_N, _MAX_R, _MAX_P = 17, 16, 4
_ALLOWED_MODE = 0o640
AT_ONCE = 2
MAX_WAITING = 16
_LINE = re.compile(
    r"(?P<name>[^:]+):scrypt:(?P<n>\d{1,2}):(?P<r>\d{1,2}):(?P<p>\d):(?P<salt>[0-9a-f]{32}):(?P<hash>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class HashedUser:
    """One line of the file."""

    name: str
    salt: bytes = field(repr=False)
    hash: bytes = field(repr=False)
    log2_n: int = LOG2_N
    r: int = R
    p: int = P

    @classmethod
    def make(cls, name: str, password: str) -> HashedUser:
        """A user with a new salt. Raises BadRequest for a name or password that will not do."""
        check_name(name)
        if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
            raise BadRequest(
                f"a password has {MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS} characters",
                why="it opens the control, and plain ADS shows it to everybody on the network",
            )
        salt = secrets.token_bytes(SALT_BYTES)
        return cls(name, salt, _scrypt(password, salt, LOG2_N, R, P))

    @classmethod
    def parse(cls, line: str) -> HashedUser:
        """From a line without its end. Raises FormatError."""
        match = _LINE.fullmatch(line)
        if match is None:
            raise FormatError("is no `name:scrypt:14:8:1:salt:hash`", structure="user file")
        log2_n, r, p = (int(match[part]) for part in ("n", "r", "p"))
        if not (1 <= log2_n <= _MAX_LOG2_N and 1 <= r <= _MAX_R and 1 <= p <= _MAX_P):
            raise FormatError(f"scrypt parameters {log2_n}, {r}, {p} are out of bounds", structure="user file")
        return cls(match["name"], bytes.fromhex(match["salt"]), bytes.fromhex(match["hash"]), log2_n, r, p)

    def line(self) -> str:
        """As it stands in the file, with its end."""
        return f"{self.name}:scrypt:{self.log2_n}:{self.r}:{self.p}:{self.salt.hex()}:{self.hash.hex()}\n"

    def is_right(self, password: str) -> bool:
        """Whether this is the password; takes the same time either way."""
        return hmac.compare_digest(_scrypt(password, self.salt, self.log2_n, self.r, self.p), self.hash)


_NOBODY = HashedUser("", bytes(SALT_BYTES), bytes(HASH_BYTES))
"""Checked in place of a user who is not there, so that a stranger cannot tell by the time who is."""


def _scrypt(password: str, salt: bytes, log2_n: int, r: int, p: int) -> bytes:
    secret = password.encode("utf-8", "surrogatepass")
    memory = 128 * r * ((1 << log2_n) + p + 2) + (1 << 20)
    return hashlib.scrypt(secret, salt=salt, n=1 << log2_n, r=r, p=p, maxmem=memory, dklen=HASH_BYTES)


def check_name(name: str) -> None:
    """Raises BadRequest for a user name that cannot stand in the file."""
    if not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable() or ":" in name or name[0] in "# ":
        raise BadRequest(
            f"{name!r} is no user name", hint=f"1 to {MAX_NAME_CHARACTERS} printable characters without a colon"
        )


class UserFile:
    """The file of users. Its mode is checked at each reading: nobody else may read it, and only its owner write."""

    def __init__(self, path: Path, *, group: int | None = None) -> None:
        """group: who may read a new file beside its owner (root makes it, the router has to read it)."""
        self.path = path
        self._group = group

    def users(self) -> tuple[HashedUser, ...]:
        """All users, in the file's order. Raises HostError (missing, readable by others) or FormatError."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                self._check_owner(os.fstat(fd))
                data, more = read_all(fd, MAX_FILE_BYTES)
            finally:
                os.close(fd)
        except FileNotFoundError as fault:
            hint = "make one: dinrail ads user add NAME"
            raise HostError("there is no file of users", where=str(self.path), hint=hint) from fault
        except OSError as fault:
            raise os_refusal(
                fault, "read the file of users", self.path, hint="let the router's user read it"
            ) from fault
        return self._parse(data, more)

    def _check_owner(self, found: os.stat_result) -> None:
        mode = stat.S_IMODE(found.st_mode)
        where = str(self.path)
        if not stat.S_ISREG(found.st_mode):
            raise HostError("the file of users is no regular file", where=where)
        if mode & ~_ALLOWED_MODE:
            raise HostError(
                f"the file of users has mode {mode:04o}",
                where=where,
                why="others could read its hashes or write their own",
                hint=f"chmod 0640 {where}",
            )
        if found.st_uid not in (0, os.geteuid()):
            raise HostError(
                f"the file of users belongs to user {found.st_uid}", where=where, hint=f"chown root {where}"
            )

    def _parse(self, data: bytes, more: bool) -> tuple[HashedUser, ...]:
        if more:
            raise FormatError(f"more than {MAX_FILE_BYTES} bytes", structure="user file", where=str(self.path))
        try:
            lines = data.decode("utf-8").split("\n")
        except UnicodeDecodeError as fault:
            raise FormatError("is not UTF-8", structure="user file", where=str(self.path)) from fault
        users: dict[str, HashedUser] = {}
        for number, line in enumerate(lines, 1):
            if not line or line.startswith("#"):
                continue
            where = f"{self.path}, line {number}"
            try:
                user = HashedUser.parse(line)
            except FormatError as fault:
                raise FormatError(fault.what, structure="user file", where=where) from fault
            if user.name in users:
                raise FormatError(f"has {user.name!r} twice", structure="user file", where=where)
            users[user.name] = user
        return tuple(users.values())

    def is_right(self, name: str, password: str) -> bool:
        """Whether name and password go together. Slow on purpose. Raises HostError or FormatError for the file."""
        user = next((user for user in self.users() if user.name == name), None)
        return (user or _NOBODY).is_right(password) and user is not None

    def put(self, name: str, password: str) -> bool:
        """Add a user, or give an old one a new password; whether it was new. Raises BadRequest, HostError."""
        made = HashedUser.make(name, password)
        with self._alone():
            users = self.users() if self.path.exists() else ()
            self._write((*(user for user in users if user.name != name), made))
        return all(user.name != name for user in users)

    def remove(self, name: str) -> None:
        """Take a user out. Raises BadRequest when there is none of that name, HostError."""
        with self._alone():
            users = self.users()
            kept = tuple(user for user in users if user.name != name)
            if len(kept) == len(users):
                known = ", ".join(user.name for user in users) or "nobody"
                raise BadRequest(f"there is no user {name!r}", where=str(self.path), hint=f"known: {known}")
            self._write(kept)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold others off who would change the file, by a lock on its directory. Raises HostError."""
        ensure_directory(self.path.parent)
        try:
            fd = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as fault:
            raise os_refusal(fault, "open the directory", self.path.parent) from fault
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _write(self, users: tuple[HashedUser, ...]) -> None:
        """Replace the file at once, keeping owner, group and mode: the router's group has to read it still."""
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.new")
        try:
            old = self.path.stat() if self.path.exists() else None
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
            fd = os.open(temporary, flags, 0o600)
            try:
                if old is not None and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(fd, old.st_uid, old.st_gid)
                if old is None and self._group is not None:
                    os.fchown(fd, -1, self._group)
                fresh = 0o600 if self._group is None else 0o640
                os.fchmod(fd, stat.S_IMODE(old.st_mode) if old is not None else fresh)
                write_all(fd, (HEADER + "".join(user.line() for user in users)).encode())
                os.fsync(fd)
            finally:
                os.close(fd)
            temporary.replace(self.path)
            fsync_directory(self.path.parent)
        except OSError as fault:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise os_refusal(fault, "write the file of users", self.path) from fault


class Checker:
    """Runs a slow check in threads: `AT_ONCE` at a time, `MAX_WAITING` behind them. An `admission.Check`."""

    def __init__(self, check: Callable[[str, str], bool]) -> None:
        self._check = check
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ads-credentials")
        self._pending = 0

    async def __call__(self, user: str, password: str) -> bool:
        """Whether they go together. Raises HostError when too many are asked at a time, and what the check raises."""
        if self._pending >= AT_ONCE + MAX_WAITING:
            raise HostError("too many passwords are being checked already")
        self._pending += 1
        loop = asyncio.get_running_loop()
        work = self._pool.submit(self._check, user, password)
        # Counted until the thread is done with it, even when whoever asked has gone.
        work.add_done_callback(lambda done: _tell(loop, self._done, done))
        return await asyncio.wrap_future(work)

    def _done(self) -> None:
        self._pending -= 1

    def close(self) -> None:
        """Take no more; those that wait are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _tell(loop: asyncio.AbstractEventLoop, done: Callable[[], None], _work: Future[bool]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
        loop.call_soon_threadsafe(done)


def checker_of(settings: CredentialSettings) -> Checker | None:
    """The check that the settings name; None for nobody. Raises HostError when PAM is not there."""
    if settings.kind is CredentialKind.NONE:
        return None
    if settings.kind is CredentialKind.FILE:
        return Checker(UserFile(Path(settings.file)).is_right)
    return Checker(PamService(settings.service).is_right)
