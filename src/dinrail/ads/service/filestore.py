"""The store of files in one directory of this machine, and never outside of it.

Every step of a path is opened by itself, relative to the directory before it and without following links, so that no
other process can lead us elsewhere between a check and its use: there is no check by name. What is neither a plain
file nor a directory is not even opened, and not listed.

    whole file    written beside its name, made durable, then renamed over it when it is closed
    in place      append and update: only a file that has no second name somewhere (hard link)

Sizes are counted as we change them; the tree is counted anew at the start, and when a limit is reached (others may
have tidied up), at most every ten seconds.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import pathlib
import stat
from collections.abc import Callable, Iterator

from dinrail.ads.service.filenames import DIRECTORIES, MAX_DEPTH, OWN_PREFIX, Path
from dinrail.ads.service.store import DISK_LIMITS, Entry, Mode, OpenFile, StoreLimits, full, not_found, wrong_kind
from dinrail.ams.errors import AdsError, AdsFault
from dinrail.errors import HostError
from dinrail.units import S_NS

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_FILE_MODE = 0o640
_DIRECTORY_MODE = 0o750
_RECOUNT_NS = 10 * S_NS
_CODES = {
    errno.ENOENT: AdsError.NOT_FOUND,
    errno.ENOTDIR: AdsError.NOT_FOUND,
    errno.EEXIST: AdsError.EXISTS,
    errno.EISDIR: AdsError.INVALID_ACCESS,
    errno.ENOTEMPTY: AdsError.INVALID_ACCESS,
    errno.EINVAL: AdsError.INVALID_ACCESS,
    errno.ENAMETOOLONG: AdsError.SYNTAX,
    errno.ELOOP: AdsError.ACCESS_DENIED,
    errno.EMLINK: AdsError.ACCESS_DENIED,  # FreeBSD's word for a link where none may be
    errno.EACCES: AdsError.ACCESS_DENIED,
    errno.EPERM: AdsError.ACCESS_DENIED,
    errno.EROFS: AdsError.ACCESS_DENIED,
    errno.ENXIO: AdsError.ACCESS_DENIED,
    errno.ENOSPC: AdsError.NO_MEMORY,
    errno.EDQUOT: AdsError.NO_MEMORY,
    errno.EFBIG: AdsError.NO_MEMORY,
    errno.EMFILE: AdsError.NO_MORE_HANDLES,
    errno.ENFILE: AdsError.NO_MORE_HANDLES,
}


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """An operating system error as the ADS error that says the same."""
    try:
        yield
    except OSError as fault:
        code = _CODES.get(fault.errno or 0, AdsError.DEVICE_ERROR)
        raise AdsFault(code, os.strerror(fault.errno or 0)) from fault


class DirectoryStore:
    """A `FileStore` below `root`, which is made when it is not there. Raises HostError when that fails.

    monotonic_ns: the clock that spaces recounts.
    """

    def __init__(self, root: pathlib.Path, monotonic_ns: Callable[[], int], limits: StoreLimits = DISK_LIMITS) -> None:
        self.limits = limits
        self.used_bytes = self.entries_count = 0
        self._monotonic_ns = monotonic_ns
        self._numbers = itertools.count()
        try:
            root.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
            self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            for name in DIRECTORIES:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, _DIRECTORY_MODE, dir_fd=self._root)
            self._count(tidy=True)
        except OSError as fault:
            why = os.strerror(fault.errno or 0)
            raise HostError("cannot keep files for ADS clients", where=str(root), why=why) from fault

    def close(self) -> None:
        """Give back the directory. Files that are open stay so."""
        os.close(self._root)

    def open(self, path: Path, mode: Mode) -> OpenFile:
        with _told(), self._directory(path[:-1], make=mode.create and mode.make_parents) as parent:
            if len(path) < 2:
                raise wrong_kind("this is a directory")
            info = _plain_file(parent, path[-1])
            if info is None:
                if not mode.create:
                    raise not_found()
                self._need(entries=1)
            if mode.whole:
                return self._open_whole(parent, path[-1], info)
            return self._open_in_place(parent, path[-1], info, mode)

    def entry(self, path: Path) -> Entry:
        with _told(), self._directory(path[:-1]) as parent:
            found = _entry(path[-1], os.stat(path[-1], dir_fd=parent, follow_symlinks=False))
        if found is None:
            raise AdsFault(AdsError.ACCESS_DENIED, "this is neither a file nor a directory")
        return found

    def entries(self, path: Path) -> tuple[Entry, ...]:
        with _told(), self._directory(path) as directory:
            found = (_entry(name, info) for name, info in _listing(directory, self.limits.entries))
            return tuple(sorted((one for one in found if one is not None), key=lambda entry: entry.name))

    def remove(self, path: Path) -> None:
        with _told(), self._directory(path[:-1]) as parent:
            info = _plain_file(parent, path[-1])
            if info is None:
                raise not_found()
            os.unlink(path[-1], dir_fd=parent)
            self.account(-info.st_size, -1)

    def remove_directory(self, path: Path) -> None:
        with _told(), self._directory(path[:-1]) as parent:
            if len(path) < 2:
                raise wrong_kind("this is one of the service's own directories")
            if not stat.S_ISDIR(os.stat(path[-1], dir_fd=parent, follow_symlinks=False).st_mode):
                raise wrong_kind("this is no directory")
            os.rmdir(path[-1], dir_fd=parent)
            self.account(0, -1)

    def make_directory(self, path: Path) -> None:
        with _told(), self._directory(path[:-1]) as parent:
            if not _is_free(parent, path[-1]):
                raise AdsFault(AdsError.EXISTS)
            self._make(parent, path[-1])

    def rename(self, old: Path, new: Path) -> None:
        with _told(), self._directory(old[:-1]) as source, self._directory(new[:-1]) as goal:
            if len(old) < 2 or len(new) < 2:
                raise wrong_kind("this is one of the service's own directories")
            info = os.stat(old[-1], dir_fd=source, follow_symlinks=False)
            if _entry(old[-1], info) is None:
                raise AdsFault(AdsError.ACCESS_DENIED, "this is neither a file nor a directory")
            if not _is_free(goal, new[-1]):
                raise AdsFault(AdsError.EXISTS)
            if stat.S_ISDIR(info.st_mode):
                with _opened(os.open(old[-1], _DIRECTORY, dir_fd=source)) as directory:
                    # Without this, moving trees into one another would build one that nothing can walk.
                    if len(new) - 1 + _survey(directory, MAX_DEPTH)[2] > MAX_DEPTH:
                        raise AdsFault(AdsError.SYNTAX, f"more than {MAX_DEPTH} directories deep")
            os.rename(old[-1], new[-1], src_dir_fd=source, dst_dir_fd=goal)

    def account(self, size_bytes: int, entries: int) -> None:
        """Bytes and entries that came (or, negative, went)."""
        self.used_bytes += size_bytes
        self.entries_count += entries

    def need_bytes(self, old_bytes: int, new_bytes: int) -> None:
        """Raises AdsFault when a file may not grow from `old_bytes` to `new_bytes`."""
        if new_bytes > self.limits.file_bytes:
            raise full(f"a file has {self.limits.file_bytes} bytes at most")
        self._need(size_bytes=new_bytes - old_bytes)

    def _open_whole(self, parent: int, name: str, info: os.stat_result | None) -> OpenFile:
        temporary = f"{OWN_PREFIX}{os.getpid()}-{next(self._numbers)}"
        mode = _FILE_MODE if info is None else stat.S_IMODE(info.st_mode) & 0o777
        kept = os.dup(parent)
        try:
            fd = os.open(temporary, _FILE | os.O_RDWR | os.O_CREAT | os.O_EXCL, mode, dir_fd=kept)
        except OSError:
            os.close(kept)
            raise
        self.account(0, 1)
        return _WholeFile(self, fd, kept, temporary, name)

    def _open_in_place(self, parent: int, name: str, info: os.stat_result | None, mode: Mode) -> OpenFile:
        flags = _FILE | (os.O_RDWR if mode.write else os.O_RDONLY)
        if info is None:
            flags |= os.O_CREAT | os.O_EXCL
        fd = os.open(name, flags, _FILE_MODE, dir_fd=parent)
        now = os.fstat(fd)
        if not stat.S_ISREG(now.st_mode) or (mode.write and now.st_nlink > 1):
            os.close(fd)
            raise AdsFault(AdsError.ACCESS_DENIED, "this is no plain file, or it has a second name somewhere")
        if info is None:
            self.account(0, 1)
        return _File(self, fd, append=mode.append)

    @contextlib.contextmanager
    def _directory(self, path: Path, *, make: bool = False) -> Iterator[int]:
        """A descriptor of the directory `path`, reached step by step."""
        with _opened(os.dup(self._root)) as root:
            fds = [root]
            try:
                for name in path:
                    if make and _is_free(fds[-1], name):
                        self._make(fds[-1], name)
                    fds.append(_step(fds[-1], name))
                    if len(fds) > 2:
                        os.close(fds.pop(1))
                yield fds[-1]
            finally:
                for fd in fds[1:]:
                    os.close(fd)

    def _make(self, parent: int, name: str) -> None:
        self._need(entries=1)
        os.mkdir(name, _DIRECTORY_MODE, dir_fd=parent)
        self.account(0, 1)

    def _need(self, *, size_bytes: int = 0, entries: int = 0) -> None:
        for is_recounted in (False, True):
            bytes_fit = size_bytes <= 0 or self.used_bytes + size_bytes <= self.limits.total_bytes
            if bytes_fit and self.entries_count + entries <= self.limits.entries:
                return
            if not is_recounted and self._monotonic_ns() - self._counted_ns >= _RECOUNT_NS:
                with _told():
                    self._count(tidy=False)
        raise full("the directory holds as many files or bytes as it may")

    def _count(self, *, tidy: bool) -> None:
        self._counted_ns = self._monotonic_ns()
        self.used_bytes, self.entries_count, _ = _survey(self._root, 2 * MAX_DEPTH, tidy=tidy)


class _File:
    """An open file that keeps its name."""

    def __init__(self, store: DirectoryStore, fd: int, *, append: bool = False) -> None:
        self._store, self._fd, self._append = store, fd, append

    @property
    def size_bytes(self) -> int:
        with _told():
            return os.fstat(self._fd).st_size

    def read(self, position: int, size_bytes: int) -> bytes:
        with _told():
            # A size is only believed as far as the file goes: pread would allocate it.
            return os.pread(self._fd, max(min(size_bytes, self.size_bytes - position), 0), position)

    def write(self, position: int, data: bytes) -> None:
        before = self.size_bytes
        at = before if self._append else position
        self._store.need_bytes(before, max(before, at + len(data)))
        rest = memoryview(data)
        try:
            with _told():
                while rest:
                    done = os.pwrite(self._fd, rest, at)
                    rest, at = rest[done:], at + done
        finally:
            self._store.account(self.size_bytes - before, 0)

    def truncate(self, size_bytes: int) -> None:
        before = self.size_bytes
        self._store.need_bytes(before, size_bytes)
        with _told():
            os.ftruncate(self._fd, size_bytes)
        self._store.account(size_bytes - before, 0)

    def flush(self) -> None:
        with _told():
            os.fsync(self._fd)

    def close(self) -> None:
        with _told():
            os.close(self._fd)

    def abandon(self) -> None:
        self.close()


class _WholeFile(_File):
    """A file that takes its name when it is closed."""

    def __init__(self, store: DirectoryStore, fd: int, parent: int, temporary: str, name: str) -> None:
        super().__init__(store, fd)
        self._parent, self._temporary, self._name = parent, temporary, name

    def close(self) -> None:
        try:
            with _told():
                os.fsync(self._fd)
                replaced = _plain_file(self._parent, self._name)
                os.rename(self._temporary, self._name, src_dir_fd=self._parent, dst_dir_fd=self._parent)
                if replaced is not None:
                    self._store.account(-replaced.st_size, -1)
                os.fsync(self._parent)
        except AdsFault:
            self._drop()
            raise
        finally:
            os.close(self._parent)
            super().close()

    def abandon(self) -> None:
        try:
            self._drop()
        finally:
            os.close(self._parent)
            super().close()

    def _drop(self) -> None:
        with contextlib.suppress(OSError):
            size_bytes = os.fstat(self._fd).st_size
            os.unlink(self._temporary, dir_fd=self._parent)
            self._store.account(-size_bytes, -1)


@contextlib.contextmanager
def _opened(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


def _step(directory: int, name: str) -> int:
    """Raises OSError; a link is ELOOP on every system."""
    try:
        return os.open(name, _DIRECTORY, dir_fd=directory)
    except NotADirectoryError:
        if stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, "a link") from None
        raise


def _is_free(directory: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return True
    return False


def _plain_file(directory: int, name: str) -> os.stat_result | None:
    """What is known of a plain file; None when nothing is there. Raises AdsFault for anything else."""
    try:
        info = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(info.st_mode):
        raise wrong_kind("this is a directory")
    if not stat.S_ISREG(info.st_mode):
        raise AdsFault(AdsError.ACCESS_DENIED, "this is neither a file nor a directory")
    return info


def _entry(name: str, info: os.stat_result) -> Entry | None:
    is_directory = stat.S_ISDIR(info.st_mode)
    if not is_directory and not stat.S_ISREG(info.st_mode):
        return None
    # Linux tells no time of creation by stat; the inode's last change is the nearest that every system has.
    times = (info.st_ctime_ns, info.st_mtime_ns, info.st_atime_ns)
    return Entry(name, is_directory, 0 if is_directory else info.st_size, *times)


def _listing(directory: int, most: int) -> Iterator[tuple[str, os.stat_result]]:
    """Names and what stands behind them, up to `most`, without the store's own files and names that are no text."""
    with os.scandir(directory) as found:
        for entry in itertools.islice(found, most):
            if entry.name.startswith(OWN_PREFIX) or not entry.name.isprintable():
                continue
            with contextlib.suppress(FileNotFoundError):
                yield entry.name, entry.stat(follow_symlinks=False)


def _survey(directory: int, depth: int, *, tidy: bool = False) -> tuple[int, int, int]:
    """(bytes, entries, how deep) of all that is below a directory; nothing below `depth` is looked at.

    tidy: remove what a process before us left half written.
    """
    size_bytes = entries = deepest = 0
    with os.scandir(directory) as found:
        for entry in found:
            with contextlib.suppress(OSError):  # somebody else may be tidying up; what cannot be read is not counted
                info = entry.stat(follow_symlinks=False)
                if tidy and entry.name.startswith(OWN_PREFIX) and stat.S_ISREG(info.st_mode):
                    os.unlink(entry.name, dir_fd=directory)
                    continue
                entries += 1
                if stat.S_ISREG(info.st_mode):
                    size_bytes += info.st_size
                elif stat.S_ISDIR(info.st_mode) and depth > 0:
                    with _opened(_step(directory, entry.name)) as below:
                        inner = _survey(below, depth - 1, tidy=tidy)
                    size_bytes, entries = size_bytes + inner[0], entries + inner[1]
                    deepest = max(deepest, inner[2])
    return size_bytes, entries, deepest + 1
